"""Prometheus' text format, read as strictly as its own parser for Go reads it, with the line of what is wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from seawall.catalog import SeawallError

_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE: Final = re.compile(rf"({_NAME})[ \t]*(?:\{{(.*)\}})?[ \t]*([^\s{{}}]+)(?:[ \t]+(\S+))?[ \t]*")
_COMMENT: Final = re.compile(rf"#[ \t]*(HELP|TYPE)[ \t]+({_NAME})(?:[ \t]+(.*))?")
_LABEL: Final = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*(,|$)[ \t]*')
_NUMBER: Final = re.compile(
    r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE
)
_TYPES: Final = ("counter", "gauge", "histogram", "summary", "untyped")
_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_ESCAPED: Final = re.compile(r"\\(.)")

SampleKey = tuple[str, tuple[tuple[str, str], ...]]


class ExpositionError(SeawallError):
    """The text is none of that format; the message begins with the line's number."""


@dataclass
class TextFamily:
    """A family as the text has it: *help* is None where it says nothing; *samples* by name and sorted labels.

    Where it *is_doubled* a sample was there twice, of which the first is kept.
    """

    name: str
    type: str = "untyped"
    help: str | None = None
    samples: dict[SampleKey, float] = field(default_factory=dict)
    is_doubled: bool = False


def read_exposition(text: str) -> list[TextFamily]:
    """Return the families of *text*, those with samples; raise ExpositionError."""
    reading = _Reading()
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        problem = reading.line(line.strip(" \t"))
        if problem:
            raise ExpositionError(f"line {number}: {problem}")
    if lines[-1]:
        raise ExpositionError(f"line {len(lines)}: it ends without a line's end, as a file that is still being written")
    return [family for family in reading.families.values() if family.samples]


class _Reading:
    def __init__(self) -> None:
        self.families: dict[str, TextFamily] = {}
        self._typed: set[str] = set()

    def line(self, line: str) -> str:
        """Take one line in; return what is wrong with it, or nothing."""
        if not line:
            return ""
        if line.startswith("#"):
            found = _COMMENT.fullmatch(line)
            return self._comment(found[1], found[2], found[3] or "") if found else ""
        sample = _SAMPLE.fullmatch(line)
        return self._sample(sample) if sample else 'this is no sample; write NAME{LABEL="VALUE"} NUMBER'

    def _comment(self, word: str, name: str, rest: str) -> str:
        family = self._family(name)
        if word == "HELP":
            if family.help is not None:
                return f"a second HELP of {name}"
            family.help = _ESCAPED.sub(lambda found: {"n": "\n", "\\": "\\"}.get(found[1], found[0]), rest)
            return ""
        if not rest:
            return ""
        if name in self._typed or family.samples:
            return f"a second TYPE of {name}, or one after its samples"
        if rest not in _TYPES:
            return f"{rest!r} is no type; there are {', '.join(_TYPES)}"
        self._typed.add(name)
        family.type = rest
        return ""

    def _sample(self, found: re.Match[str]) -> str:
        name, inside, value, timestamp = found.groups()
        if timestamp is not None:
            return "it has a timestamp; Prometheus would not notice that the file has grown old"
        if not _NUMBER.fullmatch(value):
            return f"{value!r} is no number"
        labels = dict(_labels(inside or ""))
        if inside and (not labels or _written(inside) != len(labels)):
            return "its labels cannot be read, or one is there twice"
        key = name, tuple(sorted((label, text) for label, text in labels.items() if text))
        family = self._family(self._base(name))
        family.is_doubled |= key in family.samples
        family.samples.setdefault(key, float(value))
        return ""

    def _family(self, name: str) -> TextFamily:
        return self.families.setdefault(name, TextFamily(name))

    def _base(self, name: str) -> str:
        """Return the family of a sample: of x_count it is x, where x is a histogram or a summary."""
        for type_, suffixes in _SUFFIXES.items():
            for suffix in suffixes:
                family = self.families.get(name.removesuffix(suffix))
                if family is not None and family.name != name and family.type == type_:
                    return family.name
        return name


def _labels(inside: str) -> Iterator[tuple[str, str]]:
    end = 0
    while found := _LABEL.match(inside, end):
        yield found[1], _ESCAPED.sub(lambda escaped: "\n" if escaped[1] == "n" else escaped[1], found[2])
        end = found.end()


def _written(inside: str) -> int:
    """Return how many labels are written, or -1 where something else is there too."""
    end = count = 0
    while end < len(inside) and (found := _LABEL.match(inside, end)):
        end, count = found.end(), count + 1
    return count if end == len(inside) else -1
