"""How long a catalog takes from YAML to a written folder, and how much memory: tools/bench_render.py --sizes 100,1000.

Each size is measured in a process of its own. CPU is the processor's time of the process, which other programs on the
machine hardly change; the other seconds are the wall's.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from _bench import Clock, catalog_text, in_fresh_process, peak_mebibytes, table

_TODAY: Final = date(2026, 11, 1)
# fmt: off
_HEAD: Final = ("services", "load s", "render s", "write s", "CPU s", "services/s of CPU", "again s", "rewritten",
                "peak MiB", "files", "MiB written")
# fmt: on


def main(arguments: Sequence[str]) -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000,10000", help="How many services, separated by commas.")
    sizes = [int(each) for each in parser.parse_args(arguments).sizes.split(",")]
    found = [in_fresh_process(Path(__file__), "--measure", str(size)) for size in sizes]
    print(table("Render: http services with two SLOs each", _HEAD, [_row(each) for each in found]))
    for small, large in pairwise(found):
        times = large["services"] / small["services"]
        grown = large["cpu"] / small["cpu"]
        print(f"{times:g} times the services take {grown:.1f} times the CPU")


def _row(found: dict[str, Any]) -> list[str]:
    seconds = [f"{found[step]:.2f}" for step in ("load", "render", "write", "cpu")]
    rate = f"{found['services'] / found['cpu']:.0f}"
    sizes = [f"{found['peak']:.0f}", f"{found['files']:,}", f"{found['bytes'] / 2**20:,.1f}"]
    return [f"{found['services']:,}", *seconds, rate, f"{found['again']:.2f}", str(found["rewritten"]), *sizes]


@dataclass
class Meter:
    """What passes through: the seconds that it takes to make, and its bytes."""

    seconds: float = 0.0
    bytes: int = 0

    def through(self, artifacts: Iterable[Any]) -> Iterator[Any]:
        """Yield *artifacts*; the time between one and the next, which is the writer's, does not count."""
        began = time.perf_counter()
        for artifact in artifacts:
            self.seconds += time.perf_counter() - began
            self.bytes += len(artifact.content)
            yield artifact
            began = time.perf_counter()
        self.seconds += time.perf_counter() - began


def measure(services: int) -> dict[str, Any]:
    """Load, render and write a catalog of *services*, then once more unchanged."""
    from seawall.catalog import load
    from seawall.generator import load_packs
    from seawall.generator.render import iterate
    from seawall.generator.writer import write

    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        path, out = Path(folder) / "catalog.yaml", Path(folder) / "build"
        path.write_text(catalog_text(services), encoding="utf-8")
        clock = Clock()
        catalog, packs = load(path, today=_TODAY), load_packs()
        clock.lap("load")
        meter = Meter()
        first = write(meter.through(iterate(catalog, packs)), out)
        clock.lap("render and write")
        peak = peak_mebibytes()
        before = _stamps(out)
        clock.lap("stamps")
        write(iterate(catalog, packs), out)
        clock.lap("again")
        rewritten = len(before.items() ^ _stamps(out).items())
    return {
        "services": services,
        "load": clock.wall["load"],
        "render": meter.seconds,
        "write": clock.wall["render and write"] - meter.seconds,
        "cpu": clock.cpu["load"] + clock.cpu["render and write"],
        "again": clock.wall["again"],
        "rewritten": rewritten,
        "peak": peak,
        "files": first.total,
        "bytes": meter.bytes,
    }


def _stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every file that *out* serves, by path."""
    return {str(file): (file.stat().st_ino, file.stat().st_mtime_ns) for file in _files(out)}


def _files(out: Path) -> Iterator[Path]:
    return (file for file in (out / ".current").resolve().rglob("*") if file.is_file())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main(sys.argv[1:])
