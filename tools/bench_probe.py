"""What a probe costs beside Debian's Go exporters: tools/bench_probe.py --rounds 300.

One real server of each kind is asked by both in turns, so that whatever else the machine does meets both alike. What
only one of them tells is asked all the same: see the samples.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import psutil
from _bench import table

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mysql import COLLECTORS, running_mysql  # noqa: E402
from postgres import running_postgres  # noqa: E402
from servers import answers, connects, eventually, free_port, process  # noqa: E402

_HEAD: Final = ("", "samples", "Go's", "wall ms", "Go's", "ratio", "CPU ms", "Go's", "ratio")
_TIMEOUT: Final = {"X-Prometheus-Scrape-Timeout-Seconds": "10"}


@dataclass(frozen=True)
class Kind:
    """A server with the exporter that people run for it; *page* is where that tells of *url*."""

    name: str
    url: str
    command: tuple[str, ...]
    page: str = "/metrics"


def _redis(stack: ExitStack, folder: Path) -> Kind:
    port = free_port()
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    stack.enter_context(process(*command, cwd=folder))
    eventually(lambda: connects(port), 60)
    return Kind("redis", f"redis://127.0.0.1:{port}", ("prometheus-redis-exporter", f"--redis.addr=127.0.0.1:{port}"))


def _postgres(stack: ExitStack, _folder: Path) -> Kind:
    url = stack.enter_context(running_postgres()).url.replace("hunter2", "x") + "?sslmode=disable"
    return Kind("postgres", url, ("env", f"DATA_SOURCE_NAME={url}", "prometheus-postgres-exporter"))


def _mysql(stack: ExitStack, _folder: Path) -> Kind:
    server = stack.enter_context(running_mysql("--performance-schema=ON"))
    source = f"DATA_SOURCE_NAME=root@(127.0.0.1:{server.port})/"
    flags = (f"--collect.{each}" for each in COLLECTORS)
    return Kind("mysql", server.url, ("env", source, "prometheus-mysqld-exporter", *flags))


_KINDS: Final = {"redis": _redis, "postgres": _postgres, "mysql": _mysql}


def main(arguments: Sequence[str]) -> None:
    """Measure the kinds one after the other, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="How often each is asked.")
    parser.add_argument("--kinds", nargs="+", choices=tuple(_KINDS), default=tuple(_KINDS), help="Which kinds.")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="seawall-bench-")))
        rows = [_row(_KINDS[kind](stack, folder), folder, asked.rounds) for kind in asked.kinds]
    print(table(f"One probe, the median of {asked.rounds} in turns", _HEAD, rows))


def _row(kind: Kind, folder: Path, rounds: int) -> list[str]:
    ours, theirs = free_port(), free_port()
    catalog = folder / f"{kind.name}.yaml"
    url = kind.url.replace(":x@", ":${BENCH_PASSWORD}@")
    catalog.write_text(
        f"seawall: 1\nteams: {{bench: {{}}}}\nservices:\n  it: {{kind: {kind.name}, team: bench, url: '{url}'}}\n"
    )
    listen = ("--catalog", str(catalog), "--listen", f"127.0.0.1:{ours}")
    command = ("env", "BENCH_PASSWORD=x", sys.executable, "-m", "seawall.cli", "exporter", *listen)
    with (
        process(*command, cwd=folder) as seawall,
        process(*kind.command, f"--web.listen-address=127.0.0.1:{theirs}", cwd=folder) as peer,
    ):
        eventually(lambda: connects(ours) and answers(f"http://127.0.0.1:{theirs}{kind.page}"), 60)
        pages = [
            (HTTPConnection("127.0.0.1", port, timeout=60), page)  # kept open, as Prometheus does
            for port, page in ((ours, "/probe?service=it"), (theirs, kind.page))
        ]
        samples = [sum(not line.startswith(b"#") for line in _get(*page).splitlines()) for page in pages]
        before = [_cpu(one.pid) for one in (seawall, peer)]
        took = [[_seconds(*page) for page in pages] for _ in range(rounds)]
        used = [(_cpu(one.pid) - start) / rounds * 1e3 for one, start in zip((seawall, peer), before, strict=True)]
    wall = [median(each) * 1e3 for each in zip(*took, strict=True)]
    return [kind.name, *map(str, samples), *_compared(wall), *_compared(used)]


def _compared(pair: Sequence[float]) -> list[str]:
    return [*(f"{each:.2f}" for each in pair), f"× {pair[0] / pair[1]:.2f}"]


def _seconds(line: HTTPConnection, page: str) -> float:
    start = time.perf_counter()
    _get(line, page)
    return time.perf_counter() - start


def _get(line: HTTPConnection, page: str) -> bytes:
    line.request("GET", page, headers=_TIMEOUT)
    return line.getresponse().read()


def _cpu(pid: int) -> float:
    return float(sum(psutil.Process(pid).cpu_times()[:2]))


if __name__ == "__main__":
    main(sys.argv[1:])
