"""From ``module:attribute`` to the application: what the servers' command lines take, and Flask's factories."""

import ast
import asyncio
import difflib
import inspect
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from seawall.instrumentation.diagnostics import described

from .places import place_of

# Where a module alone is named: what servers and frameworks call an application, and what makes one.
_NAMES: Final = ("app", "application", "asgi", "wsgi", "celery", "broker")
_FACTORIES: Final = ("create_app", "make_app", "get_app")
_GRAMMAR: Final = "write MODULE, MODULE:NAME or MODULE:FACTORY(), as in shop.main:app"


class Unusable(Exception):  # noqa: N818 - it is an answer
    """The application cannot be had: one sentence why, and the place in the user's code where there is one."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True)
class Target:
    """A module, and the expression that leads to the application in it; None for whatever is found there."""

    module: str
    expression: ast.expr | None


def parse(text: str) -> Target:
    """Return what *text* names; raise `Unusable` where it is no such name."""
    module, colon, rest = text.partition(":")
    if "/" in module or module.endswith(".py"):
        name = module.removesuffix(".py").strip("./").replace("/", ".")
        raise Unusable(f"{text} is a file; name its module: {name}{colon}{rest}")
    if not all(part.isidentifier() for part in module.split(".")) or (colon and not rest):
        raise Unusable(f"{text!r} names no application; {_GRAMMAR}")
    if not colon:
        return Target(module, None)
    try:
        expression = ast.parse(rest, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unusable(f"{text!r} names no application; {_GRAMMAR}") from None
    called = expression.func if isinstance(expression, ast.Call) else expression
    while isinstance(called, ast.Attribute):
        called = called.value
    if not isinstance(called, ast.Name):
        raise Unusable(f"{text!r} names no application; {_GRAMMAR}")
    return Target(module, expression)


def load(target: Target, folder: Path) -> object:
    """Import the module and return the application; whatever the user's code raises becomes `Unusable`."""
    sys.path.insert(0, str(folder))
    module = _import(target.module, folder)
    found = _guess(module) if target.expression is None else _follow(module, target.expression)
    return _awaited(found) if inspect.isawaitable(found) else found


def _import(name: str, folder: Path) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if place_of(error) or not (name == missing or name.startswith(f"{missing}.")):
            raise Unusable(described(error), place_of(error)) from error
        raise Unusable(f"there is no module {missing!r} in {folder}{_near(missing, folder)}") from error
    except SystemExit as error:
        raise Unusable(f"it ended itself while it was imported: sys.exit({error.code!r})", place_of(error)) from error
    except BaseException as error:
        raise Unusable(described(error), place_of(error)) from error


def _near(name: str, folder: Path) -> str:
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}
    close = difflib.get_close_matches(name, sorted(there), n=1)
    return f"; did you mean {close[0]!r}?" if close else "; another folder is --app-dir DIR"


def _guess(module: Any) -> object:
    for name in _NAMES:
        found = getattr(module, name, None)
        if found is not None and not inspect.ismodule(found):
            return found
    for name in _FACTORIES:
        if callable(getattr(module, name, None)):
            return _call(getattr(module, name), (), {})
    names = ", ".join((*_NAMES, *(f"{name}()" for name in _FACTORIES)))
    raise Unusable(f"module {module.__name__!r} has none of {names}; name the application: {module.__name__}:NAME")


def _follow(module: Any, expression: ast.expr) -> object:
    if isinstance(expression, ast.Call):
        return _call(_attribute(module, expression.func), *_arguments(expression))
    found = _attribute(module, expression)
    if inspect.isfunction(found) and not _takes_requests(found):
        name = ast.unparse(expression)
        raise Unusable(f"{name} is a function that is no application; did you mean {module.__name__}:{name}()?")
    return found


def _takes_requests(function: Any) -> bool:
    """Whether *function* may be an ASGI or a WSGI application: it wants three arguments, or two."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return takes_any or sum(each.default is each.empty for each in parameters) in (2, 3)


def _attribute(module: Any, expression: ast.expr) -> Any:
    if isinstance(expression, ast.Attribute):
        owner = _attribute(module, expression.value)
        name = expression.attr
    else:
        assert isinstance(expression, ast.Name)
        owner, name = module, expression.id
    try:
        return getattr(owner, name)
    except AttributeError:
        known = [each for each in dir(owner) if not each.startswith("_")]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        where = f"module {module.__name__!r}" if owner is module else type(owner).__name__
        raise Unusable(f"{where} has no {name!r}{hint}") from None


def _arguments(call: ast.Call) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        return tuple(ast.literal_eval(argument) for argument in call.args), named
    except (ValueError, TypeError, SyntaxError):
        raise Unusable(f"{ast.unparse(call)}: a factory's arguments are literals, as in create_app('test')") from None


def _call(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    name = getattr(factory, "__name__", "the factory")
    try:
        return factory(*args, **kwargs)
    except BaseException as error:
        raise Unusable(f"{name}() raised {described(error)}", place_of(error)) from error


def _awaited(found: Any) -> object:
    async def wait() -> object:
        return await found

    try:
        return asyncio.run(wait())
    except BaseException as error:
        raise Unusable(f"its factory raised {described(error)}", place_of(error)) from error
