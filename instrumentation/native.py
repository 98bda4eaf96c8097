"""The system's own threads, locks and waits, whatever gevent or eventlet has made of the standard library's.

Both replace ``threading`` and ``socket`` in place, before this is imported or after. What Seawall does on its own (a
scrape, an export) must neither wait for a greenlet that is busy nor keep the others waiting: it runs beside them all.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from importlib.machinery import BuiltinImporter
from importlib.util import module_from_spec
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, Final

THREADS: Final = "seawall-"  # how the names of all threads begin
_STEP: Final = 0.005  # seconds


def _untouched() -> Any:
    """Return the interpreter's module of threads as it was built: a module that is made anew is nobody's patch."""
    spec = BuiltinImporter.find_spec("_thread")
    if spec is None or spec.loader is None:
        return threading  # an interpreter that builds it in another way
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_thread: Final = _untouched()

if TYPE_CHECKING:
    from threading import RLock as RLock
else:
    RLock = _thread.RLock


def is_green() -> bool:
    """Whether what the standard library calls threads are greenlets by now."""
    import _thread as patched

    return not isinstance(patched.start_new_thread, BuiltinFunctionType)


def begin(target: Callable[[], object], name: str) -> None:
    """Call *target* in a daemon thread of the system's. Raises RuntimeError where there can be no more threads."""
    if is_green():
        _thread.start_new_thread(target, ())
    else:
        threading.Thread(target=target, name=name, daemon=True).start()  # one that debuggers know by its name


def sleep(seconds: float) -> None:
    """Hold up this thread, and all greenlets of it."""
    Event().hold(seconds)


class Event:
    """What ``threading.Event`` is, for threads of the system's; it can be set from a signal's handler too."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: deque[Any] = deque()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Let go of everybody who waits."""
        self._is_set = True
        while self._waiting:
            try:
                self._waiting.popleft().release()
            except IndexError:
                return  # another thread was faster

    def clear(self) -> None:
        """Have the next ones wait."""
        self._is_set = False

    def hold(self, seconds: float | None = None) -> bool:
        """Hold up this thread, and all greenlets of it, until it is set or *seconds* are over; return whether it is."""
        if self._is_set:
            return True
        waiter = _thread.allocate_lock()
        waiter.acquire()
        self._waiting.append(waiter)
        if not self._is_set:  # else whoever set it may not have seen the waiter
            came = waiter.acquire(timeout=-1 if seconds is None else min(max(seconds, 0.0), threading.TIMEOUT_MAX))
            if came:
                return True
        self._forget(waiter)
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait as the application's own threads do: where these are greenlets, the others go on meanwhile."""
        end = time.monotonic() + seconds
        while is_green() and not self._is_set and time.monotonic() < end:
            try:
                time.sleep(_STEP)  # gevent's or eventlet's
            except Exception:  # noqa: BLE001 - called from the hub itself, which cannot wait for itself
                break
        return self.hold(end - time.monotonic())

    def _forget(self, waiter: Any) -> None:
        try:
            self._waiting.remove(waiter)
        except ValueError:
            return
