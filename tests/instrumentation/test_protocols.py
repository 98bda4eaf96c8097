"""Bodies, statuses and times behind HTTP/2, without TLS, and behind uvicorn's parser in C."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from applications import DURATION, Application, Ports, application
from servers import eventually

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
SECONDS = 0.2
BODY = b"shop" * 30_000  # more than a frame, and than the first window
SERVERS = {
    "hypercorn": ("2", "hypercorn protocols_app:app --bind 127.0.0.1:{}"),
    "granian": ("2", "granian protocols_app:app --port {} --interface asgi --http 2"),
    "uvicorn": ("1.1", "uvicorn protocols_app:app --port {} --http httptools --no-access-log"),
}


@dataclass
class Served:
    """A server that runs, a client of it, and the version that they speak."""

    application: Application
    client: httpx.Client
    version: str

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of *name*."""
        return sum(value for _, value in self.application.samples(name, **labels))


def connected(port: int, version: str) -> httpx.Client:
    """Return a client that speaks one version alone."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", http1=version != "2", http2=version == "2", timeout=60)


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server after the other."""
    version, command = SERVERS[request.param]
    ports, folder = Ports(), tmp_path_factory.mktemp(request.param)
    words = ("-m", *command.format(ports.own).split())
    with (
        application(*words, folder=folder, ports=ports, environ={"PYTHONWARNINGS": "default"}, cwd=APPS) as running,
        connected(ports.own, version) as client,
    ):
        eventually(lambda: bool(running.scrape()), 60)
        yield Served(running, client, version)


@pytest.mark.parametrize("status", [200, 201, 404, 503])
def test_statuses_and_bodies_are_what_went_over_the_wire(served: Served, status: int) -> None:
    """Of both ways, under the protocol's version."""
    labels = {"http_response_status_code": str(status)}
    answer = served.client.post(f"/echo/{status}", content=BODY)

    assert (status, BODY) == (answer.status_code, answer.content)
    assert f"HTTP/{served.version}" == answer.http_version
    served.application.settled()
    for name in ("http_server_request_body_size_bytes", "http_server_response_body_size_bytes"):
        assert (1, len(BODY)) == (served.total(f"{name}_count", **labels), served.total(f"{name}_sum", **labels))
    assert 1 == served.total(f"{DURATION}_count", network_protocol_version=served.version, **labels)


def test_requests_of_one_connection_have_their_own_times(served: Served) -> None:
    """Each takes what it takes."""
    for _ in range(2):
        assert b"slow" == served.client.get("/slow").content
    served.application.settled()
    labels = {"http_route": "/slow"}

    assert 2 == served.total(f"{DURATION}_count", **labels)
    assert 2 * SECONDS <= served.total(f"{DURATION}_sum", **labels) < 60


def test_a_client_that_leaves_in_the_middle_is_a_499(served: Served) -> None:
    """Its streams end with its connection; the bytes that it was sent count."""
    with connected(served.application.port, served.version) as client, client.stream("GET", "/endless") as answer:
        assert 1000 <= len(next(answer.iter_bytes()))
    served.application.settled()
    labels = {"http_route": "/endless", "http_response_status_code": "499"}

    assert 1 == served.total(f"{DURATION}_count", **labels)
    assert 1000 <= served.total("http_server_response_body_size_bytes_sum", **labels)


class Streams:
    """A client of HTTP/2 that can give a single stream up; its connection goes on."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()

    def ask(self, path: str) -> int:
        """Send a request; return the number of its stream."""
        stream = self._connection.get_next_available_stream_id()
        head = ((":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "shop"))
        self._connection.send_headers(stream, head, end_stream=True)
        return stream

    def reset(self, stream: int) -> None:
        """Give a stream up."""
        self._connection.reset_stream(stream, 8)  # CANCEL
        self._socket.sendall(self._connection.data_to_send())

    def wait(self, kind: type, stream: int) -> None:
        """Wait for an event of a stream."""
        while True:
            self._socket.sendall(self._connection.data_to_send())
            received = self._socket.recv(65536)
            assert received
            for event in self._connection.receive_data(received):
                if isinstance(event, kind) and getattr(event, "stream_id", 0) == stream:
                    return

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def test_a_stream_that_its_client_resets_is_a_499_though_the_connection_goes_on(served: Served) -> None:
    """As a browser gives a request up: the next one of the same connection is answered, and counts as what it is."""
    if served.version != "2":
        pytest.skip("streams are HTTP/2's")
    left = {"http_route": "/endless", "http_response_status_code": "499"}
    before = served.total(f"{DURATION}_count", **left)
    slow = served.total(f"{DURATION}_count", http_route="/slow")
    with closing(Streams(served.application.port)) as client:
        endless = client.ask("/endless")
        client.wait(h2.events.DataReceived, endless)
        client.reset(endless)
        client.wait(h2.events.StreamEnded, client.ask("/slow"))
        eventually(lambda: before + 1 == served.total(f"{DURATION}_count", **left), 60)

    served.application.settled()
    assert before + 1 == served.total(f"{DURATION}_count", **left)
    assert slow + 1 == served.total(f"{DURATION}_count", http_route="/slow", http_response_status_code="200")
