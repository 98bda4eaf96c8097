"""The catalog's model: frozen, with every default applied, and able to answer the questions that the other rooms ask."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from .problems import Position, Problem
from .values import Duration, Hours, check_timezone

NAME: Final = r"^[a-z][a-z0-9-]{0,62}$"
Name = Annotated[str, Field(pattern=NAME)]
Tier = Literal[1, 2, 3]
AlertSeverity = Literal["page", "ticket"]
Receivers = dict[str, dict[str, Any]]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Defaults(_Model):
    """What holds for every service that does not say otherwise."""

    slo_window: Duration = Duration(30 * 86400)
    runbook_base_url: str = "http://localhost:8800/runbooks"
    portal_url: str = "http://localhost:8800"
    prometheus_url: str = "http://localhost:9090"
    grafana_url: str | None = None
    scrape_interval: Duration = Duration(15)
    match: dict[str, str] = Field(default_factory=dict)
    dialect: str = "otel"


class Notify(_Model):
    """Where a team's alerts go: Alertmanager's receiver types and fields, secrets by ``*_file`` alone."""

    page: Receivers = Field(default_factory=dict)
    ticket: Receivers = Field(default_factory=dict)


class StackNotify(_Model):
    """Where the stack's own heartbeat goes: a dead man's switch outside."""

    watchdog: Receivers = Field(default_factory=dict)


class Team(_Model):
    """Who answers for services. Without *hours* a tier-2 page is delivered at any hour."""

    description: str = ""
    notify: Notify = Notify()
    hours: Hours | None = None
    timezone: str = "UTC"
    escalation: str = ""

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        return check_timezone(value)


class Dependency(_Model):
    """An edge to another service; with *inhibits*, its outage silences the symptoms that it causes here."""

    inhibits: bool = False


class Slo(_Model):
    """An objective in per cent of events; *under* is the threshold of a latency SLO.

    *routes*, *methods*, *exclude* narrow the events; *bad* restates what a failed event is (matchers of the dialect's metric).
    *floor* is the number of bad events in the long window below which no burn-rate alert fires.
    """

    sli: str = ""  # load() puts the key of the SLO here where the catalog says nothing
    objective: float
    under: Duration | None = None
    window: Duration | None = None  # load() puts defaults.slo_window here
    routes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    exclude: dict[str, str] = Field(default_factory=dict)
    bad: dict[str, str] = Field(default_factory=dict)
    floor: int = Field(default=10, ge=1)

    @property
    def is_filtered(self) -> bool:
        """Whether the SLO reads other events than its service's shared rules do."""
        return bool(self.routes or self.methods or self.exclude or self.bad)


class Capacity(_Model):
    """What the service is known to carry, and how that is known."""

    requests_per_second: float | None = Field(default=None, gt=0)
    concurrent_requests: float | None = Field(default=None, gt=0)
    evidence: str = ""


class AlertOverride(_Model):
    """What a service changes of one alert; only the given fields differ, and past *until* none of them does."""

    above: float | None = None
    below: float | None = None
    for_: Duration | None = Field(default=None, alias="for")
    severity: AlertSeverity | None = None
    only: Hours | None = None
    disabled: str | None = Field(default=None, min_length=1)  # the reason
    reason: str = ""
    until: date | None = None

    def has_lapsed(self, today: date) -> bool:
        """Whether the override's last day lies before *today*."""
        return self.until is not None and self.until < today


class Mitigation(_Model):
    """One thing that helps: *when* it applies and what to *do*."""

    when: str
    do: str


class RunbookNotes(_Model):
    """What the owners know and no template can."""

    mitigations: tuple[Mitigation, ...] = ()
    notes: str = ""
    links: dict[str, str] = Field(default_factory=dict)


class Maintenance(_Model):
    """A declared window in which nobody is notified; naive times are in *timezone* (default: the team's)."""

    from_: datetime = Field(alias="from")
    to: datetime
    timezone: str | None = None
    reason: str

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str | None) -> str | None:
        return value if value is None else check_timezone(value)


class Service(_Model):
    """Anything that is run or depended on."""

    name: str = ""  # load() puts the key here
    kind: str
    team: str
    tier: Tier = 2
    description: str = ""
    dialect: str = ""  # load() puts defaults.dialect here
    targets: tuple[str, ...] | dict[str, Any] = ()
    metrics_path: str = "/metrics"
    scheme: Literal["http", "https"] = "http"
    url: str | None = None
    match: dict[str, str] = Field(default_factory=dict)  # load() merges defaults.match under it
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    slos: dict[str, Slo] = Field(default_factory=dict)
    capacity: Capacity = Capacity()
    alerts: dict[str, AlertOverride] = Field(default_factory=dict)
    runbook: RunbookNotes = RunbookNotes()
    maintenance: tuple[Maintenance, ...] = ()
    mode: Literal["live", "shadow"] = "live"

    @property
    def is_scraped(self) -> bool:
        """Whether Prometheus reads the service's own metrics endpoint."""
        return bool(self.targets)

    @property
    def is_probed(self) -> bool:
        """Whether the exporter asks the service on Prometheus' behalf."""
        return self.url is not None

    @field_validator("depends_on", mode="before")
    @classmethod
    def _names_or_edges(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return {name: {} for name in value}
        return {name: edge or {} for name, edge in value.items()} if isinstance(value, dict) else value


class Campaign(_Model):
    """A declared period of expected traffic; *expects* maps a service to a multiplier such as ``6x``."""

    name: str = ""  # load() puts the key here
    description: str = ""
    from_: datetime = Field(alias="from")
    to: datetime
    timezone: str = "UTC"
    expects: dict[str, str] = Field(default_factory=dict)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        return check_timezone(value)


Path = tuple[str | int, ...]


class Catalog(_Model):
    """Teams, services and campaigns; what every other room works from."""

    seawall: Literal[1]
    defaults: Defaults = Defaults()
    notify: StackNotify = StackNotify()
    teams: dict[Name, Team] = Field(default_factory=dict)
    services: dict[Name, Service] = Field(default_factory=dict)
    campaigns: dict[Name, Campaign] = Field(default_factory=dict)

    _today: date = PrivateAttr(default=date.min)
    _source: str = PrivateAttr(default="catalog.yaml")
    _positions: dict[Path, Position] = PrivateAttr(default_factory=dict)
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
        return [self.services[other] for other in sorted(self.services) if name in self.services[other].depends_on]

    def in_cycle(self, first: str, second: str) -> bool:
        """Whether two services reach each other along ``depends_on``; such never inhibit each other."""
        return self._reaches(first, second) and self._reaches(second, first)

    def _reaches(self, start: str, goal: str) -> bool:
        seen, todo = set[str](), [start]
        while todo:
            for name in self.services[todo.pop()].depends_on:
                if name == goal:
                    return True
                if name in self.services and name not in seen:
                    seen.add(name)
                    todo.append(name)
        return False
