"""The catalog's model: frozen, with every default applied, and able to answer what the other rooms ask."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Literal

from pydantic import Field, PrivateAttr
from pydantic.json_schema import SkipJsonSchema

from .exporter_access import ExporterAccess
from .fields import (
    Address,
    Expected,
    Kind,
    Label,
    Model,
    Moment,
    Name,
    Receivers,
    Timezone,
)
from .graph import knots
from .places import Path
from .problems import Position, Problem
from .service import Service
from .values import Duration, Hours


class Defaults(Model):
    """What holds for every service that does not say otherwise."""

    slo_window: Duration = Duration(30 * 86400)
    """The period of the error budgets."""
    runbook_base_url: Address = "http://localhost:8800/runbooks"
    """Where runbooks open; the service's and the alert's name are put behind it."""
    portal_url: Address = "http://localhost:8800"
    """Where the portal is reached."""
    prometheus_url: Address = "http://localhost:9090"
    """Where Prometheus is reached."""
    grafana_url: Address | None = None
    """Where Grafana is reached; links lead to the portal where this is left out."""
    scrape_interval: Duration = Duration(15)
    """How often Prometheus scrapes."""
    retention: Duration | None = None
    """How long Prometheus keeps samples; no budget can be longer. Left out: the longest SLO window and two days."""
    match: dict[Label, str] = Field(default_factory=dict)
    """Label matchers of every service, such as `environment: production`; a service's own win."""
    dialect: Kind = "otel"
    """Which metric names services emit."""
    exporter: ExporterAccess = ExporterAccess()
    """How Prometheus reaches the exporter, where it is not the one that `seawall up` starts."""


class Notify(Model):
    """Where a team's alerts go: Alertmanager's receiver types and fields, secrets by `*_file` alone."""

    page: Receivers = Field(default_factory=dict)
    """Receivers of pages."""
    ticket: Receivers = Field(default_factory=dict)
    """Receivers of tickets."""


class StackNotify(Model):
    """Where the stack's own heartbeat goes."""

    watchdog: Receivers = Field(default_factory=dict)
    """Receivers of the Watchdog: a dead man's switch outside."""


class Team(Model):
    """Who answers for services."""

    description: str = ""
    """What the team does."""
    notify: Notify = Notify()
    """Where its alerts go."""
    hours: Hours | None = None
    """When pages of tier 2 reach it; at any hour where this is left out."""
    timezone: Timezone = "UTC"
    """The time zone of its hours and maintenance."""
    escalation: str = ""
    """Whom to call when the team needs help."""


class Campaign(Model):
    """A declared period of expected traffic."""

    name: SkipJsonSchema[str] = ""  # load() puts the key here
    description: str = ""
    """What happens."""
    from_: Moment = Field(alias="from")
    """When it begins; a time without an offset is in `timezone`."""
    to: Moment
    """When it ends."""
    timezone: Timezone = "UTC"
    """The time zone of both."""
    expects: dict[Name, Expected] = Field(default_factory=dict)
    """Services, and how much traffic each expects: a multiplier such as 6x, or requests a second such as 900/s."""


class Catalog(Model):
    """Teams, services and campaigns; what every other room works from."""

    seawall: Literal[1]
    """The version of this format."""
    defaults: Defaults = Defaults()
    """What holds for every service that does not say otherwise."""
    notify: StackNotify = StackNotify()
    """Where the stack's own heartbeat goes."""
    teams: dict[Name, Team] = Field(default_factory=dict)
    """Who answers for services, by name."""
    services: dict[Name, Service] = Field(default_factory=dict)
    """Everything that is run or depended on, by name."""
    campaigns: dict[Name, Campaign] = Field(default_factory=dict)
    """Declared periods of expected traffic, by name."""

    _today: date = PrivateAttr(default=date.min)
    _source: str = PrivateAttr(default="catalog.yaml")
    _positions: Mapping[Path, Position] = PrivateAttr(default_factory=dict)
    _warnings: list[Problem] = PrivateAttr(default_factory=list)

    @property
    def today(self) -> date:
        """The one clock of load and render."""
        return self._today

    @property
    def source(self) -> str:
        """The file or folder it was read from, as the user named it; for the first line of generated files."""
        return self._source

    @property
    def warnings(self) -> list[Problem]:
        """What load() found that does not stop the work."""
        return list(self._warnings)

    def where(self, *path: str | int) -> Position:
        """Return the position of the node at *path*, or of its nearest ancestor that stands in a file."""
        while path:
            if path in self._positions:
                return self._positions[path]
            path = path[:-1]
        return self._positions.get((), Position(self._source))

    def team_of(self, service: Service) -> Team:
        """Return the team that answers for *service*."""
        return self.teams[service.team]

    def dependents_of(self, name: str) -> list[Service]:
        """Return the services that name *name* in ``depends_on``, sorted by name."""
        return [self.services[other] for other in self._dependents.get(name, ())]

    def in_cycle(self, first: str, second: str) -> bool:
        """Whether two services reach each other along ``depends_on``; such never inhibit each other."""
        return first in self._knot_of.get(second, ())

    @cached_property
    def _dependents(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted(self.services):
            for other in self.services[name].depends_on:
                found.setdefault(other, []).append(name)
        return found

    @cached_property
    def _knot_of(self) -> dict[str, set[str]]:
        graph = {name: service.depends_on for name, service in self.services.items()}
        return {name: knot for knot in knots(graph) for name in knot}
