"""Forked children, those of uWSGI too, which forks without telling Python."""

import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from .diagnostics import guarded
from .native import THREADS, begin, is_green, sleep

_STEP: Final = 0.05  # seconds between two looks at who is left
_last_words: Final[list[Callable[[], object]]] = []


def after_fork(forget: Callable[[], object]) -> None:
    """Call *forget* in every forked child, before anything else is counted there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    after_uwsgi_forks(forget)


def before_silent_end(call: Callable[[], object]) -> None:
    """Call *call* in a child that ends with its last thread, where ``atexit`` calls nobody."""
    _last_words.append(call)


@guarded("end a child of a thread")
def end_with_last_thread() -> None:
    """Have a child that another thread than the first forked end as it would: with its own last thread, not with ours.

    It never comes to the interpreter's end, which would not wait for daemon threads; its process ends with its threads.
    """
    if not is_green() and type(threading.main_thread()) is not _FIRST:
        begin(_wait_for_others, f"{THREADS}last")


_FIRST: Final = type(threading.main_thread())


def _wait_for_others() -> None:
    threading.main_thread().join()
    while any(not thread.name.startswith(THREADS) for thread in threading.enumerate()):
        sleep(_STEP)
    for call in _last_words:
        call()
    os._exit(0)


def is_preloading() -> bool:
    """Whether this is uWSGI's master, which loads the application for its workers and runs no thread of it."""
    uwsgi = _uwsgi()
    return uwsgi is not None and bool(uwsgi.masterpid()) and uwsgi.worker_id() == 0


def _uwsgi() -> Any:
    module = sys.modules.get("uwsgi")
    return module if hasattr(module, "masterpid") else None


@guarded("follow uWSGI's forks")
def after_uwsgi_forks(call: Callable[[], object]) -> None:
    """Call *call* in every worker of uWSGI's alone: for what others do by themselves where Python tells of a fork."""
    uwsgi = _uwsgi()
    if uwsgi is None or not uwsgi.masterpid():  # without a master it forks nobody
        return
    try:
        decorators = import_module("uwsgidecorators")  # it takes the one hook that there is, whoever imports it
    except ImportError:
        before = getattr(uwsgi, "post_fork_hook", None)
        uwsgi.post_fork_hook = lambda: [each() for each in (before, call) if each]
    else:
        decorators.postfork(call)
