"""Checks of the file itself: what Prometheus would refuse, and what stands there twice."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from seawall.catalog.wording import did_you_mean

from .check import Settings, Told, of_files
from .rules import Rule, RuleFile, groups_of, scalar
from .yaml_nodes import Mapping, Node, Scalar
from .yaml_nodes import Sequence as YamlSequence

# Prometheus' own, and those that vmalert, Mimir and Thanos add.
_GROUP: Final = (
    "name", "interval", "query_offset", "limit", "rules", "labels", "partial_response_strategy", "source_tenants",
    "evaluation_delay", "align_evaluation_time_on_interval", "concurrency", "eval_offset", "eval_delay",
    "eval_alignment", "type", "params", "headers", "notifier_headers", "debug", "tenant", "remote_write",
)  # fmt: skip
_RULE: Final = ("alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations", "debug")
_LIVES: Final = ("for", "keep_firing_for")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_DURATION: Final = re.compile("0|" + "".join(rf"(\d+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")))
_Said = Iterator[tuple[str, Node]]


@of_files(
    "shape",
    "Prometheus does not load the file, and keeps what it had; or what is misspelt has no effect.",
    "Write it as the message says.",
    "fro: 5m",
    "for: 5m",
)
def shape(files: Sequence[RuleFile], _: Settings) -> Iterator[Told]:
    """What is no group or no rule: keys that are unknown, missing, doubled or of the wrong kind."""
    for file in files:
        for root in file.roots:
            found = groups_of(root)
            if found is not None and not isinstance(found, YamlSequence):
                yield Told("groups is a list", found, file)
        names: set[str] = set()
        for group in file.groups:
            for said, node in (*_of_group(group, names), *_of_rules(group)):
                yield Told(said, node, file)


def _of_group(group: Mapping, names: set[str]) -> _Said:
    yield from _keys(group, _GROUP, "a group")
    name, rules = scalar(group.get("name")), group.get("rules")
    if name is None or not name.text:
        yield "a group needs a name", group
    elif name.text in names:
        yield f"the group {name.text} stands twice in this file; rename one, or join them", name
    else:
        names.add(name.text)
    if rules is not None and not isinstance(rules, YamlSequence) and not _is_nothing(rules):
        yield "rules is a list", rules
    yield from _duration(group, "interval")


def _of_rules(group: Mapping) -> _Said:
    rules = group.get("rules")
    for rule in rules.items if isinstance(rules, YamlSequence) else ():
        if not isinstance(rule, Mapping):
            yield "a rule is a mapping with expr, and alert or record", rule
            continue
        yield from _keys(rule, _RULE, "a rule")
        yield from _of_rule(rule)


def _of_rule(rule: Mapping) -> _Said:
    if scalar(rule.get("expr")) is None:
        yield "a rule needs an expr", rule
    alert, record = rule.get("alert"), rule.get("record")
    if (alert is None) == (record is None):
        yield "a rule has either alert or record", rule
    for key in _LIVES:
        yield from _duration(rule, key)
        if record is not None and rule.get(key) is not None:
            yield f"a recording rule has no {key}", rule
    if isinstance(record, Scalar) and not _METRIC.fullmatch(record.text):
        yield f"{record.text} is no name of a metric", record
    for key in ("labels", "annotations"):
        yield from _texts(rule.get(key), key)


def _keys(node: Mapping, known: Sequence[str], what: str) -> _Said:
    seen: set[str] = set()
    for key in node.own_keys():
        if key.text not in known:
            yield f"{what} has no {key.text}{did_you_mean(key.text, known)}", key
        if key.text in seen:
            yield f"{key.text} stands twice", key
        seen.add(key.text)


def _texts(node: Node | None, key: str) -> _Said:
    if node is None or (isinstance(node, Scalar) and _is_nothing(node)):
        return
    if not isinstance(node, Mapping):
        yield f"{key} is a mapping", node
        return
    for name, value in node.pairs:
        if not isinstance(value, Scalar) and name.text != "<<":
            yield f"{name.text} is a text", value


def _duration(node: Mapping, key: str) -> _Said:
    value = node.get(key)
    if value is None or _is_nothing(value):
        return
    text = value.text if isinstance(value, Scalar) else ""
    if not text or not _DURATION.fullmatch(text):
        yield f"{key} is no duration: write such as 5m", value


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.style and node.text in ("", "~", "null")


@of_files(
    "duplicate",
    "The same is told, or written, twice: two alerts for one fault, or two writers of one series, of which one fails.",
    "Take one away, or give them labels that differ.",
    "alert: Twice",
    "alert: Once",
)
def duplicate(files: Sequence[RuleFile], _: Settings) -> Iterator[Told]:
    """Two rules of the same name and labels that ask the same, or record the same series."""
    seen: dict[tuple[object, ...], tuple[RuleFile, Rule]] = {}
    for file in files:
        for rule in file.rules:
            first = seen.setdefault(_identity(rule), (file, rule))
            if first[1] is not rule:
                where = f"{first[0].name}:{first[1].name.start.line}"
                yield Told(f"{rule.name.text} stands at {where} already", None, file, rule)


def _identity(rule: Rule) -> tuple[object, ...]:
    labels = tuple(sorted((key, value.text) for key, value in rule.labels.items()))
    return rule.alert is None, rule.name.text, labels, " ".join(rule.expr.text.split())
