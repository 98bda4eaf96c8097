"""The exporter's pages over real HTTP: what is answered, what is refused, and that nothing takes it down."""

import contextlib
import http.client
import json
import socket
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from servers import RunningExporter, StartExporter, eventually, get, parse

PAGES = ("metrics", "probe?service=cache", "targets", "health")


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter) -> RunningExporter:
    """Return an exporter of one service that is not there, and whose password is known."""
    return start_exporter({"cache": "redis://:${P}@127.0.0.1:1/0?password=${P}"}, {"P": "hunter2"}, max_requests=20)


def raw(exporter: RunningExporter, sent: bytes) -> bytes:
    """Return all that the exporter answers to these bytes."""
    address = urllib.parse.urlsplit(exporter.url)
    with socket.create_connection((address.hostname, address.port), timeout=15) as client:
        found = b""
        with contextlib.suppress(OSError):  # it may hang up before it has read all
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                found += piece
        return found


@pytest.mark.parametrize("page", PAGES)
def test_head_is_get_without_the_body(exporter: RunningExporter, page: str) -> None:
    """The same status and type, and no byte behind the headers."""
    address = urllib.parse.urlsplit(exporter.url).netloc
    answers = []
    for method in ("GET", "HEAD"):
        connection = http.client.HTTPConnection(address, timeout=15)
        connection.request(method, f"/{page}")
        answer = connection.getresponse()
        answers.append((answer.status, answer.getheader("Content-Type"), len(answer.read()) > 0))
        connection.close()
    assert [(*answers[0][:2], True), (*answers[0][:2], False)] == answers
    head = raw(exporter, f"HEAD /{page} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(exporter: RunningExporter, method: str) -> None:
    """The exporter reads, it never writes."""
    assert 405 == exporter.status("/metrics", method)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/metrics/", 404),
        ("/../etc/passwd", 404),
        ("/probe", 400),
        ("/probe?service=", 400),
        ("/probe?service=cache&service=cache", 400),
        ("/probe?service=nobody", 404),
        ("/probe?service=redis://127.0.0.1:6379", 404),
        ("/probe?service=../cache", 404),
        ("/probe?service=cache%00", 404),
        ("/probe?service=CACHE", 404),
        ("/probe?target=127.0.0.1:6379", 400),
        ("/probe?service=%ff%fe", 404),
        (f"/probe?service={'a' * 20_000}", 404),
        ("http://[", 400),
    ],
)
def test_only_what_is_there_is_answered(exporter: RunningExporter, path: str, status: int) -> None:
    """A name that the catalog has not is never looked up, and no address can be given."""
    address = urllib.parse.urlsplit(exporter.url).netloc
    line = raw(exporter, f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()).split(b"\r\n", 1)[0]
    assert status == int(line.split()[1])


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % at for at in range(500)) + b"\r\n",
        b"GET /health HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
        b"\xff\xfe\x00 / HTTP/9.9\r\n\r\n",
        b"",
    ],
    ids=["a huge path", "many headers", "a huge header", "TLS", "no HTTP", "nothing"],
)
def test_what_is_no_request_is_refused_and_nothing_else(exporter: RunningExporter, sent: bytes) -> None:
    """At most an error of the client's; the next request is served."""
    answer = raw(exporter, sent)
    assert answer == b"" or answer.split()[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert 200 == exporter.status("/health")


@pytest.mark.parametrize("seconds", ["", "x", "-1", "0", "nan", "inf", "1e9", "0.4", "2, 3"])
def test_a_scrape_timeout_that_is_none_is_answered_all_the_same(exporter: RunningExporter, seconds: str) -> None:
    """The probe has a deadline of its own then."""
    scrape = exporter.scrape("/probe?service=cache", {"X-Prometheus-Scrape-Timeout-Seconds": seconds})
    assert [0] == list(scrape["redis_up"].samples.values())


def test_a_hundred_scrapes_at_once_are_answered_or_turned_away(exporter: RunningExporter) -> None:
    """No more at a time than it was told; whoever is turned away is told to come again, and nothing breaks."""
    with ThreadPoolExecutor(100) as pool:
        found = Counter(pool.map(lambda at: exporter.status(f"/{PAGES[at % 2]}"), range(100)))
    assert {200, 503} >= found.keys()
    assert found[200] >= 20
    eventually(lambda: exporter.status("/health") == 200)
    own = exporter.scrape("/metrics")
    assert found[503] <= sum(own["seawall_exporter_rejected_requests_total"].samples.values())
    # A client has its answer before its request is over; the scrape itself is the last one.
    in_flight = "seawall_exporter_requests_in_flight"
    eventually(lambda: [1] == list(exporter.scrape("/metrics")[in_flight].samples.values()))


def test_clients_that_say_nothing_leave_room_for_others(exporter: RunningExporter) -> None:
    """Ten connections are open and silent; the eleventh is served."""
    address = urllib.parse.urlsplit(exporter.url)
    silent = [socket.create_connection((address.hostname, address.port)) for _ in range(10)]
    try:
        assert 200 == exporter.status("/health")
    finally:
        for client in silent:
            client.close()


def test_the_targets_hold_no_secret_and_point_back_to_where_they_were_asked(exporter: RunningExporter) -> None:
    """Prometheus shows labels to everybody."""
    text = get(f"{exporter.url}targets", {"Host": "exporter.internal:9879"})
    (group,) = json.loads(text)
    assert ["exporter.internal:9879"] == group["targets"]
    assert {"job": "cache", "instance": "127.0.0.1:1"}.items() <= group["labels"].items()
    assert "hunter2" not in text


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a:1:2", "user@a:1", 'a"}', "a" * 10 + ":123456"])
def test_targets_for_a_host_that_is_none_are_refused(exporter: RunningExporter, host: str) -> None:
    """The header becomes an address that Prometheus scrapes."""
    assert 400 == exporter.status("/targets", headers={"Host": host})


def test_no_page_holds_the_password(exporter: RunningExporter) -> None:
    """Neither in a label nor in an error."""
    pages = [get(f"{exporter.url}{page}") for page in PAGES]
    assert "hunter2" not in "".join(pages)
    assert parse(pages[0]).keys() > {"seawall_exporter_catalog_load_success"}
