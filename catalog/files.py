"""The files of a catalog: found, read as UTF-8, and joined into one document."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from seawall.conventions import MADE

from .document import Document, read_document, stands_twice
from .places import Branch, Places, pack
from .places import Path as Steps
from .problems import CatalogError, Position, Problem
from .wording import about, shown

_SUFFIXES: Final = (".yaml", ".yml")
_SHARED: Final = ("teams", "services", "campaigns")  # sections that several files may add to
_RENDERED: Final = f"# {MADE} ".encode()
_RECOVERED: Final = "lost+found"  # which the root of a volume has, and only root may list
_LARGEST: Final = 32 * 2**20  # bytes of a file, some fifty thousand services
_INIT: Final = "run `seawall init` to write a first one"


@dataclass
class Source:
    """What all files together hold; *complete* is False where one of them could not be read to its end."""

    data: dict[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places(Branch(0, {}), [""]))
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True
    merged: frozenset[Steps] = frozenset()


Instead = Mapping[Path, bytes | None]
"""What is read in place of what a catalog's files hold; None leaves the file out."""
Fingerprint = tuple[tuple[str, int, int, int, int], ...]
"""What differs as soon as the files of a catalog do: name, inode, size, time and time of the inode's change of each.

The last is the system's own: copies that keep a file's time change it, and so do permissions.
"""


def read(path: Path, instead: Instead) -> Source:
    """Return what the file or the folder at *path* holds; raise CatalogError where there is nothing to read."""
    files = files_of(path)
    joiner = _Joiner(str(path), [str(file) for file in files])
    for number, file in enumerate(files, start=1):
        if file in instead:
            if (given := instead[file]) is not None:
                joiner.add(file, number, given)
        elif file == path or _is_plain(file):
            joiner.add(file, number, None)
        else:
            said = "this is no regular file; move it out of the catalog's folder, or give it another ending"
            joiner.refuse(_refused(file, said))
    return joiner.source()


def contents_of(path: Path) -> dict[Path, bytes]:
    """Return what each file of the catalog at *path* holds, without those that cannot be read.

    Of one that is too large to be read it is only so much that this shows. Raise CatalogError where there is no file.
    """
    found = {}
    for file in files_of(path):
        with suppress(OSError):
            if file.is_file():  # to read a pipe waits for whoever writes to it
                found[file] = _bytes(file)
    return found


def fingerprint(path: Path) -> Fingerprint:
    """Return what tells whether the catalog at *path* has changed; a few system calls, and it never raises."""
    # The folder itself is among them: a file that was renamed over another changes it.
    return tuple(sorted(_stats((path, *_named(path)))))


def _stats(files: tuple[Path, ...]) -> Iterator[tuple[str, int, int, int, int]]:
    for file in files:
        try:
            found = file.stat()
        except OSError:  # it went away between the listing and now, or it is a link to nothing
            continue
        yield str(file), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def files_of(path: Path) -> list[Path]:
    """Return the files of the catalog at *path*, a file or a folder; raise CatalogError where there is none."""
    try:
        if path.is_dir():
            found = sorted(_below(path))
            if not found:
                raise _refused(path, f"no *.yaml file stands in this folder; {_INIT}")
            return found
        if not path.exists():
            raise _refused(path, f"there is no such file or folder; name the catalog, or {_INIT}")
    except OSError as error:
        said = f"this cannot be looked into ({error.strerror}); mend its permissions"
        raise _refused(Path(error.filename or path), said) from None
    return [path]


def _below(folder: Path) -> list[Path]:
    return [file for file in _named(folder, _require_listed) if not _is_rendered(file)]


def _require_listed(error: OSError) -> None:
    """Raise *error* where a folder that is there cannot be listed: its services would be gone as if by intent."""
    if not isinstance(error, FileNotFoundError) and Path(error.filename).name != _RECOVERED:
        raise error


def _named(folder: Path, failed: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if name.endswith(_SUFFIXES) and not name.startswith("."))


def _is_plain(file: Path) -> bool:
    """Return whether it is a regular file, or one that cannot even be looked at, which is told where it is read.

    To open a pipe waits for whoever writes to it, and a device never ends.
    """
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True


def _is_rendered(file: Path) -> bool:
    """Return whether Seawall made this file: it stands in the catalog's folder where `--out` is below that."""
    if not _is_plain(file):
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(len(_RENDERED)) == _RENDERED
    except OSError:
        return False  # which is told where it is read


class _Joiner:
    def __init__(self, source: str, files: list[str]) -> None:
        self._source, self._names = source, [source, *files]
        self._data: dict[str, Any] = {}
        self._children: dict[str, Any] = {}
        self._problems: list[Problem] = []
        self._complete = True
        self._merged: set[Steps] = set()
        self._owned: set[str] = set()

    def add(self, file: Path, number: int, given: bytes | None) -> None:
        """Add *file*; where *given* is there, that in place of what it holds."""
        name = str(file)
        try:
            document = read_document(_text(file, given), name, number)
        except CatalogError as error:
            self.refuse(error)
            return
        self._problems += document.problems
        self._merged |= document.merged
        if document.data is None:
            return
        if not isinstance(document.data, dict):
            said = (
                f"a catalog is a mapping with the keys seawall, teams and services, and this is {shown(document.data)}"
            )
            self._problems.append(Problem(Position(name), f"{said}; {_INIT}"))
            self._complete = False
            return
        self._join(document)

    def refuse(self, error: CatalogError) -> None:
        self._problems += error.problems
        self._complete = False

    def source(self) -> Source:
        if not self._data and not self._problems:
            raise _refused(Path(self._source), f"the catalog is empty; {_INIT}")
        single = len(self._names) == 2
        root = Branch(pack(1 if single else 0, 0, 0), self._children)
        return Source(self._data, Places(root, self._names), self._problems, self._complete, frozenset(self._merged))

    def _join(self, document: Document) -> None:
        assert document.place is not None
        places = document.place.children
        assert isinstance(places, dict)
        for key, value in document.data.items():
            if key not in self._data:
                self._data[key], self._children[key] = value, places[key]
            elif key in _SHARED and isinstance(value, dict) and isinstance(self._data[key], dict):
                self._join_section(key, value, places[key])
            elif key != "seawall" or value != self._data[key]:
                self._twice((key,), self._children[key], places[key])

    def _join_section(self, section: str, more: dict[str, Any], place: Any) -> None:
        if section not in self._owned:  # an alias may share the first file's mapping with another part of it
            self._owned.add(section)
            first = self._children[section]
            self._data[section] = dict(self._data[section])
            self._children[section] = Branch(first.place, dict(first.children))
        data, children = self._data[section], self._children[section].children
        for name, value in more.items():
            if name in data:
                self._twice((section, name), children[name], place.children[name])
            else:
                data[name], children[name] = value, place.children[name]

    def _twice(self, path: Steps, first: Any, second: Any) -> None:
        places = Places(Branch(0, {"first": first, "second": second}), self._names)
        said = stands_twice(path, places.of_key(("first",)))
        self._problems.append(Problem(places.of_key(("second",)), about(path, said)))


def _bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_LARGEST + 1)


def _text(file: Path, given: bytes | None) -> str:
    try:
        raw = _bytes(file) if given is None else given
    except OSError as error:
        raise _refused(file, f"this file cannot be read ({error.strerror}); mend its permissions or its link") from None
    if len(raw) > _LARGEST:
        raise _refused(file, f"this file has more than {_LARGEST >> 20} MiB; divide it into several in a folder")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        said = f"this file is not UTF-8 (byte 0x{raw[error.start]:02x}); save it again as UTF-8"
        raise CatalogError([Problem(Position(str(file), line, column), said)]) from None


def _refused(path: Path, said: str) -> CatalogError:
    return CatalogError([Problem(Position(str(path)), said)])
