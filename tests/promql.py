"""What a PromQL expression asks for: its selectors, and the labels that its result has, found without a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import promql_parser

Labels = frozenset[str]

# Prometheus adds these when it scrapes.
TARGET: Final = frozenset({"job", "instance"})
_SETS: Final = ("and", "or", "unless")


@dataclass(frozen=True)
class Selector:
    """A metric, and the (label, operator, value) of each matcher."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass
class Reading:
    """What is known of one expression: *selectors*, *labels* of the result (None: a scalar), and what cannot be."""

    selectors: list[Selector] = field(default_factory=list)
    labels: Labels | None = None
    problems: list[str] = field(default_factory=list)


def read(expr: str, known: Mapping[str, Labels]) -> Reading:
    """Read *expr*; *known* says which labels each metric has."""
    reading = Reading()
    reading.labels = _labels(promql_parser.parse(expr), known, reading)
    return reading


def _labels(node: Any, known: Mapping[str, Labels], reading: Reading) -> Labels | None:
    kind = type(node).__name__
    if kind == "VectorSelector":
        return _selected(node, known, reading)
    if kind == "MatrixSelector":
        return _selected(node.vector_selector, known, reading)
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return _labels(node.expr, known, reading)
    if kind == "AggregateExpr":
        return _aggregated(node, known, reading)
    if kind == "BinaryExpr":
        return _joined(node, known, reading)
    if kind == "Call":
        return _called(node, known, reading)
    return None


def _selected(node: Any, known: Mapping[str, Labels], reading: Reading) -> Labels:
    matchers = tuple((one.name, _operator(one), one.value) for one in node.matchers.matchers)
    reading.selectors.append(Selector(node.name, matchers))
    return known.get(node.name, frozenset()) | TARGET


def _operator(matcher: Any) -> str:
    names = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return names[str(matcher.op).rpartition(".")[2]]


def _aggregated(node: Any, known: Mapping[str, Labels], reading: Reading) -> Labels:
    inner = _labels(node.expr, known, reading) or frozenset()
    if str(node.op) in ("topk", "bottomk"):
        return inner
    by = frozenset(node.modifier.labels) if node.modifier else frozenset()
    for label in sorted(by - inner):
        reading.problems.append(f"{node.op} by {label}: what it aggregates has no such label")
    return by if node.modifier is None or str(node.modifier.type).endswith("By") else inner - by


def _joined(node: Any, known: Mapping[str, Labels], reading: Reading) -> Labels | None:
    left, right = _labels(node.lhs, known, reading), _labels(node.rhs, known, reading)
    if left is None or right is None:
        return right if left is None else left
    matching = node.modifier.matching if node.modifier else None
    operator = str(node.op)
    if matching is None:
        if left != right and operator != "or":
            reading.problems.append(f"{operator}: {sorted(left)} never match {sorted(right)}")
        return left | right if operator == "or" else left
    named = frozenset(matching.labels)
    if str(matching.type).endswith("Exclude"):
        on = left & right - named
        if left - named != right - named:
            said = f"{operator} ignoring {sorted(named)}: {sorted(left)} never match {sorted(right)}"
            reading.problems.append(said)
    else:
        on = named
        for label in sorted((on - left) | (on - right)):
            reading.problems.append(f"{operator} on {label}: one of its sides has no such label")
    card = str(node.modifier.card)
    if operator in _SETS or "ManyToOne" in card:
        return left | right if operator == "or" else left
    return right if "OneToMany" in card else on


def _called(node: Any, known: Mapping[str, Labels], reading: Reading) -> Labels | None:
    found = [_labels(argument, known, reading) for argument in node.args]
    vectors = [labels for labels in found if labels is not None]
    if node.func.name in ("vector", "time", "scalar"):
        return frozenset() if node.func.name == "vector" else None
    if node.func.name == "label_replace":
        return vectors[0] | {node.args[1].val}
    if node.func.name in ("absent", "absent_over_time"):
        return frozenset(label for label, operator, _ in reading.selectors[-1].matchers if operator == "=")
    if node.func.name == "histogram_quantile":
        return vectors[0] - {"le"}
    return vectors[0] if vectors else None
