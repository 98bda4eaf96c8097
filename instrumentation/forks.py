"""Forked children, those of uWSGI too, which forks without telling Python."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from .diagnostics import guarded


def after_fork(forget: Callable[[], object]) -> None:
    """Call *forget* in every forked child, before anything else is counted there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    after_uwsgi_forks(forget)


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
