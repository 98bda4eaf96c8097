"""Where every node of the catalog stands, kept small: one integer a node, a thousand services in a few megabytes."""

from collections.abc import Iterator, Mapping
from typing import Final

from .problems import Position

Path = tuple[str | int, ...]

# A place packs, from the low bits: the value's column and line, its key's column and line, the number of the file.
_COLUMN: Final = 16
_LINE: Final = 24
_MARK: Final = _COLUMN + _LINE
_MARKS: Final = (1 << _MARK) - 1
_WIDEST: Final = (1 << _COLUMN) - 1
_LONGEST: Final = (1 << _LINE) - 1


def mark(line: int, column: int) -> int:
    """Return the packed place of a line and column, both counted from zero."""
    return min(line, _LONGEST) << _COLUMN | min(column, _WIDEST)


class Branch:
    """A mapping or a list: its own place, and those of its children by key or index."""

    __slots__ = ("children", "place")

    def __init__(self, place: int, children: "dict[str, Place] | list[Place]") -> None:
        self.place = place
        self.children = children


Place = int | Branch


def pack(file: int, key: int, value: int) -> int:
    """Return the place of a node of the file numbered *file*, whose key and value stand at two marks."""
    return (file << _MARK | key) << _MARK | value


def key_position(place: Place, file: str) -> Position:
    """Return where the key of a node in *file* stands."""
    return _position(place, file, at_key=True)


def _position(found: Place, file: str, *, at_key: bool) -> Position:
    place = found.place if isinstance(found, Branch) else found
    spot = (place >> _MARK if at_key else place) & _MARKS
    return Position(file, (spot >> _COLUMN) + 1, (spot & _WIDEST) + 1)


class Places(Mapping[Path, Position]):
    """The positions of all nodes by path: a scalar's own; a mapping's and a list's are those of its key."""

    def __init__(self, root: Branch, files: list[str]) -> None:
        self._root, self._files = root, files

    def __getitem__(self, path: Path) -> Position:
        found = self._find(path)
        return self._position(found, at_key=isinstance(found, Branch))

    def __iter__(self) -> Iterator[Path]:
        todo: list[tuple[Path, Place]] = [((), self._root)]
        while todo:
            path, place = todo.pop()
            yield path
            if isinstance(place, Branch):
                children = place.children
                pairs = children.items() if isinstance(children, dict) else enumerate(children)
                todo += [((*path, key), child) for key, child in pairs]

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of_key(self, path: Path) -> Position:
        """Return where the key of the node at *path* stands; KeyError if there is no such node."""
        return self._position(self._find(path), at_key=True)

    def nearest(self, path: Path, *, at_key: bool = False) -> Position:
        """Return the position of the node at *path*, or of its nearest ancestor that stands in a file."""
        while path:
            if path in self:
                return self.of_key(path) if at_key else self[path]
            path, at_key = path[:-1], False
        return self[()]

    def _find(self, path: Path) -> Place:
        place: Place = self._root
        for step in path:
            if not isinstance(place, Branch):
                raise KeyError(path)
            children = place.children
            if isinstance(children, dict):
                place = children[str(step)]
            elif isinstance(step, int) and 0 <= step < len(children):
                place = children[step]
            else:
                raise KeyError(path)
        return place

    def _position(self, found: Place, *, at_key: bool) -> Position:
        place = found.place if isinstance(found, Branch) else found
        return _position(found, self._files[place >> 2 * _MARK], at_key=at_key)
