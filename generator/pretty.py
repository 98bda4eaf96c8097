"""PromQL as people read it: long expressions broken into indented lines."""

from functools import lru_cache

import promql_parser

from .promql_text import too_large


def pretty(expr: str, name: str = "") -> str:
    """Return *expr* in lines; as it is where it cannot be parsed, as with a dashboard's variables.

    Where a line ends depends on how long *name* is, not on what it says. So what services have in common is laid out
    once for all of them: the parser compiles each regular expression, which takes longer than the rest of a runbook.
    """
    stand_in = "~" * len(name.encode())
    if not name or f'{stand_in}"' in expr or "'" in expr or "`" in expr:
        return _laid_out(expr)
    common = expr.replace(f'"{name}"', f'"{stand_in}"').replace(f'?{name}"', f'?{stand_in}"')  # or behind a namespace
    return _laid_out(common).replace(f'{stand_in}"', f'{name}"')


@lru_cache(4096)
def _laid_out(expr: str) -> str:
    if too_large(expr) is not None:
        return expr
    try:
        return str(promql_parser.parse(expr).prettify())
    except ValueError:
        return expr
