"""Fixtures of the proofs: from what a pack says of its traffic and gauges to promtool's series."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from seawall.catalog import Duration

from . import native_fixtures as native
from .dialects import Dialect
from .naming import matchers
from .slo import RAW_WINDOWS, SECONDS
from .slo_chain import BADNESS, PERIOD, SAMPLED, SEEN, SEEN_HOURLY
from .text import Template, number

# Seconds between samples and between evaluations: the widest that a window of two minutes can be read from.
STEP: Final = 60
_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_SHORT: Final = re.compile(rf"(?P<start>-?{_NUMBER})?(?P<growth>[+-]{_NUMBER})?")
_HALF: Final = 0.5
CLASSES: Final = ("good", "slow", "bad", "throttled", "shed")
"""What an event can be to a service."""
_MONTH: Final = 30 * 86400  # seconds
_HISTORY: Final = 144  # samples for it, one every ten seconds
_CAMPAIGN: Final = 19  # of them: four days
_MEMORY: Final = 4096  # fixtures that are kept: the services of one kind share nearly all of theirs


def render_tree(tree: Any, scope: Mapping[str, Any]) -> Any:
    """Return *tree* with every template in it filled in."""
    if isinstance(tree, Template):
        return tree.render(scope)
    if isinstance(tree, dict):
        return {key: render_tree(value, scope) for key, value in tree.items()}
    if isinstance(tree, list):
        return [render_tree(value, scope) for value in tree]
    return tree


def values(spec: Any, seconds: float) -> str:
    """Return promtool's notation for *spec* over *seconds*.

    ``12`` is a constant; ``+5`` a counter that grows by five a minute; ``100-2`` a gauge that falls by two a minute.
    A list of phases says each one's length: ``[{for: 20m, value: 1}, {gone: yes}]``; the last one lasts to the end.
    """
    phases = spec if isinstance(spec, list) else [shorthand(str(spec))]
    return _written(tuple(tuple(phase.items()) for phase in phases), seconds)


@lru_cache(_MEMORY)
def _written(phases: tuple[tuple[tuple[str, str], ...], ...], seconds: float) -> str:
    parts, level, left = [], 0.0, math.ceil(seconds / STEP) + 1
    found = native.Level()
    for index, phase in enumerate(map(dict, phases)):
        last = index == len(phases) - 1
        steps = left if last else min(left, math.ceil(Duration.parse(phase["for"]).seconds / STEP))
        if steps <= 0:
            continue
        if native.SLOW_BUCKET in phase:
            text, found = native.phase(phase, found, steps)
        else:
            text, level = _phase(phase, level, steps)
        parts.append(text)
        left -= steps
    return " ".join(parts)


def shorthand(text: str) -> dict[str, str]:
    """Return the one phase that a short value stands for."""
    found = _SHORT.fullmatch(text.replace(" ", ""))
    if not text or not found:
        raise ValueError(f"{text!r} is not a value of a fixture; write such as 12, +5 (a minute) or 100-2")
    return {"value": found["start"] or "0", "per_minute": found["growth"] or "0"}


def _phase(phase: Mapping[str, str], level: float, steps: int) -> tuple[str, float]:
    if "gone" in phase:
        return f"_x{steps}", level
    start = float(phase.get("value", level))
    growth = float(phase.get("per_minute", 0)) * STEP / 60
    # a+bxn is n + 1 samples, from a to a + n·b
    return f"{number(start)}{growth:+.10g}x{steps - 1}", start + growth * steps


def traffic_series(dialect: Dialect, labels: Mapping[str, str], spec: Any, le: Sequence[float]) -> dict[str, Any]:
    """Return the series that *dialect* writes for *spec*: events a minute by class (good, slow, bad, throttled, shed).

    *le* are the bucket bounds in seconds that the service's rules read; slow events are slower than all of them.
    """
    phases = spec if isinstance(spec, list) else [spec]
    if dialect.events is None:
        return _probe_series(dialect, labels, phases, le)
    slowest = _slowest(le)
    still = _lasting([{"per_minute": "0"}] * len(phases), phases)
    series: dict[str, Any] = {}
    for name in CLASSES:
        if name not in dialect.example or not any(name in phase for phase in phases):
            continue
        counts = _lasting([{"per_minute": phase.get(name, "0")} for phase in phases], phases)
        for key, moves in _class_series(dialect, name, tuple(labels.items()), (*le, slowest)):
            own = counts if moves else still
            if dialect.events.native:
                own = native.placed(counts, quick=moves, above=slowest / dialect.seconds_per_unit)
            # A histogram that lacks a label counts several classes in one series.
            series[key] = _added(series[key], own) if key in series else own
    return series


@lru_cache(_MEMORY)
def _class_series(
    dialect: Dialect, name: str, labels: tuple[tuple[str, str], ...], le: tuple[float, ...]
) -> tuple[tuple[str, bool], ...]:
    """Return the series of one class, the last bound being the slowest, and whether its events are counted in each.

    Of a native histogram, whether they are quick.
    """
    assert dialect.events is not None
    own = {**dialect.example.get("base", {}), **dialect.example[name], **dict(labels)}
    found = [(_series(dialect.events.metric, own), True)]
    if dialect.timed is None:
        return tuple(found)
    timed = {label: value for label, value in own.items() if label not in dialect.without}
    if dialect.timed.metric != dialect.events.metric:
        found.append((_series(dialect.timed.metric, timed), True))
    # Where the histogram does not tell failures, only slow ones can be bad.
    slow = ("slow",) if dialect.timed.bad else ("slow", "bad")
    if dialect.timed.native:
        keys = dict.fromkeys((found[0][0], _series(dialect.timed.metric, timed)), name not in slow)
        return tuple(keys.items())
    for bound in sorted(set(le)):
        key = _series(dialect.buckets, {**timed, "le": number(bound / dialect.seconds_per_unit)})
        found.append((key, name not in slow or bound >= le[-1]))
    return (*found, (_series(dialect.buckets, {**timed, "le": "+Inf"}), True))


def _slowest(le: Sequence[float]) -> float:
    """Return the seconds of an event that is slower than all of *le*."""
    return max(10.0, *(2 * bound for bound in le))


def _added(first: Sequence[Mapping[str, str]], second: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return phases of the same lengths in which the events of both come."""
    return [
        {key: number(float(text) + float(two[key])) if is_pace(key) else text for key, text in one.items()}
        for one, two in zip(first, second, strict=True)
    ]


def is_pace(key: str) -> bool:
    """Whether a phase says there how many come a minute."""
    return key.endswith("per_minute")


def _probe_series(
    dialect: Dialect, labels: Mapping[str, str], phases: Sequence[Mapping[str, str]], le: Sequence[float]
) -> dict[str, Any]:
    """Return a probe's gauges: of one that fails as often as events are bad, and is slow while most are."""
    own = {**dialect.example.get("base", {}), **labels}
    slowest = _slowest(le)
    found = {dialect.success: [{"value": number(1 - _share(each, "bad"))} for each in phases]}
    if dialect.duration:
        seconds = [slowest if _share(each, "slow") > _HALF else 0.0 for each in phases]
        found[dialect.duration] = [{"value": number(each / dialect.seconds_per_unit)} for each in seconds]
    return {_series(metric, own): _lasting(values, phases) for metric, values in found.items() if metric}


def recorded_series(sel: str, spec: Any, *, timed: bool) -> dict[str, Any]:
    """Return what an SLO's rules record of *spec*, for PromQL of the catalog's own: how bad time is, or event rates."""
    phases = spec if isinstance(spec, list) else [spec]
    share = _lasting([{"value": number(_share(each, "bad"))} for each in phases], phases)
    if timed:
        return {f"{BADNESS}{{{sel}}}": share}
    series = {}
    for window in RAW_WINDOWS:
        for kind, classes in (("total", ("good", "slow", "bad")), ("bad", ("bad",)), ("good", ("good", "slow"))):
            rates = [{"value": number(sum(float(each.get(one, 0)) for one in classes) / 60)} for each in phases]
            series[f"slo:{kind}:rate{window}{{{sel}}}"] = _lasting(rates, phases)
    return series


def history_series(sel: str, spec: Mapping[str, str]) -> dict[str, Any]:
    """Return what a month would have left behind: *usual* events a minute, some days of which were a *campaign*.

    A sample stands for five hours of it. Of a slow *window* alone, all was good, and a sample is one of five minutes.
    What is recorded from then on goes on where they end.
    """
    usual = float(spec["usual"]) / 60
    if "window" in spec:
        seconds = SECONDS[spec["window"]]
        rates = {"total": usual, "good": usual, "bad": 0.0}
        found = {SAMPLED.format(kind=kind): [(seconds // 300, rate)] for kind, rate in rates.items()}
        found[SEEN] = [(seconds // 300, -seconds)]
    else:
        campaign = usual * float(spec.get("campaign", 1))
        found = {
            PERIOD["total"]: [(_HISTORY - _CAMPAIGN, usual), (_CAMPAIGN, campaign)],
            PERIOD["bad"]: [(_HISTORY, 0)],
            SEEN_HOURLY: [(_HISTORY, -_MONTH)],
        }
    return {f"{name}{{{sel}}}": _seeds(phases) for name, phases in found.items()}


def _seeds(phases: Sequence[tuple[int, float]]) -> list[dict[str, str]]:
    """Return phases of so many samples, ten seconds apart, and nothing after them."""
    return [*({"for": f"{many * 10}s", "value": number(value)} for many, value in phases), {"gone": "yes"}]


def enough_or_none(spec: Any, at_least: float) -> list[dict[str, str]]:
    """Return traffic where *at_least* events a second are owed: twice as many, or none while most are bad."""
    phases = spec if isinstance(spec, list) else [spec]
    rates = [{"good": number(0 if _share(each, "bad") > _HALF else 120 * at_least)} for each in phases]
    return _lasting(rates, phases)


def _share(phase: Mapping[str, str], name: str) -> float:
    many = {each: float(phase.get(each, 0)) for each in ("good", "slow", "bad")}
    return many[name] / sum(many.values()) if sum(many.values()) else 0.0


def _lasting(values: Sequence[dict[str, str]], phases: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return *values*, each as long as its phase and gone where that is."""
    return [
        ({"gone": "yes"} if "gone" in phase else value) | ({"for": phase["for"]} if "for" in phase else {})
        for value, phase in zip(values, phases, strict=True)
    ]


def _series(metric: str, labels: Mapping[str, str]) -> str:
    inside = matchers((label, value) for label, value in sorted(labels.items()) if value != "")
    return f"{metric}{{{inside}}}"
