"""An SLO as its owners declare it: what is measured, what of it is good, and which budget that leaves."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag
from pydantic.json_schema import SkipJsonSchema

from .fields import Kind, Label, Model, Number, Whole, shape
from .values import Duration

Budgeting = Literal["events", "timeslices", "ratio_timeslices"]
Patterns = Annotated[Annotated[dict[Label, str], Tag("mapping")] | Annotated[str, Tag("text")], Discriminator(shape)]


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
