"""What one part of the catalog says of another: teams, dependencies, the services of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seawall.conventions import RESERVED_NAMES

from .findings import Findings
from .graph import cycles
from .model import Campaign
from .places import Path
from .service import Service
from .wording import quoted

_LONGEST_DRAWN: Final = 12  # services of a cycle that a message names


@dataclass(frozen=True)
class Names:
    """What is declared, valid or not; *complete* is False where a part could not be read that might declare more."""

    teams: Mapping[str, Any]
    services: Mapping[str, Any]
    complete: bool


def check_references(services: Mapping[str, Service], names: Names, findings: Findings) -> None:
    """Add every team and dependency that does not exist, and a warning for every cycle of dependencies."""
    for name, service in services.items():
        path = ("services", name)
        if name in RESERVED_NAMES:
            findings.error(path, "this name is reserved for the stack itself; give the service another one")
        is_given = isinstance(names.services[name].get("team"), str)
        if is_given and service.team not in names.teams and names.complete:
            said = f"team {quoted(service.team)} does not exist{_fix(service.team, names.teams, 'teams', findings)}"
            findings.error((*path, "team"), said)
        if service.part_of:
            _check_whole(name, service.part_of, services, names, findings)
        for at, other in enumerate(service.members):
            _check_member(name, at, other, services, names, findings)
        for other in service.depends_on:
            _check_edge(name, other, names, findings)
    _warn_of_cycles(services, names, findings)


def check_expectations(campaign: Campaign, path: Path, names: Names, findings: Findings) -> None:
    """Add what a campaign expects of services that do not exist, and expectations of nothing."""
    if not campaign.expects and not findings.is_told_within((*path, "expects")):  # what is wrong there was left out
        said = "it expects traffic of no service, so that nothing changes while it runs"
        findings.warn((*path, "expects"), f"{said}; write such as expects: {{checkout: 6x}}")
    for other, expected in campaign.expects.items():
        here = (*path, "expects", other)
        if other not in names.services and names.complete:
            said = f"expects: service {quoted(other)} does not exist{_fix(other, names.services, 'services', findings)}"
            findings.error(here, said, at_key=True)
        if not float(expected.removesuffix("x").removesuffix("/s")):
            said = (
                f"expects.{other}: {quoted(expected)} expects nothing; write such as 6x, 1.5x or 900/s, or leave it out"
            )
            findings.error(here, said)


def _check_whole(name: str, whole: str, services: Mapping[str, Service], names: Names, findings: Findings) -> None:
    here = ("services", name, "part_of")
    if whole == name:
        findings.error(here, "part_of names the service itself; name the one in whose process it is")
    elif whole not in names.services and names.complete:
        said = f"part_of: service {quoted(whole)} does not exist{_fix(whole, names.services, 'services', findings)}"
        findings.error(here, said)
    elif whole in services and services[whole].part_of:
        said = f"part_of: service {quoted(whole)} is itself a part of {quoted(services[whole].part_of)}"
        findings.error(here, f"{said}; name that one")


def _check_member(
    name: str, at: int, other: str, services: Mapping[str, Service], names: Names, findings: Findings
) -> None:
    here = ("services", name, "members", at)
    if other == name:
        findings.error(here, "members names the service itself; name those that share its keys")
    elif other in services[name].members[:at]:
        findings.error(here, f"members: service {quoted(other)} stands twice; name it once")
    elif other not in names.services and names.complete:
        said = f"members: service {quoted(other)} does not exist{_fix(other, names.services, 'services', findings)}"
        findings.error(here, said)


def _check_edge(name: str, other: str, names: Names, findings: Findings) -> None:
    here = _edge(name, other, names)
    if other == name:
        findings.error(here, "depends_on names the service itself; take it out", at_key=True)
    elif other not in names.services and names.complete:
        said = f"depends_on: service {quoted(other)} does not exist{_fix(other, names.services, 'services', findings)}"
        findings.error(here, said, at_key=True)


def _edge(name: str, other: str, names: Names) -> Path:
    edges = names.services[name]["depends_on"]
    return ("services", name, "depends_on", edges.index(other) if isinstance(edges, list) else other)


def _fix(name: str, known: Mapping[str, Any], section: str, findings: Findings) -> str:
    return findings.guess(name, known.keys()) or f"; declare it under {section}, or take it out"


def _warn_of_cycles(services: Mapping[str, Service], names: Names, findings: Findings) -> None:
    graph = {name: [other for other in service.depends_on if other != name] for name, service in services.items()}
    for way in cycles(graph):
        said = f"the dependencies {_drawn(way)} form a cycle; none of these services inhibits another"
        findings.warn(_edge(way[0], way[1], names), said)


def _drawn(way: list[str]) -> str:
    left_out = len(way) - _LONGEST_DRAWN
    if left_out > 0:
        way = [*way[: _LONGEST_DRAWN // 2], f"({left_out} more)", *way[-_LONGEST_DRAWN // 2 :]]
    return " → ".join(way)
