"""Whether the KIND of a custom collector declares what the exporter needs to know of it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from .declaration import MetricInfo
from .kinds import Kind

_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_TYPES: Final = ("counter", "gauge", "untyped")  # a histogram is many samples under one declaration
_RESERVED_METRICS: Final = ("seawall_", "scrape_")
_RESERVED_LABELS: Final = frozenset({"job", "instance"})


def problem_of(kind: Any, name: str) -> str:
    """Return what is wrong with *kind*, which is to be called *name*, or nothing."""
    if not isinstance(kind, Kind):
        form = "KIND = Kind(name=…, up=…, metrics=(…), connect=…)"
        return f"it declares no KIND of seawall.exporters.Kind; write {form}"
    return next(_problems(kind, name), "")


def _problems(kind: Kind, name: str) -> Iterator[str]:
    if not _KIND.fullmatch(name):
        yield f"{name!r} is no name of a kind; use small letters, digits and -, a letter first"
    if kind.name != name:
        yield f"the kind is named {kind.name!r} and its file or entry point {name!r}; name both alike"
    if not callable(kind.connect):
        yield "connect is missing; give it a function that takes a Target and returns the collector"
    if not isinstance(kind.metrics, tuple) or not all(isinstance(info, MetricInfo) for info in kind.metrics):
        yield "metrics must be a tuple of what counter(), gauge() and untyped() return"
    elif kind.up not in kind.metrics or kind.up.type != "gauge" or kind.up.labels:
        yield "up must be a gauge without labels, and stand in metrics too"
    else:
        yield from (text for info in kind.metrics if (text := _problem_of_metric(info)))
        names = Counter(info.name for info in kind.metrics)
        yield from (f"{each} is declared twice" for each, count in names.items() if count > 1)


def _problem_of_metric(info: MetricInfo) -> str:
    if not isinstance(info.name, str) or not _METRIC.fullmatch(info.name):
        return f"{info.name!r} is no name of a metric"
    if info.name == "up" or info.name.startswith(_RESERVED_METRICS):
        return f"{info.name} is a name of Prometheus' or Seawall's own; choose another"
    if info.type not in _TYPES:
        return f"the type of {info.name} is none of {', '.join(_TYPES)}"
    if not isinstance(info.meaning, str) or not info.meaning.strip():
        return f"{info.name} has no meaning; say in a sentence what it counts"
    wrong = [label for label in info.labels if not isinstance(label, str) or not _LABEL.fullmatch(label)]
    if wrong or len(set(info.labels)) < len(info.labels):
        return f"the labels of {info.name} must be distinct names"
    reserved = sorted(_RESERVED_LABELS & set(info.labels))
    return f"{info.name} has the label {reserved[0]}, which Prometheus sets; rename it" if reserved else ""
