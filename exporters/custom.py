"""Custom collectors: the files of a folder that the command line names, and the entry points of installed packages."""

import ast
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from threading import Thread
from typing import Any, Final, NoReturn

from .custom_declaration import problem_of
from .custom_guard import CustomError, guarded, told
from .declaration import gauge
from .kinds import Kind, Target
from .redaction import without

_log: Final = logging.getLogger(__name__)

GROUP: Final = "seawall.collectors"
_PATIENCE: Final = 10.0  # seconds that one may take to load


@dataclass(frozen=True)
class Source:
    """Where a collector comes from: the *name* of its kind, *where* as it is told, and what returns its KIND."""

    name: str
    where: str
    load: Callable[[], Any]


@dataclass(frozen=True)
class CustomKinds:
    """The *kinds* by name, the broken ones among them, and of each source whether it was *loaded*."""

    kinds: Mapping[str, Kind]
    loaded: Mapping[str, bool]


def custom_kinds(folder: Path | None, taken: Iterable[str] = (), patience: float = _PATIENCE) -> CustomKinds:
    """Load all collectors, each for itself; a broken one is logged, and fails its probes with the reason.

    *taken* are the names that are Seawall's own; *patience* is the seconds that one may take.
    """
    names, kinds, loaded = set(taken), dict[str, Kind](), dict[str, bool]()
    for source in sources(folder, entry_points(group=GROUP)):
        try:
            if source.name in names:
                raise CustomError(f"{source.where}: there is a collector of kind {source.name!r} already; rename one")
            kinds[source.name] = _in_time(source, patience)
            loaded[source.where] = True
        except CustomError as error:
            reason = without(str(error), ())
            _log.error("a custom collector is broken, the others serve: %s", reason)
            loaded[source.where] = False
            if source.name not in names:
                kinds[source.name] = _broken(source.name, reason)
        names.add(source.name)
    return CustomKinds(kinds, loaded)


def sources(folder: Path | None, points: Iterable[EntryPoint]) -> Iterator[Source]:
    """Yield the files of *folder*, then *points*, each by name; a file that begins with _ is none."""
    for file in sorted(folder.absolute().glob("*.py")) if folder else ():
        if not file.name.startswith("_"):
            yield Source(file.stem.replace("_", "-"), str(file), partial(_of_file, file))
    for point in sorted(points, key=lambda point: point.name):
        yield Source(point.name, f"entry point {point.name} = {point.value}", point.load)


def _of_file(file: Path) -> Any:
    name = f"seawall_collectors.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # the name ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as an import does: dataclasses look themselves up there
    spec.loader.exec_module(module)
    return getattr(module, "KIND", None)


def _in_time(source: Source, patience: float) -> Kind:
    """Return the kind of *source*; raise CustomError. A thread loads it, which is left behind where it hangs."""
    found: list[Kind | CustomError] = []
    thread = Thread(target=lambda: found.append(_loaded(source)), name=f"load {source.name}", daemon=True)
    thread.start()
    thread.join(patience)
    if not found:
        raise CustomError(f"{source.where}: it did not load within {patience:g} s; connect in collect, not on import")
    if isinstance(found[0], CustomError):
        raise found[0]
    return found[0]


def _loaded(source: Source) -> Kind | CustomError:
    try:
        kind = source.load()
    except BaseException as error:  # noqa: BLE001  # sys.exit too: whatever one does, the others load
        return CustomError(told(error, source.where))
    problem = problem_of(kind, source.name)
    if problem:
        return CustomError(f"{source.where}{_line_of_kind(source.where)}: {problem}")
    assert isinstance(kind, Kind)
    return replace(kind, connect=guarded(kind, source.where))


def _line_of_kind(where: str) -> str:
    """Return ``:LINE`` of KIND in a file, or nothing."""
    file = Path(where)
    if not file.is_file():
        return ""
    for node in ast.parse(file.read_bytes()).body:
        names = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(name, ast.Name) and name.id == "KIND" for name in names):
            return f":{node.lineno}"
    return ":1"


def _broken(name: str, reason: str) -> Kind:
    def refuse(_target: Target) -> NoReturn:
        raise CustomError(reason)

    up = gauge(f"{name.replace('-', '_')}_up", "", "Always 0: the collector is broken.")
    return Kind(name, up, (up,), refuse)
