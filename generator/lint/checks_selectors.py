"""Checks of what is asked for: the matchers, and whether there is such a metric."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from seawall.catalog.wording import did_you_mean

from .check import Settings, Told, of_files, of_rules
from .expressions import Matcher, Node
from .labels import TARGET
from .reading import selectors
from .rules import Rule, RuleFile
from .wellknown import RENAMED, UNLIKE

_META: Final = re.compile(r"[.^$*+?()\[\]{}|\\]")
_ALWAYS: Final = ("up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped")
_WHERE: Final = frozenset({"job", "cluster", "namespace"})


@of_rules(
    "up-of-all",
    "Every target of every job has `up`: a rule about one of them fires for all the others too.",
    'Say whose: up{job="checkout"}.',
    "expr: up == 0\nalert: RedisDown",
    'expr: up{job="redis"} == 0\nalert: RedisDown',
)
def up_of_all(rule: Rule, _: Settings) -> Iterator[Told]:
    """`up` without a matcher, in an alert that does not speak of targets in general."""
    if rule.alert is None or re.search("(?i)target|job|scrape|instance|exporter", rule.alert.text):
        return
    for each in selectors(rule.tree) if rule.tree else ():
        if each.name == "up" and not each.matchers:
            yield Told('up of every job; say whose, such as up{job="…"}', each)


@of_rules(
    "no-job",
    "Two exporters can have a metric of the same name, and staging has the same as production.",
    'Give each selector a job: redis_up{job="cart"}.',
    "expr: redis_up == 0",
    'expr: redis_up{job="cart"} == 0',
    optional=True,
)
def no_job(rule: Rule, _: Settings) -> Iterator[Told]:
    """A selector without a matcher of job; recorded series aside."""
    for each in selectors(rule.tree) if rule.tree else ():
        recorded = ":" in each.name or each.name.startswith("ALERTS")
        if not recorded and not any(one.label == "job" for one in each.matchers):
            yield Told(f"{each.name} of every job; add job=…", each)


@of_rules(
    "regexp",
    "A regular expression is anchored already, and slower than = where it says one thing, or matches everything.",
    "Write =, take ^ and $ away, or take the matcher away.",
    'expr: up{job=~"^redis$"} == 0',
    'expr: up{job="redis"} == 0',
)
def regexp(rule: Rule, _: Settings) -> Iterator[Told]:
    """A regular expression that needs none: one value, anchors, or all there is."""
    for selector in selectors(rule.tree) if rule.tree else ():
        for one in selector.matchers:
            said = _needless(one)
            if said:
                yield Told(f'{one.label}{one.op}"{one.value}" {said}', selector)


def _needless(one: Matcher) -> str:
    if one.op not in ("=~", "!~") or "$" in one.value[:-1]:
        return ""
    if one.value == ".*":
        return "matches everything; take it away" if one.op == "=~" else "matches nothing"
    if one.value.startswith("^") or (one.value.endswith("$") and not one.value.endswith("\\$")):
        return "is anchored already; take ^ and $ away"
    return (
        "" if _META.search(one.value) else f"is one value; write {one.op[0].replace('=', '=')}{'=' * (one.op == '!~')}"
    )


@of_rules(
    "renamed",
    "No exporter of today has it under this name, so the rule is silent for ever.",
    "Use the name that the message says, or `or` where both are in use.",
    "expr: pg_replication_lag > 60",
    "expr: pg_replication_lag_seconds > 60",
)
def renamed(rule: Rule, _: Settings) -> Iterator[Told]:
    """A metric that was renamed or never had this name, without the right one beside it."""
    asked = {each.name for each in selectors(rule.tree)} if rule.tree else set()
    for each in selectors(rule.tree) if rule.tree else ():
        new = RENAMED.get(each.name)
        if new is not None and new not in asked:
            yield Told(f"{each.name} is called {new}", each)


@of_rules(
    "impossible-matcher",
    "No series has it, so the rule is silent for ever.",
    "Write it as the message says.",
    'expr: pg_locks_count{mode="ExclusiveLock"} > 10',
    'expr: pg_locks_count{mode="exclusivelock"} > 10',
)
def impossible_matcher(rule: Rule, settings: Settings) -> Iterator[Told]:
    """A matcher of a label or a value that the metric does not have."""
    for selector in selectors(rule.tree) if rule.tree else ():
        for one in selector.matchers:
            said = _unlike(selector, one) or _unknown_label(selector, one, settings)
            if said:
                yield Told(said, selector)


def _unlike(selector: Node, one: Matcher) -> str:
    known = UNLIKE.get((selector.name, one.label))
    if known is None or one.value == "":
        return ""
    pattern, said = known
    return "" if pattern and re.fullmatch(pattern, one.value) else f"{selector.name}: {said}"


def _unknown_label(selector: Node, one: Matcher, settings: Settings) -> str:
    known = settings.labels.get(selector.name)
    if known is None or one.label in known | TARGET or one.value == "" or one.op in ("!=", "!~"):
        return ""
    return f"{selector.name} has no label {one.label}; it has {', '.join(sorted(known)) or 'none'}"


@of_files(
    "unknown-metric",
    "A rule about a metric that there is not is silent for ever, and nothing says so.",
    "Use the name that the message guesses; --metrics FILE gives what your targets expose.",
    "expr: redis_upp == 0",
    "expr: redis_up == 0",
)
def unknown_metric(files: Sequence[RuleFile], settings: Settings) -> Iterator[Told]:
    """A metric that is neither in what --metrics gives nor recorded by a rule."""
    if not settings.types and not settings.labels:
        return
    recorded = {rule.record.text for file in files for rule in file.rules if rule.record is not None}
    known = {*settings.labels, *settings.types, *recorded, *_ALWAYS}
    meant = cache(lambda name: did_you_mean(name, known))  # a guess takes its time
    for file in files:
        for rule in file.rules:
            for each in selectors(rule.tree) if rule.tree else ():
                if each.name and each.name not in known:
                    yield Told(f"there is no metric {each.name}{meant(each.name)}", each, file, rule)
