"""Whether an SLO can be formed: its SLI, and the labels and buckets that it needs."""

import re
from collections.abc import Iterator
from typing import Final

from seawall import conventions
from seawall.catalog import PAIRS, Catalog, Duration, Problem, Service, Severity, Slo

from .dialects import Dialect
from .examples import events_of
from .guesses import guess
from .patterns import example_of
from .slis import classified, is_timed
from .slo import SECONDS
from .slo_promql import given_problems

_SHORTEST: Final = Duration(2 * 86400)  # what is kept an hour apart shows a day of history for certain
_SHORTEST_LONG: Final = min(SECONDS[pair.window] for pair in PAIRS)
_JUDGED_BY_VALUE: Final = ("freshness", "saturation", "throughput", "probe")
_CODE: Final = r"[A-Za-z0-9_]+"
_LABELS: Final = re.compile(r'(\w+)(?:=~|!~|!=|=)"')
_OWN_LABELS: Final = frozenset({"job", "slo", "window", "le", "alertname", *conventions.ALERT_LABELS})
_NO_FILTERS: Final = ("job", "le")  # the rules select by them already
_NUMBERS: Final = ("inf", "nan")  # PromQL reads these as numbers where it groups, however they are written
_SUREST: Final = 99.9999
_HIGHEST: Final = 99.99999999  # 0.3 ms a month; closer to 100 it is lost in the last digits
_MOST_BAD: Final = 100_000_000
_METHOD: Final = r"[A-Za-z0-9_-]+"
Told = tuple[str, str]  # the field, and what is wrong with it


def slo_problems(catalog: Catalog, service: Service, dialect: Dialect | None) -> Iterator[Problem]:
    """Yield what is wrong with the SLOs of *service*, each at its place."""
    for key, slo in service.slos.items():
        for field, said in _problems(service, slo, dialect):
            place = _place(catalog, service, key, field)
            text = f'service "{service.name}": SLO {key!r}: {said}'
            yield Problem(catalog.where(*place), text, Severity.ERROR)


def _place(catalog: Catalog, service: Service, key: str, field: str) -> tuple[str, ...]:
    """Return the path of what is wrong; one of several thresholds stands below the SLO that has them."""
    slos = ("services", service.name, "slos")
    under = str(service.slos[key].under)
    if catalog.where(*slos, key) == catalog.where(*slos) and key.endswith(f"-{under}"):
        return (*slos, key.removesuffix(f"-{under}"), "thresholds", under)
    return (*slos, key, *(field.split(".", 1) if field else ()))


def _problems(service: Service, slo: Slo, dialect: Dialect | None) -> Iterator[Told]:
    if slo.window and slo.window < _SHORTEST:
        yield "window", f"window is {slo.window}, and a budget is judged after a day; write {_SHORTEST} or more"
        return
    contradictions = [*_contradictions(slo, dialect), *_groups(slo, dialect)]
    if contradictions or slo.is_given:
        yield from contradictions or given_problems(slo)
        return
    unknown = _unknown_sli(service, slo, dialect)
    if unknown:
        yield unknown
    elif dialect is not None:
        found = [*_labels(slo, dialect), *_effects(slo, dialect), *_patterns(slo)]
        yield from found or _buckets(service, slo, dialect) or _events(slo, dialect)


def _contradictions(slo: Slo, dialect: Dialect | None) -> Iterator[Told]:
    """What is right alone, and says nothing together."""
    if is_timed(slo, dialect) and slo.floor is not None and slo.floor > _SHORTEST_LONG:
        said = f"floor is {slo.floor} bad seconds, and the shortest long window has {_SHORTEST_LONG}"
        yield "floor", f"{said}: its page could never fire; write {_SHORTEST_LONG} or less"
    judges_events = slo.sli in ("availability", "latency") and dialect is not None and dialect.events is not None
    if slo.is_raw and slo.sli in ("throughput", "probe"):
        yield "total", f"total counts events, and sli {slo.sli} judges moments; write another sli, or value: for total:"
    if slo.budgeting != "events" and not slo.is_raw and (slo.value is not None or not judges_events):
        yield (
            "budgeting",
            f"budgeting {slo.budgeting} cuts events into slices, and this SLO judges moments; take budgeting out",
        )
    if slo.value is not None and slo.sli == "latency":
        yield "value", "value judges moments, and a latency SLO judges events; take value out, or write sli: saturation"
    if slo.at_least is not None and slo.at_least <= 0:
        yield "at_least", f"at_least is {slo.at_least:g}, and no throughput is lower; write a number above 0"
    yield from _extremes(slo)


def _extremes(slo: Slo) -> Iterator[Told]:
    """Numbers at which arithmetic ends before the sense does."""
    if slo.goal > _HIGHEST:
        said = f"objective is {slo.goal!r}, and no window tells a budget that small"
        yield "objective", f"{said}; write {_HIGHEST} or less"
    if slo.floor is not None and slo.floor > _MOST_BAD:
        yield "floor", f"floor is {slo.floor}, more bad events than are counted exactly; write {_MOST_BAD} or less"
    if slo.confidence is not None and slo.confidence > _SUREST:
        said = f"confidence is {slo.confidence!r}, and a bound that sure tells nothing; write {_SUREST} or less"
        yield "confidence", said


def _groups(slo: Slo, dialect: Dialect | None) -> Iterator[Told]:
    for at, label in enumerate(slo.by):
        if label in slo.by[:at]:
            yield "by", f"by names {label} twice; take one out"
        elif label in _OWN_LABELS:
            yield "by", f"by names {label}, a label of the rules' own; take it out"
        elif label.startswith("__"):
            yield "by", f"by names {label}, and labels that begin with __ are Prometheus' own; take it out"
        elif label.lower() in _NUMBERS:
            yield "by", f"by names {label}, which PromQL reads as a number; give the label another name"
    if dialect is None or slo.sli not in dialect.slis or dialect.events is None or slo.is_given:
        return
    if slo.codes and "status" not in dialect.labels:
        return
    telling = {label for matchers in classified(slo, dialect).bad for label in _LABELS.findall(matchers)}
    for label in slo.by:
        if label in telling:
            yield (
                "by",
                f"by names {label}, which tells bad events from good ones; take it out: no group would have both",
            )


def _unknown_sli(service: Service, slo: Slo, dialect: Dialect | None) -> Told | None:
    slis = dialect.slis if dialect else ()
    if slo.sli == "probe" and dialect and dialect.success:
        return None
    if slo.sli in _JUDGED_BY_VALUE and slo.sli not in slis:
        return "", f"sli {slo.sli} of kind {service.kind} needs value: with the PromQL that it is judged by"
    if not slis:
        mend = "write value: or total: with PromQL of your own, or remove the SLO"
        return "", f"services of kind {service.kind} have no SLI of their own; {mend}"
    if slo.sli not in slis:
        own = f"dialect {dialect.name} of kind {service.kind}" if dialect else f"kind {service.kind}"
        known = dict.fromkeys((*slis, *_JUDGED_BY_VALUE))
        return "", f"sli {slo.sli!r} is not known for {own}; {guess(slo.sli, list(known))}"
    return None


def _labels(slo: Slo, dialect: Dialect) -> Iterator[Told]:
    needs = (("routes", "route", slo.routes), ("methods", "method", slo.methods), ("codes", "status", slo.codes))
    for field, label, given in needs:
        missing = label not in dialect.labels or (slo.sli == "latency" and dialect.labels[label] in dialect.without)
        if given and (missing or dialect.events is None):
            yield field, f"dialect {dialect.name} has no label for {field}; remove {field}"


def _effects(slo: Slo, dialect: Dialect) -> Iterator[Told]:
    """Fields that would be read, and change nothing."""
    for field in ("exclude", "bad"):
        if getattr(slo, field) and dialect.events is None:
            yield (
                field,
                f"{field} has no effect: dialect {dialect.name} judges moments, and counts no events; take it out",
            )
    if slo.bad and slo.sli == "throughput":
        yield "bad", "bad has no effect on throughput, which judges how many events there are; take it out"
    if slo.sli == "latency" and dialect.timed is not None:
        for field in ("by", "exclude", "bad"):
            for label in getattr(slo, field):
                if label in dialect.without:
                    place = field if field == "by" else f"{field}.{label}"
                    said = f"{field} has no effect on latency: the histogram of dialect {dialect.name} lacks {label}"
                    yield place, f"{said}; take it out"


def _patterns(slo: Slo) -> Iterator[Told]:
    for field, patterns in (("exclude", slo.exclude), ("bad", slo.bad_labels)):
        for label, pattern in patterns.items():
            if label in _NO_FILTERS or label.startswith("__"):
                yield f"{field}.{label}", f"{field} names {label}, which Prometheus or the rules set; take it out"
                continue
            try:
                example_of(pattern)
            except ValueError as error:
                yield f"{field}.{label}", f"{field}.{label}: {error}"
    for method in slo.methods:
        if not re.fullmatch(_METHOD, method):
            yield "methods", f"methods: {method!r} is no HTTP method; write each one, such as GET"
    for code in slo.codes:
        if not re.fullmatch(_CODE, code):
            yield f"codes.{code}", f"codes: {code!r} is no status code; write each one, such as 429 or 499"


def _buckets(service: Service, slo: Slo, dialect: Dialect) -> list[Told]:
    if dialect.timed and dialect.timed.native:
        return []  # its bounds are everywhere
    own = [each.seconds for each in service.buckets]
    bounds = [each for each in own or [each * dialect.seconds_per_unit for each in dialect.bounds] if each > 0]
    under = slo.under.seconds if slo.under else 0.0
    if slo.sli != "latency" or not bounds or any(abs(each - under) < 1e-9 for each in bounds):
        return []
    below = max((each for each in bounds if each < under), default=None)
    above = min((each for each in bounds if each > under), default=None)
    near = " or ".join(str(Duration(each)) for each in (below, above) if each is not None)
    whose = "its buckets" if own else f"the buckets of dialect {dialect.name}"
    mend = f"write {near}" + ("" if own else ", or list what it has under buckets: of the service")
    return [
        (
            "under",
            f"no bucket ends at {slo.under}, so nothing tells what is quicker; next to it {whose} have {near}; {mend}",
        )
    ]


def _events(slo: Slo, dialect: Dialect) -> list[Told]:
    try:
        events_of(slo, dialect)
    except ValueError as error:
        return [("", str(error))]
    return []
