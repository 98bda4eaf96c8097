"""Flask under waitress: each request counts once, under its rule."""

import json
import socket
from contextlib import closing

import pytest
from applications import DURATION, Application
from servers import eventually

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/items/7", "/items/<int:number>"),
        ("/branch/leaves/x", "/branch/leaves/<leaf>"),
        ("/mounted/m/x", "/mounted/m/<name>"),
    ],
)
def test_a_route_is_its_rule_under_all_its_prefixes(wsgi: Application, path: str, route: str) -> None:
    """Blueprints, nested ones and mounted applications: the rule, once, and never the path."""
    assert 200 == wsgi.request(path)[0]
    assert {("GET", route, "200", ""): 1} == wsgi.settled(http_route=route)


def test_unknown_paths_and_methods_are_one_series_each(wsgi: Application) -> None:
    """A scanner's paths and inventions make no series of their own."""
    statuses = [wsgi.request(f"/scan/{number}.php")[0] for number in range(30)]
    statuses += [wsgi.request("/items/1", method)[0] for method in ("BREW", "PROPFIND", "DELETE")]

    assert [404] * 30 + [405] * 3 == statuses
    assert {("GET", "", "404", ""): 30} == wsgi.settled(http_route="")
    route = "/items/<int:number>"
    assert {("_OTHER", route, "405", ""): 2, ("DELETE", route, "405", ""): 1} == wsgi.settled(
        http_response_status_code="405"
    )


def test_head_counts_as_head(wsgi: Application) -> None:
    """HEAD is a method of its own, answered whole though no body is sent: of plain responses and of streams."""
    assert 200 == wsgi.request("/items/1", "HEAD")[0]
    assert 200 == wsgi.request("/stream/all", "HEAD")[0]

    expected = {("HEAD", "/items/<int:number>", "200", ""): 1, ("HEAD", "/stream/<last>", "200", ""): 1}
    assert expected == wsgi.settled(http_request_method="HEAD")


def test_an_answered_failure_has_its_status_as_error_type(wsgi: Application) -> None:
    """A 503 is an error named by its status; a 418 of the application is none, nor is an exception that it handles."""
    for path, status in (("/failing", 503), ("/answers/418", 418), ("/handled", 422)):
        assert status == wsgi.request(path)[0]

    assert {("GET", "/failing", "503", "503"): 1} == wsgi.settled(http_route="/failing")
    assert {("GET", "/answers/<int:status>", "418", ""): 1} == wsgi.counts(http_route="/answers/<int:status>")
    assert {("GET", "/handled", "422", ""): 1} == wsgi.counts(http_route="/handled")


def test_an_exception_is_its_class(wsgi: Application) -> None:
    """The first goes to the series that stands at zero, so that rate() sees it; later ones to the exception's own."""
    assert 500 == wsgi.request("/boom")[0]
    assert {("GET", "/boom", "500", "500"): 1} == wsgi.settled(http_route="/boom")
    assert 500 == wsgi.request("/boom")[0]

    expected = {("GET", "/boom", "500", "500"): 1, ("GET", "/boom", "500", "RuntimeError"): 1}
    assert expected == wsgi.settled(http_route="/boom")


def test_a_failure_series_stands_at_zero_from_the_first_request(wsgi: Application) -> None:
    """Beside the first success of a route its 500 is exposed, at zero."""
    wsgi.request("/trace")
    wsgi.settled()
    found = wsgi.samples(f"{DURATION}_count", http_route="/trace")

    assert {("200", ""): 1, ("500", "500"): 0} == {
        (labels["http_response_status_code"], labels["error_type"]): value for labels, value in found
    }


def test_a_stream_counts_once_at_its_end(wsgi: Application) -> None:
    """A whole stream is a success; one that fails before its first chunk is the 500 that the server answers."""
    assert (200, b"onetwo") == wsgi.request("/stream/all")
    wsgi.scrape()
    for _ in range(2):
        assert 500 == wsgi.request("/stream/at-once")[0]
        wsgi.settled()

    found = wsgi.counts(http_request_method="GET", http_route="/stream/<last>", http_response_status_code="500")
    assert {("GET", "/stream/<last>", "500", "500"): 1, ("GET", "/stream/<last>", "500", "ArithmeticError"): 1} == found


def test_a_stream_that_breaks_off_is_a_failure_without_a_status(wsgi: Application) -> None:
    """The 200 that was sent tells nothing of a response that never ended: the rules count an empty status as broken."""
    wsgi.request("/stream/all")
    wsgi.settled()
    for _ in range(2):
        assert 0 == wsgi.request("/stream/raise")[0]
        wsgi.settled()

    assert 1 == wsgi.counts(http_response_status_code="")[("GET", "/stream/<last>", "", "ArithmeticError")]


def test_a_client_that_leaves_a_stream_is_a_499(wsgi: Application) -> None:
    """A cancellation by the client is its own and no failure of the service."""
    with closing(socket.create_connection(("127.0.0.1", wsgi.port), timeout=20)) as client:
        client.sendall(b"GET /stream/wait HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert client.recv(4096)
        assert 1 == wsgi.active()

    expected = {("GET", "/stream/<last>", "499", ""): 1}
    eventually(lambda: expected == wsgi.counts(http_response_status_code="499"))
    assert 0 == wsgi.active()


@pytest.mark.parametrize(
    ("habit", "status", "counted"),
    [("clears", 200, ("200", "")), ("twice", 500, ("500", "AssertionError")), ("raises", 500, ("500", "RuntimeError"))],
)
def test_a_hostile_application_counts_once(
    wsgi: Application, habit: str, status: int, counted: tuple[str, str]
) -> None:
    """Whatever an application does to environ and start_response, the client gets what it would get, counted once."""
    wsgi.request("/hostile/any")
    before = wsgi.settled()
    answered = [wsgi.request(f"/hostile/{habit}")[0] for _ in range(2) if wsgi.settled()]
    after = wsgi.settled()

    assert [status] * 2 == answered
    grown = {key[2:]: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
    assert 2 == sum(grown.values())
    assert counted in grown


def test_open_requests_are_seen_and_go_back_to_zero(wsgi: Application) -> None:
    """While requests hang they are in no duration, and their number is exposed."""
    clients = [socket.create_connection(("127.0.0.1", wsgi.port), timeout=20) for _ in range(3)]
    for client in clients:
        client.sendall(b"GET /held HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    eventually(lambda: 3 == wsgi.active())
    assert {} == wsgi.counts(http_route="/held")
    wsgi.request("/release")
    for client in clients:
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.close()

    assert {("GET", "/held", "200", ""): 3} == wsgi.settled(http_route="/held")


def test_the_callers_trace_goes_on(wsgi: Application) -> None:
    """What the application calls and logs carries the caller's trace id."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    _, body = wsgi.request("/trace", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    said = json.loads(body)

    assert trace == said["trace_id"]
    assert f"00-{trace}-{said['span_id']}-01" == said["traceparent"]


def test_the_metrics_are_openmetrics_too(wsgi: Application) -> None:
    """A scraper that asks for OpenMetrics gets what its strict parser takes."""
    wsgi.scrape_openmetrics()


def test_nothing_is_said(wsgi: Application) -> None:
    """Through all of this the instrumentation had nothing to complain of."""
    assert "Seawall" not in wsgi.output()
