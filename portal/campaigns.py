"""Declared campaigns as the page shows them: what runs, what comes next, what is over."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from seawall.catalog import Campaign, Catalog, Service, instant

from .units import duration_text

PHASES: Final = ("running", "upcoming", "over")  # in the order of the page


@dataclass(frozen=True)
class Expectation:
    """What one service of a campaign expects; *service* is None where the catalog has it no more."""

    name: str
    service: Service | None
    traffic: str


@dataclass(frozen=True)
class CampaignState:
    """A campaign at a moment; *starts* and *ends* are seconds since the epoch, *told* says how far away they are."""

    campaign: Campaign
    phase: str
    starts: float
    ends: float
    told: str
    expectations: tuple[Expectation, ...]


def campaign_states(catalog: Catalog, now: float) -> list[CampaignState]:
    """Return every campaign: those that run, then those to come, the next one first, then those that are over."""
    found = [_state(campaign, catalog, now) for campaign in catalog.campaigns.values()]
    return sorted(found, key=lambda state: (PHASES.index(state.phase), _distance(state), state.campaign.name))


def _distance(state: CampaignState) -> float:
    return -state.ends if state.phase == "over" else state.starts


def _state(campaign: Campaign, catalog: Catalog, now: float) -> CampaignState:
    starts, ends = (instant(moment, campaign.timezone).timestamp() for moment in (campaign.from_, campaign.to))
    if now < starts:
        phase, told = "upcoming", f"starts in {duration_text(starts - now)}"
    elif now <= ends:
        phase, told = "running", f"ends in {duration_text(ends - now)}"
    else:
        phase, told = "over", f"ended {duration_text(now - ends)} ago"
    return CampaignState(campaign, phase, starts, ends, told, tuple(_expectations(campaign.expects.items(), catalog)))


def _expectations(expects: Iterable[tuple[str, str]], catalog: Catalog) -> Iterable[Expectation]:
    for name, traffic in sorted(expects):
        multiplied = traffic.endswith("x")
        yield Expectation(
            name, catalog.services.get(name), f"{traffic[:-1]}×" if multiplied else f"{traffic[:-2]} req/s"
        )
