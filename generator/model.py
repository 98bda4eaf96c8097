"""What the generator makes: rendered alerts, panels, artifacts. Plain data that the portal and the CLI read too."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """One rendered file: its path relative to the output folder, with forward slashes, and its bytes."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Query:
    """One line of a panel: PromQL without variables (``$__rate_interval`` aside), and Grafana's legend format."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """What to show; *unit* is Grafana's id (``reqps``, ``percentunit``, ``s``, ``bytes``, ``short``).

    *traces* says in TraceQL which of the service's spans are behind it; it is empty where none are.
    """

    id: str
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    row: str = ""
    kind: str = "timeseries"
    thresholds: tuple[float, ...] = ()
    maximum: float | None = None
    traces: str = ""


@dataclass(frozen=True)
class Alert:
    """One alerting rule of one service, every override applied.

    *threshold* is the number that the catalog can override, in *unit*; None where the alert has none.
    *expr* is the whole expression; *query* its left side without the comparison: what a chart draws.
    """

    name: str
    service: str
    expr: str
    query: str
    for_seconds: float
    severity: str
    labels: dict[str, str]
    annotations: dict[str, str]
    panel: str
    runbook: str
    threshold: float | None = None
    above: bool = True
    unit: str = ""
    prove: Callable[[], tuple[dict[str, Any], ...]] = field(default=tuple, compare=False, repr=False)
    """Makes its promtool tests, which few who look at an alert want."""


@dataclass(frozen=True)
class ServiceView:
    """All that is generated for one service, before it is written in any format."""

    name: str
    panels: tuple[Panel, ...]
    alerts: tuple[Alert, ...]
