"""Fixtures of the proofs: from what a pack says of its traffic and gauges to promtool's series."""

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from seawall.catalog import Duration

from .dialects import Dialect
from .text import Template, number, promql_string

STEP: Final = (
    60  # seconds between samples and between evaluations: the widest that a window of two minutes can be read from
)
_NUMBER: Final = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_SHORT: Final = re.compile(rf"(?P<start>-?{_NUMBER})?(?P<growth>[+-]{_NUMBER})?")
_CLASSES: Final = ("good", "slow", "bad", "throttled", "shed")
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
    for index, phase in enumerate(map(dict, phases)):
        last = index == len(phases) - 1
        steps = left if last else min(left, math.ceil(Duration.parse(phase["for"]).seconds / STEP))
        if steps <= 0:
            continue
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
    slowest = max(10.0, *(2 * bound for bound in le))
    series: dict[str, Any] = {}
    for name in _CLASSES:
        if name not in dialect.example or not any(name in phase for phase in phases):
            continue
        counts = [_class_phase(phase, name) for phase in phases]
        still = [_still(each) for each in counts] if name == "slow" else counts
        for key, moves in _class_series(dialect, name, tuple(labels.items()), (*le, slowest)):
            series[key] = counts if moves else still
    return series


@lru_cache(_MEMORY)
def _class_series(
    dialect: Dialect, name: str, labels: tuple[tuple[str, str], ...], le: tuple[float, ...]
) -> tuple[tuple[str, bool], ...]:
    """Return the series of one class, the last bound being the slowest, and whether its events are counted in each."""
    own = {**dialect.example.get("base", {}), **dialect.example[name], **dict(labels)}
    found = [(_series(dialect.events, own), True)]
    for bound in sorted(set(le)):
        key = _series(dialect.buckets, {**own, "le": number(bound / dialect.seconds_per_unit)})
        found.append((key, name != "slow" or bound >= le[-1]))
    return (*found, (_series(dialect.buckets, {**own, "le": "+Inf"}), True))


def _class_phase(phase: Mapping[str, str], name: str) -> dict[str, str]:
    if "gone" in phase:
        return {"gone": "yes", **({"for": phase["for"]} if "for" in phase else {})}
    return {"per_minute": phase.get(name, "0"), **({"for": phase["for"]} if "for" in phase else {})}


def _still(phase: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in phase.items() if key != "per_minute"} | {"per_minute": "0"}


def _series(metric: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{promql_string(value)}"' for label, value in sorted(labels.items()) if value != "")
    return f"{metric}{{{inside}}}"
