"""The celery collector with rights that are missing, on brokers that are gone or lie, and with urls of something else."""

import re
import socket
import time
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as threads
from typing import Final

import pytest
from celery_apps import StartCelery, event, scraped, told, total, value
from hostile import HEADERS, hang_up, web
from kombu import Connection, Exchange, Producer
from outside import Behaviour, hang, tcp
from servers import StartExporter, StartRedis, eventually, free_port, process

from seawall.exporters.celery import broker_of, connect
from seawall.exporters.kinds import Target

PAGE: Final = Path(__file__).parents[2] / "docs/reference/exporter.md"
PATIENCE: Final = 60
EVERY: Final = 0.2  # seconds between two looks


@pytest.mark.e2e
def test_what_the_user_of_redis_may_not_is_missing_alone_and_no_password_is_shown(
    start_redis: StartRedis, start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """The rights of the page of the reference suffice; without those of events and answers queues are told all the same."""
    server = start_redis()
    (said,) = re.findall(r"^ACL (SETUSER .* \+brpop .*)$", PAGE.read_text(), re.MULTILINE)
    server.cli("acl", *said.replace("a-long-password", "hunter2-secret").split())
    reading = said[said.index("+ping") : said.index("+publish")].split()
    server.cli("acl", "setuser", "reader", "on", ">hunter2-secret", "allkeys", *reading)
    server.cli("rpush", "mails", "a", "b")
    users = {"full": "seawall", "reader": "reader", "nobody": "nobody"}
    urls = {
        name: f"celery+redis://{user}:${{SECRET}}@127.0.0.1:{server.port}/0?queues=mails"
        for name, user in users.items()
    }
    exporter = start_exporter(urls, {"SECRET": "hunter2-secret"})

    def told(name: str) -> dict[str, float | None]:
        queries = ("queues", "events", "control")
        return {query: value(scraped(exporter, name), "seawall_probe_query_success", query=query) for query in queries}

    eventually(lambda: told("full") == {"queues": 1, "events": 1, "control": 1}, PATIENCE)
    eventually(lambda: told("reader") == {"queues": 1, "events": 0, "control": 0}, PATIENCE)
    assert 2 == value(scraped(exporter, "reader"), "celery_queue_length", queue_name="mails")
    assert 0 == value(scraped(exporter, "nobody"), "celery_up")
    assert "hunter2" not in caplog.text


@pytest.mark.e2e
def test_counters_go_on_after_the_broker_was_restarted(
    start_exporter: StartExporter, celery_on: StartCelery, tmp_path: Path
) -> None:
    """While it is down the probe says so; what was counted is not forgotten."""
    port = free_port()
    shop = celery_on(f"redis://127.0.0.1:{port}/0")
    exporter = start_exporter({"jobs": shop.url})
    command = ("redis-server", "--save", "", "--port", str(port), "--bind", "127.0.0.1")

    def is_up(is_so: bool) -> None:
        eventually(lambda: value(scraped(exporter), "celery_up") == is_so, PATIENCE, EVERY)

    def counts_on(before: float) -> float:
        """Send until more than *before* are counted: it is up a moment before it is told of events."""

        def does() -> bool:
            shop.send()
            return total(scraped(exporter), "celery_task_sent_total") > before

        eventually(does, PATIENCE, EVERY)
        return total(scraped(exporter), "celery_task_sent_total")

    with process(*command, cwd=tmp_path):
        is_up(True)
        before = counts_on(2)
    is_up(False)
    with process(*command, cwd=tmp_path):
        is_up(True)
        assert before <= total(scraped(exporter), "celery_task_sent_total")
        counts_on(before)


def drip(client: socket.socket, stop: Event) -> None:
    """Answer a byte at a time, for ever."""
    while not stop.wait(0.1):
        client.sendall(b"+")


@pytest.mark.parametrize("scheme", ["celery+redis", "celery+amqp"])
@pytest.mark.parametrize("behaviour", [hang, drip, web, hang_up])
def test_a_hostile_broker_is_down_within_the_deadline(
    start_exporter: StartExporter, behaviour: Behaviour, scheme: str
) -> None:
    """The page answers in time that it is down, as often as it is asked."""
    with tcp(behaviour) as port:
        exporter = start_exporter({"jobs": f"{scheme}://127.0.0.1:{port}"})
        for _ in range(2):
            start = time.monotonic()
            scrape = exporter.scrape("/probe?service=jobs", HEADERS)
            assert time.monotonic() - start < 1.5
            assert [0, 0] == [value(scrape, name) for name in ("celery_up", "seawall_probe_success")]
        exporter.catalog.write_text("seawall: 1\nteams: {ops: {}}\nservices: {}\n")
        eventually(lambda: exporter.status("/probe?service=jobs") == 404)


@pytest.mark.e2e
def test_a_broker_that_hangs_delays_no_other_probe(start_exporter: StartExporter, start_redis: StartRedis) -> None:
    """Neither of a broker nor of anything else, while several are asked of it."""
    port = start_redis().port
    with tcp(hang) as hung:
        urls = {"hung": f"celery+redis://127.0.0.1:{hung}", "jobs": f"celery+redis://127.0.0.1:{port}"}
        exporter = start_exporter({**urls, "cache": f"redis://127.0.0.1:{port}"})
        assert [1, 1] == [value(scraped(exporter, "jobs"), "celery_up"), value(scraped(exporter, "cache"), "redis_up")]
        asking = [Thread(target=exporter.scrape, args=("/probe?service=hung", HEADERS)) for _ in range(3)]
        for thread in asking:
            thread.start()
        for name, up in (("jobs", "celery_up"), ("cache", "redis_up")):
            scrape = scraped(exporter, name)
            assert 1 == value(scrape, up)
            assert (value(scrape, "seawall_probe_duration_seconds") or 0) < 0.9
        assert all(thread.is_alive() for thread in asking[:1])
        for thread in asking:
            thread.join(PATIENCE)


@pytest.mark.e2e
def test_a_clock_that_is_set_back_hides_no_worker_that_fell_silent(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be up for as long as the clock is behind."""
    broker = f"redis://127.0.0.1:{start_redis().port}/0"
    collector = connect(Target(f"celery+{broker}?silence=1", 5))
    exchange, before = Exchange("celeryev", type="fanout"), time.time

    def is_up() -> float | None:
        return told(collector.collect()).get("celery_worker_up", {}).get(("one@a",))

    def is_heard_of() -> bool:
        with Connection(broker) as connection:
            beat = event("worker-heartbeat", host="one@a", freq=0.1)
            Producer(connection).publish(beat, "worker.heartbeat", exchange=exchange, declare=[exchange])
        return is_up() == 1

    try:
        eventually(is_heard_of, PATIENCE, EVERY)
        monkeypatch.setattr("time.time", lambda: before() - 86400)
        eventually(lambda: is_up() == 0, PATIENCE, EVERY)
    finally:
        collector.close()


def test_a_service_that_left_the_catalog_leaves_no_thread(start_exporter: StartExporter) -> None:
    """However its broker behaves."""

    def count() -> int:
        return Counter(thread.name for thread in threads())["celery listener"]

    with tcp(hang) as port:
        exporter = start_exporter({"jobs": f"celery+redis://127.0.0.1:{port}"})
        exporter.scrape("/probe?service=jobs", HEADERS)
        assert 1 <= count()
        before = count()
        exporter.catalog.write_text("seawall: 1\nteams: {ops: {}}\nservices: {}\n")
        eventually(lambda: count() < before, PATIENCE)


def test_what_a_url_says() -> None:
    """Its options are Seawall's; the rest is kombu's."""
    broker = broker_of("celery+amqps://me:s%40x@mq:5671/shop?queues=mails,files&silence=120&ca=/etc/ca.pem")

    assert "amqps://me:s%40x@mq:5671/shop" == broker.url
    assert (("mails", "files"), 120.0, "/etc/ca.pem") == (broker.queues, broker.silence, broker.ca)
    assert ("celery",) == broker_of("celery+redis://a").queues
