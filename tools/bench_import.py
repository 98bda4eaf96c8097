"""What the one import costs, beside what it stands on and within a worker: tools/bench_import.py --runs 15.

Time is the processor's, of the whole process from its start to its end; memory is the most that it had.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from _bench import table

_NOTHING: Final = "nothing"
_SDK: Final = "OpenTelemetry's SDK alone"
_FASTAPI: Final = "import fastapi; app = fastapi.FastAPI()"
_FLASK: Final = "import flask; app = flask.Flask('bench')"
# What is run, and what it is held against.
_STATEMENTS: Final = {
    _NOTHING: ("pass", _NOTHING),
    _SDK: ("import opentelemetry.sdk.trace, opentelemetry.sdk.metrics", _NOTHING),
    "import seawall.auto": ("import seawall.auto", _SDK),
    "FastAPI": (_FASTAPI, _NOTHING),
    "FastAPI with the import": (f"import seawall.auto; {_FASTAPI}", "FastAPI"),
    "Flask": (_FLASK, _NOTHING),
    "Flask with the import": (f"import seawall.auto; {_FLASK}", "Flask"),
}
_HEAD: Final = ("in a fresh interpreter", "CPU ms, min", "peak MiB", "modules", "ms beyond", "MiB beyond", "what")
# It serves metrics on a free port, and nothing of the caller's environment changes what it does.
_ENVIRONMENT: Final = {"OTEL_EXPORTER_PROMETHEUS_PORT": "0", "OTEL_SERVICE_NAME": "bench", "PATH": "/usr/bin:/bin"}
_PROGRAM: Final = """\
import re, resource, sys
before = len(sys.modules)
{statement}
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(used.ru_utime + used.ru_stime, peak, len(sys.modules) - before)
"""


class Sample(NamedTuple):
    """The processor's seconds and the most MiB of a process, and how many modules it loaded."""

    seconds: float
    mebibytes: float
    modules: int


def main(arguments: Sequence[str]) -> None:
    """Measure each import in turn, again and again, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="How many fresh interpreters for each import.")
    runs = parser.parse_args(arguments).runs
    found: dict[str, list[Sample]] = {name: [] for name in _STATEMENTS}
    for _ in range(runs):  # in turn, so that a busy machine is as busy for each of them
        for name, (statement, _) in _STATEMENTS.items():
            found[name].append(_measure(statement))
    least = {name: Sample(*map(min, zip(*samples, strict=True))) for name, samples in found.items()}
    rows = [_row(name, least[name], base, least[base]) for name, (_, base) in _STATEMENTS.items()]
    print(table(f"Import: the least of {runs} runs", _HEAD, rows))


def _measure(statement: str) -> Sample:
    command = [sys.executable, "-c", _PROGRAM.format(statement=statement)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=_ENVIRONMENT)
    seconds, mebibytes, modules = done.stdout.split()
    return Sample(float(seconds), float(mebibytes), int(modules))


def _row(name: str, own: Sample, base: str, other: Sample) -> list[str]:
    beyond = f"{1000 * (own.seconds - other.seconds):+.1f}", f"{own.mebibytes - other.mebibytes:+.1f}"
    return [name, f"{1000 * own.seconds:.1f}", f"{own.mebibytes:.1f}", str(own.modules), *beyond, base]


if __name__ == "__main__":
    main(sys.argv[1:])
