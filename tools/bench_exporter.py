"""What the exporter costs with servers that hang: tools/bench_exporter.py --services 100 --hung 30 --seconds 60.

Services of Redis and PostgreSQL, half each, are scraped as Prometheus does it, each at its own time in the interval.
First all of them answer, then some accept connections and never say a word; Debian's Go exporters do the first part's
work in the same run.
"""

import argparse
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final

import psutil
from _bench import table

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

_TIMEOUT: Final = 5.0  # seconds of a scrape
_KINDS: Final = ("redis", "postgres")
_HEAD: Final = ("", "redis ms", "redis p99", "postgres ms", "postgres p99", "failed", "CPU of a core", "MiB")


@dataclass(frozen=True)
class Scrapes:
    """One part of the run: the seconds of each answer by kind, how many failed, and what the exporter used."""

    took: Mapping[str, list[float]]
    failed: int
    cpu: float
    mebibytes: float

    def row(self, name: str) -> list[str]:
        """Return the part's row of the table."""
        times = [f"{figure * 1e3:.1f}" for kind in _KINDS for figure in (median(self.took[kind]), p99(self.took[kind]))]
        return [name, *times, str(self.failed), f"{self.cpu:.1%}", f"{self.mebibytes:.0f}"]

    def ratios(self, name: str, other: "Scrapes") -> list[str]:
        """Return a row of how many times *other* this part is."""
        pairs = [(of(self.took[kind]), of(other.took[kind])) for kind in _KINDS for of in (median, p99)]
        used = ((self.cpu, other.cpu), (self.mebibytes, other.mebibytes))
        times, rest = [f"× {one / two:.2f}" for one, two in pairs], [f"× {one / two:.2f}" for one, two in used]
        return [name, *times, "", *rest]


def p99(values: Sequence[float]) -> float:
    """Return the value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def main(arguments: Sequence[str]) -> None:
    """Measure the three parts, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=100, help="How many services the catalog has.")
    parser.add_argument("--hung", type=int, default=30, help="How many of them hang, in the second part.")
    parser.add_argument("--seconds", type=float, default=60, help="How long each part is.")
    parser.add_argument("--interval", type=float, default=15, help="Seconds between two scrapes of a service.")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        bench = _Bench(stack, asked.seconds, asked.interval)
        healthy = [_KINDS[number % 2] for number in range(asked.services - asked.hung)]
        alone = bench.seawall(healthy, [])
        beside = bench.seawall(healthy, [_KINDS[number % 2] for number in range(asked.hung)])
        theirs = bench.go_exporters(healthy)
    rows = [
        alone.row(f"{len(healthy)} services"),
        beside.row(f"and {asked.hung} that hang"),
        theirs.row(f"Go, {len(healthy)} services"),
        beside.ratios("with those that hang ÷ without", alone),
        alone.ratios("Seawall ÷ Go", theirs),
    ]
    title = f"Scrapes every {asked.interval:g} s, for {asked.seconds:g} s each; times are of those that answer"
    print(table(title, _HEAD, rows))
    print("Go is one process a kind; postgres_exporter 0.11 needs one for each server.")


class _Bench:
    """The servers, and the parts of the run."""

    def __init__(self, stack: ExitStack, seconds: float, interval: float) -> None:
        from postgres import running_postgres
        from servers import connects, eventually, free_port, process

        self._process, self._free_port, self._eventually, self._connects = process, free_port, eventually, connects
        self._seconds, self._interval = seconds, interval
        self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="seawall-bench-")))
        redis = free_port()
        command = ("redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", "")
        stack.enter_context(process(*command, cwd=self._folder))
        eventually(lambda: connects(redis), 60)
        postgres = stack.enter_context(running_postgres("max_connections=300"))
        self._urls = {"redis": f"redis://127.0.0.1:{redis}", "postgres": f"{postgres.url}?sslmode=disable"}
        hung = stack.enter_context(_hung())
        self._hung = {"redis": f"redis://127.0.0.1:{hung}", "postgres": f"postgresql://a@127.0.0.1:{hung}/postgres"}

    def seawall(self, healthy: Sequence[str], hung: Sequence[str]) -> Scrapes:
        """Return the scrapes of one exporter with these kinds, of which all but the *healthy* hang."""
        urls = [*((kind, self._urls[kind]) for kind in healthy), *((kind, self._hung[kind]) for kind in hung)]
        lines = [
            f"  s{number}: {{kind: {kind}, team: bench, url: '{url.replace('hunter2', '${BENCH_PASSWORD}')}'}}"
            for number, (kind, url) in enumerate(urls)
        ]
        catalog = self._folder / "catalog.yaml"
        catalog.write_text("\n".join(["seawall: 1", "teams: {bench: {}}", "services:", *lines, ""]))
        port = self._free_port()
        listen = ("--catalog", str(catalog), "--listen", f"127.0.0.1:{port}")
        command = ("env", "BENCH_PASSWORD=x", sys.executable, "-m", "seawall.cli", "exporter", *listen)
        pages = [(kind, f"http://127.0.0.1:{port}/probe?service=s{number}") for number, (kind, _) in enumerate(urls)]
        with self._process(*command, cwd=self._folder) as running:
            self._eventually(lambda: self._connects(port), 60)
            return self._scraped([running], pages, len(healthy))

    def go_exporters(self, healthy: Sequence[str]) -> Scrapes:
        """Return the scrapes of Debian's exporters for the same kinds."""
        ports = {kind: self._free_port() for kind in _KINDS}
        commands = {
            "redis": (f"--web.listen-address=127.0.0.1:{ports['redis']}", "--redis.addr="),
            "postgres": (f"--web.listen-address=127.0.0.1:{ports['postgres']}",),
        }
        source = f"DATA_SOURCE_NAME={self._urls['postgres']}"
        pages = {
            "redis": f"http://127.0.0.1:{ports['redis']}/scrape?target={self._urls['redis']}",
            "postgres": f"http://127.0.0.1:{ports['postgres']}/metrics",
        }
        with ExitStack() as stack:
            running = []
            for kind, options in commands.items():
                command = ("env", source, f"prometheus-{kind}-exporter", *options)
                running.append(stack.enter_context(self._process(*command, cwd=self._folder)))
                self._eventually(lambda port=ports[kind]: self._connects(port), 60)  # type: ignore[misc]
            return self._scraped(running, [(kind, pages[kind]) for kind in healthy], len(healthy))

    def _scraped(
        self, running: "Sequence[subprocess.Popen[bytes]]", pages: Sequence[tuple[str, str]], healthy: int
    ) -> Scrapes:
        """Scrape *pages* by turns, and look at the first *healthy* of them; connections are made beforehand."""
        processes = [psutil.Process(each.pid) for each in running]
        took: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        with ThreadPoolExecutor(len(pages)) as pool:
            list(pool.map(lambda page: _answer(page[1]), pages[:healthy]))
            before, start = _cpu(processes), time.monotonic()
            asked: list[tuple[int, Future[float | None]]] = []
            for number in range(int(self._seconds / self._interval * len(pages))):
                time.sleep(max(0.0, start + number * self._interval / len(pages) - time.monotonic()))
                # Those that hang stand at the end: such a step mixes them with the others.
                index = number * 37 % len(pages)
                asked.append((index, pool.submit(_answer, pages[index][1])))
            found = [(index, future.result()) for index, future in asked]
            used = (_cpu(processes) - before) / (time.monotonic() - start)
        for index, seconds in found:
            if index < healthy and seconds is not None:
                took[pages[index][0]].append(seconds)
        failed = sum(1 for index, seconds in found if index < healthy and seconds is None)
        return Scrapes(took, failed, used, sum(each.memory_info().rss for each in processes) / 2**20)


def _answer(url: str) -> float | None:
    """Return the seconds that the page took, None where the server behind it did not answer."""
    request = urllib.request.Request(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": str(_TIMEOUT)})
    start = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    seconds = time.perf_counter() - start
    return seconds if b"\nredis_up 1" in text or b"\npg_up 1" in text else None


def _cpu(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


@contextmanager
def _hung() -> Iterator[int]:
    """Listen, accept whoever comes, and never say a word."""
    with create_server(("127.0.0.1", 0), backlog=512) as server:
        kept = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        for each in kept:
            each.close()


if __name__ == "__main__":
    main(sys.argv[1:])
