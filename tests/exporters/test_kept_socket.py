"""A connection that is kept between questions: renewed where the server ended it, by TLS, and ended from outside."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest
from outside import Authority, authority, hang, tcp
from servers import eventually

from seawall.exporters.errors import BadUrlError
from seawall.exporters.kept_socket import Address, KeptSocket
from seawall.exporters.probe_deadline import BoundSocket, Deadline


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that no system knows."""
    return authority(tmp_path_factory.mktemp("trusted"))


def echo(client: socket.socket, _stop: Event) -> None:
    """Say what was said, until *end*."""
    while (said := client.recv(100)) not in (b"", b"end"):
        client.sendall(said)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return one who signed for nobody."""
    return authority(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="module")
def secured(trusted: Authority) -> Iterator[int]:
    """Return the port of an echo by TLS."""
    with tcp(echo, trusted.issue("echo", days=9)) as port:
        yield port


def said_back(source: BoundSocket, word: bytes) -> bytes:
    """Return what the server answers to *word*."""
    source.sendall(word)
    answer = source.recv(100)
    if not answer:
        raise ConnectionResetError("it hung up")
    return answer


def say(word: bytes, kept: KeptSocket, seconds: float = 60) -> bytes:
    """Ask *kept*."""
    return kept.ask(lambda source: said_back(source, word), Deadline(seconds))


def test_a_connection_is_kept_and_renewed_where_the_server_ended_it() -> None:
    """Whoever comes in anew says who he is."""
    greetings: list[bytes] = []
    with tcp(echo) as port:
        address = Address("127.0.0.1", port)
        with closing(KeptSocket(address, lambda source: greetings.append(said_back(source, b"hello")))) as kept:
            assert [b"a", b"b"] == [say(b"a", kept), say(b"b", kept)]
            assert [b"hello"] == greetings
            assert kept._socket is not None
            kept._socket.shutdown(socket.SHUT_WR)
            assert b"c" == say(b"c", kept)
            assert [b"hello"] * 2 == greetings


def test_a_server_that_ends_each_connection_is_not_asked_for_ever() -> None:
    """Of a new connection it is the answer."""
    with tcp(echo) as port, closing(KeptSocket(Address("127.0.0.1", port))) as kept:
        say(b"a", kept)
        with pytest.raises(ConnectionResetError, match="it hung up"):
            say(b"end", kept)


def test_whom_the_file_signed_for_is_asked(trusted: Authority, secured: int) -> None:
    """By TLS."""
    with closing(KeptSocket(Address("127.0.0.1", secured, tls=True, ca=str(trusted.file)))) as kept:
        assert b"a" == say(b"a", kept)


@pytest.mark.parametrize(
    ("host", "ca", "said"),
    [
        ("127.0.0.1", "", "certificate verify failed"),
        ("127.0.0.1", "{others}", "certificate verify failed"),
        ("localhost", "{trusted}", "Hostname mismatch"),
        ("127.0.0.1", "/none.pem", "the url's ca cannot be read: No such file or directory"),
        ("127.0.0.1", "{key}", "the url's ca cannot be read"),
    ],
)
def test_whoever_is_not_who_is_asked_hears_nothing(
    trusted: Authority, others: Authority, secured: int, host: str, ca: str, said: str
) -> None:
    """Of another authority, of another name; or nobody knows whom to trust."""
    files = {"trusted": trusted.file, "others": others.file, "key": trusted.folder / "ca.key"}
    address = Address(host, secured, tls=True, ca=ca.format_map(files))
    with closing(KeptSocket(address)) as kept, pytest.raises((OSError, BadUrlError), match=said):
        say(b"a", kept)


def test_who_waits_for_a_handshake_is_woken() -> None:
    """By whoever closes it, long before the deadline."""
    with tcp(hang) as port, ThreadPoolExecutor() as pool:
        kept = KeptSocket(Address("127.0.0.1", port, tls=True))
        waiting = pool.submit(say, b"a", kept, 600)

        def is_woken() -> bool:
            kept.close()
            return waiting.done()

        eventually(lambda: kept._socket is not None, 60)
        eventually(is_woken, 60)
        with pytest.raises(OSError, match=r"."):
            waiting.result()
