"""What a scrape of many series costs, beside prometheus_client: tools/bench_page.py --series 100000.

The same histograms, of one process and of four workers that share them; each way in a process of its own, in turns.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from _bench import peak_mebibytes, table

_WORKERS: Final = 4
_BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_SERIES_OF_ONE: Final = len(_BOUNDARIES) + 3  # each bucket, the one above the last, the count and the sum
_LABELS: Final = ("http_request_method", "http_route", "http_response_status_code")
_WAYS: Final = ("prometheus_client", "prometheus_client, 4 workers", "Seawall", "Seawall, 4 workers")
_HEAD: Final = ("one scrape", "min ms", "median ms", "MB of text", "peak MiB", "× prometheus_client", "× one worker")
Scrape = Callable[[], bytes]


def main(arguments: Sequence[str]) -> None:
    """Measure every way in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100_000, help="How many series the page has.")
    parser.add_argument("--rounds", type=int, default=5, help="How often each way is scraped.")
    parser.add_argument("--serve", nargs=3, metavar=("WAY", "FOLDER", "ROLE"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.serve:
        _serve(asked.serve[0], Path(asked.serve[1]), asked.serve[2], asked.series)
        return
    found = {way: _measure(way, asked.series, asked.rounds) for way in _WAYS}
    least = {way: min(times) for way, (times, _, _) in found.items()}
    rows = []
    for way, (times, size, peak) in found.items():
        peer, one = least[_WAYS[1] if "workers" in way else _WAYS[0]], least[way.partition(",")[0]]
        ratios = f"{least[way] / peer:.3f}", f"{least[way] / one:.2f}"
        rows.append([way, f"{least[way]:.1f}", f"{median(times):.1f}", f"{size / 1e6:.1f}", f"{peak:.0f}", *ratios])
    print(table(f"/metrics with {asked.series} series: {asked.rounds} rounds, time of the processor", _HEAD, rows))


def _measure(way: str, series: int, rounds: int) -> tuple[list[float], int, float]:
    """Return the milliseconds of each scrape, how long the page is, and the most memory that its process had."""
    with TemporaryDirectory() as folder:
        workers = [_start(way, folder, "worker", series) for _ in range(_WORKERS - 1 if "workers" in way else 0)]
        scraped = _start(way, folder, "scraped", series)
        answers = [_ask(scraped).split() for _ in range(rounds + 1)][1:]  # the first one pays for what is kept
        for process in (scraped, *workers):
            process.communicate()
    return [float(took) for took, _, _ in answers], int(answers[0][1]), float(answers[-1][2])


def _start(way: str, folder: str, role: str, series: int) -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--series", str(series), "--serve", way, folder, role]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if started.stdout is None or started.stdout.readline() != "ready\n":
        sys.exit(f"{way} did not start.")
    return started


def _ask(process: "subprocess.Popen[str]") -> str:
    if process.stdin is None or process.stdout is None:
        return ""
    process.stdin.write("scrape\n")
    process.stdin.flush()
    return process.stdout.readline()


def _serve(way: str, folder: Path, role: str, series: int) -> None:
    scrape = _FILLERS[way.partition(",")[0]](folder if "workers" in way else None, series // _SERIES_OF_ONE, role)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        size = len(scrape())
        print((time.process_time() - began) * 1e3, size, peak_mebibytes(), flush=True)


def _labels(number: int) -> tuple[str, str, str]:
    return "GET", f"/v1/area/{number}/items/{{item}}", "200"


def _seawall(folder: Path | None, children: int, _: str) -> Scrape:
    from seawall.instrumentation.aggregation import Histogram
    from seawall.instrumentation.exposition import Registry
    from seawall.instrumentation.memory import Memory

    registry = Registry(Memory(None if folder is None else lambda: folder))
    histogram = Histogram("bench.duration", "Duration.", _LABELS, boundaries=_BOUNDARIES, limit=children)
    registry.add(histogram)
    for number in range(children):
        histogram.record(_labels(number), 0.02)
    return registry.render


def _prometheus_client(folder: Path | None, children: int, role: str) -> Scrape:
    import os

    if folder is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry() if folder is None or role == "worker" else REGISTRY
    histogram = Histogram("bench_duration", "Duration.", _LABELS, buckets=_BOUNDARIES, registry=registry)
    for number in range(children):
        histogram.labels(*_labels(number)).observe(0.02)
    if folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return lambda: generate_latest(registry)


_FILLERS: Final = {"Seawall": _seawall, "prometheus_client": _prometheus_client}


if __name__ == "__main__":
    main(sys.argv[1:])
