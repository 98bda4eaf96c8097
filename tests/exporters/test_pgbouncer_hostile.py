"""Servers that take PgBouncer's place and hang, lie, repeat secrets or refuse a part: each probe ends in time."""

import logging
import socket
import struct
from threading import Event

import pytest
from hostile import PASSWORD, is_down
from outside import Behaviour, tcp
from postgres_wire import BEHAVIOURS, message, refuse_tls, tattle
from scrapes import value
from servers import StartExporter

from seawall.exporters.kinds import Target
from seawall.exporters.pgbouncer import connect

READY = message(b"Z", b"I")


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """While it still hangs, and no thread is left behind."""
    is_down(start_exporter, "pgbouncer://somebody@127.0.0.1:{port}", behaviour, "pgbouncer_up")


def test_a_password_that_a_server_repeats_is_not_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the page holds it, nor who it is of."""
    caplog.set_level(logging.DEBUG)
    with tcp(tattle) as port:
        exporter = start_exporter({"bouncer": f"pgbouncer://somebody:${{P}}@127.0.0.1:{port}"}, {"P": PASSWORD})
        page = exporter.scrape("/probe?service=bouncer")
    assert 0 == value(page, "pgbouncer_up")
    assert "probe of bouncer failed" in caplog.text
    assert "is wrong for user" in caplog.text
    assert not any(secret in caplog.text + repr(page) for secret in (PASSWORD, "somebody"))


def table(columns: list[bytes], *rows: list[bytes]) -> bytes:
    """Return a table of texts, as the server sends one."""
    described = b"".join(name + b"\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for name in columns)
    told = message(b"T", struct.pack("!h", len(columns)) + described)
    for row in rows:
        cells = b"".join(struct.pack("!i", len(cell)) + cell for cell in row)
        told += message(b"D", struct.pack("!h", len(row)) + cells)
    return told + message(b"C", b"SHOW\0") + READY


def console(client: socket.socket, stop: Event) -> None:
    """Answer as a console that refuses its settings, names a database with bytes that are no UTF-8, and has no clients."""
    refuse_tls(client)
    client.sendall(message(b"R", struct.pack("!i", 0)) + message(b"S", b"client_encoding\0UTF8\0") + READY)
    answers = {
        b"version": table([b"version"], [b"PgBouncer 9.9"]),
        b"lists": table([b"list", b"items"], [b"used_clients", b"3"]),
        b"config": message(b"E", b"SERROR\0C42501\0Madmin access needed\0\0") + READY,
        b"pools": table([b"database", b"user", b"cl_waiting", b"new"], [b'o"\xff\n', b"shop", b"4", b"x"]),
        b"clients": message(b"C", b"SHOW\0") + READY,
    }
    while asked := client.recv(1000):
        name = asked[5:-1].removeprefix(b"SHOW ")
        client.sendall(answers.get(name, table([b"unknown"], [b"1"])))


def test_what_a_console_refuses_is_missing_alone(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """And told, once; the rest is there, of a version that nobody knows too."""
    with tcp(console) as port:
        exporter = start_exporter({"bouncer": f"pgbouncer://somebody@127.0.0.1:{port}"})
        scrapes = [exporter.scrape("/probe?service=bouncer") for _ in range(2)]

    for scrape in scrapes:
        assert [1, 3] == [value(scrape, "pgbouncer_up"), value(scrape, "pgbouncer_used_clients")]
        assert 4 == value(scrape, "pgbouncer_pools_client_waiting_connections", database='o"\\xff\n', user="shop")
        assert 1 == value(scrape, "pgbouncer_version_info", version="PgBouncer 9.9")
        assert "pgbouncer_config_max_client_connections" not in scrape
        asked = scrape["seawall_probe_query_success"].samples
        refused = {dict(labels)["query"] for (_, labels), success in asked.items() if not success}
        assert {"config", "clients"} == refused
    assert 1 == caplog.text.count("refuses SHOW CONFIG: admin access needed")


@pytest.mark.parametrize("url", ["pgbouncer://bouncer", "postgresql://bouncer:6432/pgbouncer", "postgres://bouncer"])
def test_both_schemes_are_known(url: str) -> None:
    """pgbouncer_exporter's own connection string works as it is."""
    connect(Target(url, 1)).close()
