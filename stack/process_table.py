"""Which processes are ours: told by pid and start time, by session, and by a token in their environment."""

import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

TOKEN_VARIABLE: Final = "SEAWALL_STACK"  # noqa: S105 - the name of a mark, no secret
_POLL: Final = 0.05
_GONE: Final = (psutil.NoSuchProcess, psutil.ZombieProcess)


def identity(pid: int) -> str:
    """Return what tells this use of *pid* from any later one; empty where no such process is alive."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        ticks = _start_ticks(pid)
        return ticks or f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def is_alive(pid: int | None, known: str) -> bool:
    """Whether *pid* is still the process whose identity was *known*."""
    return pid is not None and bool(known) and identity(pid) == known


def _start_ticks(pid: int) -> str:
    # psutil's create_time moves when the clock is set; the kernel's own count since boot does not.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{boot}/{stat.rpartition(')')[2].split()[19]}"


def members(token: str, sessions: Collection[int] = ()) -> list[int]:
    """Return the pids, this process aside, that carry *token* or belong to one of *sessions*.

    A session's number cannot be given to another process while the session has members, so the caller passes only
    sessions whose leader is known to be ours, or gone.
    """
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if os.getsid(process.pid) in sessions or _carries(process, token):
                found.append(process.pid)
    return found


def _carries(process: psutil.Process, token: str) -> bool:
    try:
        return bool(token) and process.environ().get(TOKEN_VARIABLE) == token
    except (psutil.AccessDenied, *_GONE):
        return False


def signal_group(pid: int, number: signal.Signals) -> bool:
    """Send *number* to the process group that *pid* leads; False where there is none any more."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_members(find: Callable[[], list[int]], patience: float = 5.0) -> list[int]:
    """Kill what *find* returns until that is nothing, at most for *patience* seconds; return the pids."""
    killed: dict[int, None] = {}
    deadline = time.monotonic() + patience
    while (pids := find()) and time.monotonic() < deadline:
        for pid in pids:
            killed[pid] = None
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL)
    return list(killed)


def wait_gone(pid: int, known: str, seconds: float) -> bool:
    """Wait up to *seconds* for the process *pid* of identity *known* to end; return whether it has."""
    deadline = time.monotonic() + seconds
    while is_alive(pid, known):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
