"""What stands in a file of rules: its groups and rules, each with the places of its parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .expressions import Node, PromqlError, parse
from .labels import Labels, labels_of
from .yaml_nodes import Mapping as YamlMapping
from .yaml_nodes import Node as YamlNode
from .yaml_nodes import Scalar, Sequence

PAGES = ("page", "critical")  # the severities that wake somebody


@dataclass(eq=False)
class Rule:
    """An alerting or a recording rule; what is not there is None or empty."""

    node: YamlMapping
    group: str
    alert: Scalar | None
    record: Scalar | None
    expr: Scalar
    hold: Scalar | None  # its `for`
    labels: Mapping[str, Scalar]
    annotations: Mapping[str, Scalar]

    @property
    def name(self) -> Scalar:
        """Return what it is called by."""
        return self.alert or self.record or self.expr

    @cached_property
    def tree(self) -> Node | None:
        """The parsed expression, or None where it is no PromQL."""
        try:
            return parse(self.expr.text)
        except PromqlError:
            return None

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All parts of the expression."""
        return tuple(self.tree.walk()) if self.tree else ()

    @cached_property
    def result(self) -> Labels | None:
        """The labels that its result has, or None where that cannot be seen."""
        return labels_of(self.tree) if self.tree else None

    @property
    def pages(self) -> bool:
        """Whether its severity wakes somebody."""
        severity = self.labels.get("severity")
        return severity is not None and severity.text in PAGES

    def holds(self) -> bool:
        """Whether it waits before it fires."""
        return self.hold is not None and bool(self.hold.text.strip("0smhdwy "))


@dataclass(eq=False)
class RuleFile:
    """One file: its name as the user gave it, its text, and its rules."""

    name: str
    text: str
    roots: list[YamlNode] = field(default_factory=list)

    @cached_property
    def groups(self) -> list[YamlMapping]:
        """The groups, those of Kubernetes' PrometheusRule too; one that an alias repeats counts once."""
        found: dict[int, YamlMapping] = {}
        for root in self.roots:
            for group in _items(groups_of(root)):
                if isinstance(group, YamlMapping):
                    found.setdefault(id(group), group)
        return list(found.values())

    @cached_property
    def rules(self) -> list[Rule]:
        """The rules that have an expression and a name."""
        found: dict[int, Rule] = {}
        for group in self.groups:
            for node in _items(group.get("rules")):
                if isinstance(node, YamlMapping) and id(node) not in found:
                    rule = _rule(node, group)
                    if rule is not None:
                        found[id(node)] = rule
        return list(found.values())


def groups_of(root: YamlNode) -> YamlNode | None:
    """Return the list of groups of a document, or None where it has none."""
    if not isinstance(root, YamlMapping):
        return None
    spec = root.get("spec")
    return root.get("groups") or (spec.get("groups") if isinstance(spec, YamlMapping) else None)


def _items(node: YamlNode | None) -> list[YamlNode]:
    return node.items if isinstance(node, Sequence) else []


def _rule(node: YamlMapping, group: YamlMapping) -> Rule | None:
    expr, alert, record, hold, name = (scalar(each.get(key)) for each, key in _parts(node, group))
    if expr is None or (alert is None) == (record is None):
        return None  # said by the check of shapes
    return Rule(node, name.text if name else "", alert, record, expr, hold, _texts(node, "labels"), _notes(node))


def _parts(node: YamlMapping, group: YamlMapping) -> Iterator[tuple[YamlMapping, str]]:
    yield from ((node, key) for key in ("expr", "alert", "record", "for"))
    yield group, "name"


def scalar(node: YamlNode | None) -> Scalar | None:
    """Return *node* where it is a value, and None where it is a list, a mapping or not there."""
    return node if isinstance(node, Scalar) else None


def _texts(node: YamlMapping, key: str) -> dict[str, Scalar]:
    found = node.get(key)
    pairs = found.pairs if isinstance(found, YamlMapping) else []
    return {name.text: value for name, value in pairs if isinstance(value, Scalar)}


def _notes(node: YamlMapping) -> dict[str, Scalar]:
    return _texts(node, "annotations")
