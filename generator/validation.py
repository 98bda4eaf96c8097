"""Whether a catalog fits the packs: kinds, dialects, SLIs, alert names and their thresholds."""

from collections.abc import Iterator

from seawall.catalog import AlertOverride, Catalog, Problem, SeawallError, Service, Severity

from .guesses import guess
from .packs import AlertTemplate, Pack, Packs
from .slo_validation import slo_problems


def validate(catalog: Catalog, packs: Packs) -> list[Problem]:
    """Return every problem between *catalog* and *packs*; errors stop a render, warnings do not."""
    found = [problem for service in catalog.services.values() for problem in _service(catalog, packs, service)]
    return sorted(found)


def _service(catalog: Catalog, packs: Packs, service: Service) -> Iterator[Problem]:
    place = ("services", service.name)
    if service.kind not in packs.kinds:
        hint = guess(service.kind, packs.kinds)
        text = f"there is no pack for kind {service.kind!r}; {hint}; packs of your own: --templates DIR"
        yield _error(catalog, service, (*place, "kind"), text)
        return
    yield from _part(catalog, packs.by_kind[service.kind], service)
    yield from _members(catalog, packs, service)
    dialect = None
    try:
        dialect = packs.dialect_of(service)
    except SeawallError as error:
        yield _error(catalog, service, (*place, "dialect"), str(error))
        return
    yield from slo_problems(catalog, service, dialect)
    for name, override in service.alerts.items():
        yield from _override(catalog, packs, service, name, override)


def _part(catalog: Catalog, pack: Pack, service: Service) -> Iterator[Problem]:
    """Yield what does not fit a part of another service, or one that is none."""
    place = ("services", service.name)
    if pack.is_part and not service.part_of:
        text = f"part_of is missing: a {service.kind} is in the process of another service; name that one"
        yield _error(catalog, service, (*place, "kind"), text)
    if service.part_of and not pack.is_part:
        text = f"a service of kind {service.kind} is part of no other one; take part_of out"
        yield _error(catalog, service, (*place, "part_of"), text)
    elif service.part_of and (service.is_scraped or service.is_probed):
        text = f"{service.part_of} tells of it, so that nothing else is asked; take targets and url out"
        yield _error(catalog, service, (*place, "part_of"), text)


def _members(catalog: Catalog, packs: Packs, service: Service) -> Iterator[Problem]:
    """Yield what does not fit a service that is made of others, or one that is not."""
    place = ("services", service.name)
    has_members = packs.by_kind[service.kind].has_members
    if has_members and not service.members:
        text = f"members are missing: {service.kind} are made of other services; name those that share the keys"
        yield _error(catalog, service, (*place, "kind"), text)
    if service.members and not has_members:
        text = f"a service of kind {service.kind} is made of no others; take members out"
        yield _error(catalog, service, (*place, "members"), text)
    elif service.members and (service.is_scraped or service.is_probed):
        text = "its members tell of it, so that nothing else is asked; take targets and url out"
        yield _error(catalog, service, (*place, "members"), text)
    elif service.members:
        yield from _members_alike(catalog, packs, service)


def _members_alike(catalog: Catalog, packs: Packs, service: Service) -> Iterator[Problem]:
    known = [catalog.services[name] for name in service.members if name in catalog.services]
    for at, member in enumerate(known):
        text = ""
        if member.kind not in packs.measures:
            known_kinds = ", ".join(packs.measures)
            text = f"{member.name} is a {member.kind}, of which no load is known; name services of {known_kinds} alone"
        elif member.kind != known[0].kind:
            text = (
                f"{member.name} is a {member.kind} and {known[0].name} a {known[0].kind}; compare services of one kind"
            )
        elif member.match != known[0].match:
            text = f"{member.name} and {known[0].name} differ in match; write the same for all members"
        if text:
            yield _error(catalog, service, ("services", service.name, "members", str(at)), f"members: {text}")
            return


def _override(
    catalog: Catalog, packs: Packs, service: Service, name: str, override: AlertOverride
) -> Iterator[Problem]:
    place = ("services", service.name, "alerts", name)
    names = packs.alert_names(service.kind)
    if name not in names:
        text = f"alert {name!r} is not in the packs of kind {service.kind}; {guess(name, names)}"
        yield _error(catalog, service, place, text)
        return
    bounds = {alert.bound for pack in packs.of(service.kind) for alert in _named(pack, name)}
    for field in ("above", "below"):
        if getattr(override, field) is not None and field not in bounds:
            other = next((bound for bound in sorted(bounds) if bound), "")
            mend = f"write {other}: instead" if other else "it has no threshold to change; remove it"
            yield _error(catalog, service, (*place, field), f"alert {name} has no {field!r}; {mend}")
            return
    templates = [template for pack in packs.of(service.kind) for template in _named(pack, name)]
    refused = {field: text for template in templates for field, text in _limits(template, override)}
    for field, text in refused.items():
        yield _error(catalog, service, (*place, field), f"alert {name} could never be told: {text}")


def _limits(template: AlertTemplate, override: AlertOverride) -> Iterator[tuple[str, str]]:
    given = override.above if template.bound == "above" else override.below
    own = template.threshold.source if template.threshold else ""
    threshold = given if given is not None else float(own) if own and "{" not in own else None
    return template.limits.refusals(template.bound, threshold, override.for_ or template.for_, override)


def _named(pack: Pack, name: str) -> list[AlertTemplate]:
    return [alert for alert in pack.alerts if alert.name == name]


def _error(catalog: Catalog, service: Service, place: tuple[str, ...], text: str) -> Problem:
    return Problem(catalog.where(*place), f'service "{service.name}": {text}', Severity.ERROR)
