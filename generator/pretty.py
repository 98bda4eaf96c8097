"""PromQL as people read it: long expressions broken into indented lines."""

import re
from functools import lru_cache
from typing import Final

import promql_parser

_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ODD: Final = re.compile("['`]|\"~")  # quotes within quotes, and what stands in for a text


def pretty(expr: str) -> str:
    """Return *expr* in lines; as it is where it cannot be parsed, as with a dashboard's variables.

    Where a line ends depends on how long the texts are, not on what they say. So a shape is laid out once for all the
    services that have it: the parser compiles each regular expression, which takes longer than the rest of a runbook.
    """
    if _ODD.search(expr):
        return _laid_out(expr)
    texts: dict[str, str] = {}

    def hide(found: re.Match[str]) -> str:
        stand_in = f'"~{len(texts):0{max(len(found[1].encode()) - 1, 0)}}"'
        if len(stand_in) != len(found[0].encode()):
            return found[0]  # too short to be told from others
        texts[stand_in] = found[0]
        return stand_in

    laid_out = _laid_out(_TEXT.sub(hide, expr))
    return _TEXT.sub(lambda found: texts.get(found[0], found[0]), laid_out)


@lru_cache(4096)
def _laid_out(expr: str) -> str:
    try:
        return str(promql_parser.parse(expr).prettify())
    except ValueError:
        return expr
