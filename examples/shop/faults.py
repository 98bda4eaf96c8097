"""The shop's switchable faults: one small JSON file that its services look at, at most once a second."""

import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "SHOP_FAULTS"


@dataclass(frozen=True)
class Faults:
    """What is broken on purpose: a ratio of requests that fail, seconds added to each, and the load's multiplier.

    The last three need the stores of stores.py: connections that are never given back, a queue that nobody reads, and
    pages that are cached under a key for each visitor.
    """

    errors: float = 0.0
    latency: float = 0.0
    load: float = 1.0
    dependency_down: bool = False
    leaked_connections: bool = False
    stopped_mailer: bool = False
    scattered_pages: bool = False


HEALED = Faults()


def read_faults(path: Path) -> Faults:
    """Return the faults in the file at *path*; none where there is no such file, or where it holds nonsense."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Faults(
            errors=min(1.0, max(0.0, float(found.get("errors", 0.0)))),
            latency=min(30.0, max(0.0, float(found.get("latency", 0.0)))),
            dependency_down=found.get("dependency_down", False) is True,
            leaked_connections=found.get("leaked_connections", False) is True,
            stopped_mailer=found.get("stopped_mailer", False) is True,
            scattered_pages=found.get("scattered_pages", False) is True,
            load=min(10.0, max(0.0, float(found.get("load", 1.0)))),
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return HEALED


def write_faults(path: Path, faults: Faults) -> None:
    """Write *faults* to *path* atomically: a reader sees the old ones or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".faults-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(faults), file)
    Path(temporary).replace(path)


class FaultSwitch:
    """Tell the faults of now, from the file that ``SHOP_FAULTS`` names."""

    def __init__(self, path: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path if path is not None else os.environ.get(VARIABLE, "")
        self._clock = clock
        self._read_at = float("-inf")
        self._faults = HEALED

    def now(self) -> Faults:
        """Return the faults of now, at most a second old."""
        if self._path and self._clock() - self._read_at >= 1.0:
            self._read_at = self._clock()
            self._faults = read_faults(Path(self._path))
        return self._faults

    def strikes(self) -> bool:
        """Say whether this request is one of those that fail."""
        return random.random() < self.now().errors
