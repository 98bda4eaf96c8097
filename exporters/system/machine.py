"""Where a machine shows itself: its /proc, /sys and root, which a container mounts elsewhere."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    """The roots that collectors read."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    root: Path = Path("/")


def read_number(path: Path) -> float | None:
    """Return the one number in *path*; None where there is no such file, or the kernel has no value for it."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def read_table(path: Path) -> dict[str, float]:
    """Return the number after each line's first word, a colon after it dropped; raise OSError."""
    table = {}
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) > 1 and words[1].lstrip("-").isdecimal():
            table[words[0].rstrip(":")] = float(words[1])
    return table
