"""A command that is told to end removes what it wrote for itself, and stops what it started."""

import signal
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, Final

# A terminal that is closed says so by a signal, but not on Windows.
_TOLD: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_SHELL: Final = 128  # and the signal is how a shell tells that one ended a command


def ends_tidily(command: Callable[..., Any]) -> Callable[..., Any]:
    """Make *command*, which runs in the main thread, end by SystemExit where a signal would end it at once.

    A signal that is ignored, as with nohup, or has a handler stays so.
    """

    @wraps(command)
    def tidy(*arguments: Any, **options: Any) -> Any:
        ours = [each for each in _TOLD if signal.getsignal(each) is signal.SIG_DFL]
        for each in ours:
            signal.signal(each, _end)
        try:
            return command(*arguments, **options)
        finally:
            for each in ours:
                signal.signal(each, signal.SIG_DFL)

    return tidy


def _end(number: int, _: FrameType | None) -> None:
    for each in _TOLD:  # the first one is enough
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(_SHELL + number)
