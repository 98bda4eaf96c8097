"""MySQL servers that hang, lie, refuse, forbid and are far too large: each probe ends in time and tells no secret."""

import logging
import socket
import struct
from threading import Event
from typing import Final

import pytest
from hostile import PASSWORD, dripping, hang_up, is_down, web
from outside import Behaviour, hang, tcp
from scrapes import value
from servers import RunningExporter, StartExporter, eventually, free_port

from seawall.exporters.mysql import QUERIES
from seawall.exporters.mysql_query import Server

OK: Final = b"\0\0\0\x02\0\0\0"


def packet(number: int, body: bytes) -> bytes:
    """Return a packet of the protocol."""
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greet(client: socket.socket, plugin: bytes = b"mysql_native_password") -> bytes:
    """Greet as a server without TLS does, and return what the client answers."""
    rest = struct.pack("<HBHHB", 0xA200, 45, 2, 0x0008, 21) + b"\0" * 10 + b"b" * 12 + b"\0" + plugin + b"\0"
    client.sendall(packet(0, b"\x0a10.11.6-MariaDB\0" + struct.pack("<I", 7) + b"a" * 8 + b"\0" + rest))
    return client.recv(5000)


def let_in(client: socket.socket) -> None:
    """Do as a server does until the first question."""
    greet(client)
    client.sendall(packet(2, OK))
    for _ in range(2):  # SET NAMES, and that each statement is committed
        if b"version" in client.recv(5000).lower():
            return
        client.sendall(packet(1, OK))


def hang_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer no question."""
    let_in(client)
    stop.wait(30)


def drip_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer its question a byte at a time."""
    let_in(client)
    client.sendall(b"\x30\x75\0\x01")
    while not stop.wait(0.1):
        client.sendall(b"x")


def garble_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer what is no row."""
    let_in(client)
    client.sendall(packet(1, b"\x01") + packet(2, b"\xff\xfe\xfd" * 20))


def say_nothing(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer its question with success alone."""
    let_in(client)
    client.sendall(packet(1, OK))
    stop.wait(30)


def ask_for_a_file(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer its question with the wish to read a file of its machine."""
    let_in(client)
    client.sendall(packet(1, b"\xfb/etc/hostname"))
    SENT.append(client.recv(5000))
    stop.wait(30)


SENT: Final[list[bytes]] = []


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        dripping(struct.pack("<I", 30_000)),
        web,
        hang_up,
        hang_later,
        drip_later,
        garble_later,
        say_nothing,
        ask_for_a_file,
    ],
)
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """No thread is left, and no file was sent."""
    is_down(start_exporter, "mysql://somebody@127.0.0.1:{port}", behaviour, "mysql_up")
    assert not b"".join(SENT).strip(b"\0\x01\x02\x03")


def test_a_refused_connection_is_down(start_exporter: StartExporter) -> None:
    """Nobody listens on the port."""
    exporter = start_exporter({"orders": f"mysql://somebody@127.0.0.1:{free_port()}"})
    assert value(exporter.scrape("/probe?service=orders"), "mysql_up") == 0


def guarded(start_exporter: StartExporter, port: int, password: str) -> RunningExporter:
    """Return an exporter of one server with a password from the environment."""
    return start_exporter({"orders": f"mysql://somebody:${{P}}@127.0.0.1:{port}/"}, {"P": password})


def tattle(client: socket.socket, stop: Event) -> None:
    """Let nobody in, and say so with the password and the user's name."""
    greet(client)
    client.sendall(packet(2, b"\xff\x15\x04#28000Access denied for user 'somebody'@'x' with " + PASSWORD.encode()))
    stop.wait(30)


def wheedle(plugin: bytes) -> Behaviour:
    """Return a server that asks for the password by a plugin that shows it."""

    def behave(client: socket.socket, stop: Event) -> None:
        greet(client)
        client.sendall(packet(2, b"\xfe" + plugin + b"\0" + b"\x04Password: "))
        SENT.append(client.recv(5000))

    return behave


def test_a_password_that_a_server_repeats_is_not_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the page holds it, nor who it is of."""
    caplog.set_level(logging.DEBUG)
    with tcp(tattle) as port:
        page = guarded(start_exporter, port, PASSWORD).scrape("/probe?service=orders")
    assert value(page, "mysql_up") == 0
    assert "Access denied for the user with ***" in caplog.text
    assert "hunter2" not in caplog.text + repr(page)
    assert "somebody" not in caplog.text + repr(page)


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"mysql_old_password", b"dialog"])
def test_a_server_that_asks_for_the_password_as_it_is_gets_nothing(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture, plugin: bytes
) -> None:
    """Whoever answers in the server's place would have it; the log says what to do instead."""
    SENT.clear()
    with tcp(wheedle(plugin)) as port:
        page = guarded(start_exporter, port, PASSWORD).scrape("/probe?service=orders")
        eventually(lambda: len(SENT) == 1, 60)
    assert value(page, "mysql_up") == 0
    assert [b""] == SENT
    assert "give the user another way to log in" in caplog.text


@pytest.mark.parametrize("told", ["", "garbage", "99.0.0-MariaDB", "5.5.5-10.4.34-MariaDB", "8.0.11", "9.9.9-cloud"])
def test_each_query_has_words_for_a_server_of_any_version(told: str) -> None:
    """Also for one that does not say what it is."""
    server = Server({"version": told})
    assert [] == [query.name for query in QUERIES if not query.text(server).startswith(("SELECT", "SHOW"))]


def test_every_query_has_a_name_of_its_own() -> None:
    """They are what seawall_probe_query_success tells apart."""
    names = [query.name for query in QUERIES]
    assert sorted(set(names)) == sorted(names)
