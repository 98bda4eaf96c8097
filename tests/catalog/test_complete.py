"""What the catalog leaves open: filled in once, from the service, the defaults or the SLO's own key."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.catalog import Defaults, Duration, Service, Slo
from seawall.catalog.complete import complete, threshold_key

DEFAULTS = Defaults(dialect="envoy", match={"environment": "live", "region": "eu"}, slo_window="7d")


def completed(defaults: Defaults = DEFAULTS, **fields: Any) -> Service:
    """Return a service called shop with what it leaves open."""
    return complete("shop", Service(kind="http", team="a", **fields), defaults)


def slos(**given: Slo) -> dict[str, Slo]:
    """Return SLOs as they are completed."""
    return completed(slos=given).slos


def test_a_service_has_its_key_as_its_name_and_the_defaults_where_it_says_nothing() -> None:
    """Its own dialect and its own matchers come first, those of the defaults beside them."""
    assert ("shop", "envoy", DEFAULTS.match) == (completed().name, completed().dialect, completed().match)
    own = completed(dialect="kong", match={"region": "us"})
    assert ("kong", {"environment": "live", "region": "us"}) == (own.dialect, own.match)


@pytest.mark.parametrize(
    ("slo", "sli"),
    [
        (Slo(objective=99), "latency"),
        (Slo(objective=99, sli="throughput"), "throughput"),
        (Slo(objective=99, total="t", good="g"), "events"),
        (Slo(objective=99, total="t", good="g", sli="freshness"), "freshness"),
        (Slo(objective=99, value="v"), "latency"),
    ],
)
def test_what_is_measured_is_said_or_told_by_the_key(slo: Slo, sli: str) -> None:
    """PromQL for events has no name of its own."""
    assert {"latency": sli} == {key: each.sli for key, each in slos(latency=slo).items()}


def test_a_period_is_the_slos_own_or_that_of_the_defaults() -> None:
    """Every SLO has one after that."""
    found = slos(a=Slo(objective=99), b=Slo(objective=99, window="30d"))
    assert {"a": Duration.parse("7d"), "b": Duration.parse("30d")} == {key: slo.window for key, slo in found.items()}


@given(st.dictionaries(st.sampled_from(["5ms", "300ms", "1s", "2s500ms", "1m"]), st.floats(1, 99.9), min_size=1))
def test_each_threshold_is_an_slo_of_its_own(thresholds: dict[str, float]) -> None:
    """With its objective, named after it, and all else as the one that has them."""
    given = Slo(sli="latency", thresholds=thresholds, routes=("/pay",), floor=7, window="3d", by=("region",))
    found = slos(pay=given)
    assert {threshold_key("pay", Duration.parse(each)) for each in thresholds} == found.keys()
    same = {"sli": "latency", "routes": ("/pay",), "floor": 7, "window": Duration.parse("3d"), "by": ("region",)}
    for text, objective in thresholds.items():
        slo = found[f"pay-{Duration.parse(text)}"]
        assert (Duration.parse(text), objective, {}) == (slo.under, slo.goal, slo.thresholds)
        assert same == {key: getattr(slo, key) for key in same}


def test_thresholds_are_in_the_order_of_time() -> None:
    """However the catalog writes them, the rules come out alike."""
    one, other = ({"1s": 99.0, "300ms": 95.0}, {"300ms": 95.0, "1s": 99.0})
    found = [list(slos(pay=Slo(sli="latency", thresholds=each))) for each in (one, other)]
    assert [["pay-300ms", "pay-1s"]] * 2 == found


def test_what_is_complete_stays_as_it_is() -> None:
    """Completing twice changes nothing."""
    once = completed(slos={"pay": Slo(sli="latency", thresholds={"1s": 99}), "up": Slo(objective=99)})
    assert once == complete("shop", once, DEFAULTS)
