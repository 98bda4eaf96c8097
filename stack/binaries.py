"""Finds Prometheus, promtool, Alertmanager and amtool: on PATH, else in the cache, else fetched into the cache."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.catalog import SeawallError

from . import archive, releases

# What each tool is called: by its project, and by Debian where that differs.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("amtool",),
}


class MissingToolError(SeawallError):
    """A tool was neither found nor could be fetched; says what was tried and what to do."""


@dataclass(frozen=True)
class Fetcher:
    """One way to get tools: *fetch* puts them somewhere under the folder that it is given, or raises FetchError."""

    title: str
    fetch: Callable[[Path, Mapping[str, str]], None]


FETCHERS: Final = (
    Fetcher("the distribution's archive (apt-get download)", archive.fetch),
    Fetcher("the projects' release pages", releases.fetch),
)


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return where fetched tools are kept: ``$XDG_CACHE_HOME/seawall``, else ``~/.cache/seawall``."""
    base = environment.get("XDG_CACHE_HOME")
    home = Path(environment.get("HOME") or "~").expanduser()
    return (Path(base) if base and Path(base).is_absolute() else home / ".cache") / "seawall" / "tools"


def find_tool(name: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the program for the tool *name*, from PATH, else from the cache; None where neither has it."""
    known = os.environ if environment is None else environment
    for program in NAMES[name]:
        found = shutil.which(program, path=known.get("PATH", os.defpath))
        if found:
            return Path(found)
    for program in NAMES[name]:
        for folder in ("usr/bin", "bin"):
            for found_path in sorted(cache_folder(known).glob(f"*/{folder}/{program}"), reverse=True):
                return found_path
    return None


def find_tools(names: Iterable[str], environment: Mapping[str, str] | None = None) -> dict[str, Path | None]:
    """Return what ``find_tool`` finds for each of *names*; nothing is fetched."""
    return {name: find_tool(name, environment) for name in names}


def provide_tools(
    environment: Mapping[str, str], tell: Callable[[str], None], fetchers: Iterable[Fetcher] = FETCHERS
) -> dict[str, Path]:
    """Return all four tools, fetching what is missing; *tell* is told what is fetched. Raise MissingToolError."""
    tools, tried = find_tools(NAMES, environment), []
    for fetcher in fetchers:
        missing = [name for name, path in tools.items() if path is None]
        if not missing:
            break
        tell(f"{', '.join(missing)}: not on PATH; fetching from {fetcher.title}")
        try:
            fetcher.fetch(cache_folder(environment), environment)
        except archive.FetchError as error:
            tried.append(f"  {fetcher.title}: {error}")
        tools = find_tools(NAMES, environment)
    found = {name: path for name, path in tools.items() if path is not None}
    if len(found) < len(tools):
        missing = [name for name in tools if name not in found]
        raise MissingToolError(
            f"{', '.join(missing)}: found neither on PATH nor anywhere else:\n" + "\n".join(tried) + "\n"
            "Install them (Debian: apt-get install prometheus prometheus-alertmanager) and run seawall up again."
        )
    return found
