"""Runbook templates: one Markdown file a kind, a first-level heading an alert, a second-level heading a part."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from seawall.catalog import Position

from .sources import PackError, Source
from .text import Template

REQUIRED: Final = ("Meaning", "Diagnosis", "Mitigation")
KNOWN: Final = ("Meaning", "Impact", "First look", "Diagnosis", "Mitigation", "Tuning")


@dataclass(frozen=True)
class Section:
    """What a pack says about one alert: its parts by heading."""

    position: Position
    parts: Mapping[str, Template]


def parse_sections(source: Source) -> dict[str, Section]:
    """Return the sections of a runbook file by alert; a missing or unknown part is a PackError."""
    found: dict[str, Section] = {}
    for heading, line, body in _split(source.text, "# ", 1):
        position = Position(source.name, line)
        if heading in found:
            raise PackError(position, f"runbook {heading} stands twice; first in line {found[heading].position.line}")
        found[heading] = Section(position, _parts(source, heading, line, body))
    return found


def _parts(source: Source, alert: str, first: int, body: str) -> dict[str, Template]:
    file, parts = source.name, {}
    for heading, line, text in _split(body, "## ", first + 1):
        position = Position(file, line + 1)
        if heading not in KNOWN:
            raise PackError(
                Position(file, line), f"runbook {alert}: unknown part {heading!r}; known are {', '.join(KNOWN)}"
            )
        if text.strip():
            parts[heading] = Template.compile(text.strip("\n"), position, "markdown", when_used=source.is_own)
    missing = [heading for heading in REQUIRED if heading not in parts]
    if missing:
        raise PackError(Position(file, first), f"runbook {alert}: {' and '.join(missing)} is missing or empty")
    return parts


def _split(text: str, mark: str, first: int) -> list[tuple[str, int, str]]:
    """Return (heading, its line number, what follows); what stands before the first heading is for template authors."""
    found: list[tuple[str, int, list[str]]] = []
    fenced = False
    for number, line in enumerate(text.split("\n"), first):
        fenced ^= bool(re.match(r"\s*```", line))
        if line.startswith(mark) and not fenced:
            found.append((line.removeprefix(mark).strip(), number, []))
        elif found:
            found[-1][2].append(line)
    return [(heading, number, "\n".join(lines)) for heading, number, lines in found]
