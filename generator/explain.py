"""One alert of one service in words: what it means, its query, its numbers, whom it tells, its runbook."""

from collections.abc import Iterator
from textwrap import indent

from seawall.catalog import AlertOverride, Catalog, Duration, SeawallError, Service

from .alerts import active_override
from .guesses import guess
from .model import Alert
from .packs import AlertTemplate, Packs
from .pretty import pretty
from .render import STACK, view
from .runbooks import meaning
from .text import number


def explanation(catalog: Catalog, packs: Packs, service_name: str, alert: str) -> str:
    """Return the explanation as text; raise SeawallError with a guess for a service or an alert that is not there."""
    service = STACK if service_name == STACK.name else known_service(catalog, service_name)
    names = packs.alert_names(service.kind)
    if alert not in names:
        hint = guess(alert, names, otherwise="there are")
        raise SeawallError(f"service {service_name!r} of kind {service.kind} has no alert {alert!r}; {hint}")
    rendered = [each for each in view(catalog, packs, service_name).alerts if each.name == alert]
    override = active_override(catalog, service, alert)
    lines = [f"{alert}: {service_name}", ""]
    lines += [meaning(catalog, packs, service, alert), ""]
    lines += _facts(rendered, override) if rendered else _absent(override, packs, service, alert)
    return "\n".join(lines)


def known_service(catalog: Catalog, name: str) -> Service:
    """Return the service called *name*; raise SeawallError with a guess where there is none."""
    if name not in catalog.services:
        hint = guess(name, catalog.services, otherwise="there are")
        raise SeawallError(f"there is no service {name!r} in {catalog.source}; {hint}")
    return catalog.services[name]


def _absent(override: AlertOverride, packs: Packs, service: Service, alert: str) -> Iterator[str]:
    if override.disabled is not None:
        until = f" until {override.until}" if override.until else ""
        yield f"It is switched off{until}: {override.disabled}"
        return
    conditions = sorted({each.when for each in _templates(packs, service, alert) if each.when})
    yield f"It does not apply to this service: it needs {' or '.join(conditions) or 'an SLO'}."


def _templates(packs: Packs, service: Service, alert: str) -> list[AlertTemplate]:
    return [each for pack in packs.of(service.kind) for each in pack.alerts if each.name == alert]


def _facts(rendered: list[Alert], override: AlertOverride) -> Iterator[str]:
    for index, each in enumerate(rendered):
        extra = {key: value for key, value in each.labels.items() if key in ("slo", "window")}
        if index:
            yield ""
        if extra:
            yield ", ".join(f"{key} {value}" for key, value in extra.items())
        yield from ("", indent(pretty(each.expr), "    "), "")
        if each.threshold is not None:
            yield f"  threshold  {'above' if each.above else 'below'} {number(each.threshold)} {each.unit}"
        yield f"  for        {Duration(each.for_seconds)}"
        owner = f"tier {each.labels['tier']}, team {each.labels['team']}"
        yield f"  severity   {each.severity} ({each.labels['class']}, {owner})"
    changed = override.model_dump(exclude_defaults=True, by_alias=True)
    if changed:
        yield "  override   " + ", ".join(f"{key}: {value}" for key, value in changed.items())
    yield f"  runbook    {rendered[0].runbook}"
    yield f"  dashboard  {rendered[0].annotations['dashboard_url']}"
