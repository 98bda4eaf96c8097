"""Dialects: which metrics and labels say how many requests came, failed and were slow. Data, one file each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from seawall.catalog import SeawallError, Service

from .dialect_texts import unreadable
from .guesses import guess
from .naming import PLAIN, PUSHED, Naming
from .sources import Node, PackError, Sources

_FOLDER: Final = "alerts/dialects"
_TEXTS: Final = ("buckets", "active", "throttled", "shed", "success", "duration")
_COUNTS: Final = frozenset({"events", "ignore", "counted", "bad"})
_KEYS: Final = _COUNTS | {*_TEXTS, "native", "bounds", "seconds_per_unit", "labels", "latency", "service", "example"}
_ROLES: Final = frozenset({"route", "method", "status", "destination"})
_LATENCY: Final = _COUNTS | {"without"}
_LABELS: Final = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Counts:
    """A counter of events: which of its series count, and which of those are bad; lists of matchers that never overlap.

    Where *native*, the metric is a native histogram, whose count is meant.
    """

    metric: str
    counted: tuple[str, ...] = ("",)
    bad: tuple[str, ...] = ()
    ignore: str = ""
    native: bool = False

    def histogram(self, matchers: tuple[str, ...], common: str, window: str, by: str, offset: str = "") -> str:
        """Return PromQL for the rate of the series that match any of *matchers*, summed *by* labels."""
        return f"sum by ({by}) ({self._rates(matchers, common, window, offset)})"

    def good(self, common: str, window: str, by: str) -> str:
        """Return PromQL for the rate of the series that count and are not bad, summed *by* labels."""
        counted = self._rates(self.counted, common, window)
        if not self.bad:
            return f"sum by ({by}) ({counted})"
        return f"sum by ({by}) (({counted}) unless ({self._rates(self.bad, common, window)}))"

    def _rates(self, matchers: tuple[str, ...], common: str, window: str, offset: str = "") -> str:
        past = f" offset {offset}" if offset else ""
        rates = [f"rate({self.metric}{{{joined(common, self.ignore, each)}}}[{window}]{past})" for each in matchers]
        return " or ".join(rates)

    def rate(self, matchers: tuple[str, ...], common: str, window: str, by: str = "job", offset: str = "") -> str:
        """Return PromQL for their events a second."""
        found = self.histogram(matchers, common, window, by, offset)
        return f"histogram_count({found})" if self.native else found


@dataclass(frozen=True, eq=False)
class Dialect:
    """What one software writes for services of one kind.

    *events* counts them; *timed* counts those that its histogram *buckets* tells apart, which may lack labels
    (*without*); *bounds* are the buckets that it always has, in its own unit, or none where they can be chosen.
    *success* and *duration* are gauges of a probe, where nothing counts events. *example* holds label values of a good,
    bad, slow, … event, from which the proofs are made.
    """

    name: str
    events: Counts | None = None
    timed: Counts | None = None
    buckets: str = ""
    bounds: tuple[float, ...] = ()
    seconds_per_unit: float = 1.0
    active: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    throttled: str = ""
    shed: str = ""
    success: str = ""
    duration: str = ""
    service: Naming = PLAIN
    example: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def slis(self) -> tuple[str, ...]:
        """The SLIs that can be formed from it alone."""
        availability = (self.events and self.events.bad) or self.success
        found = {"availability": availability, "latency": self.timed or self.duration, "throughput": self.events}
        return tuple(sli for sli, source in found.items() if source)

    def counts(self, sli: str) -> Counts:
        """Return the counter of the events that *sli* judges."""
        found = self.timed if sli == "latency" else self.events
        assert found is not None
        return found

    def naming(self, service: Service) -> Naming:
        """Return which label of the metrics holds the name of *service*."""
        return PUSHED if self.service == PLAIN and not service.is_scraped else self.service


def joined(*matchers: str) -> str:
    """Return matchers as one text, the empty ones left out."""
    return ",".join(matcher for matcher in matchers if matcher)


def load_dialects(sources: Sources) -> dict[tuple[str, str], Dialect]:
    """Return every dialect by (kind, name)."""
    found = {}
    for stem in sources.stems(_FOLDER, ".yaml"):
        source = sources.read(f"{_FOLDER}/{stem}.yaml")
        assert source is not None
        root = Node.parse(source).fields(frozenset({"title", "kinds"}), frozenset({"title", "kinds"}))
        for kind, node in root["kinds"].items():
            found[kind, stem] = _read(stem, node)
    return found


def find_dialect(dialects: Mapping[tuple[str, str], Dialect], kind: str, name: str) -> Dialect | None:
    """Return the dialect of *kind*, or None where the kind has none; an unknown name is an error with a guess."""
    if (kind, name) in dialects:
        return dialects[kind, name]
    names = [each for of, each in dialects if of == kind]
    if not names:
        return None
    hint = guess(name, names, otherwise=f"known for {kind} are")
    raise SeawallError(f"unknown dialect {name!r}; {hint}")


def _read(name: str, node: Node) -> Dialect:
    fields = node.fields(_KEYS)
    if "events" not in fields and "success" not in fields:
        raise PackError(node.position, "lacks 'events', a counter, or 'success', a gauge of a probe")
    if "events" in fields and "bad" not in fields:
        raise PackError(node.position, "lacks 'bad', the matchers of failed events")
    native = _native(fields)
    events = _counts(fields, None, native)
    example = {
        group: {label: value.text for label, value in labels.items()}
        for group, labels in (fields["example"].items() if "example" in fields else ())
    }
    latency = fields["latency"].fields(_LATENCY) if "latency" in fields else {}
    without = tuple(each.text for each in latency["without"].list()) if "without" in latency else ()
    roles = fields["labels"].fields(_ROLES) if "labels" in fields else {}
    found = Dialect(
        name,
        **_texts(fields),
        events=events,
        timed=_counts(latency, events, native) if "buckets" in fields or native else None,
        bounds=tuple(sorted(each.number("bounds") for each in fields["bounds"].list())) if "bounds" in fields else (),
        seconds_per_unit=fields["seconds_per_unit"].number("seconds_per_unit") if "seconds_per_unit" in fields else 1.0,
        labels={key: value.text for key, value in roles.items()},
        without=without,
        service=_naming(fields["service"]) if "service" in fields else PLAIN,
        example=example,
    )
    for place, said in unreadable(fields, latency):
        raise PackError(place.position, said)
    for place, label in _unknown_labels(fields, latency, found):
        known = ", ".join(sorted(_known_labels(found)))
        raise PackError(
            place.position, f"names the label {label!r}, which no series in 'example' has; they have {known}"
        )
    return found


def _native(fields: Mapping[str, Node]) -> bool:
    """Whether the metric is a native histogram, which has no buckets that could be named."""
    said = fields["native"].text if "native" in fields else "false"
    if said not in ("true", "false"):
        raise PackError(fields["native"].position, f"native is {said!r}; write true or false")
    for key in ("buckets", "bounds"):
        if said == "true" and key in fields:
            raise PackError(fields[key].position, f"a native histogram has no {key} to name; remove {key}")
    return said == "true"


def _texts(fields: Mapping[str, Node]) -> dict[str, Any]:
    return {key: fields[key].text for key in _TEXTS if key in fields}


def _counts(fields: Mapping[str, Node], other: Counts | None, native: bool) -> Counts | None:
    """Return the counter that *fields* tell; what they leave open is as in *other*."""
    if other is None and "events" not in fields:
        return None
    other = other or Counts("")
    lists = {key: tuple(entry.text for entry in fields[key].list()) for key in ("counted", "bad") if key in fields}
    return Counts(
        fields["events"].text if "events" in fields else other.metric,
        lists.get("counted", other.counted),
        lists.get("bad", other.bad),
        fields["ignore"].text if "ignore" in fields else other.ignore,
        native,
    )


def _naming(node: Node) -> Naming:
    fields = node.fields(frozenset({"label", "pattern"}), frozenset({"label"}))
    pattern = fields["pattern"].text if "pattern" in fields else "NAME"
    if pattern.count("NAME") != 1:
        raise PackError(
            node.position, f"pattern is {pattern!r}, and must hold NAME once, where the service's name stands"
        )
    return Naming(fields["label"].text, pattern)


def _known_labels(dialect: Dialect) -> set[str]:
    return {label for group in dialect.example.values() for label in group} | {dialect.service.label, "job", "instance"}


def _unknown_labels(
    fields: Mapping[str, Node], latency: Mapping[str, Node], dialect: Dialect
) -> Iterator[tuple[Node, str]]:
    """Yield the labels that matchers name and no series of the example has."""
    if not dialect.example:
        return
    known = _known_labels(dialect)
    for known_here, among in ((known, fields), (known - set(dialect.without), latency)):
        for key in ("ignore", "counted", "bad", "throttled", "shed"):
            if key in among:
                for node in [among[key]] if among[key].is_scalar else among[key].list():
                    yield from ((node, label) for label in _LABELS.findall(node.text) if label not in known_here)
    if "labels" in fields:
        yield from ((node, node.text) for _, node in fields["labels"].items() if node.text not in known)
