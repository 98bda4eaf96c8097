"""The stack as containers: an engine and Compose, found and asked whether they will do, and compose.yaml on them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seawall.catalog import SeawallError

from .layout import Layout, write_atomically

COMPOSE_FILE: Final = Path(__file__).resolve().parents[1] / "compose.yaml"  # a checkout has it, an installed wheel not
_OLDEST_ENGINE: Final = (20, 10)
_OLDEST_COMPOSE: Final = (2, 24)  # `include` with env_file, and env_file that need not be there
_PATIENCE: Final = 10.0  # seconds for an answer of the engine
_FINISHED: Final = "exited"
_COMPOSES: Final = (("docker", "compose"), ("docker-compose",))
_CHOSEN: Final = re.compile(r"SEAWALL_CATALOG(_FILE)?|COMPOSE_(PROFILES|PROJECT_NAME)|[A-Z]+_PORT")


class DockerError(SeawallError):
    """The stack cannot be run as containers; the text says what to do."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers: the command of its Compose, and what is worth a warning."""

    compose: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def find_engine(environ: Mapping[str, str]) -> Engine:
    """Return the engine that ``docker`` reaches and its Compose; raise DockerError where one is missing or too old."""
    if not shutil.which("docker", path=environ.get("PATH")):
        raise DockerError("docker is not on PATH; install Docker Engine and its Compose plugin, or use --no-docker")
    if not COMPOSE_FILE.is_file():
        raise DockerError("this Seawall has no compose.yaml; run it from a clone of its repository, or use --no-docker")
    told = _ask(("docker", "info", "--format", "{{json .}}"), environ)
    info: dict[str, Any] = json.loads(told) if told.startswith("{") else {}
    version = str(info.get("ServerVersion") or "")
    if not version:
        raise DockerError(f"no Docker engine answers: {_reason(info, told)}; start it, or use --no-docker")
    if _numbers(version) < _OLDEST_ENGINE:
        raise DockerError(f"Docker Engine {version} is too old; 20.10 or newer is needed, or use --no-docker")
    limitless = "this kernel holds no container to its memory limit: boot with cgroup_enable=memory swapaccount=1"
    return Engine(_compose(environ), () if info.get("MemoryLimit", True) else (limitless,))


def _compose(environ: Mapping[str, str]) -> tuple[str, ...]:
    old = ""
    for command in _COMPOSES:
        version = _ask((*command, "version", "--short"), environ).strip()
        if _numbers(version) >= _OLDEST_COMPOSE:
            return command
        old = old or (version if _numbers(version) else "")
    found = f"Compose {old} is too old" if old else "Compose is missing"
    raise DockerError(f"{found}; install Compose 2.24 or newer (docker-compose-plugin), or use --no-docker")


def _ask(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout or done.stderr


def _reason(info: Mapping[str, Any], told: str) -> str:
    errors = info.get("ServerErrors") or [told.strip() or "it says nothing"]
    return str(errors[0]).splitlines()[-1].rstrip(".")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


@dataclass(frozen=True)
class Project:
    """compose.yaml on an engine, with *chosen*: the variables that it was started with."""

    compose: tuple[str, ...]
    chosen: Mapping[str, str]

    @classmethod
    def of(cls, engine: Engine, catalog: Path, ports: Mapping[str, int], environ: Mapping[str, str]) -> "Project":
        """Return the project on *catalog*, a folder or a file in one, with *ports* by component."""
        path = catalog.absolute()
        if not path.exists():
            raise DockerError(f"{catalog}: there is no such file or folder; name the catalog")
        folder, file = (path, "") if path.is_dir() else (path.parent, path.name)
        named = {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
        kept = {name: environ[name] for name in ("COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES") if name in environ}
        return cls(engine.compose, {"SEAWALL_CATALOG": str(folder), "SEAWALL_CATALOG_FILE": file, **named, **kept})

    @classmethod
    def started(cls, layout: Layout) -> "Project | None":
        """Return the project that an ``up`` with the state folder *layout* has started; None where none was.

        A folder may come from somebody else, so nothing that its note says beyond what ``up`` writes is run or set.
        """
        try:
            read = json.loads(layout.docker.read_text(encoding="utf-8"))
            command, chosen = tuple(read["compose"]), dict(read["chosen"])
            known = all(_CHOSEN.fullmatch(name) and isinstance(value, str) for name, value in chosen.items())
            if command not in _COMPOSES or not known:
                raise ValueError
            return cls(command, chosen)
        except OSError:  # nor is there any stack where the folder cannot be entered; who makes it says so
            return None
        except (ValueError, KeyError, TypeError):
            raise DockerError(f"{layout.docker} cannot be read; remove it, and start again with seawall up") from None

    def note(self, layout: Layout) -> None:
        """Remember that *layout*'s stack is this one: ``down``, ``status`` and ``logs`` ask it."""
        write_atomically(layout.docker, json.dumps({"compose": self.compose, "chosen": dict(self.chosen)}, indent=1))

    def up(self, seconds: float) -> None:
        """Build, start and wait until all is healthy; Compose shows its progress. Raise DockerError."""
        words = ("up", "--detach", "--wait", "--wait-timeout", str(int(seconds)), "--remove-orphans")
        if self.run(*words) != 0:
            raise DockerError("Compose could not bring the stack up, see above; look with: seawall status | logs NAME")

    def run(self, *words: str) -> int:
        """Run Compose with *words*, its output shown, what it reports on standard error; return its exit code."""
        return subprocess.run(self._command(words), env=self._environment, check=False).returncode

    def containers(self) -> list[dict[str, Any]]:
        """Return what Compose says of each container: its ``Service``, ``State``, ``Health`` and ``ExitCode``."""
        command = self._command(("ps", "--all", "--format", "json"))
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DockerError(f"Compose does not answer: {(done.stderr.strip() or 'it says nothing').splitlines()[-1]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def _command(self, words: Sequence[str]) -> list[str]:
        return [*self.compose, "--file", str(COMPOSE_FILE), "--project-directory", str(COMPOSE_FILE.parent), *words]

    @property
    def _environment(self) -> dict[str, str]:
        sys.stdout.flush()  # Compose writes to the same place
        return {**os.environ, **self.chosen}


def is_well(container: Mapping[str, Any]) -> bool:
    """Whether *container* runs and is not unhealthy, or had one thing to do and has done it."""
    if container["State"] == _FINISHED:
        return bool(container["ExitCode"] == 0)
    return bool(container["State"] == "running" and container["Health"] in ("healthy", ""))
