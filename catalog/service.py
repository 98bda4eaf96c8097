"""A service as its owners declare it: what it is, what it promises, and what they change of its alerts."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic.json_schema import SkipJsonSchema

from .fields import (
    AlertSeverity,
    Day,
    Flag,
    Kind,
    Label,
    Link,
    MetricsPath,
    Model,
    Moment,
    Name,
    Number,
    Reason,
    Target,
    Tier,
    Timezone,
    Traffic,
    shape,
)
from .probing import Probe
from .slo import Slo
from .values import Duration, Hours

_NEVER_PAGES: Final = 3  # the tier
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}  # of a unit of traffic


class Dependency(Model):
    """An edge to another service."""

    inhibits: Flag = False
    """Whether an outage of the other service silences the symptoms that it causes here."""
    hard: Flag = True
    """Whether this service fails while the other one does."""


class Capacity(Model):
    """What the service is known to carry."""

    requests_per_second: Number | None = Field(default=None, gt=0)
    """Requests a second that all instances together have carried."""
    concurrent_requests: Number | None = Field(default=None, gt=0)
    """Requests in flight that all instances together have carried."""
    evidence: str = ""
    """How that is known, such as a load test and its date."""


class AlertOverride(Model):
    """What a service changes of one alert: only the given fields differ, and past `until` none of them does."""

    above: Number | None = None
    """The threshold of an alert that fires above it, in the alert's own unit."""
    below: Number | None = None
    """The threshold of an alert that fires below it, in the alert's own unit."""
    for_: Duration | None = Field(default=None, alias="for")
    """How long the condition holds before the alert fires."""
    severity: AlertSeverity | None = None
    """`page` wakes somebody, `ticket` waits for the working day."""
    only: Hours | None = None
    """The hours in which the alert may fire."""
    disabled: Reason | None = None
    """The reason why the alert is switched off."""
    reason: str = ""
    """Why the alert differs."""
    until: Day | None = None
    """The last day of the override; afterwards the alert is as the pack has it."""

    def has_lapsed(self, today: Day) -> bool:
        """Whether the override's last day lies before *today*."""
        return self.until is not None and self.until < today


class Mitigation(Model):
    """One thing that helps."""

    when: str
    """The situation in which it helps."""
    do: str
    """What to do."""


class RunbookNotes(Model):
    """What the owners know and no template can."""

    mitigations: tuple[Mitigation, ...] = ()
    """What helps, the best first."""
    notes: str = ""
    """Anything else that whoever is on call should know."""
    links: dict[str, Link] = Field(default_factory=dict)
    """Titles and addresses of further pages."""


class Maintenance(Model):
    """A declared window in which nobody is notified."""

    from_: Moment = Field(alias="from")
    """When it begins; a time without an offset is in `timezone`."""
    to: Moment
    """When it ends."""
    timezone: Timezone | None = None
    """The time zone of both; the team's where this is left out."""
    reason: Reason
    """What is done."""


def _names_or_edges(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    return {name: {} if edge is None else edge for name, edge in value.items()} if isinstance(value, dict) else value


Edges = Annotated[
    dict[Name, Dependency],
    BeforeValidator(_names_or_edges, json_schema_input_type=list[Name] | dict[Name, Dependency | None]),
]
Targets = Annotated[
    Annotated[tuple[Target, ...], Tag("list")] | Annotated[dict[str, Any], Tag("mapping")], Discriminator(shape)
]


class Service(Model):
    """Anything that is run or depended on; its key is its name and the Prometheus job."""

    name: SkipJsonSchema[str] = ""  # load() puts the key here
    kind: Kind
    """What it is, such as `http`, `worker`, `redis` or `host`: each kind has a pack of alerts."""
    team: str
    """The team that answers for it."""
    tier: Tier = 2
    """1 pages at any hour; 2 in the team's hours, else a ticket; 3 never pages."""
    description: str = ""
    """What it does, in a sentence."""
    dialect: Kind | SkipJsonSchema[Literal[""]] = ""  # load() puts defaults.dialect here
    """Which metric names it emits; `defaults.dialect` where this is left out."""
    targets: Targets = ()
    """Where Prometheus scrapes it: a list of host:port, or a mapping of Prometheus' `*_sd_configs`."""
    metrics_path: MetricsPath = "/metrics"
    """The path that is scraped."""
    scheme: Literal["http", "https"] = "http"
    """How it is scraped."""
    url: str | None = None
    """Where Seawall's exporter reaches it; a secret in it is a `${VARIABLE}` of its, or a `${file:/PATH}`."""
    probe: Probe | None = None
    """Of a service of kind `probe`: what is asked from outside, and which answer is well."""
    part_of: Name | Literal[""] = ""
    """The service in whose process it is, and which tells of it: the application of a `pool`."""
    members: tuple[Name, ...] = ()
    """Of a service of kind `shards`: the services that share its keys, or the one whose targets do."""
    match: dict[Label, str] = Field(default_factory=dict)  # load() merges defaults.match under it
    """Label matchers that narrow every query to this service, beside its job."""
    depends_on: Edges = Field(default_factory=dict)
    """The services that it needs: a list of names, or a mapping from a name to what the edge does."""
    slos: dict[Name, Slo] = Field(default_factory=dict)
    """What it promises; the key is the SLO's name and the label `slo`."""
    buckets: tuple[Duration, ...] = ()
    """The bounds of its latency histogram, where they are not those that its dialect has of itself."""
    traffic: Traffic | None = None
    """Its usual number of events, such as `20/s`, `5/m` or `30/h`."""
    capacity: Capacity = Capacity()
    """What it is known to carry."""
    alerts: dict[str, AlertOverride] = Field(default_factory=dict)
    """What differs from the pack, by the name of the alert."""
    runbook: RunbookNotes = RunbookNotes()
    """What the owners add to its runbooks."""
    maintenance: tuple[Maintenance, ...] = ()
    """Declared windows in which nobody is notified."""
    mode: Literal["live", "shadow"] = "live"
    """`shadow` sends all its alerts to the inbox alone."""

    @property
    def job(self) -> str:
        """The Prometheus job of its series."""
        return self.part_of or self.name

    @property
    def events_per_minute(self) -> float | None:
        """Its usual events a minute, where the catalog says how many."""
        amount, _, unit = (self.traffic or "").partition("/")
        return float(amount) * 60 / _SECONDS[unit] if unit else None

    @property
    def can_page(self) -> bool:
        """Whether a page of it reaches anybody as one."""
        return self.tier != _NEVER_PAGES

    @property
    def is_scraped(self) -> bool:
        """Whether Prometheus reads the service's own metrics endpoint."""
        return bool(self.targets)

    @property
    def is_probed(self) -> bool:
        """Whether the exporter asks the service on Prometheus' behalf."""
        return self.url is not None
