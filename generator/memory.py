"""How many of the tools may run at once, as far as the memory goes that a container allows."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MIB: Final = 2**20
TOOL: Final = "128MiB"
"""What a tool written in Go tries to stay below, in the form of its ``GOMEMLIMIT``."""
_EACH: Final = 160 * MIB  # what one then has been seen to hold
_OWN: Final = 192 * MIB  # Seawall's own
_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def at_once(processors: int | None = None, limits: Sequence[Path] = _LIMITS) -> int:
    """Return how many tools may run at once: one a processor, fewer where there is no memory for them, at least one.

    *limits* are the files in which Linux says what the container may use, in bytes or ``max``; absent elsewhere.
    """
    wanted = processors or os.cpu_count() or 1
    return max(1, min([wanted, *((limit - _OWN) // _EACH for limit in map(_read, limits) if limit is not None)]))


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
