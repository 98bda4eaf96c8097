"""Checks of which function is asked of which metric."""

from collections.abc import Iterator
from typing import Final

from .check import Settings, Told, of_rules
from .expressions import Node
from .labels import COMPARISONS, KEEPS, labels_of
from .reading import CHANGES, RATES, calls, compared, kind_of, selectors
from .rules import Rule

# These ask whether or when there is a sample, not how much was counted.
_INDIFFERENT: Final = (
    "absent", "absent_over_time", "present_over_time", "count_over_time", "timestamp", "resets", "scalar",
    "histogram_quantile", "histogram_fraction", *RATES, *CHANGES,
)  # fmt: skip
_COUNTS: Final = ("count", "group", "count_values")


@of_rules(
    "rate-of-gauge",
    "A rate takes every fall for a restart and adds it up: of what goes up and down it says nothing.",
    "Compare the gauge itself, or use delta() or deriv(); --metrics FILE says what is a counter.",
    "expr: rate(pg_stat_activity_max_tx_duration[5m]) > 120",
    "expr: pg_stat_activity_max_tx_duration > 120",
)
def rate_of_gauge(rule: Rule, settings: Settings) -> Iterator[Told]:
    """rate(), increase() or irate() of a gauge."""
    for call in calls(rule.tree, RATES) if rule.tree else ():
        for each in selectors(call):
            if kind_of(each.name, settings) == "gauge":
                yield Told(f"{call.name} of {each.name}, which is a gauge; compare it, or use delta", call)


@of_rules(
    "change-of-counter",
    "delta() and deriv() take a restart for a fall, and changes() counts scrapes at which it had grown, not events.",
    "Use increase() or rate().",
    "expr: changes(restarts_total[1h]) > 3",
    "expr: increase(restarts_total[1h]) > 3",
)
def change_of_counter(rule: Rule, settings: Settings) -> Iterator[Told]:
    """delta(), deriv(), changes() or predict_linear() of a counter."""
    for call in calls(rule.tree, CHANGES) if rule.tree else ():
        inner = call.children[0]
        if inner.kind == "selector" and kind_of(inner.name, settings) == "counter":
            yield Told(f"{call.name} of the counter {inner.name}; use increase or rate", call)


@of_rules(
    "bare-counter",
    "A counter only grows: once above the threshold it fires until the process restarts.",
    "Compare what it grew by, such as increase(errors_total[10m]).",
    "expr: cassandra_clientrequest_unavailables_count > 1",
    "expr: increase(cassandra_clientrequest_unavailables_count[10m]) > 1",
)
def bare_counter(rule: Rule, settings: Settings) -> Iterator[Told]:
    """A counter that is compared without rate() or increase()."""
    for each, _, vector, _ in compared(rule.tree) if rule.tree else ():
        if _divides(vector):
            continue  # another check's
        for counter in _bare(vector, settings):
            if not any(other.is_shifted for other in selectors(each)):
                yield Told(f"the counter {counter.name} is compared as it is; use increase or rate", counter)


@of_rules(
    "lifetime-mean",
    "It is the mean since the process started: it reacts after days, and never resolves.",
    "Divide rates, such as rate(seconds_sum[5m]) / rate(seconds_count[5m]).",
    "expr: latency_seconds_sum / latency_seconds_count > 1",
    "expr: rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m]) > 1",
)
def lifetime_mean(rule: Rule, settings: Settings) -> Iterator[Told]:
    """Counters that are divided without rate() or increase()."""
    for each in rule.nodes:
        if each.kind == "binary" and each.name == "/":
            found = list(_bare(each.children[0], settings))
            if found and not any(other.is_shifted for other in selectors(each)):
                yield Told(f"{found[0].name} is divided as it is: a mean since the start; divide rates", found[0])


def _divides(node: Node) -> bool:
    return any(each.kind == "binary" and each.name == "/" for each in node.walk())


def _bare(node: Node, settings: Settings) -> Iterator[Node]:
    """Yield the counters whose own value decides what *node* is."""
    if node.kind == "selector":
        if kind_of(node.name, settings) == "counter":
            yield node
    elif node.kind == "binary" and node.name in (*COMPARISONS, "and", "unless"):
        yield from _bare(node.children[0], settings)
    elif node.name not in (*_INDIFFERENT, *_COUNTS) and not _is_over_time(node):
        for child in node.children:
            yield from _bare(child, settings)


def _is_over_time(node: Node) -> bool:
    return node.kind == "call" and node.name.endswith("_over_time") and node.name != "last_over_time"


@of_rules(
    "rate-of-sum",
    "A sum falls when one of its counters restarts, and the rate takes the whole sum for new events.",
    "Take the rate first: sum by (job) (rate(errors_total[5m])).",
    "expr: rate(sum by (job) (errors_total)[5m:1m]) > 1",
    "expr: sum by (job) (rate(errors_total[5m])) > 1",
)
def rate_of_sum(rule: Rule, _: Settings) -> Iterator[Told]:
    """rate() or increase() of something aggregated."""
    for call in calls(rule.tree, RATES) if rule.tree else ():
        if any(each.kind == "aggregate" and each.name in ("sum", "avg") for each in call.walk()):
            yield Told(f"{call.name} of a sum: a restart looks like a burst; sum the rates", call)


@of_rules(
    "lost-le",
    "histogram_quantile needs the label le of each bucket; without it there is no result, and it never fires.",
    "Keep le: histogram_quantile(0.99, sum by (job, le) (rate(seconds_bucket[5m]))).",
    "expr: histogram_quantile(0.99, sum by (job) (rate(seconds_bucket[5m]))) > 1",
    "expr: histogram_quantile(0.99, sum by (job, le) (rate(seconds_bucket[5m]))) > 1",
)
def lost_le(rule: Rule, _: Settings) -> Iterator[Told]:
    """histogram_quantile() of classic buckets whose le was aggregated away."""
    for call in calls(rule.tree, ("histogram_quantile",)) if rule.tree else ():
        buckets = [each for each in selectors(call) if each.name.endswith("_bucket")]
        if buckets and labels_of(call.children[-1]).lacks("le"):
            yield Told("le is aggregated away, so there is no quantile", call)


@of_rules(
    "top",
    "Which series are the first few changes from one evaluation to the next, and each change starts `for` anew.",
    "Compare all of them with the threshold; keep topk() for panels.",
    "expr: topk(5, queue_length) > 100",
    "expr: queue_length > 100",
)
def top(rule: Rule, _: Settings) -> Iterator[Told]:
    """topk(), bottomk() or limitk() in an alert."""
    for each in rule.nodes if rule.alert is not None else ():
        if each.kind == "aggregate" and each.name in KEEPS:
            yield Told(f"{each.name} picks other series each time, so the alert flaps", each)
