"""What a probe from outside may meet: each ends in time, fails with one word, tells no secret and leaves nothing behind."""

import socket
import threading
import time
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outside import Behaviour, authority, dns_answer, hang, page, saying, tcp, udp
from servers import eventually, free_port

from seawall.catalog import Probe
from seawall.exporters.dns_message import BadMessageError, question, read
from seawall.exporters.kinds import FailedProbeError, Target
from seawall.exporters.probe_kind import connect

SECONDS: Final = 1.0
LONG_AGO: Final = 5.0  # beyond which a probe of a second hangs


def asked(url: str, **probe: Any) -> dict[str, dict[str, float]]:
    """Return what a probe found, by family and last label; "" is the reason why it failed."""
    collector = connect(Target(url, SECONDS, Probe.model_validate(probe)))
    start = time.monotonic()
    try:
        families = list(collector.collect())
    except FailedProbeError as error:
        families = error.families
    assert time.monotonic() - start < LONG_AGO
    return {
        family.name: {
            next(iter(sample.labels.values())) if sample.labels else "": sample.value for sample in family.samples
        }
        for family in families
    }


def reason(found: dict[str, dict[str, float]]) -> str | None:
    """Return the word for why a probe failed."""
    return next(iter(found.get("seawall_probe_failure_info", {})), None)


def dripping(start: bytes, byte: bytes) -> Behaviour:
    """Return a behaviour that sends a byte before any socket's timeout, for ever."""

    def behave(client: socket.socket, stop: Event) -> None:
        client.recv(65536)
        client.sendall(start)
        while not stop.wait(0.05):
            client.sendall(byte)

    return behave


def flood(client: socket.socket, stop: Event) -> None:
    """Send a body without an end, as fast as it goes."""
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stop.is_set():
        client.sendall(b"x" * 65536)


HTTP: Final[dict[str, tuple[Behaviour, set[str]]]] = {
    "hangs": (hang, {"timeout"}),
    "drips its headers": (dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"), {"timeout"}),
    "drips its body": (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), {"timeout"}),
    "drips a chunk's length": (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"), {"timeout"}),
    "never ends": (flood, {"body", "timeout"}),
    "ends at once": (saying(b""), {"protocol"}),
    "says garbage": (saying(b"\xff\x00" * 400), {"protocol"}),
    "says a line without an end": (saying(b"HTTP/1.1 200 " + b"x" * 200_000), {"protocol"}),
    "has a thousand headers": (saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), {"protocol"}),
    "has no status": (saying(b"HTTP/1.1 abc OK\r\n\r\n"), {"protocol"}),
    "ends before its length": (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), {"protocol"}),
    "has a broken chunk": (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), {"protocol"}),
    "redirects to no address": (page("302 Found", Location="http://[oh"), {"redirect"}),
    "redirects to a file": (page("302 Found", Location="file:///etc/passwd"), {"redirect"}),
    "redirects to another host": (page("302 Found", Location="http://localhost:1/"), {"redirect"}),
    "redirects to itself": (page("302 Found", Location="/"), {"redirect"}),
}


@pytest.mark.parametrize("name", HTTP)
def test_a_hostile_server_of_http_fails_the_probe_in_time(name: str) -> None:
    """With one word for why, and with what was measured."""
    behaviour, expected = HTTP[name]
    before = threading.active_count()
    with tcp(behaviour) as port:
        found = asked(f"http://127.0.0.1:{port}/")
        assert reason(found) in expected
        assert found["probe_duration_seconds"][""] < SECONDS
    eventually(lambda: threading.active_count() <= before)


@pytest.mark.parametrize("behaviour", [hang, dripping(b"", b"x"), saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
def test_a_server_that_speaks_no_tls_fails_the_probe_in_time(behaviour: Behaviour) -> None:
    """It hangs, drips, or answers in another tongue."""
    with tcp(behaviour) as port:
        assert reason(asked(f"https://127.0.0.1:{port}/")) in ("tls", "timeout")


@pytest.mark.parametrize(
    ("issued", "why"),
    [
        ({"days": -1}, "expired"),
        ({"days": 30, "start": "20400101000000Z"}, "not yet valid"),
        ({"days": 30, "host": "DNS:other.example"}, "another host's"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_certificate_that_does_not_hold_fails_the_probe_and_tells_its_end(
    issued: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """It is refused, and what it says is there all the same; without verification it passes."""
    trusted = authority(tmp_path)
    with tcp(page("200 OK"), trusted.issue("one", **issued)) as port:
        found = asked(f"https://127.0.0.1:{port}/", tls={"ca_file": str(trusted.file)})
        assert reason(found) == "tls", why
        assert found["probe_ssl_earliest_cert_expiry"][""] > 0
        assert found["probe_http_status_code"][""] == 0
        assert reason(asked(f"https://127.0.0.1:{port}/", tls={"verify": False})) is None


def test_an_authority_that_is_not_trusted_or_not_there_fails_the_probe(tmp_path: Path) -> None:
    """The system's do not know it; a file that is missing is said to be."""
    with tcp(page("200 OK"), authority(tmp_path).issue("one", days=9)) as port:
        assert reason(asked(f"https://127.0.0.1:{port}/")) == "tls"
        assert reason(asked(f"https://127.0.0.1:{port}/", tls={"ca_file": str(tmp_path / "none")})) == "setup"


def test_a_secret_goes_to_the_first_origin_alone(tmp_path: Path) -> None:
    """Another port of the same host is another origin; a secret is in no failure."""
    secret = tmp_path / "token"
    secret.write_text("Bearer s3cret\n")
    heard: list[bytes] = []

    def listening(answer: bytes) -> Behaviour:
        def behave(client: socket.socket, _stop: Event) -> None:
            heard.append(client.recv(65536))
            client.sendall(answer)

        return behave

    with tcp(listening(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as last:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{last}/\r\nContent-Length: 0\r\n\r\n"
        with tcp(listening(moved.encode())) as first:
            found = asked(f"http://127.0.0.1:{first}/", header_files={"Authorization": str(secret)})
    assert reason(found) is None
    assert [True, False] == [b"s3cret" in each for each in heard]


def test_a_secret_file_of_two_lines_is_no_header(tmp_path: Path) -> None:
    """What it holds could begin another header."""
    secret = tmp_path / "token"
    secret.write_text("a\r\nHost: other")
    found = asked("http://127.0.0.1:1/", header_files={"Authorization": str(secret)})
    assert reason(found) == "setup"


def test_a_name_that_is_none_fails_the_probe() -> None:
    """Too long a part, and one that nobody has."""
    assert reason(asked(f"http://{'x' * 70}.example/")) == "resolve"
    assert reason(asked("http://no-such-name.invalid/")) == "resolve"


def test_a_port_that_nobody_listens_on_fails_the_probe() -> None:
    """Over TCP and HTTP alike."""
    assert reason(asked(f"tcp://127.0.0.1:{free_port()}")) == "connect"
    assert reason(asked(f"http://[::1]:{free_port()}/")) == "connect"


@pytest.mark.parametrize("behaviour", [hang, dripping(b"", b"x"), dripping(b"", b"x\n"), saying(b"BYE\r\n")])
def test_a_talk_over_tcp_that_does_not_go_as_written_fails_in_time(behaviour: Behaviour) -> None:
    """No line comes, no line ends, none fits, or the other side leaves."""
    with tcp(behaviour) as port:
        assert reason(asked(f"tcp://127.0.0.1:{port}", talk=[{"send": "HI"}, {"expect": "^220"}])) in (
            "timeout",
            "answer",
        )


def test_answers_of_dns_that_are_none_fail_in_time() -> None:
    """Silence, garbage, another's answer, another record than the expected one."""
    dns = {"name": "shop.test", "answers": ["192.0.2.8"]}
    answers = {
        "silence": (lambda _asked: None, "timeout"),
        "garbage": (lambda _asked: b"\xff" * 50, "timeout"),
        "another's": (lambda asked: b"\0\0" + dns_answer(asked)[2:], "timeout"),
        "broken": (lambda asked: dns_answer(asked)[:-3], "protocol"),
        "other": (dns_answer, "answer"),
    }
    for name, (answer, expected) in answers.items():
        with udp(answer) as port:
            assert reason(asked(f"dns://127.0.0.1:{port}", dns=dns)) == expected, name


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_of_dns_or_none(data: bytes) -> None:
    """Never anything else, and never without an end."""
    for message in (data, question(1, "shop.test", "MX")[:12] + data, b"\0\1\x81\x80\0\1\0\3\0\0\0\0" + data):
        try:
            read(message)
        except BadMessageError:
            continue
