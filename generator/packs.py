"""Packs: what Seawall knows about one kind of service, read from the templates of one stem."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from seawall.catalog import Duration, Position, Service

from .dialects import Dialect, find_dialect, load_dialects
from .limits import KEYS, Limits, read_limits
from .measures import Measure, load_measures
from .sectioned import Section, parse_sections
from .sources import Node, PackError, Source, Sources
from .text import Template

COMMON: Final = "_service"
STACK_KIND: Final = "seawall"
# fmt: off
_PACK_KEYS: Final = frozenset({"title", "up", "up_scraped", "part", "members", "healthy", "alerts", "scenarios"})
_ALERT_KEYS: Final = frozenset({
    "alert", "when", "each", "expr", "above", "below", "unit", "guards", "for", "severity", "class", "labels",
    "summary", "description", "panel", "proof",
}) | KEYS
_ALERT_REQUIRED: Final = frozenset({"alert", "expr", "severity", "class", "summary", "description"})
_PANEL_KEYS: Final = frozenset({
    "id", "when", "each", "title", "description", "unit", "kind", "queries", "thresholds", "max", "traces",
})
_PANEL_REQUIRED: Final = frozenset({"id", "title", "description", "unit", "queries"})
# fmt: on
CLASSES: Final = ("symptom", "cause")
_SCENARIO_KEYS: Final = frozenset({"scenario", "when", "what", "mend", "usual", "traffic", "input", "outside", "alone"})
_PHASE_KEYS: Final = frozenset({"for", "gone", "good", "slow", "bad", "throttled", "shed"})


@dataclass(frozen=True)
class AlertTemplate:
    """One alert of a pack. *bound* is ``above`` or ``below`` where the catalog can move its *threshold*."""

    name: str
    position: Position
    expr: Template
    severity: Template
    class_: str
    summary: Template
    description: Template
    panel: str
    for_: Duration
    proof: Mapping[str, Any]
    when: str = ""
    each: str = ""
    bound: str = ""
    threshold: Template | None = None
    unit: str = ""
    limits: Limits = field(default_factory=Limits)
    guards: tuple[Template, ...] = ()
    labels: tuple[tuple[str, Template], ...] = ()


@dataclass(frozen=True)
class PanelTemplate:
    """One panel of a pack's dashboard."""

    id: str
    position: Position
    row: Template
    title: Template
    description: Template
    unit: str
    queries: tuple[tuple[Template, Template], ...]
    thresholds: tuple[Template, ...] = ()
    kind: str = "timeseries"
    maximum: float | None = None
    traces: Template | None = None
    when: str = ""
    each: str = ""


@dataclass(frozen=True)
class Scenario:
    """A fault that any alert of a service may see, or none: *what* it is, and what shows in *fault* from then on."""

    name: str
    position: Position
    what: Template
    fault: Mapping[str, Any]
    mend: Template | None = None
    when: str = ""


@dataclass(frozen=True)
class Pack:
    """The alerts, panels and runbook sections of one kind.

    *up* is the gauge that says whether a service answers, *up_scraped* that of one which Prometheus reads itself.
    A service of a kind that *is_part* lives in the process of another one, which tells of it; one of a kind that
    *has_members* is what several others tell of themselves.
    """

    kind: str
    title: str
    source: str
    up: str
    up_scraped: str
    alerts: tuple[AlertTemplate, ...]
    panels: tuple[PanelTemplate, ...]
    sections: Mapping[str, Section]
    healthy: Mapping[str, Any]
    scenarios: tuple[Scenario, ...] = ()
    is_part: bool = False
    has_members: bool = False

    @property
    def alert_names(self) -> list[str]:
        """The alerts' names, each once, in the order of the pack."""
        return list(dict.fromkeys(alert.name for alert in self.alerts))


@dataclass(frozen=True)
class Packs:
    """Every pack and dialect that the templates hold, and the layout that all runbooks share."""

    by_kind: Mapping[str, Pack]
    dialects: Mapping[tuple[str, str], Dialect]
    layout: Template
    are_own: bool = False
    """Whether all of it is Seawall's own, and nothing a user's."""
    measures: Mapping[str, Mapping[str, Measure]] = field(default_factory=dict)
    """What a member of a sharded store tells of its load, by kind and measure."""

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds that a catalog may name."""
        return sorted(kind for kind in self.by_kind if kind not in (COMMON, STACK_KIND))

    @cached_property
    def first_kinds(self) -> list[str]:
        """Those of them that a catalog can begin with: not the ones that are made of others in it."""
        return [kind for kind in self.kinds if not self.by_kind[kind].has_members]

    def of(self, kind: str) -> tuple[Pack, ...]:
        """Return the packs that apply to a service of *kind*: what every kind has, then its own."""
        return (self.by_kind[kind],) if kind == STACK_KIND else (self.by_kind[COMMON], self.by_kind[kind])

    def dialect_of(self, service: Service) -> Dialect | None:
        """Return the dialect of *service*, or None where its kind has none."""
        return find_dialect(self.dialects, service.kind, service.dialect)

    def alert_names(self, kind: str) -> list[str]:
        """Return the names of the alerts that a service of *kind* can have."""
        return [name for pack in self.of(kind) for name in pack.alert_names]


def load_packs(templates: Path | None = None) -> Packs:
    """Return the packs; files below *templates* go before Seawall's own, which are read once and compiled when used.

    Raise PackError or TemplateError with the place.
    """
    return _own() if templates is None else _packs(templates)


@cache
def _own() -> Packs:
    return _packs(None)


def _packs(templates: Path | None) -> Packs:
    sources = Sources(templates)
    dialects = load_dialects(sources)
    packs = {kind: _load(kind, sources) for kind in sources.stems("alerts", ".yaml.j2")}
    common = packs.get(COMMON)
    for pack in packs.values():
        _check_complete(pack, common)
    layout = sources.read("runbooks/_layout.md.j2")
    if layout is None:
        raise PackError(Position("runbooks/_layout.md.j2"), "is missing")
    whole = Template.compile(layout.text, Position(layout.name), "markdown", when_used=layout.is_own)
    return Packs(packs, dialects, whole, templates is None, load_measures(sources))


def _load(kind: str, sources: Sources) -> Pack:
    alerts = _required(sources, f"alerts/{kind}.yaml.j2")
    panels = _required(sources, f"dashboards/{kind}.yaml.j2")
    runbook = _required(sources, f"runbooks/{kind}.md.j2")
    root = Node.parse(alerts).fields(_PACK_KEYS, frozenset({"title", "alerts"}))
    up = root["up"].text if "up" in root else "up"
    return Pack(
        kind,
        root["title"].text,
        alerts.name,
        up,
        root["up_scraped"].text if "up_scraped" in root else up,
        tuple(_alert(node) for node in root["alerts"].list()),
        tuple(_panels(Node.parse(panels))),
        parse_sections(runbook),
        _tree(root["healthy"]) if "healthy" in root else {},
        tuple(_scenario(node) for node in root["scenarios"].list()) if "scenarios" in root else (),
        *(key in root and _is_true(key, root[key]) for key in ("part", "members")),
    )


def _is_true(key: str, node: Node) -> bool:
    if node.text not in ("true", "false"):
        are = "are parts" if key == "part" else "are made of others"
        raise PackError(node.position, f"{key} is {node.text!r}; write true where services of the kind {are}")
    return node.text == "true"


def _required(sources: Sources, path: str) -> Source:
    source = sources.read(path)
    if source is None:
        raise PackError(Position(path), "is missing; a kind needs alerts, a dashboard and runbooks under the same name")
    return source


def _alert(node: Node) -> AlertTemplate:
    fields = node.fields(_ALERT_KEYS, _ALERT_REQUIRED)
    name = fields["alert"].text
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]+", name):
        raise PackError(
            fields["alert"].position, f"{name!r} is not an alert's name; write CamelCase, such as RedisDown"
        )
    bound = next((key for key in ("above", "below") if key in fields), "")
    if bound and "unit" not in fields:
        raise PackError(node.position, f"alert {name}: a threshold needs its unit; add unit: ratio, seconds, …")
    if fields["class"].text not in CLASSES:
        raise PackError(
            fields["class"].position, f"alert {name}: class is symptom or cause, not {fields['class'].text!r}"
        )
    return AlertTemplate(
        name,
        node.position,
        expr=_template(fields["expr"], "promql"),
        severity=_template(fields["severity"], "plain"),
        class_=fields["class"].text,
        summary=_template(fields["summary"], "annotation"),
        description=_template(fields["description"], "annotation"),
        panel=fields["panel"].text if "panel" in fields else "",
        for_=_duration(fields["for"]) if "for" in fields else Duration(0),
        proof=_tree(fields["proof"]) if "proof" in fields else {},
        when=fields["when"].text if "when" in fields else "",
        each=fields["each"].text if "each" in fields else "",
        bound=bound,
        threshold=_template(fields[bound], "plain") if bound else None,
        unit=fields["unit"].text if "unit" in fields else "",
        limits=read_limits(fields, _template(fields["for_at_most"], "plain") if "for_at_most" in fields else None),
        guards=tuple(_template(guard, "promql") for guard in fields["guards"].list()) if "guards" in fields else (),
        labels=tuple((key, _template(value, "annotation")) for key, value in fields["labels"].items())
        if "labels" in fields
        else (),
    )


def _scenario(node: Node) -> Scenario:
    fields = node.fields(_SCENARIO_KEYS, frozenset({"scenario", "what"}))
    if not fields.keys() & {"traffic", "input", "outside", "alone"}:
        raise PackError(node.position, "says nothing of the fault; add traffic, input, outside or alone")
    usual = fields["usual"].fields(frozenset({"traffic", "input"})) if "usual" in fields else {}
    for phase in [usual["traffic"]] if "traffic" in usual else []:
        phase.fields(_PHASE_KEYS - {"for", "gone"})
    for key in ("traffic", "outside"):
        if key in fields:
            _check_phases(fields[key])
    for place in (fields, usual):
        if "input" in place:
            list(place["input"].items())
    return Scenario(
        fields["scenario"].text,
        node.position,
        what=_template(fields["what"], "plain"),
        fault={key: _tree(fields[key]) for key in fields.keys() - {"scenario", "when", "what", "mend"}},
        mend=_template(fields["mend"], "plain") if "mend" in fields else None,
        when=fields["when"].text if "when" in fields else "",
    )


def _check_phases(node: Node) -> None:
    phases = [node] if node.is_mapping else node.list()
    for phase in phases:
        fields = phase.fields(_PHASE_KEYS)
        if phase is not phases[-1] and "for" not in fields:
            raise PackError(phase.position, "lacks 'for': each phase but the last says how long it is")
        if not fields.keys() - {"for"}:
            raise PackError(phase.position, 'says nothing of the events; write such as {bad: "1"} or {gone: "yes"}')


def _panels(root: Node) -> list[PanelTemplate]:
    rows = root.fields(frozenset({"rows"}), frozenset({"rows"}))["rows"].list()
    found = []
    for node in rows:
        row = node.fields(frozenset({"row", "panels"}), frozenset({"row", "panels"}))
        found += [_panel(panel, _template(row["row"], "plain")) for panel in row["panels"].list()]
    return found


def _panel(node: Node, row: Template) -> PanelTemplate:
    fields = node.fields(_PANEL_KEYS, _PANEL_REQUIRED)
    queries = []
    for query in fields["queries"].list():
        parts = query.fields(frozenset({"expr", "legend"}), frozenset({"expr", "legend"}))
        queries.append((_template(parts["expr"], "promql"), _template(parts["legend"], "plain")))
    return PanelTemplate(
        fields["id"].text,
        node.position,
        row,
        title=_template(fields["title"], "plain"),
        description=_template(fields["description"], "plain"),
        unit=fields["unit"].text,
        queries=tuple(queries),
        thresholds=tuple(_template(each, "plain") for each in fields["thresholds"].list())
        if "thresholds" in fields
        else (),
        kind=fields["kind"].text if "kind" in fields else "timeseries",
        maximum=fields["max"].number("max") if "max" in fields else None,
        traces=_template(fields["traces"], "plain") if "traces" in fields else None,
        when=fields["when"].text if "when" in fields else "",
        each=fields["each"].text if "each" in fields else "",
    )


def _check_complete(pack: Pack, common: Pack | None) -> None:
    panels = {panel.id for each in (common, pack) if each for panel in each.panels}
    for alert in pack.alerts:
        if alert.panel not in panels:
            known = ", ".join(sorted(panels))
            raise PackError(
                alert.position, f"alert {alert.name}: panel {alert.panel!r} is not in the dashboard; known are {known}"
            )
        if alert.name not in pack.sections:
            raise PackError(
                alert.position, f"alert {alert.name} has no runbook; add '# {alert.name}' to runbooks/{pack.kind}.md.j2"
            )
        if "fires" not in alert.proof:
            raise PackError(alert.position, f"alert {alert.name} has no proof; add proof: with an input that fires it")
    for name, section in pack.sections.items():
        if name not in pack.alert_names:
            raise PackError(section.position, f"runbook {name} has no alert of that name in {pack.source}")


def _template(node: Node, context: str) -> Template:
    position = node.position
    if node.is_block:
        position = Position(position.file, position.line + 1, position.column)
    text = " ".join(node.text.split()) if context == "promql" else node.text.rstrip("\n")
    return Template.compile(text, position, context, when_used=node.is_own)


def _duration(node: Node) -> Duration:
    try:
        return Duration.parse(node.text)
    except ValueError as error:
        raise PackError(node.position, str(error)) from None


def _tree(node: Node) -> Any:
    """Return a fixture as nested mappings and lists whose leaves are templates; keys stay text, compiled when used."""
    if node.is_scalar:
        return _template(node, "plain")
    if node.is_mapping:
        return {key: _tree(value) for key, value in node.items()}
    return [_tree(entry) for entry in node.list()]
