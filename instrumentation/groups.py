"""Which processes are one application's workers: those whose master is the same process.

A worker was forked from its master without a program of its own, or spawned by ``multiprocessing``; whatever a shell or
a supervisor started is an application by itself. Linux tells both, so that no server has to be told anything.
"""

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_FORKED_WITHOUT_EXEC: Final = 0x40  # PF_FORKNOEXEC of linux/sched.h
_SPAWNED: Final = (b"--multiprocessing-fork", b"multiprocessing.spawn", b"multiprocessing.forkserver")
_MOST_ANCESTORS: Final = 16
# Fields of /proc/<pid>/stat after the name, which may hold spaces: proc(5) counts them from 3.
_PARENT, _FLAGS, _STARTED = 1, 6, 19


@dataclass(frozen=True)
class Process:
    """One process as /proc tells it; *started* is in clock ticks since the boot."""

    pid: int
    parent: int
    started: int
    is_worker: bool


def process(pid: int, proc: Path = _PROC) -> Process:
    """Return what *proc* says of *pid*. Raises OSError or ValueError where it says nothing."""
    fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    try:
        command = (proc / str(pid) / "cmdline").read_bytes()
        forked = bool(int(fields[_FLAGS]) & _FORKED_WITHOUT_EXEC)
        return Process(pid, int(fields[_PARENT]), int(fields[_STARTED]), forked or any(map(command.count, _SPAWNED)))
    except IndexError as error:
        raise ValueError(f"{proc}/{pid}/stat is cut off") from error


def master(pid: int, proc: Path = _PROC) -> Process:
    """Return the process that *pid* is a worker of, at last: itself, where nothing forked or spawned it."""
    found = process(pid, proc)
    for _ in range(_MOST_ANCESTORS):
        if not found.is_worker or found.parent <= 1:
            break
        try:
            found = process(found.parent, proc)
        except OSError:
            break  # a master that is gone, or not to be seen
    return found


def group_folder(folder: Path | None = None, proc: Path = _PROC) -> Path:
    """Return this process' folder among its group's, made if need be, and clear those of groups that have ended.

    *folder* defaults to one of this user's in shared memory. Raises OSError or ValueError where there can be none.
    """
    base = folder or _default_base()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_own(base)
    namespace = f"{(proc / 'self/ns/pid').stat().st_ino}-{_boot(proc)}"
    _clear_ended(base, namespace, proc)
    found = master(os.getpid(), proc)
    group = base / f"{namespace}-{found.pid}-{found.started}"
    group.mkdir(mode=0o700, exist_ok=True)
    _require_own(group)
    return group


def _default_base() -> Path:
    shared = Path("/dev/shm")  # noqa: S108 - a folder of this user's own is made there, and whose it is is looked at
    root = shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return root / f"seawall-{os.geteuid()}"


def _require_own(folder: Path) -> None:
    """Refuse a folder that another user made before us, where we would read and write what is theirs."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder that this user alone writes to")


def _boot(proc: Path) -> str:
    return (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]


def _clear_ended(base: Path, namespace: str, proc: Path) -> None:
    for each in base.glob(f"{namespace}-*"):
        pid, _, started = each.name.removeprefix(f"{namespace}-").partition("-")
        try:
            if process(int(pid), proc).started == int(started):
                continue
        except (OSError, ValueError):
            pass
        try:
            for file in each.iterdir():
                file.unlink(missing_ok=True)
            each.rmdir()
        except OSError:
            continue  # another process clears it too
