"""The process that imports the application: ``python -m seawall.instrumentation.doctor.probe FOLDER``.

FOLDER holds ``request.json``; ``outcome.json`` is what it leaves there. Whatever the application prints, opens, starts
or breaks meanwhile stays in this process, which ends without a word of the application's once that is written.
"""

import json
import sys
from json import dumps
from os import _exit
from pathlib import Path
from typing import Any, Final

from seawall.instrumentation import start
from seawall.instrumentation.diagnostics import described, said

from . import application, contrib, libraries, twice
from .places import place_of
from .report import Failure, Outcome, Report, Request
from .surroundings import settings_of
from .target import Unusable, load, parse
from .watching import Watch

REQUEST: Final = "request.json"
OUTCOME: Final = "outcome.json"


def main(folder: Path) -> None:
    """Answer the request in *folder*, and end this process: what the application started does not go on."""
    request: Request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    unfinished = folder / f"{OUTCOME}.new"
    unfinished.write_text(dumps(answer(request)), encoding="utf-8")
    unfinished.replace(folder / OUTCOME)
    _exit(0)


def answer(request: Request) -> Outcome:
    """Return the report, or why there is none."""
    try:
        return {"report": _examine(request), "failure": None}
    except Unusable as unusable:
        failure: Failure = {"message": unusable.message, "place": unusable.place}
    except Exception as error:  # noqa: BLE001 - an application can break any module that this stands on
        failure = {"message": f"Seawall cannot look at it once it is imported: {described(error)}", "place": ""}
    return {"report": None, "failure": failure}


def _examine(request: Request) -> Report:
    target = parse(request["app"])
    settings = settings_of(request["environ"])
    start()
    watch = Watch(sorted({hook.module for hook in libraries.hooks()}))
    watch.begin()
    modules, before = sys.modules, dict(sys.modules)
    try:
        thing = load(target, Path(request["folder"]))
    except Unusable as unusable:
        emptied = "sys" not in sys.modules
        _restore(modules, before)
        if emptied:
            raise Unusable(f"it empties sys.modules while it is imported ({unusable.message})") from unusable
        raise
    _restore(modules, before)
    found = application.unwrap(thing)
    if not found.kind.library and not callable(thing):
        raise Unusable(f"{request['app']} is no application but of the type {type(thing).__name__}")
    _load_routes(found)
    packages = {name.partition(".")[0] for name in sys.modules.keys() - before.keys()}
    return _report(request, settings, found, watch, packages)


def _restore(modules: dict[str, Any], before: dict[str, Any]) -> None:
    """Put back what the application took out of ``sys.modules``: the rest of this process needs it."""
    sys.modules = modules
    for name, module in before.items():
        modules.setdefault(name, module)


def _load_routes(found: application.Found) -> None:
    """Import what Django imports with its first request alone: its URLs, and the views with all that they import."""
    if found.kind.library != "django":
        return
    try:
        _ = sys.modules["django.urls"].get_resolver().url_patterns
    except BaseException as error:
        raise Unusable(f"its URLs cannot be imported: {described(error)}", place_of(error)) from error


def _report(request: Request, settings: Any, found: application.Found, watch: Watch, packages: set[str]) -> Report:
    distributions = libraries.installed()
    names = application.middleware(found)
    counts = not settings["disabled"] and watch.counts([found.app, *found.wrapped_in])
    counted = application.counted_by(found, watch.imported) if counts else ""
    lines = said()
    known = libraries.libraries(watch.imported, lines, settings["disabled"], distributions, chooses=watch.chooses)
    library = found.kind.library
    return {
        "application": {
            "name": request["app"],
            "kind": application.name_of(found.app).rpartition(".")[2],
            "library": library,
            "version": libraries.version_of(library, distributions) if library else "",
            "protocol": found.kind.protocol,
            "wrapped_in": [application.name_of(each) for each in found.wrapped_in],
            "counted_by": counted,
            "middleware": names,
            "routes": application.routes(found),
            "begins": watch.begins,
        },
        "libraries": known,
        "runtime": [] if settings["disabled"] else libraries.runtime_metrics(),
        "suggestions": contrib.suggestions(packages, distributions),
        "twice": [] if settings["disabled"] else twice.twice(found, names, watch.questions.twice(watch.stands)),
        "late": watch.late,
        "settings": settings,
        "notes": [*watch.providers(), *_notes(found, counted), *_said(lines, settings["problems"])],
    }


def _notes(found: application.Found, counted: str) -> list[str]:
    if counted and found.kind.library and found.wrapped_in:
        outer = application.name_of(found.wrapped_in[0])
        return [f"what {outer} answers itself is not counted: it is around the application that is"]
    return []


def _said(lines: list[str], problems: list[str]) -> list[str]:
    """Return what Seawall logged meanwhile, but for what stands elsewhere in the report."""
    elsewhere = tuple(hook.failure for hook in libraries.hooks())
    return [line for line in lines if line not in problems and not line.startswith(elsewhere)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
