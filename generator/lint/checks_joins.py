"""Checks of labels: what can match, what was lost on the way, and what an alert can still say of itself."""

from collections.abc import Iterator
from typing import Final

from .check import Settings, Told, of_rules
from .expressions import Node
from .labels import ABSENT, KEEPS, SETS, TARGET, Labels, is_scalar, labels_of
from .reading import selectors
from .rules import Rule

_OWN: Final = frozenset({"__name__"})


@of_rules(
    "never-matches",
    "Two sides are matched by all their labels, unless `on` or `ignoring` says by which: these have different ones.",
    "Aggregate both by the same labels, or write on (…), with group_left where one side has several series.",
    "expr: sum by (job, instance) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m])) > 0.1",
    "expr: sum by (job, instance) (queue_length) / on (job) group_left sum by (job) (queue_limit) > 0.9",
)
def never_matches(rule: Rule, _: Settings) -> Iterator[Told]:
    """Two sides of an operator that have no label set in common."""
    for each in rule.nodes:
        if each.kind != "binary" or each.name == "or" or each.labels is not None or any(map(is_scalar, each.children)):
            continue
        left, right = map(labels_of, each.children)
        if _is_absent(each.children[0]) or _is_absent(each.children[1]):
            continue  # another check's
        if _apart(left, right, each.children[1]) or _apart(right, left, each.children[0]):
            yield Told(f"{each.name}: {_said(left)} never match {_said(right)}; write on (…)", each)


def _apart(one: Labels, other: Labels, node: Node) -> bool:
    """Whether *one*, all of whose labels are known, can have no match in *other*, the result of *node*."""
    if not one.is_all:
        return False
    if other.is_all:
        return one.names != other.names
    return bool(TARGET - one.names - other.names) and _is_scraped(node)


def _is_scraped(node: Node) -> bool:
    """Whether the series of *node* still have the labels of their targets."""
    if node.kind == "selector":
        return bool(node.name) and ":" not in node.name and node.name not in ("ALERTS", "ALERTS_FOR_STATE")
    if node.kind == "binary" and (node.labels is not None or node.name == "or"):
        return False
    if node.kind == "aggregate":
        return node.name in KEEPS and _is_scraped(node.children[-1])
    if node.kind == "call" and node.name in (*ABSENT, "vector", "label_replace", "label_join"):
        return False
    vectors = [each for each in node.children if not is_scalar(each)]
    return bool(vectors) and all(map(_is_scraped, vectors))


def _said(labels: Labels) -> str:
    if labels.is_all:
        return f"the labels ({', '.join(sorted(labels.names))})" if labels.names else "results without labels"
    return "those of a target"


@of_rules(
    "absent-join",
    "absent() has no labels but those that it asks for, so it never meets a series, and the rule never fires.",
    "Make it an alert of its own, or write `and on () absent(…)`.",
    "expr: queue_length > 10 and absent(consumers)",
    "expr: queue_length > 10 and on () absent(consumers)",
)
def absent_join(rule: Rule, _: Settings) -> Iterator[Told]:
    """absent() that is joined with labelled series."""
    for each in rule.nodes:
        if each.kind == "binary" and each.name != "or" and each.labels is None:
            sides = [_is_absent(child) for child in each.children]
            if any(sides) and not all(sides) and not any(map(is_scalar, each.children)):
                yield Told(f"{each.name} with absent(), whose labels no series has; write on () or an own alert", each)


def _is_absent(node: Node) -> bool:
    if node.kind == "binary":
        return any(map(_is_absent, node.children)) and any(map(is_scalar, node.children))
    return node.kind == "call" and node.name in ABSENT


@of_rules(
    "lost-label",
    "What it groups or matches by was aggregated away, so all series fall into one, or none match.",
    "Keep the label in the inner by (…), or take it out of the outer one.",
    "expr: max by (job, pod) (sum by (job) (queue_length)) > 100",
    "expr: max by (job) (sum by (job, pod) (queue_length)) > 100",
)
def lost_label(rule: Rule, _: Settings) -> Iterator[Told]:
    """by (…) or on (…) with a label that is not there any more."""
    for each in rule.nodes:
        if each.is_without or not each.labels:
            continue
        for label in sorted(each.labels - _OWN):
            if each.kind == "aggregate" and labels_of(each.children[-1]).lacks(label):
                yield Told(f"{each.name} by {label}: it is aggregated away before", each)
            elif each.kind == "binary" and each.name not in SETS:
                lacking = [labels_of(child).lacks(label) for child in each.children if not is_scalar(child)]
                if len(set(lacking)) > 1:
                    yield Told(f"{each.name} on {label}: one of its sides has no such label", each)


@of_rules(
    "no-labels",
    "One alert for the whole world: it does not say which service it is, and the routing cannot tell either.",
    "Aggregate by what tells them apart: sum by (job) (…).",
    "expr: sum(rate(errors_total[5m])) > 1",
    "expr: sum by (job) (rate(errors_total[5m])) > 1",
)
def no_labels(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert whose result has no labels, of series that no matcher narrows to one job."""
    if rule.alert is None or rule.tree is None or rule.result is None or not rule.result.is_all or rule.result.names:
        return
    asked = selectors(rule.tree)
    if not asked or all(any(one.op == "=" for one in each.matchers) for each in asked):
        return  # what it is about stands in the rule
    at = next((each for each in rule.nodes if each.kind == "aggregate"), None)
    if at is not None:
        yield Told(f"{at.name} without by (…): the alert does not say what it is about", at)


@of_rules(
    "absent-bare",
    "What absent() returns has the labels of its `=` matchers alone: without one the alert names nothing.",
    'Write what is expected: absent(up{job="checkout"}).',
    "expr: absent(up)",
    'expr: absent(up{job="checkout"})',
)
def absent_bare(rule: Rule, _: Settings) -> Iterator[Told]:
    """absent() of a selector without a matcher by `=`."""
    for each in _deciding(rule.tree) if rule.alert is not None and rule.tree else ():
        if each.kind == "call" and each.name in ABSENT:
            asked = selectors(each)
            own = not rule.labels.keys() & {"job", "service"}
            if own and asked and not any(one.op == "=" for selector in asked for one in selector.matchers):
                yield Told(f"{each.name} of {asked[0].name} without a matcher by =: the alert has no labels", each)


def _deciding(node: Node) -> Iterator[Node]:
    """Yield the parts whose labels the result has: of `and` and `unless` the left side alone."""
    yield node
    for child in node.children[:1] if node.name in ("and", "unless") else node.children:
        yield from _deciding(child)
