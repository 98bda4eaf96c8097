"""Finds Prometheus, promtool, Alertmanager and amtool: on PATH, else in the cache that ``seawall up`` fills."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

# What each tool is called: by its project, and by Debian where that differs.
TOOL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
}


def cache_folder(environment: Mapping[str, str], name: str = "tools") -> Path:
    """Return where *name* is kept: below ``$XDG_CACHE_HOME/seawall``, else ``~/.cache/seawall``."""
    base = environment.get("XDG_CACHE_HOME")
    home = Path(environment.get("HOME") or "~").expanduser()
    return (Path(base) if base and Path(base).is_absolute() else home / ".cache") / "seawall" / name


def passed_folder(environment: Mapping[str, str]) -> Path:
    """Return where it is kept which proofs held."""
    return cache_folder(environment, "proofs")


def find_tool(name: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the program for the tool *name*, from PATH, else from the cache; None where neither has it."""
    known = os.environ if environment is None else environment
    for program in TOOL_NAMES[name]:
        found = shutil.which(program, path=known.get("PATH", os.defpath))
        if found:
            return Path(found)
    for program in TOOL_NAMES[name]:
        for folder in ("usr/bin", "bin"):
            for found_path in sorted(cache_folder(known).glob(f"*/{folder}/{program}"), reverse=True):
                return found_path
    return None


def find_tools(names: Iterable[str], environment: Mapping[str, str] | None = None) -> dict[str, Path | None]:
    """Return what ``find_tool`` finds for each of *names*; nothing is fetched."""
    return {name: find_tool(name, environment) for name in names}
