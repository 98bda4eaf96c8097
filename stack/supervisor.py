"""The daemon that keeps the stack's processes running: ``python -m seawall.stack.supervisor STATE_FOLDER``."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from . import process_table
from .child import GRACE, Child
from .layout import Layout
from .state import Plan, StackState

_log: Final = logging.getLogger("seawall.stack")
_POLL: Final = 0.1  # seconds
_LOOK: Final = 2.0


class Supervisor:
    """Runs the processes of *plan*, writes the state at every change, stops all in reverse order at the end."""

    def __init__(self, plan: Plan, layout: Layout, grace: float = GRACE) -> None:
        self._plan, self._layout, self._grace = plan, layout, grace
        self._children: list[Child] = []
        self._identity = process_table.identity(os.getpid())
        self._dirty = asyncio.Event()
        self._reload = asyncio.Event()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until TERM or INT; HUP reloads."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        for spec in self._plan.processes:
            self._children.append(Child(spec, self._layout.log_of(spec.name), self._plan.token, self._dirty.set))
        self._write()  # before anything starts, so that the token is on record
        habits = [
            asyncio.create_task(habit()) for habit in (self._keep_state, self._keep_reloading, self._keep_looking)
        ]
        running = asyncio.create_task(self._run_all())
        await self._stop.wait()
        await self._stop_all(running)
        for habit in habits:
            habit.cancel()
        self._layout.state.unlink(missing_ok=True)
        _log.info("stopped")

    async def _run_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for index, child in enumerate(self._children):
                while child.spec.gated and not all(before.state.is_healthy for before in self._children[:index]):
                    if self._stop.is_set():
                        return
                    await asyncio.sleep(_POLL)
                group.create_task(child.supervise())

    async def _stop_all(self, running: asyncio.Task[None]) -> None:
        _log.info("stopping")
        for child in reversed(self._children):
            await child.stop(self._grace)
        await running
        for child in self._children:
            child.close()
        left = process_table.kill_members(lambda: process_table.members(self._plan.token))
        if left:
            _log.warning("killed what was left running: %s", left)

    async def _keep_reloading(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            for child in self._children:
                await child.reload(self._grace)

    async def _keep_looking(self) -> None:
        while self._layout.plan.exists():
            await asyncio.sleep(_LOOK)
        _log.warning("%s is gone: nobody could stop the stack any more, so it stops itself", self._layout.root)
        self._stop.set()

    async def _keep_state(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._write()
            await asyncio.sleep(_POLL)

    def _write(self) -> None:
        state = StackState(
            supervisor=os.getpid(),
            identity=self._identity,
            token=self._plan.token,
            processes=tuple(child.state for child in self._children),
        )
        try:
            state.write(self._layout.state)
        except OSError as error:  # a full disk: the processes matter more than the record
            _log.warning("cannot write %s: %s", self._layout.state, error.strerror)


def main(arguments: list[str]) -> int:
    """Supervise the plan in the state folder that *arguments* name."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    layout = Layout.at(Path(arguments[0]))
    asyncio.run(Supervisor(Plan.read(layout.plan), layout).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
