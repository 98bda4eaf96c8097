"""Put code around a library's own functions: once, and so that the library never notices."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

_MARK: Final = "__seawall__"

F = TypeVar("F", bound=Callable[..., Any])


def replace(owner: Any, name: str, replacement: Any) -> None:
    """Put *replacement* in the place of *owner*'s own attribute *name*, once."""
    if not is_ours(owner.__dict__[name]):
        setattr(owner, name, ours(replacement))


def ours(function: F) -> F:
    """Return *function*, which ``is_ours`` knows from now on."""
    setattr(function, _MARK, True)
    return function


def is_ours(function: Any) -> bool:
    """Whether *function* was put there by Seawall."""
    return hasattr(function, _MARK)


def wrap(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]], mark: str = _MARK) -> bool:
    """Replace *name*, which *owner* itself defines, by what *around* makes of it; say whether it was new.

    Once for each *mark*: who has one of their own is in nobody's way at the same function, whoever comes first.
    """
    original = owner.__dict__[name]
    function = getattr(original, "__func__", original)
    if hasattr(function, mark):
        return False
    replacement = wraps(function)(around(function))
    setattr(replacement, mark, True)
    kind = type(original)
    setattr(owner, name, kind(replacement) if kind in (classmethod, staticmethod) else replacement)
    return True
