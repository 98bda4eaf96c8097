"""Questions that several checks ask of an expression."""

import re
from collections.abc import Iterator
from typing import Final

from .check import Settings
from .expressions import Node
from .labels import COMPARISONS, is_scalar

RATES: Final = ("rate", "increase", "irate")
CHANGES: Final = (
    "delta",
    "idelta",
    "deriv",
    "predict_linear",
    "changes",
    "double_exponential_smoothing",
    "holt_winters",
)
_COUNTERS: Final = re.compile(
    r".*(_total|_sum|_bucket"
    r"|_(requests|errors|failures|timeouts|exceptions|unavailables|retries|restarts|drops|evictions)_count)"
)
# What ends so is a level. A name alone says little: many counters of old have no suffix, and are let be.
_GAUGES: Final = re.compile(
    r".*_(current|ratio|percent|percentage|utili[sz]ation|timestamp|timestamp_seconds|lag|lag_seconds|age|age_seconds"
    r"|temperature|celsius|info|up|max_tx_duration|queue_length|queue_size|free_bytes|available_bytes|avail_bytes"
    r"|limit_bytes|max_bytes|maxmemory)|aws_.*_(average|maximum|minimum|sum|sample_count)"
)
# Levels whose names end as those of counters do.
_MISNAMED: Final = re.compile(
    r".*_((offline|online|uptime_seconds|capacity|capacity_bytes|hdfs_bytes|nodes|limit)_total|(lag|offset)_sum)"
)
_PARTS: Final = ("_bucket", "_count", "_sum", "_total", "_created")


def kind_of(metric: str, settings: Settings) -> str:
    """Return counter, gauge or nothing: as the metrics that were given say, else as its name does."""
    if metric in settings.types:
        return settings.types[metric]
    whole = next((metric.removesuffix(end) for end in _PARTS if metric.endswith(end)), metric)
    if settings.types.get(whole) in ("counter", "histogram", "summary"):
        return "counter"
    if ":" in metric or _MISNAMED.fullmatch(metric):  # what is recorded says its operation, and seldom its type
        return ""
    if _GAUGES.fullmatch(metric):
        return "gauge"
    return "counter" if _COUNTERS.fullmatch(metric) else ""


def calls(node: Node, names: tuple[str, ...]) -> Iterator[Node]:
    """Yield the calls of these functions in *node*."""
    return (each for each in node.walk() if each.kind == "call" and each.name in names)


def selectors(node: Node) -> list[Node]:
    """Return the selectors in *node*."""
    return [each for each in node.walk() if each.kind == "selector"]


def is_rated(node: Node) -> bool:
    """Whether *node* asks how quickly something is counted."""
    return any(calls(node, RATES))


def terms(node: Node) -> list[Node]:
    """Return what must hold at once: the sides of `and`, and the left one of `unless`."""
    if node.kind == "binary" and node.name == "and":
        return [*terms(node.children[0]), *terms(node.children[1])]
    if node.kind == "binary" and node.name == "unless":
        return terms(node.children[0])
    return [node]


def compared(node: Node) -> Iterator[tuple[Node, str, Node, Node]]:
    """Yield each comparison of a vector with a number: itself, its operator, the vector and the number.

    It is told as if the vector stood on the left.
    """
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    for each in node.walk():
        if each.kind == "binary" and each.name in COMPARISONS:
            left, right = each.children
            if is_scalar(right) and not is_scalar(left):
                yield each, each.name, left, right
            elif is_scalar(left) and not is_scalar(right):
                yield each, turned.get(each.name, each.name), right, left


def number(node: Node) -> float | None:
    """Return the value of *node*, where it is a number."""
    return float(node.value) if node.kind == "number" else None


def named(node: Node) -> str:
    """Return how *node* is called in a message."""
    if node.kind == "selector":
        return node.name or "a selector without a metric"
    return f"{node.name}()" if node.kind in ("call", "aggregate") else node.name
