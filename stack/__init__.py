"""The stack as local processes: started, supervised, watched, stopped."""

from .binaries import provide_tools
from .layout import Layout
from .lifecycle import NotRunningError, StackError
from .state import Plan, ProcessSpec, ProcessState, StackState
from .up import Outcome, Request, up

__all__ = [
    "Layout",
    "NotRunningError",
    "Outcome",
    "Plan",
    "ProcessSpec",
    "ProcessState",
    "Request",
    "StackError",
    "StackState",
    "provide_tools",
    "up",
]
