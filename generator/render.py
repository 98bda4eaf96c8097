"""Catalog and packs in, artifacts out: the ordered list of everything that is rendered. Pure; no clock, no network."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, CatalogError, Duration, Service, Severity

from . import grafana, slo_rules
from .addresses import Addresses, addresses_of
from .alerts import render_alerts
from .fragments import HOW_TO, routes_fragment
from .merging import merged
from .model import Alert, Artifact, Panel, ServiceView
from .packs import STACK_KIND, Packs
from .panels import render_panels, with_limits
from .prometheus import prometheus_config, targets
from .proofs import healthy_test, reads_recorded
from .retention import prometheus_flags
from .routing import alertmanager_config
from .runbooks import render_runbooks
from .twins import Subject, Twins
from .validation import validate
from .yaml_out import dump

STACK: Final = Service(name=conventions.STACK_SERVICE, kind=STACK_KIND, team=conventions.STACK_SERVICE, tier=1)


@dataclass(frozen=True)
class _Rendered:
    """One service with everything that its artifacts are made from."""

    subject: Subject
    alerts: list[Alert]
    panels: list[Panel]
    own_rules: list[dict[str, Any]]
    given_rules: list[dict[str, Any]]

    @property
    def service(self) -> Service:
        """The service."""
        return self.subject.service

    @property
    def header(self) -> str:
        """The first line of its files."""
        return _header(self.subject.catalog, self.service.name)


def render(catalog: Catalog, packs: Packs, addresses: Addresses | None = None) -> list[Artifact]:
    """Return every artifact of *catalog*, sorted by path; raise CatalogError where catalog and packs do not fit."""
    return sorted(iterate(catalog, packs, addresses), key=lambda artifact: artifact.path)


def iterate(
    catalog: Catalog, packs: Packs, addresses: Addresses | None = None, only: frozenset[str] = frozenset()
) -> Iterator[Artifact]:
    """Yield the artifacts service by service, so that ten thousand services need the memory of one.

    *only* names the wanted PARTS; empty means all but the FRAGMENTS.
    """
    where = addresses or addresses_of(catalog)
    errors = [problem for problem in validate(catalog, packs) if problem.severity is Severity.ERROR]
    if errors:
        raise CatalogError(errors)
    wanted = only or frozenset(PARTS) - FRAGMENTS
    for part, make in _SHARED.items():
        if part in wanted:
            yield from make(catalog, packs, where)
    make = partial(_files, {part: make_own for part, make_own in _ALIKE.items() if part in wanted})
    yield from make(Subject(catalog, packs, STACK))
    twins = Twins(make)
    for _, service in sorted(catalog.services.items()):
        yield from twins.files(Subject(catalog, packs, service))
        for part, make_one in _ONE.items():
            if part in wanted:
                yield from make_one(service)


def view(catalog: Catalog, packs: Packs, service_name: str) -> ServiceView:
    """Return the panels and alerts of one service as data; the stack itself is the service ``seawall``."""
    service = STACK if service_name == STACK.name else catalog.services[service_name]
    rendered = _render(Subject(catalog, packs, service))
    return ServiceView(service_name, tuple(rendered.panels), tuple(rendered.alerts))


def _files(parts: Mapping[str, Callable[[_Rendered], Iterator[Artifact]]], subject: Subject) -> Iterator[Artifact]:
    rendered = _render(subject)
    for make in parts.values():
        yield from make(rendered)


def _render(subject: Subject) -> _Rendered:
    catalog, packs, service, scope = subject.catalog, subject.packs, subject.service, subject.scope
    alerts = render_alerts(catalog, packs, service, scope)
    panels = with_limits(render_panels(packs, service, scope), alerts)
    return _Rendered(
        subject, alerts, panels, slo_rules.service_rules(packs, service), slo_rules.given_rules(packs, service)
    )


def _header(catalog: Catalog, service: str) -> str:
    about = f", service {service}" if service else ""
    return f"{conventions.MADE} from {catalog.source}{about}. Do not edit: change the catalog and render again."


def _rules_path(name: str) -> str:
    return f"{conventions.RULES_DIR}/{name}.yml"


def _shared_rules(catalog: Catalog, packs: Packs, _: Addresses) -> Iterator[Artifact]:
    for name, groups in slo_rules.shared_groups(catalog, packs).items():
        yield Artifact(_rules_path(name), dump({"groups": groups}, _header(catalog, "")))


def _alertmanager(catalog: Catalog, _: Packs, where: Addresses) -> Iterator[Artifact]:
    config = alertmanager_config(catalog, portal=where.portal)
    yield Artifact(conventions.ALERTMANAGER_CONFIG, dump(config, _header(catalog, "")))


def _routes(catalog: Catalog, _: Packs, __: Addresses) -> Iterator[Artifact]:
    header = f"{_header(catalog, '')}\n{HOW_TO}"
    yield Artifact(conventions.ALERTMANAGER_ROUTES, dump(routes_fragment(catalog), header))


def _prometheus(catalog: Catalog, _: Packs, where: Addresses) -> Iterator[Artifact]:
    config = prometheus_config(catalog, where)
    yield Artifact(conventions.PROMETHEUS_CONFIG, dump(config, _header(catalog, "")))
    yield Artifact(conventions.PROMETHEUS_FLAGS, prometheus_flags(catalog, _header(catalog, "")))


def _rules(of: _Rendered) -> Iterator[Artifact]:
    name = of.service.name
    groups = [{"name": f"{name}-slos", "interval": slo_rules.INTERVAL, "rules": of.own_rules}] if of.own_rules else []
    groups.append({"name": name, "interval": slo_rules.INTERVAL, "rules": [_alert_rule(alert) for alert in of.alerts]})
    yield Artifact(_rules_path(name), dump({"groups": groups}, of.header))
    if of.given_rules:
        given = {"name": f"{name}-given-slos", "interval": slo_rules.INTERVAL, "rules": of.given_rules}
        yield Artifact(_rules_path(f"{name}.given"), dump({"groups": [given]}, of.header))


def _alert_rule(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.for_seconds:
        rule["for"] = str(Duration(alert.for_seconds))
    return {**rule, "labels": alert.labels, "annotations": alert.annotations}


def _tests(of: _Rendered) -> Iterator[Artifact]:
    """The proofs that read recorded series load every rule; the others, whose time is evaluation, their service's."""
    name = of.service.name
    tests: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for alert in of.alerts:
        tests[reads_recorded(alert.expr)] += alert.prove()
    tests[bool(tests[True])].insert(0, healthy_test(of.subject.packs, of.service, of.subject.scope))
    own = [f"{name}-slos"] if of.own_rules else []
    shared = slo_rules.shared_files(of.subject.packs, of.service)
    for recorded in tests:
        files = [*shared, conventions.SHARED_RULES, name] if recorded else [name]
        order = [*own, *shared, *slo_rules.SHARED_ORDER, name] if recorded else [*own, name]
        for pace, group in merged(tests[recorded]).items():
            content = {
                "rule_files": [f"../rules/{each}.yml" for each in files],
                "evaluation_interval": pace or "1m",
                "group_eval_order": order,
                "tests": group,
            }
            # A service may be called a-1h, but never a.1h.
            path = ".".join(part for part in (name, "slos" if recorded else "", pace, "yml") if part)
            yield Artifact(f"{conventions.TESTS_DIR}/{path}", dump(content, of.header))


def _dashboards(of: _Rendered) -> Iterator[Artifact]:
    model = grafana.dashboard(of.subject.catalog, of.service, of.panels, of.alerts, of.subject.scope)
    yield Artifact(f"{conventions.DASHBOARDS_DIR}/{of.service.team}/{model['uid']}.json", grafana.to_json(model))


def _runbooks(of: _Rendered) -> Iterator[Artifact]:
    header, subject = f"<!-- {of.header} -->\n\n", of.subject
    texts = render_runbooks(subject.packs, of.service, of.alerts, of.panels, subject.scope, subject.passages)
    for name, text in texts.items():
        yield Artifact(f"{conventions.RUNBOOKS_DIR}/{of.service.name}/{name}.md", (header + text).encode())


def _targets(service: Service) -> Iterator[Artifact]:
    content = targets(service)
    if content is not None:
        yield Artifact(f"{conventions.TARGETS_DIR}/{service.name}.json", content)


def _service_file(service: Service) -> Iterator[Artifact]:
    facts = {
        "name": service.name,
        "team": service.team,
        "tier": service.tier,
        "latency_thresholds": sorted({slo.under.seconds for slo in service.slos.values() if slo.under}),
    }
    content = (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode()
    yield Artifact(f"{conventions.SERVICES_DIR}/{service.name}.json", content)


# What is written once for the whole catalog; what for each service, most of it as for its fellows; and what is all its
# own. Rules are of the first and of the second.
_SHARED: Final[dict[str, Callable[[Catalog, Packs, Addresses], Iterator[Artifact]]]] = {
    "rules": _shared_rules,
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "routes": _routes,
}
_ALIKE: Final[dict[str, Callable[[_Rendered], Iterator[Artifact]]]] = {
    "rules": _rules,
    "tests": _tests,
    "dashboards": _dashboards,
    "runbooks": _runbooks,
}
_ONE: Final[dict[str, Callable[[Service], Iterator[Artifact]]]] = {"targets": _targets, "services": _service_file}
# What `render --only` can name.
PARTS: Final = tuple(dict.fromkeys((*_ALIKE, *_ONE, *_SHARED)))
# What only those who have a set-up of their own ask for.
FRAGMENTS: Final = frozenset({"routes"})
