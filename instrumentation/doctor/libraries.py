"""The libraries that Seawall knows, from the tables of its hooks: what is there, and what became of it."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from typing import Final

from seawall.instrumentation import caches, clients, frameworks, pools
from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.runtime import RuntimeMetrics
from seawall.instrumentation.worker import WorkerMetrics

from .report import Library, State

_STDLIB: Final = "stdlib"
_TASKS: Final = frozenset({"arq", "celery", "dramatiq", "rq"})
_DATABASES: Final = frozenset({"asyncpg", "psycopg", "psycopg_pool", "redis", "sqlalchemy"})
# Of a table's metrics, those that are not told of every library in it.
_ALONE: Final = {"db_client_connection_idle_max": frozenset({"sqlalchemy"})}
_NOT_OF: Final = {"seawall_http_client_connection_timeouts_total": frozenset({"aiohttp"})}


@dataclass(frozen=True)
class Hook:
    """One entry of a table: the module that is hooked, and what is measured by it of which library.

    *failure* is how the log line begins that says that it failed; *is_unchosen*, whether the hook is not put in where
    applications are chosen.
    """

    module: str
    library: str
    measure: str
    failure: str
    is_unchosen: bool = False


def hooks() -> Iterator[Hook]:
    """Return every hook of the one import into a library."""
    for table, measure in (
        (frameworks.HOOKS, "requests"),
        (clients.HOOKS, "calls"),
        (pools.HOOKS, "pools"),
        (caches.HOOKS, "caches"),
    ):
        for module, (file, _) in table.items():
            library = module if file == _STDLIB else file
            measured = "tasks" if measure == "requests" and file in _TASKS else measure
            is_unchosen = table is frameworks.HOOKS and file in frameworks.OF_NO_APPLICATION
            yield Hook(module, library, measured, table.failure(module), is_unchosen)


def libraries(
    imported: Collection[str],
    said: Iterable[str],
    disabled: bool,
    distributions: Mapping[str, list[str]],
    *,
    chooses: bool = False,
) -> list[Library]:
    """Return each library that is installed; *imported* are the modules whose hooks ran, *said* the log's lines.

    *chooses* says that chosen applications alone count.
    """
    by_library: dict[str, list[Hook]] = {}
    for hook in hooks():
        by_library.setdefault(hook.library, []).append(hook)
    lines = list(said)
    found = (_library(name, own, imported, lines, disabled, distributions, chooses) for name, own in by_library.items())
    return sorted((each for each in found if each is not None), key=lambda each: each["name"])


def _library(
    name: str,
    own: list[Hook],
    imported: Collection[str],
    said: list[str],
    disabled: bool,
    distributions: Mapping[str, list[str]],
    chooses: bool,
) -> Library | None:
    package = own[0].module.partition(".")[0]
    if package not in distributions and package not in sys.modules:
        return None
    put_in = [hook for hook in own if not (chooses and hook.is_unchosen)]
    is_unchosen = not put_in
    own = put_in or own
    problems = [line for hook in own for line in said if line.startswith(hook.failure)]
    missed = [hook.module for hook in own if hook.module in sys.modules and hook.module not in imported]
    if missed and not disabled:
        problems.append(f"{', '.join(missed)} was imported in a way that Python's import system does not tell of")
    reached = [hook for hook in own if hook.module in imported]
    state: State = "off" if disabled else "failed" if problems else "instrumented" if reached else "waiting"
    if is_unchosen and state == "instrumented":
        state = "unchosen"
    # What of a library is not imported measures nothing: aiohttp is a client and a server.
    measures = sorted({hook.measure for hook in reached or own})
    return {
        "name": name,
        "version": version_of(package, distributions),
        "state": state,
        "measures": measures,
        "metrics": [metric for measure in measures for metric in metrics_of(name, measure)],
        "problem": "; ".join(problems),
    }


def version_of(package: str, distributions: Mapping[str, list[str]]) -> str:
    """Return the version of what installed *package*; Python's own for what came with it."""
    if package in sys.stdlib_module_names:
        return ".".join(map(str, sys.version_info[:3]))
    names = distributions.get(package)
    return version(names[0]) if names else ""


def metrics_of(library: str, measure: str) -> list[str]:
    """Return the names, as Prometheus sees them, of what is measured of a library."""
    names = _names(_families(library, measure))
    return [name for name in names if library in _ALONE.get(name, {library}) - _NOT_OF.get(name, frozenset())]


def _names(families: Iterable[Family]) -> list[str]:
    return [f"{family.name}_total" if family.kind == "counter" else family.name for family in families]


def _families(library: str, measure: str) -> Iterable[Family]:
    if measure == "requests":
        return (RpcServerMetrics().duration,) if library == "grpc" else HttpServerMetrics().families
    if measure == "tasks":
        worker = WorkerMetrics()
        return (worker.duration, worker.slots, worker.slots_busy)
    if measure == "caches":
        return caches.CacheMetrics().families
    is_database = library in _DATABASES
    if measure == "calls":
        calls = clients.Clients()
        if library == "grpc":
            return calls.rpc.families
        return calls.db.families if is_database else calls.http.families
    made = pools.PoolMetrics()
    return made.database.families if is_database else made.http.families


def runtime_metrics() -> list[str]:
    """Return the names of what is measured whatever is imported."""
    return _names(RuntimeMetrics(HttpServerMetrics().active).families)


def installed() -> Mapping[str, list[str]]:
    """Return what is installed: the names of top-level packages, and which distributions they come from."""
    return packages_distributions()
