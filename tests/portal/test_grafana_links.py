"""Where the catalog names a Grafana, the portal's charts lead into it; where not, no page speaks of it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import parse_qs, urlsplit

import pytest

from seawall.conventions import dashboard_uid, panel_number
from seawall.portal.settings import Settings

from .conftest import CATALOG, Site
from .test_pages import page

OpenSite = Callable[..., AbstractContextManager[Site]]
RUNBOOK, SERVICE = "/runbooks/checkout/CheckoutFailing", "/services/checkout"


def to_grafana(site: Site, path: str) -> list[str]:
    """Return the addresses below Grafana's that the page at *path* links to."""
    return [
        href for each in page(site, path).all("a") if (href := each.get("href") or "").startswith("https://grafana")
    ]


@pytest.fixture
def with_grafana(settings: Settings, open_site: OpenSite) -> OpenSite:
    """Opens a portal whose catalog names a Grafana."""
    text = CATALOG.replace("seawall: 1\n", "seawall: 1\ndefaults: {grafana_url: 'https://grafana.example.org/g/'}\n")
    settings.catalog.write_text(text)
    return open_site


def test_a_panel_leads_to_itself_in_grafana(with_grafana: OpenSite) -> None:
    """By the dashboard's uid and the panel's number."""
    with with_grafana() as site:
        found = to_grafana(site, SERVICE)

    expected = f"https://grafana.example.org/g/d/{dashboard_uid('checkout')}?viewPanel={panel_number('requests')}"
    assert [expected] == found


def test_the_evidence_of_a_runbook_can_be_explored_in_grafana(with_grafana: OpenSite) -> None:
    """The alert's own query and those of the text, over the time that the page shows."""
    with with_grafana() as site:
        found = to_grafana(site, f"{RUNBOOK}?range=6h")
    panes = [json.loads(parse_qs(urlsplit(each).query)["panes"][0])["seawall"] for each in found]

    assert {"/g/explore"} == {urlsplit(each).path for each in found}
    assert ["sum(rate(prometheus_http_requests_total[1m]))", "sum(prometheus_http_requests_total)"] == [
        each["queries"][0]["expr"] for each in panes
    ]
    assert [{"from": "now-6h", "to": "now"}] * 2 == [each["range"] for each in panes]


@pytest.mark.parametrize("path", [RUNBOOK, SERVICE])
def test_without_a_grafana_nothing_leads_there(site: Site, path: str) -> None:
    """The links to Prometheus stay."""
    assert "rafana" not in site.web.get(path).text
