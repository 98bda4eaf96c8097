"""Patterns that an answer from outside is held against: only such as no answer can make slow."""

import importlib
import re
from typing import Any, Final

from .wording import quoted

_LONGEST: Final = 500
_DEAREST: Final = 1000  # ways to match from one place; times 64 KiB of text it is well under a second
_LOOKS: Final = ("ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS")
_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_parser: Final[Any] = importlib.import_module("re._parser")  # which the standard library's stubs lack


def checked(pattern: str) -> str:
    """Return *pattern*, or raise ValueError where it is none or could take long.

    ``re`` tries one way after the other, and holds up the whole process meanwhile.
    """
    if len(pattern) > _LONGEST:
        raise ValueError(f"the pattern has {len(pattern)} characters; write {_LONGEST} at most")
    try:
        re.compile(pattern)
        ways = _ways(_parser.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{quoted(pattern)} is no regular expression: {error}") from None
    if ways > _DEAREST:
        mend = "bound each repeat, such as .{0,99} in place of .*, and let repeats not stand inside or beside repeats"
        raise ValueError(f"the pattern {quoted(pattern)} could take long on a hostile answer; {mend}")
    return pattern


def _ways(parsed: Any) -> float:
    """Return an upper bound of the ways in which *parsed* can go on from one place."""
    product = 1.0
    for operation, argument in parsed:
        product *= _ways_of(str(operation), argument)
    return product


def _ways_of(operation: str, argument: Any) -> float:
    if operation in _LOOKS:
        raise re.error("it looks around or back, which is not to be had here")
    if operation == "BRANCH":
        return sum(_ways(branch) for branch in argument[1])
    if operation == "SUBPATTERN":
        return _ways(argument[-1])
    if operation == "ATOMIC_GROUP":
        return _ways(argument)
    if operation not in _REPEATS:
        return 1.0
    least, most, inner = argument
    return float(most - least + 1) * _power(_ways(inner), min(int(most), _DEAREST))


def _power(base: float, exponent: int) -> float:
    return 1.0 if base == 1 else min(base, float(_DEAREST) + 1) ** min(exponent, 10)
