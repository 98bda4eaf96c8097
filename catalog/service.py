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
    Target,
    Tier,
    Timezone,
    Traffic,
    Whole,
)
from .values import Duration, Hours

_NEVER_PAGES: Final = 3  # the tier
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}  # of a unit of traffic


class Dependency(Model):
    """An edge to another service."""

    inhibits: Flag = False
    """Whether an outage of the other service silences the symptoms that it causes here."""
    hard: Flag = True
    """Whether this service fails while the other one does."""


def _shape(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        return "list"
    return "mapping" if isinstance(value, dict) else "text" if isinstance(value, str) else None


Budgeting = Literal["events", "timeslices", "ratio_timeslices"]
Patterns = Annotated[Annotated[dict[Label, str], Tag("mapping")] | Annotated[str, Tag("text")], Discriminator(_shape)]


class Slo(Model):
    """An objective, in per cent of events."""

    sli: Kind | SkipJsonSchema[Literal[""]] = ""  # load() puts the key of the SLO here where the catalog says nothing
    """What is measured, such as `availability` or `latency`; the key of the SLO where this is left out."""
    objective: Number | None = Field(default=None, gt=0, lt=100)
    """Per cent of events that are good, such as 99.9."""
    under: Duration | None = None
    """The threshold of a latency SLO: a request that takes longer is bad."""
    thresholds: dict[Duration, Annotated[Number, Field(gt=0, lt=100)]] = Field(default_factory=dict)
    """Several thresholds of a latency SLO, each with its objective, in place of `under` and `objective`."""
    window: Duration | None = None  # load() puts defaults.slo_window here
    """The period of the error budget, two days or more; `defaults.slo_window` where this is left out."""
    budgeting: Budgeting = "events"
    """What the budget counts: `events`, good or bad `timeslices`, or the mean of their ratios."""
    slice: Duration = Duration(300)
    """The length of a slice."""
    slice_objective: Number | None = Field(default=None, gt=0, lt=100)
    """Per cent of events that make a slice a good one; `objective` where this is left out."""
    by: tuple[Label, ...] = ()
    """Labels that divide the events into groups, each with the objective, a budget and alerts of its own."""
    routes: tuple[str, ...] = ()
    """The routes whose requests count; all where this is left out."""
    methods: tuple[str, ...] = ()
    """The HTTP methods whose requests count; all where this is left out."""
    exclude: dict[Label, str] = Field(default_factory=dict)
    """Labels and patterns of values: events that match any of them do not count."""
    codes: dict[str, Literal["good", "bad", "ignored"]] = Field(default_factory=dict)
    """Status codes, such as 429, and what their events are to this SLO; what is left out is as the dialect has it."""
    bad: Patterns = Field(default_factory=dict)
    """Labels and patterns that make an event bad, in place of the dialect's own; beside `total`, PromQL for them."""
    good: str | None = None
    """PromQL for the good events a second over `{{window}}`, beside `total`."""
    total: str | None = None
    """PromQL for all events a second over `{{window}}`."""
    value: str | None = None
    """PromQL for what freshness (a unix time), saturation, throughput or a probe (1 or 0) is judged by."""
    within: Duration | None = None
    """The age that a freshness SLO allows."""
    below: Number | None = None
    """The saturation that is still good."""
    at_least: Number | None = None
    """The throughput, a second, that is still good."""
    floor: Whole | None = Field(default=None, ge=1)
    """Bad events in the long window below which no burn rate alerts: 10, or 120 seconds where time is judged."""
    confidence: Number | None = Field(default=None, ge=50, lt=100)
    """Per cent of confidence: a burn rate then starts from the lower Wilson bound of the error ratio."""

    @property
    def goal(self) -> float:
        """The objective; load() leaves no SLO without."""
        assert self.objective is not None
        return self.objective

    @property
    def under_seconds(self) -> float:
        """The threshold of a latency SLO in seconds; 0 where it has none."""
        return self.under.seconds if self.under else 0.0

    @property
    def period_days(self) -> float:
        """The days of the error budget's period; load() leaves no SLO without."""
        assert self.window is not None
        return self.window.seconds / 86400

    @property
    def bad_labels(self) -> dict[str, str]:
        """What restates which events are bad."""
        return self.bad if isinstance(self.bad, dict) else {}

    @property
    def is_raw(self) -> bool:
        """Whether the catalog brings the PromQL of its events."""
        return self.total is not None

    @property
    def is_given(self) -> bool:
        """Whether it is judged by PromQL that the catalog brings."""
        return self.is_raw or self.value is not None

    @property
    def is_timed(self) -> bool:
        """Whether it judges time, and not events."""
        return self.value is not None or self.budgeting != "events" or self.sli in ("throughput", "probe")

    @property
    def is_filtered(self) -> bool:
        """Whether the SLO reads other events than its service's shared rules do."""
        return bool(
            self.routes or self.methods or self.exclude or self.bad or self.codes or self.is_raw or self.is_timed
        )


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
    disabled: str | None = Field(default=None, min_length=1)
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
    reason: str
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
    Annotated[tuple[Target, ...], Tag("list")] | Annotated[dict[str, Any], Tag("mapping")], Discriminator(_shape)
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
    """Where Seawall's exporter reaches it; a secret in it is a `${VARIABLE}` of the exporter's environment."""
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
