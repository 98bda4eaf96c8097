"""What the instrumentation says of itself: one log line a matter, and never an exception."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Final, ParamSpec, TypeVar

logger: Final = logging.getLogger("seawall")

# No lock: a signal handler or a forked child could wait for one for ever. ``setdefault`` is atomic.
_said: Final[dict[str, object]] = {}
_MOST: Final = 1000  # a message may carry what a stranger sent
_LONGEST: Final = 300  # characters of what an error says

P = ParamSpec("P")
T = TypeVar("T")


def say_once(message: str, *, level: int = logging.WARNING) -> None:
    """Log *message*, unless this process has said it already."""
    token = object()
    if len(_said) < _MOST and _said.setdefault(message, token) is token:
        with suppress(Exception):  # a filter of the application's own may raise
            logger.log(level, "%s", message)


def said() -> list[str]:
    """Return what this process has said so far."""
    return list(_said)


def described(error: BaseException) -> str:
    """Return the class and the words of *error* in one line; its own words may raise, be long, or hold anything."""
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error)
        words = " ".join(text[: 4 * _LONGEST].split())
        words = "".join(sign if sign.isprintable() else "�" for sign in words)
    except Exception:  # noqa: BLE001 - a __str__ of somebody's
        words = ""
    words = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    name = type(error).__name__[:_LONGEST]
    return f"{name}: {words}" if words else name


def failure_of(what: str) -> str:
    """Return how the log line begins that says that Seawall could not do *what*."""
    return f"Seawall could not {what}: "


def guarded(what: str) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Make a function return None and log one line, where it would have raised into the application."""

    def decorate(function: Callable[P, T]) -> Callable[P, T | None]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the application comes first
                say_once(f"{failure_of(what)}{described(error)}")
                return None

        return call

    return decorate
