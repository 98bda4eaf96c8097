"""The words of a problem: who it is about, the value as it may be shown, and what was probably meant."""

import difflib
import re
from collections.abc import Collection
from typing import Any, Final

from .places import Path

_SECTIONS: Final = {"teams": "team", "services": "service", "campaigns": "campaign"}
_LONGEST: Final = 60  # characters of a value that a message shows
_CREDENTIALS: Final = re.compile(r"[^\s/@:]*:[^\s@]*@")
_MOST_COMPARED: Final = 2000  # names a guess is sought among; beyond it a guess costs more than it helps


def quoted(text: str) -> str:
    """Return *text* in double quotes on one line, shortened, unprintable characters escaped, credentials left out."""
    text = _CREDENTIALS.sub("…@", text)
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f'"{"".join(_visible(character) for character in shown)}"'


def shown(value: Any) -> str:
    """Return *value* as the catalog writes it, or what it is where that would be long."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return str(value)


def subject(path: Path) -> str:
    """Return who a problem at *path* is about, such as ``service "checkout"``; empty for the catalog as a whole."""
    section = _SECTIONS.get(str(path[0])) if path else None
    if section and len(path) > 1:
        return f"{section} {quoted(str(path[1]))}"
    return str(path[0]) if path else ""


def field_name(path: Path) -> str:
    """Return the node at *path* as seen from its subject, such as ``slos.availability.objective`` or ``targets[1]``."""
    steps = path[2:] if path and path[0] in _SECTIONS else path[1:]
    return dotted(steps)


def dotted(steps: Path) -> str:
    """Return *steps* joined as one name; names that hold more than letters, digits, _ and - are quoted."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = step if step.replace("-", "_").isidentifier() else quoted(step)
            text += f".{plain}" if text else plain
    return text


def about(path: Path, sentence: str) -> str:
    """Return *sentence* with its subject in front."""
    return f"{subject(path)}: {sentence}" if subject(path) else sentence


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return ``; did you mean "…"?`` for the closest of *known*, or nothing."""
    near = [name for name in known if abs(len(name) - len(word)) <= 3]
    if len(near) > _MOST_COMPARED:
        near = [name for name in near if name[:1] == word[:1]][:_MOST_COMPARED]
    close = difflib.get_close_matches(word, near, n=1)
    return f"; did you mean {quoted(close[0])}?" if close else ""


def one_of(choices: Collection[str]) -> str:
    """Return *choices*, one at least, as ``a, b or c``, in their order."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _visible(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
