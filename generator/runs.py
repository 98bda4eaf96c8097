"""Runs promtool and amtool: several at once, in a folder of their own, and none of them beyond the end of Seawall."""

import errno
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from seawall.catalog import Duration, SeawallError

from .memory import TOOL, at_once

Job = TypeVar("Job")
Result = TypeVar("Result")

_TIMEOUT: Final = 1800  # seconds
_LISTENS: Final = 0.2  # seconds between two looks whether a signal came
_COLLECT: Final = "400"  # promtool spends a quarter of its time on collecting garbage, of which it makes little at once
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_CRASH: Final = re.compile(r"^(?:panic|fatal error): (.*)", re.MULTILINE)  # what Go writes over the trace


class RunError(Exception):
    """A tool that did not end by itself; the text says why."""


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """Yield a new folder for *purpose* among the temporary ones, which is gone in the end.

    Raise SeawallError where there is no place, or no room, for one.
    """
    mend = "set TMPDIR to a folder that can be written to and has room"
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"seawall-{purpose}-", ignore_cleanup_errors=True)
    except OSError as error:
        raise SeawallError(f"there is no place for temporary files ({error.strerror}); {mend}") from None
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise SeawallError(f"{name}: is full; {mend}") from None


class Runs:
    """The tools that run now; what they write for themselves goes into *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._is_over = False

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Return what *command* said; raise RunError where it could not be started, or did not end."""
        if threading.current_thread() is not threading.main_thread():
            return self._run(command)
        # A signal ends the main thread anywhere: there it could come between a tool's start and its being known.
        [done] = self.each(self._run, [command])
        return done

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            process = self._start(command)
        except OSError as error:
            raise RunError(f"cannot be started: {error.strerror}") from None
        with process:
            try:
                out, err = process.communicate(timeout=_TIMEOUT)
            except subprocess.TimeoutExpired:
                raise RunError(f"did not end within {Duration(_TIMEOUT)}, and was stopped") from None
            finally:
                _kill(process)
                self._running.discard(process)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def each(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Yield what *work* makes of each of *jobs*, several at once; an error or a signal stops what still runs."""
        with ThreadPoolExecutor(max_workers=at_once()) as pool:
            try:
                for future in [pool.submit(work, job) for job in jobs]:
                    yield _result(future)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """End what runs, with all that it started; nothing more is started."""
        with self._lock:
            self._is_over = True
            for process in tuple(self._running):
                _kill(process)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        with self._lock:
            if self._is_over:
                raise RunError("was stopped")
            process = subprocess.Popen(
                command,
                env={"GOGC": _COLLECT, "GOMEMLIMIT": TOOL, **os.environ, "TMPDIR": str(self._folder)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                process_group=0,  # so that what it starts ends with it
            )
            self._running.add(process)
            return process


@contextmanager
def runs() -> Iterator[Runs]:
    """Yield a way to run tools, whose own folder is gone in the end, as they are."""
    with scratch("tools") as folder:
        made = Runs(folder)
        try:
            yield made
        finally:
            made.stop()


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a tool said that failed: of a crash its reason alone, and of one that was killed, that it was."""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    said = "\n".join(line for line, _ in groupby(lines))  # one that is said a hundred times says no more
    crash = _CRASH.search(said)
    if crash:
        return f"crashed: {crash[1]}; see that there are memory and room for temporary files (TMPDIR)"
    if done.returncode < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-done.returncode).name}; see that there is memory\n{said}".strip()
    return said or f"ended with {done.returncode}, and said nothing"


def _result(future: Future[Result]) -> Result:
    """Return what *future* brings; a signal is heard even where it does not wake who waits.

    It does not where another thread gets it, or where it comes just before the wait begins.
    """
    while not future.done():
        wait([future], timeout=_LISTENS)
    return future.result()


def _kill(process: subprocess.Popen[str]) -> None:
    """End *process*, where it has not ended, with all that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
