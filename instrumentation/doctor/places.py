"""Where in the user's own code something is: not in the standard library, in no package, not in Seawall."""

import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Final

import seawall

_HERE: Final = Path.cwd()  # where the command was called; an application may go elsewhere


def _folders() -> tuple[str, ...]:
    paths = {path for name, path in sysconfig.get_paths().items() if name in ("stdlib", "platstdlib")}
    packages = {path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
    face = Path(seawall.__file__ or "").parent
    own = {str(face), *(str(room.resolve()) for room in face.iterdir() if room.is_dir())}
    found = paths | packages | own
    return tuple(sorted(f"{path}/" for path in found | {str(Path(path).resolve()) for path in found} if path))


_OTHERS: Final = _folders()


def is_own(file: str) -> bool:
    """Whether *file* is the user's."""
    return bool(file) and not file.startswith(("<", *_OTHERS))


def shown(file: str, line: int | None) -> str:
    """Return ``file:line``, from the folder that the command was called in where the file is below it."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(_HERE):
        path = path.relative_to(_HERE)
    return f"{path}:{line}" if line else str(path)


def importer() -> str:
    """Return the place in the user's code that is running now; "" where none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            return shown(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


def place_of(error: BaseException) -> str:
    """Return where *error* comes from: the last place in the user's own code that led to it."""
    if isinstance(error, SyntaxError) and error.filename:
        return shown(error.filename, error.lineno)
    frames = [(frame.filename, frame.lineno) for frame in _frames(error)]
    own = [frame for frame in frames if is_own(frame[0])]
    file, line = own[-1] if own else ("", None)
    return shown(file, line) if file else ""


def _frames(error: BaseException) -> Iterable[traceback.FrameSummary]:
    return traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
