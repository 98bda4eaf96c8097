"""The plan that the supervisor is given, and the state that it reports: plain data, kept as JSON."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from .layout import write_atomically

OnReload = Literal["signal", "restart", "keep"]
Phase = Literal["waiting", "running", "backing-off", "stopped"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessSpec(_Record):
    """One process to run: *environment* is added to the supervisor's own.

    It is started in *folder*, by default the supervisor's own.
    *health* is a URL that answers 2xx when the process is well; without it, its ports are tried.
    *address* is what a person opens. A *gated* process starts once all before it are healthy.
    """

    name: str
    command: tuple[str, ...]
    folder: Path | None = None
    environment: dict[str, str] = {}
    ports: tuple[int, ...] = ()
    health: str | None = None
    address: str = ""
    gated: bool = False
    on_reload: OnReload = "keep"
    port_option: str = ""  # the name that --port takes, where it takes one


class Plan(_Record):
    """What to run, in the order of starting, and what it was made from.

    *fingerprint* tells whether the catalog or the options have changed since; *token* marks every process of this run.
    """

    token: str
    fingerprint: str
    catalog: str
    portal: str = ""
    has_example: bool = False
    processes: tuple[ProcessSpec, ...]

    def write(self, path: Path) -> None:
        """Write the plan to *path*, in one step."""
        write_atomically(path, self.model_dump_json(indent=1))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Return the plan at *path*."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


class ProcessState(_Record):
    """One process as it is: *health* is ``healthy``, ``starting`` or what is wrong.

    *identity* tells the process from a later one of the same pid; *started_at* is in seconds since 1970.
    """

    name: str
    phase: Phase = "waiting"
    pid: int | None = None
    identity: str = ""
    started_at: float | None = None
    restarts: int = 0
    health: str = "starting"
    address: str = ""
    log: str = ""
    last_exit: str = ""

    @property
    def is_healthy(self) -> bool:
        """Whether it runs and answers."""
        return self.phase == "running" and self.health == "healthy"


class StackState(_Record):
    """The whole stack as its supervisor last wrote it."""

    supervisor: int
    identity: str
    token: str
    processes: tuple[ProcessState, ...] = ()

    @property
    def is_healthy(self) -> bool:
        """Whether every process is."""
        return all(process.is_healthy for process in self.processes)

    def write(self, path: Path) -> None:
        """Write the state to *path*, in one step."""
        write_atomically(path, self.model_dump_json(indent=1))

    @classmethod
    def read(cls, path: Path) -> "StackState | None":
        """Return the state at *path*; None where there is none that can be read."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None
