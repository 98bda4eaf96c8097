"""Starts, watches and stops the supervisor; cleans up after one that died."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from seawall.catalog import SeawallError

from . import process_table
from .layout import Layout
from .logfile import tail
from .state import Plan, ProcessState, StackState

SHOWN_LINES: Final = 15  # of the log of a process that does not become healthy
CRASHES: Final = 3  # restarts after which waiting for a process is pointless
_POLL: Final = 0.1
_STOP_PATIENCE: Final = 15.0  # seconds a process may take to stop, before the supervisor itself is killed
_LOCK_PATIENCE: Final = 300.0

Watch = Callable[[StackState], None]


class StackError(SeawallError):
    """The stack cannot be started, or is not as the command needs it."""


class NotRunningError(StackError):
    """There is no stack in the state folder."""


@contextmanager
def locked(layout: Layout, tell: Callable[[str], None], patience: float = _LOCK_PATIENCE) -> Iterator[None]:
    """Hold the state folder's lock; wait up to *patience* seconds for another command that holds it."""
    try:
        file = layout.lock.open("a")
    except OSError as error:
        raise StackError(
            f"cannot take the lock {layout.lock}: {error.strerror}; is {layout.root} another user's?"
        ) from None
    with file:
        deadline, told = time.monotonic() + patience, False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(f"another seawall command has held {layout.lock} for {patience:g} s") from None
                if not told:
                    tell(f"another seawall command is at work in {layout.root}; waiting for it")
                    told = True
                time.sleep(_POLL)
        yield


def running(layout: Layout) -> StackState | None:
    """Return the state of the stack in *layout*, or None where its supervisor is not alive."""
    state = StackState.read(layout.state)
    return state if state and process_table.is_alive(state.supervisor, state.identity) else None


def require_running(layout: Layout) -> tuple[StackState, Plan]:
    """Return the state and the plan of the running stack; raise NotRunningError."""
    state = running(layout)
    if state is None:
        raise NotRunningError(f"no stack is running in {layout.root}; start one with: seawall up")
    return state, Plan.read(layout.plan)


def clean_up(layout: Layout) -> list[int]:
    """Kill what a dead supervisor left running and forget its state; return the pids."""
    state = StackState.read(layout.state)
    killed = process_table.kill_members(lambda: _left_by(state)) if state else []
    layout.state.unlink(missing_ok=True)
    return killed


def _left_by(state: StackState) -> list[int]:
    sessions = []
    for process in state.processes:
        # A number that now belongs to another process leads a session that is not ours.
        if process.pid is not None and process_table.identity(process.pid) in ("", process.identity):
            sessions.append(process.pid)
    return process_table.members(state.token, sessions)


def launch(layout: Layout, plan: Plan) -> None:
    """Start the supervisor of *plan* as a daemon; return once it has reported its state. Raise StackError."""
    plan.write(layout.plan)
    log = layout.log_of("supervisor")
    with log.open("ab") as output:
        daemon = subprocess.Popen(
            [sys.executable, "-P", "-m", "seawall.stack.supervisor", str(layout.root)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    while running(layout) is None:
        if daemon.poll() is not None:
            raise StackError(f"the supervisor did not start; the end of {log}:\n" + _indented(tail(log, SHOWN_LINES)))
        time.sleep(_POLL)
    daemon.returncode = 0  # it is meant to outlive this process; subprocess need not warn about that


def wait_until_healthy(layout: Layout, seconds: float, watch: Watch) -> None:
    """Wait until every process is healthy, showing each state to *watch*.

    Raise StackError, naming what is not and quoting its log, after *seconds* or when a process keeps ending.
    """
    deadline = time.monotonic() + seconds
    while True:
        state = running(layout)
        if state is None:
            raise StackError(f"the supervisor has ended; see {layout.log_of('supervisor')}")
        watch(state)
        if state.is_healthy:
            return
        if any(process.restarts >= CRASHES for process in state.processes) or time.monotonic() > deadline:
            raise StackError(_unhealthy(state, layout, seconds))
        time.sleep(_POLL)


def _unhealthy(state: StackState, layout: Layout, seconds: float) -> str:
    bad = [process for process in state.processes if not process.is_healthy]
    started = [process for process in bad if process.phase != "waiting"]
    parts = [_quoted(process, layout) for process in started]
    if waiting := [process.name for process in bad if process.phase == "waiting"]:
        parts.append(f"{', '.join(waiting)}: never started, as not all before it became healthy")
    return f"not healthy within {seconds:g} s, so everything is stopped again:\n" + "\n".join(parts)


def _quoted(process: ProcessState, layout: Layout) -> str:
    log = layout.log_of(process.name)
    restarts = f", started again {process.restarts} times" if process.restarts else ""
    return f"{process.name}: {process.health}{restarts}; the end of {log}:\n{_indented(tail(log, SHOWN_LINES))}"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  | {line}" for line in lines) or "  | (empty)"


def reload(layout: Layout) -> None:
    """Tell the running supervisor that the rendered configuration has changed."""
    state, _ = require_running(layout)
    os.kill(state.supervisor, signal.SIGHUP)


def shut_down(layout: Layout, watch: Watch) -> list[int]:
    """Stop the stack in reverse order, showing each state to *watch*; return the pids that had to be killed.

    A supervisor that does not end in time is killed, and what it ran with it.
    """
    state = running(layout)
    if state is not None:
        with suppress(ProcessLookupError):
            os.kill(state.supervisor, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_PATIENCE * (len(state.processes) + 1)
        while process_table.is_alive(state.supervisor, state.identity) and time.monotonic() < deadline:
            state = StackState.read(layout.state) or state
            watch(state)
            time.sleep(_POLL)
        if process_table.is_alive(state.supervisor, state.identity):
            os.kill(state.supervisor, signal.SIGKILL)
            process_table.wait_gone(state.supervisor, state.identity, 5)
    return clean_up(layout)


def was_left(layout: Layout) -> bool:
    """Whether a supervisor died without cleaning up."""
    return layout.state.exists() and running(layout) is None
