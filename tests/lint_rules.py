"""Rules for the tests of the linter: one sound alert, and what is laid over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from seawall.generator.lint import CHECKS, Finding, Settings, lint, read

SOUND: Final[Mapping[str, Any]] = {
    "alert": "QueueLong",
    "expr": 'queue_length{job="mail"} > 100',
    "for": "10m",
    "labels": {"severity": "ticket"},
    "annotations": {"summary": "Mail waits."},
}
DEFAULT: Final = tuple(each for each in CHECKS.values() if not each.is_optional)


def rule(**changes: Any) -> dict[str, Any]:
    """Return the sound alert with *changes*; what is None is taken out."""
    return {key: value for key, value in {**SOUND, **changes}.items() if value is not None}


def found(folder: Path, *rules: Mapping[str, Any], settings: Settings | None = None) -> list[Finding]:
    """Return what all checks that run by default find in a file of *rules*."""
    text = yaml.safe_dump({"groups": [{"name": "test", "rules": [dict(each) for each in rules]}]}, sort_keys=False)
    return found_in(folder, text, settings=settings)


def found_in(folder: Path, text: str, *, settings: Settings | None = None) -> list[Finding]:
    """Return what these checks find in a file that holds *text*."""
    file = folder / "rules.yml"
    file.write_text(text, encoding="utf-8")
    return lint([read(str(file))], DEFAULT, settings)


def places(findings: list[Finding]) -> list[tuple[str, int, int]]:
    """Return the check, the line and the column of each."""
    return [(each.check, each.position.line, each.position.column) for each in findings]
