"""Regular expressions as routes: ``^articles/(?P<year>[0-9]{4})/$`` reads as ``/articles/<year>/``."""

import re
from typing import Final

_LONGEST: Final = 200
_REGULAR: Final = re.compile(r"[\\^$]|\(\?|\[|\)[?*+{/]|\)$")
_NAMED: Final = re.compile(r"\?P<(\w+)>")
_PLAIN: Final = re.compile(r"\?(?:[aiLmsux-]*:|>)")
_QUANTIFIER: Final = re.compile(r"[*+?]\+?\??|\{\d*,?\d*\}\??")
_UNNAMED: Final = "<var>"
_CLASSES: Final = frozenset("dDwWsS")
_ANCHORS: Final = frozenset("AZbB")


def readable(pattern: str) -> str:
    """Return *pattern* as a route that begins with a slash; one that is no regular expression stays as it is."""
    text = _read(pattern) if _REGULAR.search(pattern) else pattern
    route = text if text.startswith("/") else f"/{text}"
    return route if len(route) <= _LONGEST else f"{route[: _LONGEST - 1]}…"


def _read(pattern: str) -> str:
    """Return *pattern* with its groups as ``<name>``, and without anchors, quantifiers and escapes."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        part, position = _token(pattern, position)
        parts.append(part)
        if quantifier := _QUANTIFIER.match(pattern, position) if part or position > 1 else None:
            position = quantifier.end()
    return "".join(parts)


def _token(pattern: str, position: int) -> tuple[str, int]:
    """Return what stands for the token at *position*, and where the next one begins."""
    sign = pattern[position]
    if sign == "\\":
        escaped = pattern[position + 1 : position + 2]
        known = "" if escaped in _ANCHORS else _UNNAMED if escaped in _CLASSES else escaped
        return known, position + 2
    if sign in "^$":
        return "", position + 1
    if sign == "[":
        return _UNNAMED, _end_of_class(pattern, position)
    if sign == "(":
        end = _end_of_group(pattern, position)
        return _group(pattern[position + 1 : end - 1]), end
    return sign, position + 1


def _group(inner: str) -> str:
    if named := _NAMED.match(inner):
        return f"<{named[1]}>"
    if not inner.startswith("?"):
        return _UNNAMED
    # A group that captures nothing stands for what is in it; flags and assertions match no character.
    plain = _PLAIN.match(inner)
    return _read(inner[plain.end() :]) if plain else ""


def _end_of_class(pattern: str, position: int) -> int:
    start = position + 2 if pattern[position + 1 : position + 2] == "^" else position + 1
    end = start + 1  # a bracket that closes stands for itself in the first place
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end + 1


def _end_of_group(pattern: str, position: int) -> int:
    depth = 0
    while position < len(pattern):
        sign = pattern[position]
        if sign == "[":
            position = _end_of_class(pattern, position)
            continue
        depth += (sign == "(") - (sign == ")")
        position += 2 if sign == "\\" else 1
        if depth == 0:
            return position
    return position
