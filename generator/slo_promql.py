"""The PromQL that an SLO brings: it parses, is a vector, has its window and its groups, and counts no more than all."""

from collections.abc import Iterator
from typing import Any, Final

import promql_parser

from seawall.catalog import Slo

from .promql_text import MOST_STEPS, bare, steps
from .slis import PLACEHOLDER
from .slo_sizes import larger

_SCALAR_FUNCTIONS: Final = ("time", "scalar", "pi")
_KEEP_LABELS: Final = ("topk", "bottomk", "limitk", "limit_ratio")
Told = tuple[str, str]  # the field, and what is wrong with it


def given_problems(slo: Slo) -> Iterator[Told]:
    """Yield what is wrong with the PromQL of *slo*."""
    texts = {"total": slo.total, "good": slo.good, "bad": slo.bad if isinstance(slo.bad, str) else None}
    nodes = {}
    for field, text in {**texts, "value": slo.value}.items():
        if text is None:
            continue
        wrong = _text(field, text)
        if wrong is None:
            try:
                nodes[field] = promql_parser.parse(PLACEHOLDER.sub("5m", text))
            except ValueError as error:
                wrong = f"{field} is not PromQL: {error}"
            else:
                wrong = _vector(field, nodes[field])
        if wrong is not None:
            yield field, wrong
    yield from _without_groups(slo, nodes)
    yield from larger(nodes)


def _text(field: str, text: str) -> str | None:
    """Return what is wrong with PromQL before anything reads it."""
    unquoted = bare(text)
    if field != "value" and not PLACEHOLDER.search(unquoted):
        return f"{field} lacks {{{{window}}}}: it is asked over several; write such as rate(metric[{{{{window}}}}])"
    if field == "value" and PLACEHOLDER.search(text):
        return "value holds {{window}}, and judges one moment; write a window of your own, such as 5m"
    if "#" in unquoted:
        return f"{field} holds a comment; take it out, or write it as one of YAML"
    many = steps(PLACEHOLDER.sub("5m", unquoted))
    if many > MOST_STEPS:
        mend = f"record parts of it by rules of your own, until {MOST_STEPS} are left"
        return f"{field} has {many} operators and parentheses, which is more than can be read; {mend}"
    return None


def _vector(field: str, node: Any) -> str | None:
    kind = _type(node)
    if kind == "an instant vector":
        return None
    mend = "write such as max(metric)" if field == "value" else "write one such as sum(rate(metric[{{window}}]))"
    return f"{field} is {kind}, and must be an instant vector; {mend}"


def _type(node: Any) -> str:
    kind = type(node).__name__
    if kind == "ParenExpr" or kind == "UnaryExpr":
        return _type(node.expr)
    if kind in ("MatrixSelector", "SubqueryExpr"):
        return "a range vector"
    if kind == "StringLiteral":
        return "a string"
    if kind == "NumberLiteral" or (kind == "Call" and node.func.name in _SCALAR_FUNCTIONS):
        return "a scalar"
    if kind == "BinaryExpr" and {_type(node.lhs), _type(node.rhs)} == {"a scalar"}:
        return "a scalar"
    return "an instant vector"


def _without_groups(slo: Slo, nodes: dict[str, Any]) -> Iterator[Told]:
    """What has no label of the SLO's groups any more, before the rules divide it by them."""
    for field, node in nodes.items():
        for label in slo.by:
            if _is_without(node, label):
                mend = f"write it into its grouping, such as sum by ({', '.join(slo.by)}) (…), or take it out of by"
                yield field, f"{field} has no label {label}, by which this SLO is divided; {mend}"


def _is_without(node: Any, label: str) -> bool:
    """Whether no series of *node* can have *label*, as far as that can be seen."""
    kind = type(node).__name__
    if kind in ("ParenExpr", "UnaryExpr"):
        return _is_without(node.expr, label)
    if kind == "BinaryExpr":
        sides = [each for each in (node.lhs, node.rhs) if _type(each) != "a scalar"]
        return _is_plain(node) and all(_is_without(each, label) for each in sides)
    if kind != "AggregateExpr" or str(node.op) in _KEEP_LABELS:
        return False
    named = label in (node.modifier.labels if node.modifier else ())
    return named == (node.modifier is not None and node.modifier.type == promql_parser.AggModifierType.Without)


def _is_plain(node: Any) -> bool:
    """Whether a binary expression brings no labels in from one of its sides alone."""
    cardinality = promql_parser.VectorMatchCardinality
    return node.modifier is None or node.modifier.card not in (cardinality.ManyToOne, cardinality.OneToMany)
