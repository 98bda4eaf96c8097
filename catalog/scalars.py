"""How YAML 1.2's core schema reads a plain scalar: null, true and false, integers, floats; all else is text."""

import re
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER: Final = re.compile(
    r"(?P<int>[-+]?[0-9]+)|(?P<oct>0o[0-7]+)|(?P<hex>0x[0-9a-fA-F]+)"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_STARTS: Final = frozenset("0123456789+-.")
_LONGEST: Final = 64  # digits; what is longer is nobody's number, and costs quadratic time to read


def resolve(text: str) -> Scalar:
    """Return what the plain scalar *text* stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS or len(text) > _LONGEST:
        return text
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    if found["int"]:
        return int(text)
    if found["oct"]:
        return int(text[2:], 8)
    return int(text, 16) if found["hex"] else float(text)
