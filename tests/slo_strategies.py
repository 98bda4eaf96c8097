"""Hypothesis strategies of SLOs: every SLI, with what goes together, and PromQL of the catalog's own."""

import re
from typing import Any, Final

from hypothesis import strategies as st

Fields = dict[str, Any]
PATTERNS: Final = (
    "5..",
    "2.+",
    "GET|HEAD",
    "bot",
    ".*[.]Timeout(Error)?",
    r"a\.b",
    "(?:x|y)z*",
    "[^a-z]+?",
    "^red$",
)
_VALUES: Final = (
    "max(job_last_success_timestamp_seconds)",
    'max by (region) (used{path=~"/.*",name!="a\\"b"}) / max by (region) (size)',
    "max_over_time(depth[10m:1m])",
)
_RATES: Final = (
    "sum(rate(%s_total[{{window}}]))",
    'rate(%s_total{path!~"/-/.*"}[{{ window }}] offset 1m)',
    "sum by (region) (increase(%s_total[{{window}}])) / 60",
    "histogram_count(sum(rate(%s[{{window}}])))",
)
_GROUPS: Final = (["region"], ["tenant", "region"])
_EVENTS: Final = ("http", "worker")  # the kinds whose dialects count events


def slos(kind: str, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Fields]:
    """Return SLOs that a service of *kind* may have, with *texts* as routes."""
    own = [_of_events(kind, texts), _throughput(kind, texts)] if kind in _EVENTS else []
    return st.one_of(*own, _judged(), _raw()).flatmap(_with_common)


def _with_common(slo: Fields) -> st.SearchStrategy[Fields]:
    more: dict[str, st.SearchStrategy[Any]] = {
        "window": st.sampled_from(["2d", "36h12h", "7d", "90d"]),
        "floor": st.integers(1, 1000),
        "confidence": st.sampled_from([50, 90, 95, 99.9]),
    }
    objective = {} if "thresholds" in slo else {"objective": _objectives()}
    own = [slo[field] for field in ("good", "bad", "total", "value") if isinstance(slo.get(field), str)]
    more["by"] = st.sampled_from([labels for labels in _GROUPS if all(_keeps(text, labels) for text in own)] or [[]])
    return st.fixed_dictionaries(objective, optional=more).map(lambda drawn: slo | drawn)


def _keeps(text: str, labels: list[str]) -> bool:
    """Whether PromQL of those above still has *labels*."""
    return all(label in kept.split(", ") for kept in re.findall(r"^(?:sum|max) by \((.*?)\)", text) for label in labels) and not text.startswith(("sum(", "max("))  # fmt: skip


def _objectives() -> st.SearchStrategy[float]:
    return st.one_of(st.sampled_from([90, 95, 99, 99.5, 99.9, 99.99]), st.floats(84, 99.999))


@st.composite
def _of_events(draw: st.DrawFn, kind: str, texts: st.SearchStrategy[str]) -> Fields:
    slo: Fields = {"sli": draw(st.sampled_from(["availability", "latency"]))}
    if slo["sli"] == "latency":
        times = st.sampled_from(["5ms", "250ms", "300ms", "1s", "2s500ms"])
        several = st.dictionaries(times, _objectives(), min_size=1, max_size=3).map(lambda each: {"thresholds": each})
        slo |= draw(st.one_of(times.map(lambda under: {"under": under}), several))
    slo |= draw(st.one_of(st.just({}), _sliced()))
    return slo | draw(_filters(kind, texts)) | draw(_restated(texts))


@st.composite
def _throughput(draw: st.DrawFn, kind: str, texts: st.SearchStrategy[str]) -> Fields:
    return {"sli": "throughput", "at_least": draw(st.floats(0.01, 1e4)), **draw(_filters(kind, texts))}


@st.composite
def _filters(draw: st.DrawFn, kind: str, texts: st.SearchStrategy[str]) -> Fields:
    fields: Fields = {"exclude": _labels(texts)}
    if kind == "http":
        verdicts = st.sampled_from(["good", "bad", "ignored"])
        fields |= {
            "routes": st.lists(st.one_of(st.just("/pay"), texts), min_size=1, max_size=2),
            "methods": st.lists(st.sampled_from(["GET", "POST"]), min_size=1, unique=True),
            "codes": st.dictionaries(st.sampled_from(["404", "429", "499", "503"]), verdicts, max_size=2),
        }
    return draw(st.fixed_dictionaries({}, optional=fields))


def _restated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Fields]:
    return st.fixed_dictionaries({}, optional={"bad": _labels(texts)})


def _labels(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    patterns = st.one_of(st.sampled_from(PATTERNS), texts.filter(bool).map(re.escape))
    return st.dictionaries(st.sampled_from(["client", "plan"]), patterns, max_size=1)


@st.composite
def _sliced(draw: st.DrawFn) -> Fields:
    slo: Fields = {"budgeting": draw(st.sampled_from(["timeslices", "ratio_timeslices"]))}
    more = {"slice": st.sampled_from(["5m", "10m", "1h"]), "slice_objective": st.floats(1, 99.99)}
    return slo | draw(st.fixed_dictionaries({}, optional=more))


@st.composite
def _judged(draw: st.DrawFn) -> Fields:
    """What is judged by a value, moment by moment."""
    bounds: dict[str, Fields] = {
        "freshness": {"within": st.sampled_from(["90s", "1h", "2d"])},
        "saturation": {"below": st.floats(-1e9, 1e9).filter(lambda each: not 0 < abs(each) < 1e-9)},
        "throughput": {"at_least": st.floats(1e-3, 1e9)},
        "probe": {},
    }
    sli = draw(st.sampled_from(sorted(bounds)))
    return {"sli": sli, "value": draw(st.sampled_from(_VALUES)), **draw(st.fixed_dictionaries(bounds[sli]))}


@st.composite
def _raw(draw: st.DrawFn) -> Fields:
    """What the catalog brings the PromQL of."""
    named = st.sampled_from([{}, {"sli": "availability"}, {"sli": "freshness"}])
    part, rates = draw(st.sampled_from(["good", "bad"])), st.sampled_from(_RATES)
    slo = {part: draw(rates) % part, "total": draw(rates) % "seen", **draw(named)}
    return slo | draw(st.one_of(st.just({}), _sliced()))
