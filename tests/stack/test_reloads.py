"""Servers that are told to reload, and what they may answer in place of that."""

import logging
import socket
from threading import Event
from typing import Final

import pytest
from outside import Behaviour, hang, tcp
from servers import eventually

from seawall.stack.reloads import Reloads, post_empty

FINE: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def saying(answer: bytes, asked: list[bytes] | None = None) -> Behaviour:
    """Return a server that answers each request so; what it was asked is in *asked*."""

    def answers(client: socket.socket, _stop: Event) -> None:
        said = client.recv(4096)
        if asked is not None:
            asked.append(said)
        client.sendall(answer)

    return answers


def drip(client: socket.socket, stop: Event) -> None:
    """Answer a byte at a time, for ever."""
    client.recv(4096)
    while not stop.wait(0.05):
        client.sendall(b"H")


def attempt(url: str) -> Reloads:
    """Tell one server, once, and wait for what comes of it."""
    tried = Event()

    def post(address: str) -> None:
        try:
            post_empty(address, 0.5)
        finally:
            tried.set()

    reloads = Reloads((url,), post)
    reloads.want()
    reloads.attempt()
    assert tried.wait(60)
    return reloads


def test_a_server_is_asked_as_its_address_says() -> None:
    """By POST, with its user and its query."""
    asked: list[bytes] = []
    with tcp(saying(FINE, asked)) as port:
        reloads = attempt(f"http://ops:a%2Fb@127.0.0.1:{port}/-/reload?x=1")
    eventually(lambda: not any(reloads.pending.values()), 60)
    head = asked[0].decode()
    assert head.startswith("POST /-/reload?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{port}\r\n" in head
    assert "\r\nAuthorization: Basic b3BzOmEvYg==\r\n" in head


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.2\r\n"), id="no http"),
        pytest.param(saying(b""), id="closes"),
        pytest.param(saying(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"), id="refuses"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000), id="headers"),
        pytest.param(drip, id="drips"),
        pytest.param(hang, id="hangs"),
    ],
)
def test_what_is_no_success_is_tried_again(behaviour: Behaviour) -> None:
    """Whatever it is: the watch goes on, and within its patience."""
    with tcp(behaviour) as port:
        url = f"http://127.0.0.1:{port}/-/reload"
        assert {url: True} == attempt(url).pending


def test_a_redirection_is_not_followed() -> None:
    """It would be by GET, which reloads nothing, and to another host."""
    elsewhere: list[bytes] = []
    with tcp(saying(FINE, elsewhere)) as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/login\r\nContent-Length: 0\r\n\r\n"
        with tcp(saying(moved.encode())) as port:
            url = f"http://127.0.0.1:{port}/-/reload"
            assert {url: True} == attempt(url).pending
    assert [] == elsewhere


@pytest.mark.parametrize("host", ["127.0.0.1:1", "a" * 70 + ".example", "a b"])
def test_a_password_is_not_told(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where the server is not there, has no name, or a name that cannot be."""
    with caplog.at_level(logging.WARNING):
        url = f"http://ops:geheim@{host}/-/reload?token=geheim"
        reloads = attempt(url)
        eventually(lambda: bool(caplog.records), 60)
    assert {url: True} == reloads.pending
    assert f"http://{host}/-/reload does not reload yet: " in caplog.text
    assert "geheim" not in caplog.text


def test_one_that_hangs_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the next look at the files, and it is not asked twice at a time."""
    monkeypatch.setattr("seawall.stack.reloads._WAIT", 0.0)
    told: list[str] = []
    go_on = Event()

    def post(url: str) -> None:
        told.append(url)
        if "hangs" in url:
            go_on.wait(60)

    reloads = Reloads(("http://hangs/", "http://fine/"), post)
    reloads.want()
    reloads.attempt()
    eventually(lambda: reloads.pending == {"http://hangs/": True, "http://fine/": False}, 60)
    reloads.want()  # a further set, which the one that hangs has not read
    reloads.attempt()
    eventually(lambda: not reloads.pending["http://fine/"], 60)
    assert ["http://hangs/", *["http://fine/"] * 2] == told
    go_on.set()

    def is_told() -> bool:
        reloads.attempt()
        return not any(reloads.pending.values())

    eventually(is_told, 60)
    assert 2 == told.count("http://hangs/")
