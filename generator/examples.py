"""Which events prove an SLO: of the dialect's examples, those that it counts, one that is good and one that is bad."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from seawall.catalog import Slo

from .dialects import Dialect
from .patterns import example_of, matches
from .slo_rules import route_regex

_GOOD: Final = ("good", "slow", "throttled", "shed", "bad")
_BAD: Final = ("bad", "shed", "good", "throttled")
_MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
_Labels = Mapping[str, str]


def events_of(slo: Slo, dialect: Dialect) -> Dialect:
    """Return *dialect* with examples that *slo* counts; raise ValueError where it would count none, or none as bad."""
    if not slo.is_filtered:
        return dialect
    own = {label: example_of(pattern) for label, pattern in sorted(slo.bad.items())}
    good = next((each for each in _counted(slo, dialect, _GOOD, {}) if not _is_bad(slo, dialect, each)), None)
    bad = next((each for each in _counted(slo, dialect, _BAD, own) if _is_bad(slo, dialect, each)), None)
    for what, found in (("good", good), ("bad", bad)):
        if found is None:
            fields = " and ".join(field for field in ("routes", "methods", "exclude", "bad") if getattr(slo, field))
            raise ValueError(f"no event of dialect {dialect.name} that it counts would be {what}; change {fields}")
    assert good is not None
    assert bad is not None
    return replace(dialect, example={**dialect.example, "base": {}, "good": dict(good), "bad": dict(bad)})


def _counted(slo: Slo, dialect: Dialect, classes: tuple[str, ...], own: _Labels) -> Iterator[_Labels]:
    for name in classes:
        for route in slo.routes or (None,):
            labels = {**dialect.example.get("base", {}), **dialect.example.get(name, {})}
            if route is not None:
                labels[dialect.labels["route"]] = route.replace("*", "x")
            if slo.methods:
                labels[dialect.labels["method"]] = slo.methods[0]
            labels |= own
            if name in dialect.example and _counts(slo, dialect, labels):
                yield labels


def _counts(slo: Slo, dialect: Dialect, labels: _Labels) -> bool:
    routes = "|".join(route_regex(route) for route in slo.routes)
    return (
        any(_holds(matchers, labels) for matchers in dialect.counted)
        and _holds(dialect.ignore, labels)
        and (not slo.routes or matches(routes, labels.get(dialect.labels["route"], "")))
        and (not slo.methods or labels.get(dialect.labels["method"], "") in slo.methods)
        and not any(matches(pattern, labels.get(label, "")) for label, pattern in slo.exclude.items())
    )


def _is_bad(slo: Slo, dialect: Dialect, labels: _Labels) -> bool:
    if slo.bad:
        return all(matches(pattern, labels.get(label, "")) for label, pattern in slo.bad.items())
    return any(_holds(matchers, labels) for matchers in dialect.bad)


def _holds(matchers: str, labels: _Labels) -> bool:
    """Whether *matchers*, as a dialect writes them, all match *labels*."""
    for label, operator, quoted in _MATCHER.findall(matchers):
        value = re.sub(r"\\(.)", r"\1", quoted)
        actual = labels.get(label, "")
        equal = matches(value, actual) if "~" in operator else value == actual
        if equal == operator.startswith("!"):
            return False
    return True
