"""Whether good or bad events are more than all: told where their PromQL shows it, by its matchers or its arithmetic."""

from collections.abc import Iterator
from typing import Any, Final

from .text import number

_NEVER_NEGATIVE: Final = ("rate", "increase", "irate", "histogram_count")  # of counters
_LEAST: Final = 1e-9  # less is the noise of floats
Told = tuple[str, str]  # the field, and what is wrong with it
Sum = dict[str, float]  # so many times each term; the number by itself stands at the empty one


def larger(nodes: dict[str, Any]) -> Iterator[Told]:
    """Yield which of *nodes* is larger than the total among them."""
    if "total" not in nodes:
        return
    for field in sorted(nodes.keys() & {"good", "bad"}):
        said = _by_arithmetic(field, nodes[field], nodes["total"]) or _by_matchers(field, nodes[field], nodes["total"])
        if said:
            yield field, said


def _by_matchers(field: str, node: Any, total: Any) -> str | None:
    """A part that selects what its total does not: of one metric each."""
    part, whole = _selectors(node), _selectors(total)
    if len(part) == len(whole) == 1 and part[0][0] == whole[0][0] and not whole[0][1] <= part[0][1]:
        missing = ", ".join(sorted(whole[0][1] - part[0][1]))
        return f"{field} may be larger than total, which counts only {missing}; write that into {field} too"
    return None


def _selectors(node: Any) -> list[tuple[str, frozenset[str]]]:
    kind = type(node).__name__
    if kind == "VectorSelector":
        return [(node.name or "", frozenset(str(each) for each in node.matchers.matchers))]
    if kind == "MatrixSelector":
        return _selectors(node.vector_selector)
    inner = [getattr(node, name) for name in ("expr", "lhs", "rhs") if hasattr(node, name)]
    return [found for each in (*inner, *getattr(node, "args", ())) for found in _selectors(each)]


def _by_arithmetic(field: str, node: Any, total: Any) -> str | None:
    """What is left of a part without its total has no term below nothing, and one above."""
    part, whole = _sum(node), _sum(total)
    left = {term: part.get(term, 0.0) - whole.get(term, 0.0) for term in part | whole}
    left = {term: times for term, times in left.items() if abs(times) > _LEAST}
    if not left or any(times < 0 or not _is_never_negative(term) for term, times in left.items()):
        return None
    term, times = next(iter(left.items()))
    if whole.get(term, 0.0) > 0 and len(whole) == len(left) == 1:
        said = f"it is {number(round(part[term] / whole[term], 6))} times that; give both the same factor"
    elif not term:
        said = f"it has {number(times)} more; take that out, or write it into total too"
    else:
        said = f"it counts {_as_written(term)} beyond that; take that out, or write it into total too"
    return f"{field} is larger than total: {said}"


def _is_never_negative(term: str) -> bool:
    return not term or term.partition("(")[0] in _NEVER_NEGATIVE


def _as_written(term: str) -> str:
    return term.replace("{}", "").replace("[5m]", "[{{window}}]")  # what stands for it while this is read


def _sum(node: Any) -> Sum:
    """Return *node* as a sum of terms; ``sum`` is seen through, as the rules sum whatever they get."""
    kind = type(node).__name__
    if kind == "ParenExpr":
        return _sum(node.expr)
    if kind == "UnaryExpr":
        return _times(_sum(node.expr), -1)
    if kind == "NumberLiteral":
        return {"": float(node.val)}
    if kind == "AggregateExpr" and str(node.op) == "sum" and "" not in (inner := _sum(node.expr)):
        return inner
    if kind == "BinaryExpr" and node.modifier is None:
        left, right = _sum(node.lhs), _sum(node.rhs)
        # Of two vectors only the series that match are added, which is all of both where each has one.
        if {""} in (left.keys(), right.keys()) or (_is_one(node.lhs) and _is_one(node.rhs)):
            return _of_two(str(node.op), left, right) or {str(node): 1.0}
    return {str(node): 1.0}


def _is_one(node: Any) -> bool:
    """Whether *node* is one series without labels, or a number."""
    kind = type(node).__name__
    if kind in ("ParenExpr", "UnaryExpr"):
        return _is_one(node.expr)
    if kind == "BinaryExpr":
        return _is_one(node.lhs) and _is_one(node.rhs)
    return kind == "NumberLiteral" or (kind == "AggregateExpr" and str(node.op) == "sum" and node.modifier is None)


def _of_two(operator: str, left: Sum, right: Sum) -> Sum | None:
    """Return what an operator makes of two sums, where that is one."""
    if operator in "+-":
        right = _times(right, 1 if operator == "+" else -1)
        return {term: left.get(term, 0.0) + right.get(term, 0.0) for term in left | right}
    if operator == "*" and right.keys() == {""}:
        return _times(left, right[""])
    if operator == "*" and left.keys() == {""}:
        return _times(right, left[""])
    if operator == "/" and right.keys() == {""} and right[""]:
        return _times(left, 1 / right[""])
    return None


def _times(terms: Sum, factor: float) -> Sum:
    return {term: times * factor for term, times in terms.items()}
