"""The checks that there are: every one that a module of checks defines, in its order."""

from typing import Final

from . import (
    checks_conditions,
    checks_files,
    checks_functions,
    checks_joins,
    checks_noise,
    checks_selectors,
    checks_texts,
)
from .check import Check

_MODULES: Final = (
    checks_files, checks_conditions, checks_functions, checks_joins, checks_selectors, checks_texts, checks_noise,
)  # fmt: skip
CHECKS: Final[dict[str, Check]] = {
    each.name: each for module in _MODULES for each in vars(module).values() if isinstance(each, Check)
}
ALL: Final = "all"
COMMENT: Final = "comment"  # what is wrong with a comment that switches a check off; always told
