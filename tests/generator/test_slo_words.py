"""What a page says of an SLO: the group, the share of the budget, the pace, the end, and what contributes most."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from scenarios import AVAILABILITY, catalog, counter, rendered, requests, verdict

BY_REGION: dict[str, Any] = {"availability": {"objective": 99.9, "by": ["region"]}}
TRAFFIC = [
    *requests("shop", "200", counter((60, 600)), http_route="/pay", region="us"),
    *requests("shop", "500", counter((60, 600)), http_route="/pay", region="eu"),
    *requests("shop", "500", counter((60, 200)), http_route="/", region="eu"),
]


@pytest.fixture
def page(tools: Mapping[str, Callable[[str], str]], tmp_path: Path) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that says which burn alerts fire after twenty minutes with SLOs of a shop, and with what text."""

    def found(slos: Mapping[str, Any]) -> str:
        nothing = [{"alertname": "SloErrorBudgetBurn", "eval_time": "20m", "exp_alerts": []}]
        folder = rendered(catalog({"shop": slos}), tmp_path)
        tests = [{"interval": "1m", "input_series": TRAFFIC, "alert_rule_test": nothing}]
        return verdict(tools["installed"]("promtool"), folder, tests)

    return found


def test_the_page_of_a_group_names_it(page: Callable[[Mapping[str, Any]], str]) -> None:
    """All its windows do, and the group that is well has none."""
    told = page(BY_REGION)

    assert 4 == told.count('summary="shop burns the error budget of availability (region eu) 1000 times too fast"')
    assert 4 == told.count("100% of the bad events of the last 30m have region eu.")
    assert 'region="us"' not in told


def test_a_page_says_how_much_is_gone_how_fast_and_when_it_ends(page: Callable[[Mapping[str, Any]], str]) -> None:
    """In words, from what is recorded at that moment; four of seven requests are bad: three of these four on one route."""
    told = page(AVAILABILITY)

    assert 4 == told.count('summary="shop burns the error budget of availability 571.4 times too fast"')
    assert "of the 30-day budget of availability (99.9 % of events are to be good) is gone. " in told
    assert "Over 1h and 5m it burned 571.4 times as fast as it may; at this pace what is left ends in " in told
    assert 4 == told.count("75% of the bad events of the last 30m have http_route /pay.")
