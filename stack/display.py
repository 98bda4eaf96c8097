"""What ``up``, ``down`` and ``status`` show: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from .health import HEALTHY
from .state import ProcessState, StackState

_COLUMNS = ("name", "state", "pid", "uptime", "restarts", "health", "address", "log")


class PlainLines:
    """Writes a line for each process whose state is another than in *before*; *clock* returns seconds."""

    def __init__(
        self,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        before: StackState | None = None,
    ) -> None:
        self._write, self._clock = write, clock
        self._began: float | None = None
        self._shown = {process.name: _settled(process) for process in before.processes} if before else {}

    def __call__(self, state: StackState) -> None:
        """Show what has changed in *state*; the seconds count from the first one."""
        if self._began is None:
            self._began = self._clock()
        for process in state.processes:
            text = _settled(process)
            if text and self._shown.get(process.name) != text:
                self._shown[process.name] = text
                self._write(f"  {process.name}: {text} ({self._clock() - self._began:.1f} s)")


def _settled(process: ProcessState) -> str:
    """Return what is worth a line of its own; empty while a process is on its way."""
    if process.phase == "running":
        return HEALTHY if process.health == HEALTHY else ""
    return process.last_exit if process.phase == "backing-off" else ("stopped" if process.phase == "stopped" else "")


@contextmanager
def progress(is_terminal: bool, before: StackState | None = None) -> Iterator[Callable[[StackState], None]]:
    """Yield what shows each state that it is called with; rich draws it where there is a terminal and rich.

    Without a terminal, only what differs from *before* is told.
    """
    if is_terminal:
        try:
            from rich.console import Console
            from rich.live import Live
            from rich.table import Table
        except ModuleNotFoundError:
            pass
        else:

            def table(state: StackState) -> Table:
                drawn = Table.grid(padding=(0, 2))
                for process in state.processes:
                    good = process.is_healthy or process.phase == "stopped"
                    drawn.add_row(
                        "✓" if good else "…", process.name, process.health, style="green" if good else "yellow"
                    )
                return drawn

            with Live(console=Console(stderr=True), refresh_per_second=8) as live:
                yield lambda state: live.update(table(state))
            return
    yield PlainLines(lambda line: click.echo(line, err=True), before=before)


def uptime(seconds: float) -> str:
    """Return *seconds* as people say it, in two units at most: ``3d 4h``, ``5m 2s``."""
    left, parts = max(int(seconds), 0), list[str]()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def table(state: StackState, now: float) -> list[str]:
    """Return the lines of the status table of *state* at *now*, in seconds since 1970."""
    rows = [_COLUMNS, *(_row(process, now) for process in state.processes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(process: ProcessState, now: float) -> tuple[str, ...]:
    running = process.phase == "running" and process.started_at is not None
    return (
        process.name,
        process.phase,
        str(process.pid or "-"),
        uptime(now - (process.started_at or now)) if running else "-",
        str(process.restarts),
        process.health,
        process.address or "-",
        process.log,
    )
