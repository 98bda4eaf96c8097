"""Checks of when an alert fires: its condition, its `for`, its windows."""

import re
from collections.abc import Iterator
from typing import Final

from .check import Settings, Told, of_rules
from .expressions import Node, PromqlError, parse
from .labels import ABSENT, COMPARISONS, is_scalar
from .reading import RATES, calls, compared, is_rated, number, terms
from .rules import Rule

_RECORDED: Final = re.compile(r":.*?(\d+[smhdwy])")
_SHORTEST: Final = 120.0  # seconds
_WINDOWED: Final = (*RATES, "delta", "deriv")


@of_rules(
    "promql",
    "Prometheus does not load the file, and keeps what it had.",
    "Write it as the message says. Newer functions than promql-parser knows need an ignoring comment.",
    "expr: sum(rate(errors_total[5m]) > 1",
    "expr: sum by (job) (rate(errors_total[5m])) > 1",
)
def promql(rule: Rule, _: Settings) -> Iterator[Told]:
    """An expression that is no PromQL, or too large to be read."""
    try:
        parse(rule.expr.text)
    except PromqlError as error:
        yield Told(f"the expression is no PromQL: {error}", rule.expr)


@of_rules(
    "no-condition",
    "An alert fires for every series that its expression returns, whatever the value is.",
    "Compare with a threshold, without bool; take `or vector(…)` out of what is compared with nothing.",
    "expr: queue_length",
    "expr: queue_length > 100",
)
def no_condition(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert that compares nothing, or returns something whatever the comparison says."""
    if rule.alert is None or rule.tree is None or is_constant(rule.tree):
        return
    for each in _always(rule.tree):
        said = (
            "bool returns 0 or 1, and 0 fires too" if each.is_bool else "nothing is compared here, so it always fires"
        )
        yield Told(said, each)


def is_constant(node: Node) -> bool:
    """Whether it fires on purpose, as a watchdog does."""
    return not any(each.kind == "selector" for each in node.walk())


def _always(node: Node) -> Iterator[Node]:
    """Yield what returns something whether anything is wrong or not."""
    if node.kind == "binary" and node.name == "or":
        for child in node.children:
            yield from _always(child)
    elif not any(map(_filters, node.walk())) or (node.kind == "binary" and node.is_bool):
        yield node


def _filters(node: Node) -> bool:
    if node.kind == "binary":
        return (node.name in COMPARISONS and not node.is_bool) or node.name == "unless"
    return node.name in ABSENT or node.name in ("ALERTS", "ALERTS_FOR_STATE")


@of_rules(
    "no-for",
    "One scrape that was off, a restart or a deployment fires it; a page at once is a page at night for nothing.",
    "Write `for:` with at least two scrapes, such as 5m; a watchdog such as vector(1) needs none.",
    "for: null\nexpr: redis_up == 0",
    "for: 2m\nexpr: redis_up == 0",
)
def no_for(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert that fires at the first evaluation; one that needs two windows at once waits by the longer one."""
    if rule.alert is None or rule.tree is None or rule.holds() or is_constant(rule.tree):
        return
    if len(_windows(rule.tree)) < 2:
        how = "pages" if rule.pages else "fires"
        yield Told(f"it {how} at the first evaluation; write such as for: 5m", rule.hold)


def _windows(node: Node) -> set[str]:
    """Return the windows that must all be above at once, recorded ones too."""
    found: set[str] = set()
    for term in terms(node):
        for each in term.walk():
            recorded = _RECORDED.search(each.name) if each.kind == "selector" else None
            found |= {f"{each.range:g}s"} if each.range is not None else set()
            found |= {recorded[1]} if recorded else set()
            found |= {one.value for one in each.matchers if one.label == "window"}
    return found if len(terms(node)) > 1 else set()


@of_rules(
    "short-window",
    "A rate needs two samples in its window: with one scrape missed there is none, and the alert is silent.",
    "Use four times the scrape interval, such as 5m; --scrape-interval says yours.",
    "expr: rate(errors_total[1m]) > 1",
    "expr: rate(errors_total[5m]) > 1",
)
def short_window(rule: Rule, settings: Settings) -> Iterator[Told]:
    """A rate over less than two minutes, or less than two scrapes."""
    shortest = max(_SHORTEST, 2 * settings.scrape)
    for call in calls(rule.tree, _WINDOWED) if rule.tree else ():
        window = call.children[0].range
        if window is not None and window < shortest:
            yield Told(f"{call.name} over {window:g}s needs at least {shortest:g}s to outlive a missed scrape", call)


@of_rules(
    "irate",
    "It looks at the last two samples alone: one high sample fires, and one low one resolves what goes on.",
    "Use rate().",
    "expr: irate(errors_total[5m]) > 1",
    "expr: rate(errors_total[5m]) > 1",
)
def irate(rule: Rule, _: Settings) -> Iterator[Told]:
    """irate() in an alert."""
    if rule.alert is not None and rule.tree:
        yield from (Told("irate sees two samples alone; use rate", each) for each in calls(rule.tree, ("irate",)))


@of_rules(
    "no-floor",
    "One failure among two requests is a ratio of a half: it pages at night, when nobody is there.",
    "Add `and` with how much there must be, such as `and sum by (job) (rate(requests_total[5m])) > 0.1`.",
    "expr: rate(errors_total[5m]) / rate(requests_total[5m]) > 0.1",
    "expr: rate(errors_total[5m]) / rate(requests_total[5m]) > 0.1 and rate(requests_total[5m]) > 0.1",
)
def no_floor(rule: Rule, _: Settings) -> Iterator[Told]:
    """A ratio of two rates without a floor of traffic above nothing."""
    if rule.alert is None or rule.tree is None:
        return
    if any(_is_floor(each) for each in terms(rule.tree)):
        return
    for each in rule.nodes:
        if each.kind == "binary" and each.name == "/" and all(map(_is_of_rates, each.children)):
            if not _is_mean(each):
                yield Told("a ratio of two rates without a floor of traffic: one failure of two requests fires", each)
            return


def _is_of_rates(side: Node) -> bool:
    """Whether it is a rate, or made of some: how many rates there are is none."""
    if side.kind == "aggregate" and side.name in ("count", "group"):
        return False
    return (side.kind == "call" and side.name in RATES) or any(map(_is_of_rates, side.children))


def _is_floor(term: Node) -> bool:
    for _, op, vector, limit in compared(term):
        least = number(limit)
        ratio = any(each.kind == "binary" and each.name == "/" for each in vector.walk())
        if op in (">", ">=") and not ratio and (least is None or least > 0):
            return True
    return False


def _is_mean(ratio: Node) -> bool:
    left = [each.name for each in ratio.children[0].walk() if each.kind == "selector"]
    return bool(left) and all(name.endswith("_sum") for name in left)


@of_rules(
    "silence-pages",
    "No traffic, no commits or no connections is what a service that nobody needs right now looks like.",
    "Compare with what is usual, such as an hour ago by offset, add what must be there, or make it a ticket.",
    "expr: rate(commits_total[5m]) < 10\nlabels: {severity: critical}",
    "expr: rate(commits_total[5m]) < 10 and rate(requests_total[5m]) > 5\nlabels: {severity: critical}",
)
def silence_pages(rule: Rule, _: Settings) -> Iterator[Told]:
    """A page because a rate, or a number of connections, is below a fixed one."""
    if not rule.pages or rule.alert is None or rule.tree is None or len(terms(rule.tree)) > 1:
        return
    for each, op, vector, limit in compared(rule.tree):
        is_ratio = any(part.name in ("/", "-") for part in vector.walk() if part.kind == "binary")
        low = op in ("<", "<=") and not is_ratio
        if low and (is_rated(vector) or _counts_clients(vector)) and is_scalar(limit):
            yield Told("an idle service pages: what nobody asks for is below every fixed number", each)


def _counts_clients(vector: Node) -> bool:
    return any(
        each.kind == "selector" and (each.name.endswith(("_connected_clients", "_stat_activity_count")))
        for each in vector.walk()
    )
