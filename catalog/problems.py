"""What can be wrong in a catalog, and how it is said."""

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """An error stops the render; a warning is printed and the work goes on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Position:
    """Where a node stands: the file as the user named it, line and column counted from one."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: its place, and one sentence with the value, the rule and the fix."""

    position: Position
    message: str
    severity: Severity = field(default=Severity.ERROR, compare=False)

    def __str__(self) -> str:
        prefix = "warning: " if self.severity is Severity.WARNING else ""
        return f"{self.position}: {prefix}{self.message}"


class SeawallError(Exception):
    """The base of every error that a user can cause: its text is a sentence for them, never a traceback."""


class CatalogError(SeawallError):
    """The catalog cannot be used; *problems* holds everything that is wrong with it, in the order of the files."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
