"""FastAPI and Starlette under uvicorn: each request counts once, under its route's template."""

import json
import socket
from contextlib import closing

import pytest
from applications import DURATION, Application
from servers import eventually

pytestmark = pytest.mark.e2e

ROUTES = [
    ("/items/7", "/items/{number}"),
    ("/sync/7", "/sync/{number}"),
    ("/v1/api/things/x", "/v1/api/things/{thing}"),
    ("/inner/s/x", "/inner/s/{q}"),
    ("/tenants/acme/deep/c/9", "/tenants/{tenant}/deep/c/{d}"),
]


@pytest.mark.parametrize(("path", "route"), ROUTES)
def test_a_route_is_its_template_under_all_its_prefixes(asgi: Application, path: str, route: str) -> None:
    """Includes, mounts, sub-applications and mounts with parameters: the template, once, and never the path."""
    before = asgi.settled(http_route=route).get(("GET", route, "200", ""), 0)

    assert 200 == asgi.request(path)[0]
    assert before + 1 == asgi.settled(http_route=route)[("GET", route, "200", "")]


def test_unknown_paths_are_one_series(asgi: Application) -> None:
    """A scanner's paths make one series with an empty route; inside a mount, one of the mount."""
    for number in range(30):
        assert 404 == asgi.request(f"/scan/{number}.php")[0]
        assert 404 == asgi.request(f"/inner/scan/{number}")[0]

    found = {route: count for (_, route, status, _), count in asgi.settled().items() if status == "404"}
    assert {"": 30, "/inner/{path}": 30} == found


def test_unknown_methods_are_one_series(asgi: Application) -> None:
    """A method that is none is _OTHER, and a known one that the route lacks is a 405 of the route."""
    statuses = [asgi.request("/items/1", method)[0] for method in ("BREW", "PROPFIND", "get", "DELETE")]

    assert [405] * 4 == statuses
    found = {(method, route): count for (method, route, status, _), count in asgi.settled().items() if status == "405"}
    assert {("_OTHER", "/items/{number}"): 3, ("DELETE", "/items/{number}"): 1} == found


def test_head_counts_as_head(asgi: Application) -> None:
    """HEAD is a method of its own."""
    asgi.request("/items/1", "HEAD")

    assert 1 == asgi.settled(http_request_method="HEAD")[("HEAD", "/items/{number}", "200", "")]


def test_an_answered_failure_has_its_status_as_error_type(asgi: Application) -> None:
    """A 503 is an error named by its status; a 404 of the application is none."""
    for status in (503, 418):
        assert status == asgi.request(f"/answers/{status}")[0]

    route = "/answers/{status}"
    assert {("GET", route, "503", "503"): 1, ("GET", route, "418", ""): 1} == asgi.settled(http_route=route)


def test_an_exception_is_its_class(asgi: Application) -> None:
    """The first goes to the series that stands at zero, so that rate() sees it; later ones to the exception's own."""
    assert 500 == asgi.request("/boom")[0]
    assert {("GET", "/boom", "500", "500"): 1} == asgi.settled(http_route="/boom")
    assert 500 == asgi.request("/boom")[0]

    expected = {("GET", "/boom", "500", "500"): 1, ("GET", "/boom", "500", "RuntimeError"): 1}
    assert expected == asgi.settled(http_route="/boom")


def test_a_failure_series_stands_at_zero_from_the_first_request(asgi: Application) -> None:
    """Beside the first success of a route its 500 is exposed, at zero."""
    asgi.request("/v1/api/things/new")
    asgi.settled()
    values = {
        labels["http_response_status_code"]: value
        for labels, value in asgi.samples(f"{DURATION}_count", http_route="/v1/api/things/{thing}")
    }

    assert 0 == values.pop("500")
    assert ["200"] == list(values)


def test_a_stream_counts_once_at_its_end(asgi: Application) -> None:
    """A whole stream is a success."""
    assert (200, b"onetwo") == asgi.request("/stream/all")

    assert {("GET", "/stream/{last}", "200", ""): 1} == asgi.settled(http_route="/stream/{last}", error_type="")


def test_a_stream_that_breaks_off_is_a_failure_without_a_status(asgi: Application) -> None:
    """The 200 that was sent tells nothing of a response that never ended: the rules count an empty status as broken."""
    asgi.request("/stream/all")
    asgi.settled()
    for _ in range(2):
        assert 0 == asgi.request("/stream/raise")[0]
        asgi.settled()

    eventually(
        lambda: 1 == asgi.settled(http_response_status_code="").get(("GET", "/stream/{last}", "", "LookupError"))
    )
    assert 1 == asgi.settled()[("GET", "/stream/{last}", "500", "500")]


def open_request(asgi: Application, path: str, until: bytes = b"") -> socket.socket:
    """Send a request, read until *until* has come, and leave the connection open."""
    client = socket.create_connection(("127.0.0.1", asgi.port), timeout=20)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    read = b""
    while until not in read:
        read += client.recv(4096)
    return client


def test_a_client_that_leaves_a_stream_is_a_499(asgi: Application) -> None:
    """A cancellation by the client is its own and no failure of the service."""
    with closing(open_request(asgi, "/stream/wait", b"one")):
        assert 1 == asgi.active()

    expected = {("GET", "/stream/{last}", "499", ""): 1}
    eventually(lambda: expected == asgi.settled(http_response_status_code="499", http_route="/stream/{last}"))
    assert 0 == asgi.active()


def test_a_client_that_leaves_before_the_answer_is_a_499(asgi: Application) -> None:
    """Where the application noticed that the client is gone, what it answers to nobody does not count as served."""
    with closing(open_request(asgi, "/until-gone")):
        eventually(lambda: 1 == asgi.active())

    eventually(lambda: {("GET", "/until-gone", "499", ""): 1} == asgi.settled(http_route="/until-gone"))


def test_a_cancelled_request_is_a_499(asgi: Application) -> None:
    """A request that the event loop gave up counts, and never as the service's failure."""
    asgi.request("/cancelled")

    assert {("GET", "/cancelled", "499", ""): 1} == asgi.settled(http_route="/cancelled")


def test_an_event_stream_counts_at_its_first_event(asgi: Application) -> None:
    """Its length says nothing of the service's speed, so it is not measured."""
    with closing(open_request(asgi, "/events", b"one")):
        eventually(lambda: {("GET", "/events", "200", ""): 1} == asgi.counts(http_route="/events"))
    eventually(lambda: 0 == asgi.active())


def test_a_background_task_is_not_in_the_latency(asgi: Application) -> None:
    """The request counts at its last byte, while its background task still waits."""
    with closing(open_request(asgi, "/background", b"first")):
        eventually(lambda: {("GET", "/background", "200", ""): 1} == asgi.counts(http_route="/background"))
    assert 200 == asgi.request("/release")[0]


def test_a_websocket_is_no_request(asgi: Application) -> None:
    """Neither the handshake nor the connection counts."""
    before = sum(asgi.settled().values())
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    handshake = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
    with closing(socket.create_connection(("127.0.0.1", asgi.port), timeout=20)) as client:
        client.sendall(f"GET /socket/a HTTP/1.1\r\nHost: shop\r\n{handshake}\r\n\r\n".encode())
        answer = b""
        while b"hello" not in answer:
            answer += client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 101")
    assert before == sum(asgi.settled().values())


@pytest.mark.parametrize(
    ("habit", "status", "counted"),
    [
        ("clears", 200, ("200", "")),
        ("silent", 500, ("500", "500")),
        ("twice", 0, ("", "RuntimeError")),
        ("half", 0, ("", "_OTHER")),
        ("late", 200, ("200", "")),
    ],
)
def test_a_hostile_application_counts_once(
    asgi: Application, habit: str, status: int, counted: tuple[str, str]
) -> None:
    """Whatever an application does to scope and send, the client gets what it would get, and one request counts."""
    asgi.request("/hostile/late")
    asgi.request("/hostile/silent")
    asgi.settled()
    before = asgi.settled()

    answered = [asgi.request(f"/hostile/{habit}")[0] for _ in range(2) if asgi.settled()]
    assert [status] * 2 == answered
    eventually(lambda: 0 == asgi.active())
    after = asgi.settled()
    grown = {key[2:]: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
    assert 2 == sum(grown.values())
    assert counted in grown


def test_the_callers_trace_goes_on(asgi: Application) -> None:
    """What the application calls and logs carries the caller's trace id."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    _, body = asgi.request("/trace", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    said = json.loads(body)

    assert trace == said["trace_id"]
    assert f"00-{trace}-{said['span_id']}-01" == said["traceparent"]


@pytest.mark.parametrize("header", ["", "00-00000000000000000000000000000000-0000000000000000-01", "nonsense"])
def test_a_request_without_a_callers_trace_begins_one(asgi: Application, header: str) -> None:
    """Log lines of one request belong together, whatever a stranger sends as traceparent."""
    said = [json.loads(asgi.request("/trace", headers={"traceparent": header} if header else {})[1]) for _ in range(2)]

    assert all(len(one["trace_id"]) == 32 and one["trace_id"] in one["traceparent"] for one in said)
    assert said[0]["trace_id"] != said[1]["trace_id"]


def test_the_metrics_are_openmetrics_too(asgi: Application) -> None:
    """A scraper that asks for OpenMetrics gets what its strict parser takes."""
    asgi.scrape_openmetrics()


def test_nothing_is_said(asgi: Application) -> None:
    """Through all of this the instrumentation had nothing to complain of."""
    assert "Seawall" not in asgi.output()
