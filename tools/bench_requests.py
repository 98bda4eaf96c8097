"""What instrumentation adds to a request, beside its peers: tools/bench_requests.py --rounds 40.

Each way is a process of its own, and they take turns, so that a busy machine is as busy for all of them. A peer that is
not installed is left out: pip install --target DIR --group bench, and PYTHONPATH=DIR.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from _bench import table

_APPS: Final = Path(__file__).with_name("_bench_apps.py")
_BARE: Final = "bare"
_SHARES: Final = ("metrics only", "1 %", "traced")
_WAYS: Final = {
    "FastAPI": (
        _BARE,
        *(f"{tool}, {share}" for tool in ("Seawall", "contrib", "native") for share in _SHARES),
        "prometheus-fastapi-instrumentator",
        "starlette_exporter",
    ),
    "Flask": (
        _BARE,
        *(f"{tool}, {share}" for tool in ("Seawall", "contrib") for share in _SHARES),
        "prometheus-flask-exporter",
    ),
    "Django": (_BARE, *(f"Seawall, {share}" for share in _SHARES), "django-prometheus"),
}
_HEAD: Final = ("one request", "min µs", "added", "× bare", "added, median of rounds")


class Way:
    """One application that runs, and what each round of its requests took, in microseconds a request."""

    def __init__(self, framework: str, name: str, routes: int = 1) -> None:
        self.name = name
        self.rounds: list[float] = []
        command = [sys.executable, str(_APPS), framework, name, str(routes)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.state = self._answer()

    def __enter__(self) -> "Way":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()

    def run(self, requests: int) -> None:
        """Send so many requests and note what one took."""
        if self._process.stdin:
            self._process.stdin.write(f"{requests}\n")
            self._process.stdin.flush()
        self.rounds.append(float(self._answer()))

    def _answer(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout else ""


def main(arguments: Sequence[str]) -> None:
    """Measure every way of each framework, and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="How often each way has its turn.")
    parser.add_argument("--requests", type=int, default=200, help="How many requests in a turn.")
    parser.add_argument("--routes", type=int, default=1, help="How many routes the application has.")
    asked = parser.parse_args(arguments)
    for framework in _WAYS:
        print(_measure(framework, asked.rounds, asked.requests, asked.routes))


def _measure(framework: str, rounds: int, requests: int, routes: int) -> str:
    with ExitStack() as stack:
        ways = [stack.enter_context(Way(framework, name, routes)) for name in _WAYS[framework]]
        ready = [way for way in ways if way.state == "ready"]
        for _ in range(rounds):
            for way in ready:
                way.run(requests)
    bare = ready[0].rounds
    left_out = [f"{way.name}: {way.state or 'it failed'}" for way in ways if way.state != "ready"]
    shape = f"{framework}, {routes} route{'s' if routes > 1 else ''}: {rounds} rounds of {requests} requests"
    title = f"{shape}, time of the processor in the request's own thread"
    return "\n".join([table(title, _HEAD, [_row(way, bare) for way in ready]), *left_out])


def _row(way: Way, bare: Sequence[float]) -> list[str]:
    least, base = min(way.rounds), min(bare)
    added = statistics.median(own - other for own, other in zip(way.rounds, bare, strict=True))
    return [way.name, f"{least:.1f}", f"{least - base:+.1f}", f"{least / base:.2f}", f"{added:+.1f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
