"""Bodies, statuses and times behind HTTP/2, without TLS, and behind uvicorn's parser in C."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
