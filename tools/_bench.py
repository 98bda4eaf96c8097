"""What the benchmarks share: a catalog of any size, work measured in a process of its own, tables."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TEAMS: Final = 8
_LAYERS: Final = 3
_HEAD: Final = "seawall: 1\nnotify: {watchdog: {webhook: {url_file: /run/secrets/watchdog_url}}}\nteams:\n"


def catalog_text(services: int) -> str:
    """Return a catalog of http services with two SLOs each, of eight teams, each needing up to twelve others."""
    teams = [
        f"  team-{each}: {{notify: {{page: {{webhook: {{url: http://localhost:9/}}}}}}}}" for each in range(_TEAMS)
    ]
    return _HEAD + "\n".join([*teams, "services:", *(_service(each, services) for each in range(services))]) + "\n"


def _service(number: int, services: int) -> str:
    needs = [f"service-{other:05}" for other in _needs(number, services)]
    return f"""\
  service-{number:05}:
    kind: http
    team: team-{number % _TEAMS}
    tier: {number % 3 + 1}
    description: Answers the requests of area {number}.
    targets: ["service-{number:05}:9464"]
    depends_on: [{", ".join(needs)}]
    slos:
      availability: {{objective: 99.9}}
      latency: {{objective: 99, under: 300ms}}
    runbook: {{mitigations: [{{when: it is slow, do: add instances}}]}}"""


def _needs(number: int, services: int) -> list[int]:
    """Return three services of the layer below, or none in the lowest."""
    width = max(services // _LAYERS, 1)
    first = (number // width + 1) * width
    return sorted({first + (number * 7 + step * 13) % width for step in range(3)}) if first + width <= services else []


@dataclass
class Clock:
    """Seconds of each step, by the wall and of the processor, from one call of lap to the next."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    _last: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.process_time()))

    def lap(self, step: str) -> None:
        """Add what passed since the last lap to *step*."""
        now = (time.perf_counter(), time.process_time())
        for of, seconds, last in zip((self.wall, self.cpu), now, self._last, strict=True):
            of[step] = of.get(step, 0.0) + seconds - last
        self._last = now


def peak_mebibytes() -> float:
    """Return the largest resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_fresh_process(script: Path, *arguments: str) -> Any:
    """Return the JSON that *script* prints when it is run with *arguments* in a new interpreter."""
    done = subprocess.run([sys.executable, str(script), *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for the terminal: the first column to the left, the numbers to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in [head, ["─" * width for width in widths], *rows])
    ]
    return "\n".join([title, "", *lines, ""])
