"""One YAML document, read event by event: plain data, the place of every node, and what is wrong with it.

Nothing is constructed but mappings, lists and scalars; there is no recursion, and an alias shares what it names.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from .places import Branch, Path, Place, key_position, mark, pack
from .problems import CatalogError, Position, Problem
from .scalars import resolve
from .wording import about, field_name, quoted

# libyaml's parser is some twenty times as quick as the one in Python; both give the same events.
FAST: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 64  # levels; the model needs nine
_TOO_DEEP: Final = f"this is nested deeper than {_DEEPEST} levels; no part of a catalog is"
_FREE: Final = 10_000  # values that aliases may always add
_GROWTH: Final = 10  # times what is written that aliases may add beyond these
_UNREADABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINT: Final = 'check the indentation, and put text that holds ": ", " #" or begins with one of {[*&!|>%@` in quotes'


@dataclass(frozen=True)
class Document:
    """What a file holds: *data* is None for one without any content; *merged* are the mappings with a merge key."""

    data: Any
    place: Branch | None
    problems: list[Problem]
    merged: set[Path]


class _Frame:
    """A mapping or list whose end has not been read."""

    __slots__ = ("anchor", "branch", "data", "dropped", "is_map", "key", "key_mark", "size")

    def __init__(self, data: Any, branch: Branch, anchor: str | None) -> None:
        self.data, self.branch, self.anchor = data, branch, anchor
        self.is_map = isinstance(data, dict)
        self.key: str | None = None
        self.key_mark = 0
        self.dropped = False  # whether the value of this key is read and forgotten
        self.size = 1

    @property
    def wants_key(self) -> bool:
        """Whether the next node is a key."""
        return self.is_map and self.key is None

    def place(self, number: int, spot: int) -> int:
        """Return the packed place of the value at *spot* whose turn it is."""
        return pack(number, self.key_mark if self.is_map else spot, spot)


_Anchored = tuple[Any, Place, int]


def read_document(text: str, file: str, number: int, parser: Any = FAST) -> Document:
    """Return the document that *text* holds; raise CatalogError where it cannot be read to its end."""
    reader = _Reader(file, number)
    bad = _UNREADABLE.search(text)
    if bad:
        raise CatalogError([Problem(_position_in(text, bad.start(), file), _unreadable(bad[0]))])
    try:
        reader.read(yaml.parse(text, Loader=parser))
    except yaml.MarkedYAMLError as error:
        found = error.problem_mark or error.context_mark
        place = Position(file, found.line + 1, found.column + 1) if found else Position(file)
        raise CatalogError([*reader.problems, Problem(place, _syntax(error, text))]) from None
    return Document(reader.data, reader.root, reader.problems, reader.merged)


class _Reader:
    def __init__(self, file: str, number: int) -> None:
        self.file, self.number = file, number
        self.problems: list[Problem] = []
        self.merged: set[Path] = set()
        self.data: Any = None
        self.root: Branch | None = None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}
        self._written = 0
        self._documents = 0
        self._worst = (0, Position(file))

    def read(self, events: Iterable[Any]) -> None:
        """Take all *events*; CatalogError ends the reading where going on would mean nothing."""
        take = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._start,
        }
        for event in events:
            action = take.get(type(event))
            if action is not None:
                action(event)

    def _start(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            said = "a second document begins here; take the --- away, or put it into a file of its own in a folder"
            raise self._fatal(event, said)

    def _scalar(self, event: Any) -> None:
        spot = mark(event.start_mark.line, event.start_mark.column)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.wants_key:
            self._key(frame, event, spot)
            return
        if event.tag is not None:
            self._tagged(event)
        value = resolve(event.value) if event.implicit[0] and event.tag is None else event.value
        self._put(event.anchor, value, self._place(spot), 1)

    def _key(self, frame: _Frame, event: Any, spot: int) -> None:
        frame.key, frame.key_mark, frame.dropped = event.value, spot, False
        if event.tag is not None:
            self._tagged(event)
        if event.value == "<<" and event.implicit[0]:
            said = "merge keys (<<) are not part of YAML 1.2; write the keys out, or put what is shared under defaults"
            self._problem(event, said)
            self.merged.add(self._path()[:-1])
            frame.dropped = True
        elif event.value in frame.data:
            self._duplicate(frame, event)
            frame.dropped = True

    def _duplicate(self, frame: _Frame, event: Any) -> None:
        children = frame.branch.children
        assert isinstance(children, dict)
        first = key_position(children[event.value], self.file)
        self._problem(event, stands_twice(self._path(), first))

    def _open(self, event: Any) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise self._fatal(
                event, "a mapping or a list cannot be a key; write text, in quotes if it begins with { or ["
            )
        if event.tag is not None:
            self._tagged(event)
        if len(self._stack) == _DEEPEST:
            raise self._fatal(event, _TOO_DEEP)
        place = self._place(mark(event.start_mark.line, event.start_mark.column))
        if event.anchor:
            self._anchors[event.anchor] = None
        if type(event) is yaml.MappingStartEvent:
            self._stack.append(_Frame({}, Branch(place, {}), event.anchor))
        else:
            self._stack.append(_Frame([], Branch(place, []), event.anchor))

    def _close(self, _: Any) -> None:
        frame = self._stack.pop()
        self._put(frame.anchor, frame.data, frame.branch, frame.size)

    def _alias(self, event: Any) -> None:
        if self._stack and self._stack[-1].wants_key:
            raise self._fatal(event, "an alias cannot be a key; write the key out")
        if event.anchor not in self._anchors:
            raise self._fatal(event, f"alias *{event.anchor} names no anchor that stands before it")
        known = self._anchors[event.anchor]
        if known is None:
            raise self._fatal(event, f"alias *{event.anchor} stands inside what it names; nothing can hold itself")
        data, target, size = known
        own = self._place(mark(event.start_mark.line, event.start_mark.column))
        self._worst = max(self._worst, (size, self._position(event)))
        self._put(None, data, Branch(own, target.children) if isinstance(target, Branch) else own, size)

    def _put(self, anchor: str | None, value: Any, place: Place, size: int) -> None:
        self._written += 1
        if anchor:
            self._anchors[anchor] = (value, place, size)
        if not self._stack:
            self._finish(value, place, size)
            return
        frame = self._stack[-1]
        frame.size += size
        children = frame.branch.children
        if isinstance(children, list):
            frame.data.append(value)
            children.append(place)
            return
        if not frame.dropped:
            assert frame.key is not None
            frame.data[frame.key] = value
            children[frame.key] = place
        frame.key = None

    def _finish(self, value: Any, place: Place, size: int) -> None:
        if size > _FREE + _GROWTH * self._written:
            worst = self._worst[1]
            said = f"aliases make {size:,} values out of the {self._written:,} that are written; use fewer of them"
            raise CatalogError([*self.problems, Problem(worst, said)])
        self.data = value
        self.root = place if isinstance(place, Branch) else Branch(place, {})

    def _tagged(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)
        self._problem(event, f"tag {quoted(tag)} is refused: a catalog is plain data; take the tag away")

    def _place(self, spot: int) -> int:
        return self._stack[-1].place(self.number, spot) if self._stack else pack(self.number, spot, spot)

    def _path(self) -> Path:
        steps = [len(frame.data) if frame.key is None else frame.key for frame in self._stack]
        return tuple(steps)

    def _position(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _problem(self, event: Any, said: str) -> None:
        self.problems.append(Problem(self._position(event), about(self._path(), said)))

    def _fatal(self, event: Any, said: str) -> CatalogError:
        return CatalogError([*self.problems, Problem(self._position(event), said)])


def stands_twice(path: Path, first: Position) -> str:
    """Return what is said of the second of two equal keys."""
    name = field_name(path) or "this name"
    return f"{name} stands twice, the first time at {first}; keep one of them"


def _position_in(text: str, offset: int, file: str) -> Position:
    line = text.count("\n", 0, offset)
    return Position(file, line + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _unreadable(character: str) -> str:
    return f"character U+{ord(character):04X} cannot stand in YAML; take it out"


def _syntax(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or "the text ends too early"
    if "nesting depth" in problem:  # newer releases of the parser have a limit of their own, and look ahead to it
        return _TOO_DEEP
    if "cannot start any token" in problem and error.problem_mark:
        character = text[error.problem_mark.index]
        if character == "\t":
            return "a tab cannot indent YAML; use spaces"
        return f"a value cannot begin with {character}; put it in quotes"
    return f"this is not YAML ({problem}); {_HINT}"
