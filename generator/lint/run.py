"""Files in, findings out: each with its place, its check and its message, in the order of the files."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.catalog import Position, SeawallError

from .check import Check, Settings, Told
from .comments import ignored
from .expressions import Node
from .registry import CHECKS, COMMENT
from .rules import Rule, RuleFile, groups_of
from .spots import spot
from .yaml_nodes import Mapping, Mark, Scalar, UnreadableError, documents

STDIN: Final = "-"
_LARGEST: Final = 32 * 1024 * 1024  # bytes


@dataclass(frozen=True, order=True)
class Finding:
    """What is told: where, by which check, and what; *rule* is the name of the rule, where it is about one."""

    position: Position
    check: str
    message: str
    rule: str = ""

    def __str__(self) -> str:
        about = f"{self.rule}: " if self.rule else ""
        return f"{self.position}: {about}{self.message} [{self.check}]"


class UnreadableFileError(SeawallError):
    """A file cannot be linted: it is not there, no YAML, or no file of rules."""

    def __init__(self, position: Position, said: str) -> None:
        super().__init__(f"{position}: {said}")


def read(name: str) -> RuleFile:
    """Return the file *name*, `-` for what is piped in; raise UnreadableFileError where it is none of rules."""
    text = _text(name)
    try:
        roots = documents(text)
    except UnreadableError as error:
        place = Position(name, error.mark.line, error.mark.column)
        raise UnreadableFileError(place, f"this is not YAML ({error})") from None
    if not all(isinstance(root, Mapping) and not root.pairs for root in roots) and not any(map(groups_of, roots)):
        raise UnreadableFileError(Position(name), "this is no file of rules: it has no groups")
    return RuleFile(name, text, roots)


def _text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read(_LARGEST + 1) if name == STDIN else _bytes(Path(name))
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UnreadableFileError(Position(name), f"it cannot be read: {said}") from None
    if len(raw) > _LARGEST:
        raise UnreadableFileError(Position(name), f"it is larger than {_LARGEST // 1024**2} MiB; split it")
    if b"\0" in raw:
        raise UnreadableFileError(Position(name), "it is binary, and no file of rules")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableFileError(Position(name, line), f"it is not UTF-8 (byte 0x{raw[error.start]:02x})") from None


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise UnreadableFileError(Position(str(path)), f"this is a folder; name its files, such as {path}/*.yml")
    if path.exists() and not path.is_file():
        raise UnreadableFileError(Position(str(path)), "this is no regular file; pipe it in, and name it -")
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)


def lint(files: Sequence[RuleFile], checks: Iterable[Check], settings: Settings | None = None) -> list[Finding]:
    """Return what *checks* find in *files*, what a comment switches off aside, file by file."""
    asked = list(checks)
    found: dict[str, set[Finding]] = {file.name: set() for file in files}
    for file, rule, check, told in _told(files, asked, settings or Settings()):
        name = rule.name.text if rule else ""
        found[file.name].add(Finding(_position(file, rule, told), check.name, told.message, name))
    return [each for file in files for each in _kept(file, found[file.name])]


def _told(
    files: Sequence[RuleFile], checks: Sequence[Check], settings: Settings
) -> Iterator[tuple[RuleFile, Rule | None, Check, Told]]:
    for check in checks:
        if check.of_files is not None:
            for told in check.of_files(files, settings):
                assert told.file is not None
                yield told.file, told.rule, check, told
        if check.of_rule is not None:
            for file in files:
                for rule in file.rules:
                    yield from ((file, rule, check, told) for told in check.of_rule(rule, settings))


def _position(file: RuleFile, rule: Rule | None, told: Told) -> Position:
    at = told.at
    if isinstance(at, Node):
        assert rule is not None
        return Position(file.name, *spot(file.text, rule.expr, at.offset))
    if at is None and rule is not None:
        at = rule.name
    start = at.start if at is not None else Mark(1, 1, 0)
    if isinstance(at, Scalar) and at.style in ("|", ">"):
        return Position(file.name, *spot(file.text, at, 0))
    return Position(file.name, start.line, start.column)


def _kept(file: RuleFile, found: set[Finding]) -> list[Finding]:
    """Return the findings in *file* that no comment switches off, and what is wrong with its comments."""
    off, wrong = ignored(file, CHECKS)
    kept = [each for each in found if not any(one.covers(each.check, each.position.line) for one in off)]
    kept += [Finding(Position(file.name, each.line, each.column), COMMENT, each.message) for each in wrong]
    return sorted(kept)
