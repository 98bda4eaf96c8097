"""What the one import costs, beside what it stands on and an empty interpreter: tools/bench_import.py --runs 15."""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from _bench import table

_SDK: Final = "OpenTelemetry's SDK alone"
_STATEMENTS: Final = {
    "nothing": "pass",
    _SDK: "import opentelemetry.sdk.trace, opentelemetry.sdk.metrics",
    "import seawall.auto": "import seawall.auto",
}
_HEAD: Final = ("in a fresh interpreter", "process ms", "min ms", "median ms", "modules", "× the SDK")
# It serves metrics on a free port, and nothing of the caller's environment changes what it does.
_ENVIRONMENT: Final = {"OTEL_EXPORTER_PROMETHEUS_PORT": "0", "OTEL_SERVICE_NAME": "bench", "PATH": "/usr/bin:/bin"}
_PROGRAM: Final = """\
import sys, time
began, before = time.perf_counter(), len(sys.modules)
{statement}
print(time.perf_counter() - began, len(sys.modules) - before)
"""
_Sample = tuple[float, float, int]


def main(arguments: Sequence[str]) -> None:
    """Measure each import in turn, again and again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="How many fresh interpreters for each import.")
    runs = parser.parse_args(arguments).runs
    found: dict[str, list[_Sample]] = {name: [] for name in _STATEMENTS}
    for _ in range(runs):  # in turn, so that a busy machine is as busy for each of them
        for name, statement in _STATEMENTS.items():
            found[name].append(_measure(statement))
    base = min(seconds for _, seconds, _ in found[_SDK])
    rows = [_row(name, samples, base) for name, samples in found.items()]
    print(table(f"Import: {runs} runs; process is the median of the interpreter from start to end", _HEAD, rows))


def _measure(statement: str) -> _Sample:
    """Return the seconds of the process and of the import, and how many modules it loaded."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM.format(statement=statement)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=_ENVIRONMENT)
    seconds, modules = done.stdout.split()
    return time.perf_counter() - began, float(seconds), int(modules)


def _row(name: str, samples: Sequence[_Sample], base: float) -> list[str]:
    process, own = (statistics.median(each[index] for each in samples) for index in (0, 1))
    least = min(seconds for _, seconds, _ in samples)
    milliseconds = [f"{1000 * seconds:.1f}" for seconds in (process, least, own)]
    return [name, *milliseconds, str(samples[0][2]), f"{least / base:.2f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
