"""The catalog changes while the exporter runs."""

import json
import logging
from pathlib import Path

import pytest
from servers import RunningExporter, StartExporter, StartRedis, catalog_of, eventually, free_port, get


def jobs(exporter: RunningExporter) -> list[str]:
    """Return the jobs that Prometheus would be told of."""
    return [group["labels"]["job"] for group in json.loads(get(f"{exporter.url}targets"))]


def loaded(exporter: RunningExporter) -> float:
    """Return whether the catalog on disk is the one that serves."""
    (value,) = exporter.scrape("/metrics")["seawall_exporter_catalog_load_success"].samples.values()
    return value


@pytest.mark.parametrize(
    "broken",
    ["", "seawall: 1\nservices: [", "\x00", "seawall: 99\n", "seawall: 1\nteams: {}\nservices: {a: {kind: redis}}\n"],
)
def test_a_broken_catalog_is_told_and_the_last_good_one_serves(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """It mends by itself with the file."""
    caplog.set_level(logging.DEBUG)
    good = {"cache": f"redis://127.0.0.1:{free_port()}"}
    exporter = start_exporter(good)
    exporter.catalog.write_text(broken)
    eventually(lambda: loaded(exporter) == 0)
    assert ["cache"] == jobs(exporter)
    assert 200 == exporter.status("/probe?service=cache")
    assert str(exporter.catalog) in caplog.text
    assert "Traceback" not in caplog.text
    exporter.catalog.write_text(catalog_of({**good, "other": "redis://127.0.0.1:1"}))
    eventually(lambda: loaded(exporter) == 1)
    assert ["cache", "other"] == jobs(exporter)


def test_a_catalog_that_is_gone_is_broken(start_exporter: StartExporter) -> None:
    """Whoever replaces a file may delete it first."""
    exporter = start_exporter({"cache": "redis://127.0.0.1:1"})
    text = exporter.catalog.read_text()
    exporter.catalog.unlink()
    eventually(lambda: loaded(exporter) == 0)
    assert ["cache"] == jobs(exporter)
    exporter.catalog.write_text(text)
    eventually(lambda: loaded(exporter) == 1)


def test_a_catalog_that_is_no_text_is_broken(start_exporter: StartExporter) -> None:
    """Bytes that are no UTF-8 do not end the watch."""
    exporter = start_exporter({"cache": "redis://127.0.0.1:1"})
    text = exporter.catalog.read_text()
    exporter.catalog.write_bytes(b"\xff\xfe\x00seawall")
    eventually(lambda: loaded(exporter) == 0)
    exporter.catalog.write_text(text)
    eventually(lambda: loaded(exporter) == 1)


def test_a_catalog_that_is_renamed_into_place_is_seen(start_exporter: StartExporter, tmp_path: Path) -> None:
    """Editors and deployments write a new file beside the old one."""
    exporter = start_exporter({"cache": "redis://127.0.0.1:1"})
    new = exporter.catalog.with_name("new.yaml")
    new.write_text(catalog_of({"other": "redis://127.0.0.1:1"}))
    new.replace(exporter.catalog)
    eventually(lambda: jobs(exporter) == ["other"])


@pytest.mark.e2e
def test_a_service_that_is_renamed_leaves_no_connection_behind(
    start_exporter: StartExporter, start_redis: StartRedis
) -> None:
    """The old name can no longer be probed, the new one can, and the server has one client of ours."""
    server = start_redis()
    url = f"redis://127.0.0.1:{server.port}"
    exporter = start_exporter({"old": url})

    def clients() -> int:
        return server.cli("client", "list", "type", "normal").count(" laddr=") - 1  # redis-cli itself is one

    exporter.scrape("/probe?service=old")
    assert 1 == clients()
    exporter.catalog.write_text(catalog_of({"new": url}))
    eventually(lambda: jobs(exporter) == ["new"])
    assert [404, 200] == [exporter.status(f"/probe?service={name}") for name in ("old", "new")]
    eventually(lambda: clients() == 1)
