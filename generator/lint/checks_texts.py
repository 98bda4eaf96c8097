"""Checks of labels and annotations: what the one who is called reads."""

import re
from collections.abc import Iterator
from typing import Final

from seawall.generator.guesses import guess

from .check import Settings, Told, of_rules
from .reading import RATES, calls
from .rules import Rule
from .wellknown import SYSTEMS

_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_LABEL: Final = re.compile(r"\$labels\.(\w+)|\.Labels\.(\w+)|index\s+\$labels\s+\"(\w+)\"")
_VALUE: Final = re.compile(r"\$value\b|\.Value\b")
_RAW_VALUE: Final = re.compile(r"\{\{-?\s*(?:\$value|\.Value)\s*-?\}\}")
_SEVERITIES: Final = (
    "page", "ticket", "critical", "warning", "info", "none", "error", "notice", "high", "low", "medium", "debug",
)  # fmt: skip
_TEXTS: Final = ("summary", "description", "message", "title")
_CHANGES: Final = frozenset({"alertname", "__name__"})


@of_rules(
    "lost-template-label",
    "The text says `<no value>` where the name of the instance should be, just when somebody needs it.",
    "Keep the label in by (…), or take it out of the text.",
    "expr: sum by (job) (queue_length) > 100\nannotations: {summary: 'Queue of {{ $labels.instance }} is long.'}",
    "expr: sum by (job) (queue_length) > 100\nannotations: {summary: 'Queue of {{ $labels.job }} is long.'}",
)
def lost_template_label(rule: Rule, _: Settings) -> Iterator[Told]:
    """A text that shows a label which the result does not have."""
    if rule.alert is None or rule.result is None:
        return
    for text in (*rule.annotations.values(), *rule.labels.values()):
        for template in _TEMPLATE.findall(text.text):
            for found in _LABEL.finditer(template):
                label = next(filter(None, found.groups()))
                if label not in rule.labels and label not in _CHANGES and rule.result.lacks(label):
                    yield Told(f"$labels.{label} is empty: the expression aggregates it away", text)


@of_rules(
    "value-in-label",
    "Each value is another alert: `for` never passes, silences miss it, and every evaluation notifies anew.",
    "Put it into an annotation.",
    "labels: {severity: ticket, value: '{{ $value }}'}",
    "annotations: {summary: 'It is {{ $value | humanize }}.'}",
)
def value_in_label(rule: Rule, _: Settings) -> Iterator[Told]:
    """A label that changes with the value."""
    for name, text in rule.labels.items():
        if any(_VALUE.search(each) for each in _TEMPLATE.findall(text.text)):
            yield Told(f"the label {name} changes with the value, so that it is another alert each time", text)


@of_rules(
    "raw-value",
    "A rate has a dozen digits behind the point, and nobody reads them at night.",
    "Write {{ $value | humanize }}, humanizePercentage, humanizeDuration, or printf.",
    "expr: rate(errors_total[5m]) > 1\nannotations: {summary: '{{ $value }} errors a second.'}",
    "expr: rate(errors_total[5m]) > 1\nannotations: {summary: '{{ $value | humanize }} errors a second.'}",
)
def raw_value(rule: Rule, _: Settings) -> Iterator[Told]:
    """A text that shows a rate with all its digits."""
    if rule.alert is None or rule.tree is None or not any(calls(rule.tree, (*RATES, "deriv"))):
        return
    for text in rule.annotations.values():
        if _RAW_VALUE.search(text.text):
            yield Told("$value is a rate with all its digits; write {{ $value | humanize }}", text)


@of_rules(
    "severity",
    "The routing decides by it who is told; without one, or with a misspelt one, that is the default receiver.",
    "Write such as severity: critical, page, warning or ticket; the same words as in the routing.",
    "labels: {severity: critcal}",
    "labels: {severity: critical}",
)
def severity(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert without a severity, or with one that is misspelt."""
    if rule.alert is None:
        return
    found = rule.labels.get("severity")
    if found is None:
        yield Told("it has no severity, so the routing cannot tell who is to be told", rule.alert)
    elif found.text.lower() not in _SEVERITIES and "{{" not in found.text:
        meant = guess(found.text, _SEVERITIES)
        if meant.startswith("did"):
            yield Told(f"severity {found.text}: {meant}", found)


@of_rules(
    "no-summary",
    "Whoever is called sees a name, and has to read PromQL to know what is wrong.",
    "Say in one sentence what is wrong, and of which service.",
    "annotations: null",
    "annotations: {summary: Mail waits for more than ten minutes.}",
)
def no_summary(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert without a summary or a description."""
    if rule.alert is not None and not any(key in rule.annotations for key in _TEXTS):
        yield Told("it says nothing: add annotations: {summary: …}", rule.alert)


@of_rules(
    "no-runbook",
    "What to do is found out anew each time, at night.",
    "Add annotations: {runbook_url: …} with what to look at first and how to mend it.",
    "annotations: {summary: Mail waits.}",
    "annotations: {summary: Mail waits., runbook_url: 'https://wiki/mail'}",
    optional=True,
)
def no_runbook(rule: Rule, _: Settings) -> Iterator[Told]:
    """An alert without a runbook_url."""
    if rule.alert is not None and not any("runbook" in key for key in rule.annotations):
        yield Told("it has no runbook_url", rule.alert)


@of_rules(
    "copied-text",
    "It was written for another system: whoever is called looks in the wrong place.",
    "Say what this alert is about.",
    "alert: RedisDown\nexpr: redis_up == 0\nannotations: {summary: MySQL is down.}",
    "alert: RedisDown\nexpr: redis_up == 0\nannotations: {summary: Redis is down.}",
)
def copied_text(rule: Rule, _: Settings) -> Iterator[Told]:
    """A text that speaks of another system than the rule."""
    if rule.alert is None:
        return
    said = " ".join(
        (rule.group, rule.alert.text, rule.expr.text, *(each.text for each in rule.labels.values()))
    ).lower()
    own = [name for name in SYSTEMS if name in said]
    for text in rule.annotations.values():
        plain = re.sub(r"\S+://\S+", "", _TEMPLATE.sub("", text.text)).lower()
        words = {word for word in re.findall(r"[a-z]+", plain) if word in SYSTEMS}
        foreign = sorted(words - set(own))
        if own and foreign and not any(name in plain for name in own):
            yield Told(f"the text speaks of {foreign[0]}, and the rule of {own[0]}", text)
            return
        if own and "dns" in foreign:
            yield Told(f"the text speaks of dns, and the rule of {own[0]}", text)
            return
