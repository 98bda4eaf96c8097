"""From an offset in the value of a YAML scalar back to the line and the column where it stands in the file."""

import re
from typing import Final

from .yaml_nodes import Scalar

_ESCAPE: Final = re.compile(r"\\(?:x..|u.{4}|U.{8}|\r?\n[ \t]*|.)", re.DOTALL)
_BLOCK_HEADER: Final = re.compile(r"[^\n]*\n")
_SPACE: Final = " \t\r\n"
_BLOCKS: Final = ("|", ">")


def spot(text: str, scalar: Scalar, offset: int) -> tuple[int, int]:
    """Return the line and the column in *text* of what stands at *offset* in the value of *scalar*."""
    at, end = scalar.start.offset, scalar.end.offset
    if scalar.style in _BLOCKS:
        header = _BLOCK_HEADER.match(text, at)
        at = header.end() if header else at
    elif scalar.style:
        at += 1
    for sign in scalar.text[:offset]:
        if sign not in _SPACE:
            at = _after(text, at, end, scalar.style)
    return _place(text, scalar, _skip(text, at, end, scalar.style))


def _after(text: str, at: int, end: int, style: str) -> int:
    """Return where the sign that follows the next one that is no space stands."""
    at = _skip(text, at, end, style)
    if style == "'" and text.startswith("''", at):
        return at + 2
    escape = _ESCAPE.match(text, at) if style == '"' else None
    return escape.end() if escape else at + 1


def _skip(text: str, at: int, end: int, style: str) -> int:
    """Return where the next sign stands that is no space, written as it is or escaped."""
    while at < end:
        escape = _ESCAPE.match(text, at) if style == '"' else None
        if escape and (escape[0][1] in "ntr \n\r" or escape[0][1:] in ("x20", "x0a", "x09")):
            at = escape.end()
        elif text[at] in _SPACE:
            at += 1
        else:
            break
    return at


def _place(text: str, scalar: Scalar, at: int) -> tuple[int, int]:
    if at >= scalar.end.offset:
        return scalar.start.line, scalar.start.column
    between = text[scalar.start.offset : at]
    line = scalar.start.line + between.count("\n")
    column = at - text.rfind("\n", 0, at) if "\n" in between else scalar.start.column + len(between)
    return line, column
