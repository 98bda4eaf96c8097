"""The shop as real processes: an order goes through all of it, and each fault does what it says, and heals."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from applications import DURATION, Application
from servers import eventually, get
from shop import Shop

from seawall.stack import faults

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DIALECT = yaml.safe_load((ROOT / "alerts/dialects/otel.yaml").read_text())["kinds"]
TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = {"Content-Type": "application/json"}


def order(storefront: Application, product: int = 1, **headers: str) -> int:
    """Order a product; return the status."""
    return storefront.request("/orders", "POST", {**JSON, **headers}, json.dumps({"product": product}).encode())[0]


def statuses(storefront: Application, path: str, times: int = 24) -> list[int]:
    """Return what so many requests are answered with."""
    return [storefront.request(path)[0] for _ in range(times)]


def test_an_order_goes_from_the_storefront_to_the_mail(shop: Shop) -> None:
    """Each service counts its part once, and the mail lies in the outbox, in the queue no more."""
    assert 201 == order(shop["storefront"])

    assert 1 == shop["storefront"].settled()[("POST", "/orders", "201", "")]
    assert 1 == shop["checkout"].settled()[("POST", "/pay", "201", "")]
    done = 'messaging_process_duration_seconds_count{messaging_operation_name="mail.send",messaging_destination_name="order-mails",messaging_system="",error_type=""} 1'
    eventually(lambda: done in get(shop["mailer"].metrics_url))
    empty = 'seawall_worker_queue_messages{messaging_destination_name="order-mails"} 0'
    eventually(lambda: empty in get(shop["mailer"].metrics_url))
    assert ["To: customer@shop.example"] == [
        line
        for mail in (shop.state / "outbox").iterdir()
        for line in mail.read_text().splitlines()
        if line.startswith("To:")
    ]


def test_the_customers_trace_reaches_the_checkout_and_the_queue(shop: Shop) -> None:
    """From storefront to checkout over HTTP, and into the mail's headers: one trace."""
    with closing(sqlite3.connect(shop.state / "mails.sqlite3")) as queue, queue:
        queue.execute("CREATE TABLE IF NOT EXISTS kept (headers TEXT)")
        queue.execute(
            "CREATE TRIGGER IF NOT EXISTS keep AFTER INSERT ON mails BEGIN INSERT INTO kept VALUES (new.headers); END"
        )
    assert 201 == order(shop["storefront"], traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    with closing(sqlite3.connect(shop.state / "mails.sqlite3")) as queue:
        [(headers,)] = queue.execute("SELECT headers FROM kept").fetchall()

    assert TRACE == json.loads(headers)["traceparent"].split("-")[1]


@pytest.mark.parametrize("service", ["storefront", "checkout"])
def test_the_names_that_the_http_pack_reads_are_exposed(shop: Shop, service: str) -> None:
    """The dialect's series and labels, and a bucket at each of the service's latency thresholds."""
    order(shop["storefront"])
    dialect = DIALECT["http"]
    families = shop[service].scrape()
    names = {name for family in families.values() for name, _ in family.samples}

    assert {dialect["events"], dialect["buckets"], dialect["active"]} <= names
    labels = set(dialect["labels"].values()) | set(dialect["example"]["base"])
    assert all(labels <= {name for name, _ in found} for found in families[DURATION].label_sets)
    thresholds = json.loads((ROOT / f"examples/shop/rendered/services/{service}.json").read_text())[
        "latency_thresholds"
    ]
    bounds = {series["le"] for series, _ in shop[service].samples(dialect["buckets"])}
    assert thresholds
    assert {str(float(threshold)) for threshold in thresholds} <= bounds


def test_the_names_that_the_worker_pack_reads_are_exposed(shop: Shop) -> None:
    """Whatever its alerts and panels ask the mailer for, and each label that they group by."""
    order(shop["storefront"])
    eventually(lambda: f"{DIALECT['worker']['events']}{{" in get(shop["mailer"].metrics_url))
    page = get(shop["mailer"].metrics_url)
    texts = [(ROOT / folder / "worker.yaml.j2").read_text() for folder in ("alerts", "dashboards")]
    used = set(re.findall(r"seawall_worker_\w+", "".join(texts))) | {DIALECT["worker"]["buckets"]}

    assert set() == {name for name in used if f"{name}{{" not in page}
    assert 'seawall_worker_slots{messaging_destination_name="order-mails"} 2' in page


@pytest.mark.parametrize("service", ["storefront", "checkout"])
def test_health_routes_are_not_counted(shop: Shop, service: str) -> None:
    """The rules leave out what the probe asks, and nothing else that the service serves."""
    shop[service].request("/health")
    order(shop["storefront"])
    ignored = DIALECT["http"]["ignore"]
    match = re.fullmatch(r'http_route!~"(.*)"', ignored)
    assert match is not None
    routes = {route for _, route, _, _ in shop[service].settled()}

    assert {"/health"} == {route for route in routes if re.fullmatch(match[1], route)}
    assert len(routes) > 1


def test_errors_strike_half_of_the_requests_and_heal(shop: Shop) -> None:
    """Some fail and some do not, at the storefront and at the checkout; the health of the process is untouched."""
    faults.switch(shop.faults, "errors")
    eventually(lambda: {200, 500} == set(statuses(shop["storefront"], "/")))
    checkout = {shop["checkout"].request("/pay", "POST", JSON, b'{"amount": 1}')[0] for _ in range(24)}
    assert {201, 500} == checkout
    assert {200} == set(statuses(shop["storefront"], "/health"))
    assert any(key == ("GET", "/", "500", "500") for key in shop["storefront"].settled())

    faults.switch(shop.faults, "heal")
    eventually(lambda: {200} == set(statuses(shop["storefront"], "/")))


def test_latency_makes_every_request_slower_and_heals(shop: Shop) -> None:
    """Each takes the second longer that the metrics then show: none is within the latency objective."""

    def slow() -> float:
        before = {
            series["le"]: value
            for series, value in shop["storefront"].samples(
                f"{DURATION}_bucket", http_route="/products/{id}", http_response_status_code="200"
            )
        }
        assert 200 == shop["storefront"].request("/products/1")[0]
        shop["storefront"].settled()
        after = {
            series["le"]: value
            for series, value in shop["storefront"].samples(
                f"{DURATION}_bucket", http_route="/products/{id}", http_response_status_code="200"
            )
        }
        return min(float(bound) for bound, value in after.items() if value > before.get(bound, 0))

    assert 200 == shop["storefront"].request("/products/1")[0]
    faults.switch(shop.faults, "latency")
    eventually(lambda: slow() > 1)

    faults.switch(shop.faults, "heal")
    eventually(lambda: slow() <= 1)


def test_a_dependency_that_is_down_fails_the_orders_alone_and_heals(shop: Shop) -> None:
    """The checkout sheds with 503, the storefront's orders fail with 502, its pages do not."""
    faults.switch(shop.faults, "dependency")
    eventually(lambda: 502 == order(shop["storefront"]))
    assert shop["checkout"].settled()[("POST", "/pay", "503", "503")] >= 1
    assert {200} == set(statuses(shop["storefront"], "/"))

    faults.switch(shop.faults, "heal")
    eventually(lambda: 201 == order(shop["storefront"]))


def test_wrong_orders_are_the_customers_own(shop: Shop) -> None:
    """400, 404 and 422 are answers, not failures."""
    storefront, checkout = shop["storefront"], shop["checkout"]
    found = [
        order(storefront, 99),
        storefront.request("/products/99")[0],
        storefront.request("/orders", "POST", JSON, b"{}")[0],
    ]
    found += [checkout.request("/pay", "POST", JSON, body)[0] for body in (b"{", b'{"amount": "much"}')]

    assert [404, 404, 422, 400, 400] == found
    assert all(
        "" == error
        for (_, _, status, error) in {**storefront.settled(), **checkout.settled()}
        if status.startswith("4")
    )


def test_nobody_complains(shop: Shop) -> None:
    """Through all of this no service logged a word of the instrumentation's, nor a traceback."""
    for name in ("storefront", "checkout", "mailer"):
        assert not re.search("Seawall|Traceback", shop[name].output())
