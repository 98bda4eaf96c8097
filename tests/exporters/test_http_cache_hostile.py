"""The http-cache collector on what lies, hangs and never ends: an NGINX by hand, and a varnishstat that is none."""

import json
import socket
import time
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest
from hostile import HEADERS, drip, endless, hang_up, is_down
from outside import Behaviour, authority, hang, tcp
from scrapes import value
from servers import StartExporter, free_port

from seawall.exporters.http_cache_counters import MOST_BACKENDS, families

PAGE: Final = b"Active connections: 3 \nserver accepts handled requests\n 9 8 70 \nReading: 0 Writing: 1 Waiting: 2 \n"


def answer(head: bytes, body: bytes) -> Behaviour:
    """Return what answers so to everybody."""

    def behave(client: socket.socket, _stop: Event) -> None:
        client.recv(4000)
        client.sendall(head + b"\r\n\r\n" + body)

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        *(hang, drip, endless(b"HTTP/1.1 200 OK\r\n"), hang_up),
        answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/", PAGE),
        answer(b"HTTP/1.1 200 OK", b"<html>"),
        answer(b"HTTP/1.1 200 OK", b"Active connections: " + b"9" * 70_000),
        answer(b"SSH-2.0-OpenSSH", b""),
    ],
)
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """Where it is sent to, nobody goes."""
    is_down(start_exporter, "nginx://127.0.0.1:{port}", behaviour, "http_cache_up")


def test_a_page_behind_a_login_is_read_and_the_password_is_not_shown(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """The user goes by basic authentication; who is not let in learns which status came."""
    asked: list[bytes] = []

    def guard(client: socket.socket, _stop: Event) -> None:
        asked.append(client.recv(4000))
        is_in = b"Authorization: Basic c2VhOmgvdW50ZXIy\r\n" in asked[-1]
        client.sendall((b"HTTP/1.1 200 OK" if is_in else b"HTTP/1.1 401 No") + b"\r\n\r\n" + PAGE)

    with tcp(guard) as port:
        urls = {name: f"nginx://sea:${{{name.upper()}}}@127.0.0.1:{port}/status" for name in ("good", "bad")}
        exporter = start_exporter(urls, {"GOOD": "h%2Funter2", "BAD": "wrong-secret"})
        scrapes = [exporter.scrape(f"/probe?service={name}") for name in urls]
    assert [1, 0] == [value(scrape, "http_cache_up") for scrape in scrapes]
    assert [3, 9, 8, 70] == [
        value(scrapes[0], f"nginx_{name}")
        for name in ("connections_active", "connections_accepted", "connections_handled", "http_requests_total")
    ]
    assert asked[0].startswith(b"GET /status HTTP/1.1\r\n")
    assert "the page answers 401" in caplog.text
    assert not any(secret in caplog.text for secret in ("h%2Funter2", "h/unter2", "wrong-secret"))


def test_a_log_that_is_missing_is_told_and_the_rest_is_there(start_exporter: StartExporter, tmp_path: Path) -> None:
    """By the query's own gauge."""
    with tcp(answer(b"HTTP/1.1 200 OK", PAGE)) as port:
        scrape = start_exporter({"edge": f"nginx://127.0.0.1:{port}?log={tmp_path}/none.json"}).scrape(
            "/probe?service=edge"
        )
    assert [1, 0] == [value(scrape, name) for name in ("nginx_up", "seawall_probe_query_success")]
    assert "http_cache_responses_total" not in scrape
    assert [0, 0] == list(scrape["http_cache_log_lines_total"].samples.values())


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a varnishstat is looked for first."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "varnishstat"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'Could not get hold of varnishd, is it running?' >&2; exit 1", "Could not get hold of varnishd"),
        ("echo '{\"counters\":'", "does not answer in JSON"),
        ("exec /bin/sleep 60", "did not answer in time"),
        ("while :; do echo x; done", "did not answer in time"),
    ],
)
def test_a_varnishstat_that_fails_is_down_within_the_deadline(
    start_exporter: StartExporter, program: Path, caplog: pytest.LogCaptureFixture, script: str, told: str
) -> None:
    """And is ended."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    exporter = start_exporter({"edge": "varnish://localhost"})
    start = time.monotonic()
    scrape = exporter.scrape("/probe?service=edge", HEADERS)
    assert time.monotonic() - start < 3
    assert 0 == value(scrape, "http_cache_up")
    assert told in caplog.text


def test_without_varnishstat_it_is_said_where_it_comes_from(
    start_exporter: StartExporter, program: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is a part of Varnish."""
    assert not program.exists()
    scrape = start_exporter({"edge": "varnish://localhost"}).scrape("/probe?service=edge")
    assert 0 == value(scrape, "varnish_up")
    assert "needs varnishstat, which comes with it" in caplog.text


def test_an_older_varnish_writes_its_counters_without_a_frame(start_exporter: StartExporter, program: Path) -> None:
    """As before 6.5; what is no counter and no number is not looked at."""
    older = {"timestamp": "2020", "MAIN.cache_hit": {"value": 7}, "MAIN.uptime": {"value": "soon"}, "MAIN.new": {}}
    program.write_text(f"#!/bin/sh\necho '{json.dumps(older)}'\n")
    program.chmod(0o755)
    scrape = start_exporter({"edge": "varnish://localhost/srv/shop"}).scrape("/probe?service=edge")
    assert [7, 1] == [value(scrape, name) for name in ("varnish_main_cache_hit", "varnish_up")]
    assert not {"varnish_main_uptime", "varnish_version"} & scrape.keys()


def told(counters: dict[str, Any]) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(counters)
        for sample in family.samples
    }


def test_fifty_thousand_backends_are_the_busiest_and_others() -> None:
    """The connections of the rest are summed, and the rest is counted; a sum of counters would fall by itself."""
    found = told({f"VBE.boot.b{at}.{key}": at for at in range(50_000) for key in ("req", "conn")})
    rest = 50_000 - MOST_BACKENDS
    assert MOST_BACKENDS == sum(1 for name, *_ in found if name == "varnish_backend_req")
    assert ("varnish_backend_req", "b49999", "unknown") in found
    assert sum(range(rest)) == found["varnish_backend_conn", "others", "unknown"]
    assert rest == found["seawall_probe_query_folded_rows", "backends"]


def test_of_two_programs_the_one_loaded_last_tells_of_a_backend() -> None:
    """The other one lingers until its last request is over; a name may have dots, quotes and more."""
    counters = {
        "VBE.boot.origin.req": 100,
        "VBE.reload_20260101_000000_9.origin.req": 5,
        'VBE.reload_20260101_000000_9.goto.0.(1.2.3.4).(http://"x\ny").happy': 2**64 - 1,
    }
    found = told(counters)
    assert 5 == found["varnish_backend_req", "origin", "unknown"]
    assert 1 == found["varnish_backend_up", 'goto.0.(1.2.3.4).(http://"x\ny")', "unknown"]


def test_by_tls_nginx_has_to_be_who_it_is_asked_to_be(start_exporter: StartExporter, tmp_path: Path) -> None:
    """By the authority that the url names."""
    trusted = authority(tmp_path)
    with tcp(answer(b"HTTP/1.1 200 OK", PAGE), trusted.issue("edge", days=9)) as port:
        url = f"nginxs://127.0.0.1:{port}"
        exporter = start_exporter({"trusted": f"{url}?ca={trusted.file}", "distrusted": url})
        found = [value(exporter.scrape(f"/probe?service={name}"), "nginx_up") for name in ("trusted", "distrusted")]
    assert [1, 0] == found


def test_ports_that_are_left_out_are_those_of_the_scheme(start_exporter: StartExporter) -> None:
    """Nothing listens there."""
    exporter = start_exporter({"edge": f"nginxs://127.0.0.1:{free_port()}/status"})
    assert 0 == value(exporter.scrape("/probe?service=edge"), "nginx_up")
