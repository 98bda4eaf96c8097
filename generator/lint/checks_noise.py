"""Checks of alerts that are true and of no use: noise that pages, sizes of somebody else's cluster, wrong objects."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .check import Settings, Told, of_files, of_rules
from .expressions import Node
from .labels import ABSENT, COMPARISONS
from .reading import calls, compared, is_rated, number, selectors, terms
from .rules import Rule, RuleFile
from .wellknown import ABOUT, MISREAD

_MEMBERS: Final = re.compile(r"(.*_)?(nodes|brokers|members|peers|replicas|isr|in_sync_replica|node_state)(_.*)?")
_CLIENT_ERRORS: Final = re.compile(r"\^?(4\.\.|4xx|4\.\*|4\\d\\d|4\[0-9\]\{2\}|4\d\d)\$?")
_LOSSES: Final = re.compile("reject|refus|lost|corrupt|oom|panic|loss|missed|fail|error|drop")  # one is one too many
_ADDS: Final = ("count", "sum")
_ONE: Final = re.compile(r"up|.*(_up|_info)")  # 1 for each
_UP: Final = re.compile(r"up|.*(_up|_success)")


@of_rules(
    "fixed-size",
    "It is the size of somebody's cluster: in a smaller one it always fires, in a larger one too late.",
    "Compare with what should be there: a metric such as spec_replicas, or the same an hour ago.",
    "expr: sum by (job) (rabbitmq_running_nodes) < 3",
    "expr: kube_statefulset_status_replicas_ready < kube_statefulset_replicas",
)
def fixed_size(rule: Rule, _: Settings) -> Iterator[Told]:
    """A number of nodes, brokers or replicas compared with a fixed one."""
    if rule.alert is None or rule.tree is None:
        return
    for each, op, vector, limit in compared(rule.tree):
        least = number(limit)
        members = any(_MEMBERS.fullmatch(one.name) for one in selectors(vector))
        sums = [part for part in vector.walk() if part.kind == "aggregate" and part.name in _ADDS]
        counted = any(_ONE.fullmatch(one.name) for part in sums for one in selectors(part))
        whole = least is not None and least.is_integer() and least > 1
        if op in ("<", "<=", "!=") and whole and (members or counted) and not is_rated(vector):
            yield Told(f"{op} {least:g} is the size of one cluster; compare with what this one should have", each)


@of_rules(
    "event-pages",
    "One slow query, one blocked request or one restart is no reason to wake somebody.",
    "Compare with how much is too much, or make it a ticket.",
    "expr: increase(slow_queries[5m]) > 0\nlabels: {severity: critical}",
    "expr: increase(slow_queries[5m]) > 0\nlabels: {severity: warning}",
)
def event_pages(rule: Rule, _: Settings) -> Iterator[Told]:
    """A page for a single event."""
    if not rule.pages or rule.alert is None or rule.tree is None or len(terms(rule.tree)) > 1:
        return
    for each, op, vector, limit in compared(rule.tree):
        lost = any(_LOSSES.search(one.name) for one in selectors(vector))
        if op in (">", "!=") and number(limit) == 0 and vector.kind == "call" and is_rated(vector) and not lost:
            yield Told("a single event pages; say how many are too many", each)


@of_rules(
    "client-errors-page",
    "Bots, broken links and wrong passwords make 4xx at any hour, and nobody here can mend them.",
    "Make it a ticket, or compare with what is usual.",
    'expr: rate(requests_total{status=~"4.."}[5m]) > 10\nlabels: {severity: critical}',
    'expr: rate(requests_total{status=~"5.."}[5m]) > 10\nlabels: {severity: critical}',
)
def client_errors_page(rule: Rule, _: Settings) -> Iterator[Told]:
    """A page for answers of 4xx."""
    for selector in selectors(rule.tree) if rule.pages and rule.tree else ():
        for one in selector.matchers:
            if one.op in ("=", "=~") and _CLIENT_ERRORS.fullmatch(one.value) and one.value not in ("429", "499"):
                yield Told(f'{one.label}{one.op}"{one.value}" pages: the clients make these', selector)
                return


@of_rules(
    "misread",
    "What it looks at is large by design, so the alert says nothing of trouble.",
    "Ask what the message says.",
    "expr: process_virtual_memory_bytes > 4e9",
    "expr: process_resident_memory_bytes > 4e9",
)
def misread(rule: Rule, _: Settings) -> Iterator[Told]:
    """A threshold on a metric that is high by design, unless it is compared with itself: its past, or its peers."""
    if rule.alert is None or rule.tree is None:
        return
    against_itself = _against_itself(rule.tree)
    for each in rule.tree.walk():
        if each.kind == "binary" and each.name in COMPARISONS:
            for one in _weighed(each):
                if one.name in MISREAD and one.name not in against_itself:
                    yield Told(f"{one.name}: {MISREAD[one.name]}", one)


def _weighed(node: Node) -> Iterator[Node]:
    """Yield the selectors whose values matter: ``0 * x`` is there for the labels of x."""
    if node.kind == "binary" and node.name == "*" and 0 in map(number, node.children):
        return
    if node.kind == "selector":
        yield node
    for child in node.children:
        yield from _weighed(child)


def _against_itself(tree: Node) -> set[str]:
    """Return the metrics that are compared with themselves, or divided by or taken from each other."""
    pairs = (each.children for each in tree.walk() if each.kind == "binary" and each.name in ("/", "-", *COMPARISONS))
    named = ([{one.name for one in selectors(side)} for side in sides] for sides in pairs)
    return {name for left, right in named for name in left & right}


@of_rules(
    "other-object",
    "The name promises one thing and the expression watches another, so what it is named after goes unwatched.",
    "Ask the metric that the name is about, or rename the alert.",
    "alert: PostgresReplicationSlotInactive\nexpr: pg_stat_replication_pg_wal_lsn_diff > 1e9",
    "alert: PostgresReplicationSlotInactive\nexpr: pg_replication_slot_slot_is_active == 0",
)
def other_object(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert whose name speaks of what none of its metrics is about."""
    if rule.alert is None or rule.tree is None:
        return
    asked = " ".join(
        part for each in selectors(rule.tree) for part in (each.name, *(one.value for one in each.matchers))
    )
    for word, part in ABOUT.items():
        if re.search(rf"{word}s?(?![a-z])", rule.alert.text) and asked and part not in asked.lower():
            yield Told(f"the name speaks of a {word}, and no metric of it does", rule.expr)


@of_files(
    "silent-when-gone",
    "When the exporter dies there is nothing to compare: all these alerts fall silent together.",
    'Add one of up{job="…"} == 0, or of absent(…), to the file.',
    "expr: queue_length > 100",
    'expr: up{job="queue"} == 0',
    optional=True,
)
def silent_when_gone(files: Sequence[RuleFile], _: Settings) -> Iterator[Told]:
    """A file of alerts none of which says that its target is gone."""
    for file in files:
        alerts = [rule for rule in file.rules if rule.alert is not None]
        if alerts and not any(map(_tells_of_absence, alerts)):
            yield Told("no alert of this file says that its target is gone", None, file, alerts[0])


def _tells_of_absence(rule: Rule) -> bool:
    if rule.tree is None:
        return False
    return any(calls(rule.tree, ABSENT)) or any(_UP.fullmatch(each.name) for each in selectors(rule.tree))
