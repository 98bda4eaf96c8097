"""OpenTelemetry's own instrumentations: which there are for what the application imports, installed and active or not.

What there is comes from the list that OpenTelemetry publishes with each release, in the package that is installed.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from opentelemetry.instrumentation import bootstrap_gen
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from seawall.instrumentation.entry_points import SEEN_ALREADY

from .report import Suggestion

PREFIX: Final = "opentelemetry-instrumentation-"
# Flask and uvicorn import it for their command lines; and nobody has Tortoise because of pydantic.
_MEANINGLESS: Final = frozenset({("click", "click"), ("pydantic", "tortoiseorm")})
# What a library stands on makes a second span of each of its calls.
_STANDS_ON: Final = {"requests": "urllib3"}
# Seawall counts the calls of these itself.
_COUNTED: Final = frozenset(
    {"aiohttp-client", "asyncpg", "grpc", "httpx", "psycopg", "redis", "requests", "sqlalchemy", "urllib", "urllib3"}
)
# Modules of Python's own whose use says that somebody wants it seen.
_STDLIB: Final = frozenset({"sqlite3"})
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def suggestions(imported: Collection[str], distributions: Mapping[str, list[str]]) -> list[Suggestion]:
    """Return what there is for the top-level packages that the application has *imported*."""
    wanted = {_plain(name) for package in imported for name in distributions.get(package, ())}
    active = active_names()
    found: dict[str, Suggestion] = {}
    for requirement, name in _published():
        library = _distribution(requirement)
        if _plain(library) in wanted and name not in SEEN_ALREADY and (_plain(library), name) not in _MEANINGLESS:
            found.setdefault(name, _suggestion(library, _version(library), name, requirement, active))
    for name in sorted(_STDLIB & set(imported)):
        found.setdefault(name, _suggestion(name, "", name, "", active))
    for above, below in _STANDS_ON.items():
        if above in found and not found.get(below, {"active": True})["active"]:
            del found[below]
    return [found[name] for name in sorted(found)]


def _suggestion(library: str, release: str, name: str, requirement: str, active: Collection[str]) -> Suggestion:
    package = f"{PREFIX}{name}"
    conflict = get_dependency_conflicts([requirement]) if requirement else None
    return {
        "library": library,
        "version": release,
        "package": package,
        "gives": "spans of the calls that Seawall counts" if name in _COUNTED else "spans",
        "installed": bool(_version(package)),
        "active": name.replace("-", "_") in active,
        "problem": f"it wants {requirement}" if conflict else "",
    }


def _published() -> Iterator[tuple[str, str]]:
    """Return each library's requirement, and the end of its instrumentation's name."""
    for entry in bootstrap_gen.libraries:
        yield entry["library"], _distribution(entry["instrumentation"]).removeprefix(PREFIX)


def _distribution(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match[0] if match else requirement


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def active_instrumentors() -> list[BaseInstrumentor]:
    """Return every instrumentor that has instrumented a whole library in this process."""
    found = [kind.__dict__.get("_instance") for kind in _kinds(BaseInstrumentor)]
    return [each for each in found if each is not None and each.is_instrumented_by_opentelemetry]


def active_names() -> set[str]:
    """Return the names of the packages that they come from, as they are imported."""
    return {name_of(type(each)) for each in active_instrumentors()}


def name_of(kind: type) -> str:
    """Return ``redis`` for a class of ``opentelemetry.instrumentation.redis``."""
    return kind.__module__.removeprefix("opentelemetry.instrumentation.").partition(".")[0]


def _kinds(base: type) -> Iterator[type]:
    kind: type
    for kind in type.__subclasses__(base):
        yield kind
        yield from _kinds(kind)
