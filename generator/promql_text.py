"""PromQL before anything parses it: readers go down into each operator, and too many end the process."""

import re
from typing import Final

MOST_STEPS: Final = 200
MOST_RENDERED: Final = 1000  # of a whole rule, which stands around what an SLO brings; from some 4000 on readers crash
TOO_LARGE: Final = "which is more than can be read"
# A quote in a comment opens no string.
_QUOTED: Final = re.compile(r"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|(?P<comment>#[^\n]*)""")
_STEPS: Final = re.compile(r"[-+*/%^(<>=]|\b(?:and|or|unless|atan2)\b")


def bare(text: str) -> str:
    """Return *text* with every string empty."""
    return _QUOTED.sub(lambda found: found["comment"] or '""', text)


def steps(text: str) -> int:
    """Return how many operators and parentheses *text* has, whose strings are empty."""
    return len(_STEPS.findall(re.sub(r"#[^\n]*|\{[^{}#]*\}", "", text)))


def too_large(text: str) -> str | None:
    """Return what is wrong with a rendered expression that would end the programs that read it, or None."""
    many = steps(bare(text))
    if many <= MOST_RENDERED:
        return None
    mend = f"record parts of it by rules of their own, until {MOST_RENDERED} are left"
    return f"has {many} operators and parentheses, {TOO_LARGE}; {mend}"
