"""Comments that switch a check off: ``# seawall: ignore CHECK reason``."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from seawall.generator.guesses import guess

from .rules import Rule, RuleFile
from .yaml_nodes import Mapping

_COMMENT: Final = re.compile(r"(?:^|\s)#[ \t]*seawall:[ \t]*(?P<word>\S*)[ \t]*(?P<names>[\w,-]*)[ \t]*(?P<reason>.*)")
_IGNORE: Final = "ignore"


@dataclass(frozen=True)
class Ignored:
    """A check that a comment switches off in these lines."""

    check: str
    lines: range

    def covers(self, check: str, line: int) -> bool:
        """Whether a finding of *check* at *line* is not told."""
        return check == self.check and line in self.lines


@dataclass(frozen=True)
class _Span:
    lines: range  # where a comment stands
    covered: range  # what it is for


@dataclass(frozen=True)
class Wrong:
    """A comment that switches nothing off, and why."""

    message: str
    line: int
    column: int


def ignored(file: RuleFile, checks: Collection[str]) -> tuple[list[Ignored], list[Wrong]]:
    """Return what the comments of *file* switch off, each for the rule in or above which it stands.

    One above the first group is for the whole file.
    """
    found: list[Ignored] = []
    wrong: list[Wrong] = []
    spans = list(_spans(file)) if "seawall:" in file.text else []
    for number, line in enumerate(file.text.split("\n") if spans else (), 1):
        comment = _COMMENT.search(line)
        if comment is None:
            continue
        names = [name for name in comment["names"].split(",") if name]
        said = _mistake(comment["word"], names, comment["reason"], checks)
        if said:
            wrong.append(Wrong(said, number, comment.start("word") + 1))
            continue
        lines = next((span.covered for span in spans if number in span.lines), range(number, number + 1))
        found += [Ignored(name, lines) for name in names]
    return found, wrong


def _mistake(word: str, names: list[str], reason: str, checks: Collection[str]) -> str:
    if word != _IGNORE or not names:
        return "write # seawall: ignore CHECK reason"
    unknown = [name for name in names if name not in checks]
    if unknown:
        return f"there is no check {unknown[0]}: {guess(unknown[0], checks)}"
    return "" if reason.strip() else f"say why {names[0]} is ignored: # seawall: ignore {names[0]} reason"


def _spans(file: RuleFile) -> Iterator[_Span]:
    """Yield where a comment may stand and what it is for: the file above all groups, a rule in or above itself."""
    groups = re.search(r"^(groups|spec)\b", file.text, re.MULTILINE)
    head = file.text.count("\n", 0, groups.start()) if groups else 0
    yield _Span(range(1, head + 1), range(1, file.text.count("\n") + 2))
    before = head
    for rule in file.rules:
        own = range(before + 1, _last_line(rule, file.text) + 1)
        yield _Span(own, own)
        before = own[-1] if own else before


def _last_line(rule: Rule, text: str) -> int:
    parts = [value for _, value in rule.node.pairs]
    parts += [value for part in parts if isinstance(part, Mapping) for _, value in part.pairs]
    lines = [each.start.line + text[each.start.offset : each.end.offset].rstrip().count("\n") for each in parts]
    return max([rule.node.start.line, *lines])
