"""One supervised process: started in a session of its own, its output kept, started again when it ends."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from . import process_table
from .health import HEALTHY, probe
from .logfile import RotatingLog
from .process_table import TOKEN_VARIABLE
from .state import ProcessSpec, ProcessState

FIRST_PAUSE: Final = 1.0  # seconds before the first restart; doubles up to the longest
LONGEST_PAUSE: Final = 30.0
STEADY: Final = 60.0  # after so many seconds of running the pause starts over
GRACE: Final = 10.0  # seconds between TERM and KILL
_LAUNCH: Final = Path(__file__).with_name("launch.py")
_CHUNK: Final = 64 * 1024
_DRAIN: Final = 1.0
_EAGER, _CALM = 0.3, 3.0  # seconds between two health checks: until healthy, and then


class Child:
    """Keeps the process of *spec* running; *changed* is called whenever its state is another."""

    def __init__(self, spec: ProcessSpec, log: Path, token: str, changed: Callable[[], None]) -> None:
        self.spec, self._token, self._changed = spec, token, changed
        self.state = ProcessState(name=spec.name, address=spec.address, log=str(log))
        self._log = RotatingLog(log)
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._restart_now = asyncio.Event()

    async def supervise(self) -> None:
        """Run the process, again and again, until ``stop`` is called."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._run_once()
            if self._stopping.is_set():
                break
            if time.monotonic() - began > STEADY or self._restart_now.is_set():
                pause = FIRST_PAUSE
            await self._wait_before_restart(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self._set(phase="stopped", pid=None, health="stopped")

    async def stop(self, grace: float = GRACE) -> None:
        """End the process and its whole session: TERM, then KILL after *grace* seconds."""
        self._stopping.set()
        await self._end(grace)

    async def reload(self, grace: float = GRACE) -> None:
        """Tell the process that its configuration has changed, in the way that its spec names."""
        if self.spec.on_reload == "signal" and self._process is not None:
            process_table.signal_group(self._process.pid, signal.SIGHUP)
        elif self.spec.on_reload == "restart":
            self._restart_now.set()
            await self._end(grace)

    def say(self, message: str) -> None:
        """Write a line of the supervisor's own into the log; a full disk loses it and stops nothing."""
        with suppress(OSError):
            self._log.say(message)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    async def _run_once(self) -> None:
        self._restart_now.clear()
        try:
            process, output, transport = await self._start()
        except OSError as error:  # too many processes, no memory: the others go on
            reason = f"cannot start: {error.strerror}"
            self._set(phase="backing-off", last_exit=reason, health=reason)
            return
        self._process = process
        self.say(f"started as pid {process.pid}")
        known = process_table.identity(process.pid)
        self._set(phase="running", pid=process.pid, identity=known, started_at=time.time(), health="starting")
        pump = asyncio.create_task(self._keep_output(output))
        watch = asyncio.create_task(self._watch_health())
        if self._stopping.is_set():  # stop() came while the process was being started
            process_table.signal_group(process.pid, signal.SIGKILL)
        code = await process.wait()
        watch.cancel()
        await asyncio.to_thread(self._clear_session, process.pid)
        with suppress(TimeoutError):
            await asyncio.wait_for(pump, _DRAIN)  # a daemon that left the session may hold the pipe for ever
        transport.close()
        self._process = None
        self._set(phase="backing-off", pid=None, last_exit=_exit(code), health=_exit(code))

    async def _start(self) -> tuple[Process, asyncio.StreamReader, asyncio.ReadTransport]:
        # A pipe of our own: asyncio's would have wait() wait for everyone who holds it, grandchildren too.
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *self.spec.command,
                stdin=DEVNULL, stdout=writing, stderr=STDOUT, start_new_session=True, cwd=self.spec.folder,
                env={**os.environ, **self.spec.environment, TOKEN_VARIABLE: self._token},
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        output = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(output)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))
        return process, output, transport

    async def _wait_before_restart(self, pause: float) -> None:
        if not self._restart_now.is_set():
            self.say(f"{self.state.last_exit}; starts again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        self._set(restarts=self.state.restarts + 1)

    async def _end(self, grace: float) -> None:
        process = self._process
        if process is None:
            return
        process_table.signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._process is process and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if self._process is process and process.returncode is None:
            self.say(f"did not end within {grace:g} s of TERM; killed")
            process_table.signal_group(process.pid, signal.SIGKILL)

    def _clear_session(self, leader: int) -> None:
        """Kill what the process left behind: it may hold the ports that the next one needs."""
        if left := process_table.kill_members(lambda: process_table.members("", (leader,)), patience=2.0):
            self.say(f"killed what it left running: {', '.join(map(str, left))}")

    async def _keep_output(self, output: asyncio.StreamReader) -> None:
        while data := await output.read(_CHUNK):
            with suppress(OSError):  # a full disk must not block the process
                self._log.write(data)

    async def _watch_health(self) -> None:
        if self.spec.health is None and not self.spec.ports:
            await asyncio.sleep(FIRST_PAUSE)  # all that can be said of it is that it did not end at once
        while True:
            health = await asyncio.to_thread(probe, self.spec.health, self.spec.ports)
            self._set(health=health)
            await asyncio.sleep(_CALM if health == HEALTHY else _EAGER)

    def _set(self, **changes: object) -> None:
        new = self.state.model_copy(update=changes)
        if new != self.state:
            self.state = new
            self._changed()


def _exit(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
