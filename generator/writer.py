"""From artifacts to a folder: all or nothing, and only what changed.

The folder holds one link an entry, each through ``.current`` to the set that serves; a new set is built beside it and
``.current`` is flipped by one rename. The folder itself never changes, so it can be mounted into a container.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.catalog import SeawallError

from .model import Artifact

_CURRENT: Final = ".current"
_SETS: Final = (".set-a", ".set-b")
_MARK: Final = ".seawall-output"
_LOCK: Final = ".lock"


@dataclass(frozen=True)
class Written:
    """What a write did: the paths that are new, differ, or are gone; all empty where nothing changed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    total: int = 0

    @property
    def is_unchanged(self) -> bool:
        """Whether the folder already held exactly this."""
        return not (self.added or self.changed or self.removed)


def write(artifacts: Iterable[Artifact], folder: Path, verify: Callable[[Path], None] | None = None) -> Written:
    """Make *folder* hold exactly *artifacts*; an error leaves what it served before.

    *verify* is called with the new set's path before it serves; what it raises stops the flip. Unchanged files are hard
    links to the serving ones, so their inode and time stay. Raises SeawallError for a folder that is not Seawall's.
    """
    try:
        _claim(folder)
        with _locked(folder):
            return _write(artifacts, folder, verify)
    except OSError as error:
        raise SeawallError(f"{folder}: cannot be written: {error.strerror}; what it held still serves") from error


def _write(artifacts: Iterable[Artifact], folder: Path, verify: Callable[[Path], None] | None) -> Written:
    serving = _serving(folder)
    target = folder / next(name for name in _SETS if name != serving)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    try:
        written = _fill(artifacts, target, folder / serving if serving else None)
        if not written.is_unchanged:
            _refuse_foreign(folder, target)
            if verify:
                verify(target)
            _flip(folder, target)
    finally:
        if _serving(folder) != target.name:
            shutil.rmtree(target, ignore_errors=True)
    if serving and written.is_unchanged:
        _link_entries(folder, folder / serving)  # a render may have been killed between the flip and the links
    elif serving:
        shutil.rmtree(folder / serving, ignore_errors=True)
    return written


def serves(folder: Path) -> bool:
    """Return whether *folder* holds a set that was rendered; raise SeawallError where its link is somebody else's."""
    serving = _serving(folder)
    return bool(serving) and (folder / serving).is_dir()


def current(folder: Path) -> dict[str, bytes]:
    """Return what *folder* serves, by relative path; empty where nothing was written yet.

    Raise SeawallError for a folder that is not Seawall's.
    """
    if not (folder / _MARK).exists():
        raise SeawallError(f"{folder}: is not a folder that seawall render wrote; name the one given to its --out")
    serving = _serving(folder)
    root = folder / serving if serving else None
    try:
        return {path: (root / path).read_bytes() for path in _paths(root)} if root else {}
    except OSError as error:
        raise SeawallError(f"{error.filename}: cannot be read: {error.strerror}; render the folder again") from None


def _fill(artifacts: Iterable[Artifact], target: Path, serving: Path | None) -> Written:
    before = set(_paths(serving)) if serving else set()
    added: list[str] = []
    changed: list[str] = []
    kept: set[str] = set()
    made: set[str] = set()
    for artifact in artifacts:
        name = artifact.path
        parent = name.rpartition("/")[0]
        if parent not in made:
            (target / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        path = f"{target}/{name}"  # a Path would take longer to make than the file
        if serving and name in before and _same(serving / name, artifact.content):
            os.link(serving / name, path)
        else:
            _put(path, artifact.content)
            (changed if name in before else added).append(name)
        kept.add(name)
    return Written(tuple(added), tuple(changed), tuple(sorted(before - kept)), len(kept))


def _same(file: Path, content: bytes) -> bool:
    return file.stat().st_size == len(content) and file.read_bytes() == content


def _put(path: str, content: bytes) -> None:
    with open(path, "xb") as file:  # noqa: PTH123
        file.write(content)


def _flip(folder: Path, target: Path) -> None:
    os.sync()  # a power cut after the flip must find whole files
    _link(folder / _CURRENT, target.name)
    _link_entries(folder, target)


def _link_entries(folder: Path, serving: Path) -> None:
    wanted = {entry.name for entry in serving.iterdir()}
    for name in wanted:
        _link(folder / name, f"{_CURRENT}/{name}")
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name != _CURRENT and entry.name not in wanted:
            entry.unlink()


def _refuse_foreign(folder: Path, target: Path) -> None:
    for name in sorted(entry.name for entry in target.iterdir()):
        if (folder / name).exists() and not (folder / name).is_symlink():
            said = "is not Seawall's link to what it renders; move it away and render again"
            raise SeawallError(f"{folder / name}: {said}; what the folder held still serves")


def _link(link: Path, to: str) -> None:
    if link.is_symlink() and os.readlink(link) == to:  # noqa: PTH115 - the text of the link, not its target
        return
    temporary = link.with_name(f".new-{link.name.lstrip('.')}")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(to)
    temporary.replace(link)


def _serving(folder: Path) -> str:
    """Return which set serves, or nothing; what else stands there is never followed: it would be removed in the end."""
    link = folder / _CURRENT
    if not link.is_symlink() and not link.exists():
        return ""
    name = os.readlink(link) if link.is_symlink() else ""  # noqa: PTH115
    if name not in _SETS or (folder / name).is_symlink():
        raise SeawallError(f"{link}: is not the link that seawall render made; move it away and render again")
    return name


def _paths(root: Path) -> list[str]:
    return sorted(str((Path(parent) / name).relative_to(root)) for parent, _, names in os.walk(root) for name in names)


def _claim(folder: Path) -> None:
    if folder.is_symlink() and not folder.exists():
        raise SeawallError(f"{folder}: is a link to {folder.readlink()}, which is not there; make it, or name a folder")
    if folder.exists() and not folder.is_dir():
        raise SeawallError(f"{folder}: is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _MARK
    if mark.exists():
        return
    if {entry.name for entry in folder.iterdir()} - {_MARK, _LOCK}:  # another render may have begun just now
        raise SeawallError(f"{folder}: holds files that Seawall did not write; name an empty or a new folder")
    mark.write_text("Rendered by Seawall; everything here is replaced by the next render.\n")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SeawallError(f"{folder}: another render is writing here; wait for it to end") from None
        yield
