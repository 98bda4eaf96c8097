"""What a chart needs to know of an alert's expression: the part that has a value, and the limit it is held against."""

from dataclasses import dataclass
from typing import Any, Final

import promql_parser

from seawall.generator.promql_text import too_large

_ABOVE: Final = (">", ">=")
_COMPARISONS: Final = (*_ABOVE, "<", "<=")
_FILTERS: Final = ("and", "unless")  # their value is the left side's


@dataclass(frozen=True)
class Drawable:
    """An expression without its comparison; *threshold* is None where there was none with a number."""

    expr: str
    threshold: float | None = None
    above: bool = True


def drawable(expr: str) -> Drawable:
    """Return what a chart draws of *expr*; what is no comparison, or is not understood, is drawn whole."""
    if too_large(expr) is not None:
        return Drawable(expr)
    try:
        node: Any = promql_parser.parse(expr)
    except ValueError:
        return Drawable(expr)
    while True:
        if isinstance(node, promql_parser.ParenExpr):
            node = node.expr
        elif isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _FILTERS:
            node = node.lhs
        else:
            break
    if isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _COMPARISONS:
        limit = _number(node.rhs)
        if limit is not None:
            return Drawable(str(node.lhs), limit, str(node.op) in _ABOVE)
    return Drawable(expr)


def _number(node: Any) -> float | None:
    while isinstance(node, promql_parser.ParenExpr):
        node = node.expr
    return float(node.val) if isinstance(node, promql_parser.NumberLiteral) else None
