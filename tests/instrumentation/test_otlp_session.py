"""What a collector may answer: a redirection is no success, and an answer without an end is not waited for."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread

import pytest
from applications import run_python
from collector import Collector
from requests import RequestException

from seawall.instrumentation.otlp_session import OtlpSession

pytestmark = pytest.mark.e2e

ONE_SPAN = """
import seawall.auto
from seawall.instrumentation import process_message
with process_message("send", destination="mails"):
    pass
"""


@pytest.fixture
def session() -> Iterator[OtlpSession]:
    """A session that is closed."""
    with OtlpSession() as made:
        yield made


@pytest.fixture
def endless() -> Iterator[tuple[str, list[str]]]:
    """A collector whose answer never ends, and what became of its writing."""
    became: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    connection.sendall(b"400\r\n" + bytes(1024) + b"\r\n")
            except OSError:
                became.append("hung up")

    thread = Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/v1/traces", became
    with suppress(OSError):
        socket.create_connection(server.getsockname()).close()
    server.close()
    thread.join(10)
    assert ["hung up"] == became


def test_an_answer_without_an_end_is_hung_up_on(session: OtlpSession, endless: tuple[str, list[str]]) -> None:
    """It costs the application neither its memory nor the thread that pushes."""
    assert 200 == session.post(endless[0], b"spans", timeout=10).status_code


def test_a_connection_is_kept(session: OtlpSession, collector: Collector) -> None:
    """An answer of the usual length is read to its end."""
    assert [200] * 3 == [session.post(f"{collector.url}/v1/logs", b"logs", timeout=10).status_code for _ in range(3)]
    assert 1 == len(set(collector.peers))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_is_followed_by_nobody_and_says_so(
    session: OtlpSession, collector: Collector, status: int
) -> None:
    """A gateway that wants https answers so to http; nothing that was sent is kept."""
    collector.status = status
    with pytest.raises(RequestException, match=f"{status} leads to 'nowhere', which is to be the endpoint itself"):
        session.post(f"{collector.url}/v1/logs", b"logs", timeout=10)
    assert 1 == len(collector.posts)


def test_an_application_says_that_its_collector_is_elsewhere(collector: Collector) -> None:
    """As of one that answers nothing."""
    collector.status = 308
    done = run_python(ONE_SPAN, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert 0 == done.returncode
    assert "Seawall cannot push traces by OTLP and goes on trying" in done.stderr
    assert "308 leads to 'nowhere'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_session_of_the_operators_own_is_left_alone(collector: Collector) -> None:
    """OpenTelemetry's variable of a credential provider names it; one that is missing is said as before."""
    name = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER"
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, name: "nobody", "OTEL_METRICS_EXPORTER": "none"}
    done = run_python(ONE_SPAN, environ)

    assert (0, []) == (done.returncode, collector.spans())
    assert "Seawall pushes no traces by OTLP: RuntimeError: Requested component 'nobody' not found" in done.stderr
