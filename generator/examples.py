"""Examples of a filtered SLO's events: label values of one that counts and is good, and of one that is bad."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from seawall.catalog import Slo

from .dialects import Counts, Dialect
from .patterns import example_of, matches
from .slis import classified, route_regex
from .text import promql_string

_GOOD: Final = ("good", "slow", "throttled", "shed", "bad")
_BAD: Final = ("bad", "shed", "good", "throttled")
_MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
_FIELDS: Final = ("routes", "methods", "exclude", "bad", "codes")  # that restrict or restate what counts
_Labels = Mapping[str, str]


def events_of(slo: Slo, dialect: Dialect) -> Dialect:
    """Return *dialect* with examples that *slo* counts; raise ValueError where it would count none, or none as bad."""
    if not _restricts(slo) or slo.sli not in dialect.slis or not dialect.events:
        return dialect
    counts = classified(slo, dialect)
    own = {label: example_of(pattern) for label, pattern in sorted(slo.bad_labels.items())}
    good = next((each for each in _counted(slo, dialect, counts, _GOOD, {}) if not _is_bad(counts, each)), None)
    bad = next((each for each in _counted(slo, dialect, counts, _BAD, own) if _is_bad(counts, each)), None)
    if slo.sli == "throughput" or (slo.sli == "latency" and not counts.bad):
        bad = good  # what is slow, or lacking, is bad, and nothing else tells
    for what, found in (("good", good), ("bad", bad)):
        if found is None:
            fields = " and ".join(field for field in _FIELDS if getattr(slo, field))
            raise ValueError(f"no event of dialect {dialect.name} that it counts would be {what}; change {fields}")
    assert good is not None
    assert bad is not None
    return replace(dialect, example={**dialect.example, "base": {}, "good": dict(good), "bad": dict(bad)})


def restates_good(slo: Slo, dialect: Dialect) -> bool:
    """Whether an event that *dialect* calls good is a bad one to *slo*."""
    if not _restricts(slo) or slo.sli not in dialect.slis or not dialect.events:
        return False
    counts, labels = classified(slo, dialect), {**dialect.example.get("base", {}), **dialect.example.get("good", {})}
    return _counts(slo, dialect, counts, labels) and _is_bad(counts, labels)


def counts_event(slo: Slo, dialect: Dialect, labels: _Labels) -> bool:
    """Whether *slo* counts an event of *dialect* with these labels."""
    return _counts(slo, dialect, classified(slo, dialect), labels)


def group_matchers(slo: Slo, dialect: Dialect) -> str:
    """Return the matchers, each after a comma, of the group of *slo* in which the dialect's good example is."""
    labels = {**dialect.example.get("base", {}), **dialect.example.get("good", {})}
    return "".join(f',{label}="{promql_string(labels[label])}"' for label in slo.by if labels.get(label))


def _restricts(slo: Slo) -> bool:
    return any(getattr(slo, field) for field in _FIELDS) and not slo.is_raw


def _counted(slo: Slo, dialect: Dialect, counts: Counts, classes: tuple[str, ...], own: _Labels) -> Iterator[_Labels]:
    for name, more in _classes(slo, dialect, classes):
        for route in slo.routes or (None,):
            labels = {**dialect.example.get("base", {}), **dialect.example.get(name, {}), **more}
            if route is not None:
                labels[dialect.labels["route"]] = route.replace("*", "x")
            if slo.methods:
                labels[dialect.labels["method"]] = slo.methods[0]
            labels |= own
            if name in dialect.example and _counts(slo, dialect, counts, labels):
                yield labels


def _classes(slo: Slo, dialect: Dialect, classes: tuple[str, ...]) -> Iterator[tuple[str, _Labels]]:
    """Yield the classes, then events like a good one with each status that the SLO names."""
    yield from ((name, {}) for name in classes)
    for code in sorted(slo.codes):
        yield "good", {dialect.labels["status"]: code}


def _counts(slo: Slo, dialect: Dialect, counts: Counts, labels: _Labels) -> bool:
    routes = "|".join(route_regex(route) for route in slo.routes)
    return (
        any(_holds(matchers, labels) for matchers in counts.counted)
        and _holds(counts.ignore, labels)
        and (not slo.routes or matches(routes, labels.get(dialect.labels["route"], "")))
        and (not slo.methods or labels.get(dialect.labels["method"], "") in slo.methods)
        and not any(matches(pattern, labels.get(label, "")) for label, pattern in slo.exclude.items())
    )


def _is_bad(counts: Counts, labels: _Labels) -> bool:
    return any(_holds(matchers, labels) for matchers in counts.bad)


def _holds(matchers: str, labels: _Labels) -> bool:
    """Whether *matchers*, as a dialect writes them, all match *labels*."""
    for label, operator, quoted in _MATCHER.findall(matchers):
        value = re.sub(r"\\(.)", r"\1", quoted)
        actual = labels.get(label, "")
        equal = matches(value, actual) if "~" in operator else value == actual
        if equal == operator.startswith("!"):
            return False
    return True
