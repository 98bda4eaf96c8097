"""Grafana as the stack provisions it: data sources that lead to each other, the dashboards, and nothing left open."""

import configparser
import re
from collections.abc import Iterator
from typing import Any

import pytest

from seawall import conventions
from seawall.catalog import Defaults

from .files import COMPOSE, read, services

SOURCES: list[dict[str, Any]] = read("grafana/provisioning/datasources/seawall.yaml")["datasources"]
BY_UID = {each["uid"]: each for each in SOURCES}


def settings() -> configparser.RawConfigParser:
    """Return grafana.ini."""
    parser = configparser.RawConfigParser(strict=True)
    parser.read(COMPOSE / "grafana/grafana.ini")
    return parser


def strings(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of *content* with its key."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from strings(value, name)
    elif isinstance(content, list):
        for item in content:
            yield from strings(item, key)
    elif isinstance(content, str):
        yield key, content


def test_the_uids_are_those_that_panels_and_links_name() -> None:
    """Fixed, so that a link survives a new Grafana."""
    assert {f"seawall-{each}" for each in ("prometheus", "alertmanager", "tempo", "loki", "pyroscope")} == set(BY_UID)
    assert conventions.GRAFANA_DATASOURCE_UID in BY_UID
    assert len(SOURCES) == len(BY_UID) == len({each["name"] for each in SOURCES})


def test_a_data_source_leads_to_one_that_there_is() -> None:
    """Exemplar to trace, trace to logs, to metrics and to profiles, log to trace."""
    leads = {
        (source["type"], uid)
        for source in SOURCES
        for key, uid in strings(source.get("jsonData", {}))
        if key in ("datasourceUid", "alertmanagerUid")
    }

    assert set(BY_UID) >= {uid for _, uid in leads}
    assert {
        ("prometheus", "seawall-alertmanager"),
        ("prometheus", "seawall-tempo"),
        ("tempo", "seawall-loki"),
        ("tempo", "seawall-prometheus"),
        ("tempo", "seawall-pyroscope"),
        ("loki", "seawall-tempo"),
    } == leads


def test_what_grafana_fills_in_later_is_not_taken_from_its_environment() -> None:
    """Every dollar sign of the file is doubled."""
    text = (COMPOSE / "grafana/provisioning/datasources/seawall.yaml").read_text()
    written = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))

    assert "$" in written
    assert [] == re.findall(r"(?<!\$)\$(?!\$)\S*", written)


@pytest.mark.parametrize("uid", BY_UID)
def test_a_data_source_is_the_service_of_its_name(uid: str) -> None:
    """On the stack's own network, through Grafana, and not to be edited in the browser."""
    source, host = BY_UID[uid], uid.removeprefix("seawall-")

    assert re.fullmatch(rf"http://{host}:\d+", source["url"])
    assert ("proxy", False) == (source["access"], source["editable"])
    assert host in {*services(), "prometheus", "alertmanager"}


def test_prometheus_is_asked_no_finer_than_it_is_scraped() -> None:
    """By the catalog's default."""
    assert str(Defaults().scrape_interval) == BY_UID["seawall-prometheus"]["jsonData"]["timeInterval"]


def test_the_exemplars_label_is_the_one_that_the_instrumentation_writes() -> None:
    """And the logs' structured metadata has the same name."""
    exemplar = BY_UID["seawall-prometheus"]["jsonData"]["exemplarTraceIdDestinations"][0]
    field = BY_UID["seawall-loki"]["jsonData"]["derivedFields"][0]

    assert ("trace_id", "trace_id", "label") == (exemplar["name"], field["matcherRegex"], field["matcherType"])


def test_a_log_leads_to_the_dashboard_of_its_service() -> None:
    """By the uid that the dashboard is rendered with."""
    field = BY_UID["seawall-loki"]["jsonData"]["derivedFields"][1]

    assert f"/d/{conventions.dashboard_uid('checkout')}" == field["url"].replace("$${__value.raw}", "checkout")


def test_a_trace_leads_to_the_series_of_its_service() -> None:
    """The names are OpenTelemetry's, narrowed by the job that is the service."""
    leads = BY_UID["seawall-tempo"]["jsonData"]["tracesToMetrics"]

    assert {"key": "service.name", "value": "job"} in leads["tags"]
    for query in leads["queries"]:
        assert "http_server_request_duration_seconds_" in query["query"]
        assert "{$$__tags" in query["query"]


def test_the_dashboards_are_the_rendered_ones_in_folders_by_team() -> None:
    """Read anew within the fifteen seconds that a change may take, and never changed in the browser."""
    (provider,) = read("grafana/provisioning/dashboards/seawall.yaml")["providers"]

    assert {"path": f"/build/{conventions.DASHBOARDS_DIR}", "foldersFromFilesStructure": True} == provider["options"]
    assert (False, False, 10) == (
        provider["allowUiUpdates"],
        provider["disableDeletion"],
        provider["updateIntervalSeconds"],
    )


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("auth.anonymous", "enabled", "false"),
        ("users", "allow_sign_up", "false"),
        ("users", "allow_org_create", "false"),
        ("security", "disable_gravatar", "true"),
        ("analytics", "reporting_enabled", "false"),
        ("analytics", "check_for_updates", "false"),
        ("analytics", "check_for_plugin_updates", "false"),
        ("news", "news_feed_enabled", "false"),
        ("snapshots", "external_enabled", "false"),
        ("plugins", "preinstall_disabled", "true"),
    ],
)
def test_grafana_lets_nobody_in_and_calls_nobody(section: str, key: str, value: str) -> None:
    """No anonymous user, no sign-up, and no request to the outside."""
    assert value == settings().get(section, key)


def test_grafanas_file_holds_no_password() -> None:
    """It is generated, and read from a file."""
    assert not settings().has_option("security", "admin_password")
    assert not settings().has_option("security", "secret_key")


def test_grafana_opens_on_the_dashboard_of_the_stack() -> None:
    """Which every catalog renders."""
    uid = conventions.dashboard_uid(conventions.STACK_SERVICE)
    path = f"/build/{conventions.DASHBOARDS_DIR}/{conventions.STACK_SERVICE}/{uid}.json"

    assert path == settings().get("dashboards", "default_home_dashboard_path")
