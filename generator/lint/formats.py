"""Findings as people, programs and GitHub read them."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from seawall.generator.text import counted

from .check import Check
from .run import Finding

Style = Callable[..., str]
FORMATS: Final = ("text", "json", "github")


def as_text(findings: Sequence[Finding], style: Style) -> str:
    """Return a line for each finding; *style* colours words, where there is a terminal."""
    lines = []
    for each in findings:
        about = f"{style(_printable(each.rule), bold=True)}: " if each.rule else ""
        lines.append(f"{each.position}: {about}{_printable(each.message)} {style(f'[{each.check}]', fg='cyan')}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """Return a list of objects: file, line, column, check, rule, message."""
    return json.dumps(
        [
            {
                "file": each.position.file,
                "line": each.position.line,
                "column": each.position.column,
                "check": each.check,
                "rule": each.rule,
                "message": each.message,
            }
            for each in findings
        ],
        indent=2,
    )


def as_github(findings: Sequence[Finding]) -> str:
    """Return GitHub's workflow commands, which it shows at the lines of a pull request."""
    return "\n".join(
        f"::warning file={_property(each.position.file)},line={each.position.line},col={each.position.column},"
        f"title={_property(f'seawall lint: {each.check}')}::{_data(_said(each))}"
        for each in findings
    )


def as_list(checks: Iterable[Check], style: Style) -> str:
    """Return every check with what it finds, why that is bad, and how to mend it."""
    return "\n\n".join(
        f"{style(each.name, bold=True)}{' (where --select names it)' if each.is_optional else ''}\n"
        f"  {each.finds}.\n  {each.reason}\n  {each.mend}"
        for each in checks
    )


def summary(files: int, rules: int, findings: Sequence[Finding]) -> str:
    """Return how much was read, and how much was found."""
    found = counted(len(findings), "finding") if findings else "nothing found"
    return f"{counted(files, 'file')}, {counted(rules, 'rule')}: {found}"


def _said(finding: Finding) -> str:
    return f"{finding.rule}: {finding.message}" if finding.rule else finding.message


def _printable(text: str) -> str:
    """Return *text* in one line that moves no cursor."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
