"""The labels of a result, as far as an expression says it: an aggregation names them, a selector does not."""

from dataclasses import dataclass
from typing import Final

from .expressions import Node

SETS: Final = ("and", "or", "unless")
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=")
KEEPS: Final = ("topk", "bottomk", "limitk", "limit_ratio")
SCALARS: Final = ("time", "scalar", "pi", "minute", "hour", "month", "year", "day_of_week", "day_of_month")
ABSENT: Final = ("absent", "absent_over_time")
TARGET: Final = frozenset({"job", "instance"})  # Prometheus adds them when it scrapes
_ADDS: Final = ("label_replace", "label_join")


@dataclass(frozen=True)
class Labels:
    """*names*: all that there can be where *is_all*, else those that are not there any more."""

    names: frozenset[str]
    is_all: bool

    def lacks(self, label: str) -> bool:
        """Whether no series can have *label*."""
        return (label in self.names) != self.is_all


NOTHING_KNOWN: Final = Labels(frozenset(), is_all=False)


def is_scalar(node: Node) -> bool:
    """Whether *node* is a number and no vector."""
    if node.kind in ("number", "string"):
        return True
    if node.kind == "unary" or (node.kind == "binary" and node.name not in SETS):
        return all(map(is_scalar, node.children))
    return node.kind == "call" and node.name in SCALARS and not any(not is_scalar(each) for each in _vectors(node))


def _vectors(node: Node) -> tuple[Node, ...]:
    return () if node.name == "scalar" else node.children


def labels_of(node: Node) -> Labels:
    """Return what is known of the labels of *node*, which is a vector."""
    if node.kind == "aggregate":
        return _aggregated(node)
    if node.kind == "binary":
        return _joined(node)
    if node.kind == "call":
        return _called(node)
    if node.kind in ("unary", "subquery"):
        return labels_of(node.children[0])
    return NOTHING_KNOWN


def _aggregated(node: Node) -> Labels:
    inner = labels_of(node.children[-1])
    if node.name in KEEPS:
        return inner
    if node.name == "count_values":
        return NOTHING_KNOWN
    if not node.is_without:
        return Labels(frozenset(each for each in node.labels or () if not inner.lacks(each)), is_all=True)
    gone = node.labels or frozenset()
    return Labels(inner.names - gone if inner.is_all else inner.names | gone, inner.is_all)


def _joined(node: Node) -> Labels:
    left, right = node.children
    if is_scalar(left) or is_scalar(right):
        return labels_of(left if is_scalar(right) else right)
    first, second = labels_of(left), labels_of(right)
    if node.name == "or":
        both = first.is_all and second.is_all
        return Labels(first.names | second.names, is_all=True) if both else NOTHING_KNOWN
    if node.group:
        many = second if node.group == "right" else first
        if many.is_all:
            return Labels(many.names | node.extra, is_all=True)
        return Labels(many.names - node.extra, is_all=False)
    if node.name in SETS or node.labels is None:
        return first
    if not node.is_without:
        return Labels(node.labels, is_all=True)
    return Labels(first.names - node.labels if first.is_all else first.names | node.labels, first.is_all)


def _called(node: Node) -> Labels:
    if node.name in ABSENT:
        asked = [each for part in node.walk() for each in part.matchers if each.op == "="]
        return Labels(frozenset(each.label for each in asked), is_all=True)
    if node.name == "vector":
        return Labels(frozenset(), is_all=True)
    inner = next((labels_of(each) for each in node.children if not is_scalar(each)), NOTHING_KNOWN)
    if node.name == "histogram_quantile":
        return Labels(inner.names - {"le"} if inner.is_all else inner.names | {"le"}, inner.is_all)
    if node.name in _ADDS:
        new = node.children[1].value
        return Labels(inner.names | {new} if inner.is_all else inner.names - {new}, inner.is_all)
    return inner
