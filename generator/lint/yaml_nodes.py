"""A file of YAML as nodes that know where they stand; built event by event, so that no depth ends the process."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from seawall.generator.rule_files import SAFE_LOADER

_DEEPEST: Final = 64  # levels; a file of rules needs seven
_MERGE: Final = "<<"


@dataclass(frozen=True)
class Mark:
    """A place in the text: the line and the column counted from one, and the offset from zero."""

    line: int
    column: int
    offset: int


class UnreadableError(ValueError):
    """The text is no YAML that can be read; *mark* is where."""

    def __init__(self, mark: Mark, said: str) -> None:
        self.mark = mark
        super().__init__(said)


@dataclass(eq=False)
class Scalar:
    """A value: its text, whether it stands plain, in quotes or as a block, and where it begins and ends."""

    text: str
    style: str
    start: Mark
    end: Mark


@dataclass(eq=False)
class Sequence:
    """A list."""

    start: Mark
    end: Mark
    items: list["Node"] = field(default_factory=list)


@dataclass(eq=False)
class Mapping:
    """A mapping, its pairs in the order of the file; those of a merge key (`<<`) count where it has none itself."""

    start: Mark
    end: Mark
    pairs: list[tuple[Scalar, "Node"]] = field(default_factory=list)

    def get(self, name: str) -> "Node | None":
        """Return the value of the key *name*."""
        found = next((value for key, value in self.pairs if key.text == name), None)
        return found or next((value for value in (each.own(name) for each in self._merged()) if value), None)

    def own(self, name: str) -> "Node | None":
        """Return the value of the key *name*, merge keys aside."""
        return next((value for key, value in self.pairs if key.text == name), None)

    def own_keys(self) -> Iterator[Scalar]:
        """Yield its own keys."""
        return (key for key, _ in self.pairs if key.text != _MERGE)

    def _merged(self) -> Iterator["Mapping"]:
        for key, value in self.pairs:
            if key.text == _MERGE:
                yield from (each for each in getattr(value, "items", [value]) if isinstance(each, Mapping))


Node = Scalar | Sequence | Mapping


def documents(text: str) -> list[Node]:
    """Return the documents of *text* that are not empty; raise UnreadableError where it is not YAML."""
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=SAFE_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        found = error.problem_mark or error.context_mark
        raise UnreadableError(_mark(found) if found else Mark(1, 1, 0), error.problem or "it ends too early") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"), error.position)
        raise UnreadableError(mark, "a character that cannot stand in YAML") from None
    return builder.roots


def _mark(mark: Any) -> Mark:
    return Mark(mark.line + 1, mark.column + 1, mark.index)


class _Builder:
    def __init__(self) -> None:
        self.roots: list[Node] = []
        self._stack: list[tuple[Sequence | Mapping, str | None]] = []
        self._keys: list[Scalar | None] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: Any) -> None:
        start = _mark(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            scalar = Scalar(event.value, event.style or "", start, _mark(event.end_mark))
            self._put(scalar, event.anchor)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open(Mapping(start, start), event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(Sequence(start, start), event.anchor)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node, anchor = self._stack.pop()
            self._keys.pop()
            node.end = start
            self._put(node, anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise UnreadableError(start, f"alias *{event.anchor} names nothing that ends before it")
            self._put(self._anchors[event.anchor], None)

    def _open(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self._stack) == _DEEPEST:
            raise UnreadableError(node.start, f"it is nested deeper than {_DEEPEST} levels; no file of rules is")
        self._stack.append((node, anchor))
        self._keys.append(None)

    def _put(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._stack:
            if not isinstance(node, Scalar) or node.text:
                self.roots.append(node)
            return
        parent, key = self._stack[-1][0], self._keys[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif key is not None:
            parent.pairs.append((key, node))
            self._keys[-1] = None
        elif isinstance(node, Scalar):
            self._keys[-1] = node
        else:
            raise UnreadableError(node.start, "a mapping or a list cannot be a key")
