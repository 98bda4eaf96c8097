"""Fixtures of the proofs: from what a pack says of its traffic and gauges to promtool's series."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from seawall.catalog import Duration

from .dialects import Dialect
from .text import Template, number

STEP: Final = (
    60  # seconds between samples and between evaluations: the widest that a window of two minutes can be read from
)
_SHORT: Final = re.compile(r"(?P<start>-?[\d.e]+)?(?P<growth>[+-][\d.e]+)?")
_CLASSES: Final = ("good", "slow", "bad", "throttled", "shed")


def render_tree(tree: Any, scope: Mapping[str, Any]) -> Any:
    """Return *tree* with every template in it filled in."""
    if isinstance(tree, Template):
        return tree.render(scope)
    if isinstance(tree, Mapping):
        return {key: render_tree(value, scope) for key, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [render_tree(value, scope) for value in tree]
    return tree


def values(spec: Any, seconds: float) -> str:
    """Return promtool's notation for *spec* over *seconds*.

    ``12`` is a constant; ``+5`` a counter that grows by five a minute; ``100-2`` a gauge that falls by two a minute.
    A list of phases says each one's length: ``[{for: 20m, value: 1}, {gone: yes}]``; the last one lasts to the end.
    """
    phases = spec if isinstance(spec, list) else [shorthand(str(spec))]
    parts, level, left = [], 0.0, math.ceil(seconds / STEP) + 1
    for index, phase in enumerate(phases):
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
        own = {**dialect.example.get("base", {}), **dialect.example[name], **labels}
        counts = [_class_phase(phase, name) for phase in phases]
        series[_series(dialect.events, own)] = counts
        for bound in sorted({*le, slowest}):
            text = number(bound / dialect.seconds_per_unit)
            fast = name != "slow" or bound >= slowest
            series[_series(dialect.buckets, {**own, "le": text})] = (
                counts if fast else [_still(each) for each in counts]
            )
        series[_series(dialect.buckets, {**own, "le": "+Inf"})] = counts
    return series


def _class_phase(phase: Mapping[str, str], name: str) -> dict[str, str]:
    if "gone" in phase:
        return {"gone": "yes", **({"for": phase["for"]} if "for" in phase else {})}
    return {"per_minute": phase.get(name, "0"), **({"for": phase["for"]} if "for" in phase else {})}


def _still(phase: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in phase.items() if key != "per_minute"} | {"per_minute": "0"}


def _series(metric: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()) if value != "")
    return f"{metric}{{{inside}}}"
