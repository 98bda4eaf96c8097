"""Where templates come from: Seawall's own folders, and a user's folder laid out the same way that goes first."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from seawall.catalog import Position, SeawallError

from .rule_files import SAFE_LOADER


class PackError(SeawallError):
    """A pack is incomplete or malformed; says the file, the line and the mend."""

    def __init__(self, position: Position, reason: str) -> None:
        self.position = position
        super().__init__(f"{position}: {reason}")


@dataclass(frozen=True)
class Source:
    """One template file: what it is called in messages, its text, and whether it is Seawall's own."""

    name: str
    text: str
    is_own: bool = False


class Sources:
    """Looks a template up by its path, such as ``alerts/http.yaml.j2``; a user's file hides Seawall's of that name."""

    def __init__(self, override: Path | None = None) -> None:
        own = Path(str(resources.files("seawall") / "templates"))
        if override is not None and not override.is_dir():
            raise SeawallError(f"{override}: no such folder of templates; it holds alerts/, dashboards/ and runbooks/")
        self._roots = [(override, f"{override}/"), (own, "")] if override else [(own, "")]

    def read(self, path: str) -> Source | None:
        """Return the file at *path*, or None where there is none."""
        for root, prefix in self._roots:
            file = root / path
            if file.is_file():
                try:
                    return Source(prefix + path, file.read_text(encoding="utf-8"), is_own=not prefix)
                except UnicodeDecodeError:
                    raise PackError(Position(prefix + path), "is not UTF-8; save it as UTF-8") from None
        return None

    def stems(self, folder: str, suffix: str) -> list[str]:
        """Return the sorted stems of the files in *folder* that end in *suffix*; those that begin with ``_`` too."""
        found = {
            file.name.removesuffix(suffix)
            for root, _ in self._roots
            if (root / folder).is_dir()
            for file in (root / folder).iterdir()
            if file.name.endswith(suffix) and not file.name.startswith(".")
        }
        return sorted(found)


class Node:
    """A YAML value with its place: what the pack loader reads, so that every message can say file and line."""

    def __init__(self, node: yaml.Node, file: str, *, is_own: bool = False) -> None:
        self._node, self.is_own = node, is_own
        self.position = Position(file, node.start_mark.line + 1, node.start_mark.column + 1)

    @classmethod
    def parse(cls, source: Source) -> "Node":
        """Return the root of *source*."""
        try:
            node = yaml.compose(source.text, Loader=SAFE_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise PackError(Position(source.name, line, column), f"is not YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise PackError(Position(source.name), f"is not YAML: {error}") from None
        if node is None:
            raise PackError(Position(source.name), "is empty")
        return cls(node, source.name, is_own=source.is_own)

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """Yield the keys and values of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise PackError(self.position, "must be a mapping")
        seen: dict[str, Node] = {}
        for key, value in self._node.value:
            name, node = str(key.value), self._inside(key)
            if name in seen:
                raise PackError(node.position, f"key {name!r} stands twice; first in line {seen[name].position.line}")
            seen[name] = node
            yield name, self._inside(value)

    def _inside(self, node: yaml.Node) -> "Node":
        return Node(node, self.position.file, is_own=self.is_own)

    def list(self) -> list["Node"]:
        """Return the entries of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise PackError(self.position, "must be a list")
        return [self._inside(value) for value in self._node.value]

    def fields(self, known: frozenset[str], required: frozenset[str] = frozenset()) -> dict[str, "Node"]:
        """Return a mapping's values by key; an unknown or a missing key is a PackError."""
        found = dict(self.items())
        for key in found.keys() - known:
            raise PackError(found[key].position, f"unknown key {key!r}; known are {', '.join(sorted(known))}")
        for key in sorted(required - found.keys()):
            raise PackError(self.position, f"lacks {key!r}")
        return found

    @property
    def is_scalar(self) -> bool:
        """Whether it is a single value."""
        return isinstance(self._node, yaml.ScalarNode)

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self._node, yaml.MappingNode)

    @property
    def text(self) -> str:
        """The scalar as it is written."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise PackError(self.position, "must be a single value; put text that begins with {{ in quotes")
        return str(self._node.value)

    def number(self, key: str) -> float:
        """The scalar as a number; *key* is what it is called in the message."""
        try:
            return float(self.text)
        except ValueError:
            raise PackError(self.position, f"{key} is {self.text!r}, not a number") from None

    @property
    def is_block(self) -> bool:
        """Whether the scalar is a ``|`` or ``>`` block, whose text begins on the next line."""
        return isinstance(self._node, yaml.ScalarNode) and self._node.style in ("|", ">")
