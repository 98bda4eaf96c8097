"""The profile edge: what is reached from outside, and what it asks for."""

import base64
import http.client
import os
import ssl
from collections.abc import Iterator

import pytest
from docker_engine import ROOT, Stack
from servers import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

PASSWORD = "correct horse"  # of the test alone
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()}


@pytest.fixture(scope="module")
def edge(client: dict[str, str], image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the running stack with its way in on a free port; certificates are of Caddy's own authority."""
    secrets = tmp_path_factory.mktemp("secrets")
    secrets.chmod(0o755)
    more = {
        "SEAWALL_IMAGE": image,
        "COMPOSE_PROFILES": "edge",
        "SEAWALL_SECRETS": str(secrets),
        "EDGE_ADDRESS": "127.0.0.1",
        "EDGE_DOMAIN": "localhost",
    }
    stack = Stack({**client, **more}, ROOT / "compose" / "catalog", f"seawall-edge-{os.getpid()}")
    (secrets / "edge-users").write_text("")
    hashed = stack.compose(
        "run", "--rm", "--no-deps", "edge", "caddy", "hash-password", "--plaintext", PASSWORD
    ).stdout.strip()
    (secrets / "edge-users").write_text(f"alice {hashed}\n")
    try:
        stack.up("edge", "prometheus")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def asked(
    stack: Stack, host: str, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, bytes]:
    """Return the status and the body of *path* at *host*, by TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its authority is made on the way
    connection = http.client.HTTPSConnection("127.0.0.1", stack.ports["edge_https"], timeout=10, context=context)
    connection.sock = context.wrap_socket(
        connection._create_connection(("127.0.0.1", stack.ports["edge_https"])), server_hostname=host
    )  # type: ignore[attr-defined]
    try:
        connection.request(method, path, headers={"Host": host, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def reached(stack: Stack, host: str) -> bool:
    """Whether *host* has its certificate and what is behind it answers."""
    try:
        return asked(stack, host, "/", LOGIN)[0] < 500
    except OSError:
        return False


@pytest.mark.parametrize("host", ["localhost", "prometheus.localhost", "alertmanager.localhost"])
def test_nobody_comes_in_without_a_login(edge: Stack, host: str) -> None:
    eventually(lambda: reached(edge, "localhost"), 60, every=0.5)
    assert 401 == asked(edge, host, "/-/ready")[0]
    assert 401 == asked(edge, host, "/", {"Authorization": "Basic " + base64.b64encode(b"alice:wrong").decode()})[0]


def test_who_has_a_login_reads_the_portal_and_prometheus(edge: Stack) -> None:
    eventually(lambda: reached(edge, "localhost"), 60, every=0.5)
    status, page = asked(edge, "localhost", "/", LOGIN)
    assert (200, True) == (status, b"docker-host" in page)
    assert 200 == asked(edge, "prometheus.localhost", "/api/v1/query?query=up", LOGIN)[0]


@pytest.mark.parametrize("path", ["/api/v1/write", "/api/v1/otlp/v1/metrics", "/-/reload", "/-/quit"])
def test_nobody_writes_from_outside(edge: Stack, path: str) -> None:
    eventually(lambda: reached(edge, "prometheus.localhost"), 60, every=0.5)
    assert 403 == asked(edge, "prometheus.localhost", path, LOGIN, "POST")[0]


def test_plain_http_leads_to_tls(edge: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", edge.ports["edge_http"], timeout=10)
    connection.request("GET", "/", headers={"Host": "localhost"})
    answer = connection.getresponse()
    assert (308, True) == (answer.status, (answer.headers["Location"] or "").startswith("https://localhost"))
    connection.close()
