"""The processes of an example: ``processes.yaml``, given by a flag and never taken from a catalog."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seawall.catalog import SeawallError

from .state import ProcessSpec

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}|\$(\$)")
_NAME: Final = r"^[a-z][a-z0-9-]{0,62}$"
_Port = Annotated[int, Field(ge=1, le=65535, strict=True)]


class ProcessesError(SeawallError):
    """The processes file cannot be used; the text names the file and every key that is wrong."""


class _Process(BaseModel):
    model_config = ConfigDict(extra="forbid")

    command: Annotated[list[Annotated[str, Field(strict=True)]], Field(min_length=1)]
    environment: dict[str, Annotated[str, Field(strict=True)]] = {}
    ports: list[_Port] = []
    health: Annotated[str, Field(pattern=r"^https?://(127\.0\.0\.1|localhost)[:/]")] | None = None
    address: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    processes: dict[Annotated[str, Field(pattern=_NAME)], _Process]


def load_processes(path: Path, variables: Mapping[str, str], taken: frozenset[str]) -> tuple[ProcessSpec, ...]:
    """Return the processes of the file at *path*, ``${NAME}`` filled from *variables* (``$$`` is a dollar).

    Raise ProcessesError, with everything that is wrong, for a file, key, variable or name in *taken* that cannot stand.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProcessesError(f"{path}: {error.strerror}; give the file of processes with --processes") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProcessesError(f"{path}: this is not YAML: {' '.join(str(error).split())}") from None
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        raise ProcessesError("\n".join(f"{path}: {_said(found)}" for found in error.errors())) from None
    problems = [
        f"{path}: processes.{name}: the stack has a process of this name; choose another"
        for name in file.processes
        if name in taken
    ]
    filler = _Filler(path, variables, problems)
    specs = tuple(_spec(name, process, filler) for name, process in file.processes.items())
    if problems:
        raise ProcessesError("\n".join(problems))
    return specs


def _spec(name: str, process: _Process, filler: "_Filler") -> ProcessSpec:
    at = f"processes.{name}"
    return ProcessSpec(
        name=name,
        command=tuple(filler.fill(text, f"{at}.command[{index}]") for index, text in enumerate(process.command)),
        environment={key: filler.fill(text, f"{at}.environment.{key}") for key, text in process.environment.items()},
        ports=tuple(process.ports),
        health=process.health,
        address=process.address or (f"http://127.0.0.1:{process.ports[0]}" if process.health and process.ports else ""),
        gated=True,
    )


class _Filler:
    def __init__(self, path: Path, variables: Mapping[str, str], problems: list[str]) -> None:
        self._path, self._variables, self._problems = path, variables, problems

    def fill(self, text: str, at: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            if found[2]:
                return "$"
            if name not in self._variables:
                known = ", ".join(f"${{{known}}}" for known in sorted(self._variables))
                self._problems.append(
                    f"{self._path}: {at}: ${{{name}}} is unknown; use one of {known}, or $$ for a dollar"
                )
                return ""
            return self._variables[name]

        return _VARIABLE.sub(value, text)


def _said(found: Any) -> str:
    at = ".".join(str(step) for step in found["loc"] if step != "[key]") or "the file"
    if found["type"] == "extra_forbidden":
        known = list((_File if len(found["loc"]) == 1 else _Process).model_fields)
        guess = difflib.get_close_matches(str(found["loc"][-1]), known, n=1)
        meant = f"did you mean {guess[0]}?" if guess else f"the keys are {', '.join(known)}"
        return f"{at}: unknown key; {meant}"
    if found["loc"][-1:] == ("health",):
        return f"{at}: {found['input']!r} is no address on loopback; write such as http://127.0.0.1:8001/health"
    return f"{at}: {found['msg']} (found {found['input']!r})"
