"""What the instrumentation says of itself: one log line a matter, and never an exception."""

import logging
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Final, ParamSpec, TypeVar

logger: Final = logging.getLogger("seawall")

_said: Final[set[str]] = set()
_lock: Final = Lock()

P = ParamSpec("P")
T = TypeVar("T")


def say_once(message: str, *, level: int = logging.WARNING) -> None:
    """Log *message*, unless this process has said it already."""
    with _lock:
        if message in _said:
            return
        _said.add(message)
    logger.log(level, "%s", message)


def guarded(what: str) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """Make a function return None and log one line, where it would have raised into the application."""

    def decorate(function: Callable[P, T]) -> Callable[P, T | None]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T | None:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the application comes first
                say_once(f"Seawall could not {what}: {type(error).__name__}: {error}")
                return None

        return call

    return decorate
