"""What OTLP cannot hold, half a surrogate pair or a number of more than 64 bits, costs itself alone and not its batch.

Anybody who may send a text to an application may send such a one, and a span's status has the text of its exception.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics

ENCODER: Final = logging.getLogger("opentelemetry.exporter.otlp.proto.common._internal")
_SAYS: Final = "Failed to encode"
_RAISES: Final = (ValueError, TypeError, OverflowError)  # a UnicodeError is a ValueError


def is_said(words: str) -> bool:
    """Whether *words* of an exporter's say that something cannot be encoded."""
    return words.startswith(_SAYS)


def is_raised(problem: Exception) -> bool:
    """Whether *problem* is what an exporter raises of it."""
    return isinstance(problem, _RAISES)


def halves(batch: Any) -> Iterable[tuple[Any, int]]:
    """Return the two halves of a list of items, or of what holds metrics, each with its number of items or points.

    None of what cannot be halved.
    """
    if isinstance(batch, list):
        middle = len(batch) // 2
        return [(half, len(half)) for half in (batch[:middle], batch[middle:])] if middle else ()
    alone = [
        (resource, scope, metric)
        for resource in batch.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    middle = len(alone) // 2
    return [(_together(half), _points(half)) for half in (alone[:middle], alone[middle:])] if middle else ()


def _together(metrics: list[tuple[ResourceMetrics, ScopeMetrics, Any]]) -> MetricsData:
    """Return *metrics* under the resource, which is one and the same, each scope once: of two, one would be sent."""
    scopes = {id(scope): ScopeMetrics(scope.scope, [], scope.schema_url) for _, scope, _ in metrics}
    for _, scope, metric in metrics:
        scopes[id(scope)].metrics.append(metric)  # type: ignore[attr-defined]  # a list, as it was made
    resource, _, _ = metrics[0]
    return MetricsData([ResourceMetrics(resource.resource, [*scopes.values()], resource.schema_url)])


def _points(metrics: list[tuple[ResourceMetrics, ScopeMetrics, Any]]) -> int:
    return sum(len(metric.data.data_points) for _, _, metric in metrics)
