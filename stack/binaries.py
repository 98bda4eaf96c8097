"""Prometheus, promtool, Alertmanager and amtool: found, else fetched into the cache."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.catalog import SeawallError
from seawall.generator import TOOL_NAMES, cache_folder, find_tools

from . import archive, releases


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


def provide_tools(
    environment: Mapping[str, str], tell: Callable[[str], None], fetchers: Iterable[Fetcher] = FETCHERS
) -> dict[str, Path]:
    """Return all four tools, fetching what is missing; *tell* is told what is fetched. Raise MissingToolError."""
    tools, tried = find_tools(TOOL_NAMES, environment), []
    for fetcher in fetchers:
        missing = [name for name, path in tools.items() if path is None]
        if not missing:
            break
        tell(f"{', '.join(missing)}: not on PATH; fetching from {fetcher.title}")
        try:
            fetcher.fetch(cache_folder(environment), environment)
        except archive.FetchError as error:
            tried.append(f"  {fetcher.title}: {error}")
        tools = find_tools(TOOL_NAMES, environment)
    found = {name: path for name, path in tools.items() if path is not None}
    if len(found) < len(tools):
        missing = [name for name in tools if name not in found]
        raise MissingToolError(
            f"{', '.join(missing)}: found neither on PATH nor anywhere else:\n" + "\n".join(tried) + "\n"
            "Install them (Debian: apt-get install prometheus prometheus-alertmanager) and run seawall up again."
        )
    return found
