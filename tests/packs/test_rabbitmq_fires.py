"""What goes wrong with RabbitMQ for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest
from rabbitmq import RabbitmqNode, StartRabbitmq
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# Rates and slopes are read over the seconds that a test goes on, and a day is a minute.
QUICK: Final = (("[5m]", "[10s]"), ("[15m]", "[10s]"), ("[1d]", "[60s]"))
MOVED: Final = {"RabbitmqBacklogGrowing": "above: 50", "RabbitmqUnackedGrowing": "above: 50"}
# The machine of a test may be short of what a node asks for.
PATIENCE: Final = 60


@dataclass(frozen=True)
class Cluster:
    """Two nodes, of which the second can be stopped."""

    prometheus: Prometheus
    first: RabbitmqNode
    second: ExitStack

    def pages(self) -> set[tuple[str, str]]:
        """Return (service, alert) of what pages."""
        found = self.prometheus.ask("alerts")["alerts"]
        named = [each["labels"] for each in found if each["state"] == "firing" and each["labels"]["severity"] == "page"]
        return {(labels["service"], labels["alertname"]) for labels in named} - {("seawall", "Watchdog")}

    def fires(self, service: str, *alerts: str) -> None:
        """Wait until *alerts* fire."""
        eventually(lambda: {(service, alert) for alert in alerts} <= self.prometheus.alerts("firing"), PATIENCE)

    def resolves(self) -> None:
        """Wait until nothing is wrong any more."""
        quiet = {("seawall", "Watchdog")}
        eventually(lambda: quiet == self.prometheus.alerts("pending", "firing"), PATIENCE)


def catalog_of(nodes: dict[str, RabbitmqNode]) -> str:
    """Return the catalog: every alert of the services fires at once."""
    names = [name for name in load_packs().alert_names("rabbitmq") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = {name: ", ".join(dict.fromkeys((MOVED.get(name, AT_ONCE), AT_ONCE))) for name in names}
    alerts = ", ".join(f"{name}: {{{what}, reason: a test}}" for name, what in moved.items())
    lines = [f"  {name}: {{kind: rabbitmq, team: ops, url: '{each.url}', alerts: {{{alerts}}}}}" for name, each in nodes.items()]  # fmt: skip
    return "\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines])


@pytest.fixture(scope="module")
def cluster(start_rabbitmq: StartRabbitmq, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster of two, and Prometheus over them."""
    folder = tmp_path_factory.mktemp("cluster")
    first, second = start_rabbitmq("one"), start_rabbitmq("two", run=False)
    peers = (f"cluster_formation.classic_config.nodes.{at} = {each.name}" for at, each in enumerate((first, second), 1))
    catalog, port = folder / "catalog.yaml", free_port()
    catalog.write_text(catalog_of({"one": first, "two": second}))
    with ExitStack() as stack:
        stopped = stack.enter_context(ExitStack())
        stopped.enter_context(second.running("cluster_formation.peer_discovery_backend = classic_config", *peers))
        eventually(lambda: f'peer="{second.name}"}} 3' in get(first.metrics), PATIENCE)
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=address))
        for rules in (folder / "prometheus/rules").glob("*.yml"):
            text = rules.read_text()
            for window, quick in QUICK:
                text = text.replace(window, quick)
            rules.write_text(text)
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), PATIENCE)
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        yield Cluster(prometheus, first, stopped)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = cluster.prometheus
    eventually(lambda: prometheus.value("min(count_over_time(rabbitmq_up[5m]))") >= 4, PATIENCE)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), PATIENCE)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(rabbitmq_up == 1)")
    assert 2 == prometheus.value("count(erlang_vm_dist_node_state == 3)")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


def test_a_queue_whose_consumers_went_pages_until_one_is_back(cluster: Cluster) -> None:
    """One that never had any does not: dead letters are kept like that."""
    with cluster.first.channel() as channel:
        for queue in ("orders", "kept"):
            channel.queue_declare(queue)
            channel.basic_publish("", queue, b"x")
        tag = channel.basic_consume("orders", lambda *_: None)
        seen = 'rabbitmq_detailed_queue_consumers{job="one",queue="orders"}'

        def has(count: int) -> bool:
            channel.connection.process_data_events(0)
            return cluster.prometheus.value(f"{seen} == bool {count}") == 1

        eventually(lambda: has(1), PATIENCE)
        channel.basic_cancel(tag)
    cluster.fires("one", "RabbitmqQueueWithoutConsumers")
    assert {("one", "RabbitmqQueueWithoutConsumers")} == cluster.pages()
    assert ["orders"] == [
        each["labels"]["queue"] for each in cluster.prometheus.ask("alerts")["alerts"] if "queue" in each["labels"]
    ]
    with cluster.first.channel() as channel:
        channel.basic_consume("orders", lambda *_: None)
        cluster.resolves()
        channel.queue_delete("orders")
        channel.queue_delete("kept")


def test_a_backlog_that_grows_pages_until_it_is_gone(cluster: Cluster) -> None:
    """Its consumer holds one message and is done with none."""
    with cluster.first.channel() as channel:
        channel.queue_declare("mails")
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume("mails", lambda *_: None)

        def publish() -> bool:
            for _ in range(20):
                channel.basic_publish("", "mails", b"x")
            channel.connection.process_data_events(0)
            return ("one", "RabbitmqBacklogGrowing") in cluster.pages()

        eventually(publish, PATIENCE)
        assert {("one", "RabbitmqBacklogGrowing")} == cluster.pages()
        channel.queue_purge("mails")
        cluster.resolves()
        channel.queue_delete("mails")


def test_consumers_that_acknowledge_nothing_are_a_ticket(cluster: Cluster) -> None:
    """They take all that comes."""
    with cluster.first.channel() as channel:
        channel.queue_declare("images")
        channel.basic_consume("images", lambda *_: None)

        def publish() -> bool:
            for _ in range(20):
                channel.basic_publish("", "images", b"x")
            channel.connection.process_data_events(0.1)
            return ("one", "RabbitmqUnackedGrowing") in cluster.prometheus.alerts("firing")

        eventually(publish, PATIENCE)
        assert set() == cluster.pages()
        channel.queue_delete("images")
    cluster.resolves()


def test_messages_that_fit_nowhere_page_and_rejected_ones_are_a_ticket(cluster: Cluster) -> None:
    """Both are lost to whoever waits for them."""
    with cluster.first.channel() as channel:
        channel.queue_declare("jobs")
        channel.basic_consume("jobs", lambda of, method, *_: of.basic_reject(method.delivery_tag, requeue=False))

        def publish() -> bool:
            for queue in ("nowhere", *["jobs"] * 20):
                channel.basic_publish("", queue, b"x")
            channel.connection.process_data_events(0.1)
            return {("one", "RabbitmqUnroutableDropped"), ("one", "RabbitmqDeadLettering")} <= cluster.prometheus.alerts("firing")  # fmt: skip

        eventually(publish, PATIENCE)
        assert {("one", "RabbitmqUnroutableDropped")} == cluster.pages()
        channel.queue_delete("jobs")
    cluster.resolves()


def test_the_memory_alarm_pages_while_publishers_are_blocked(cluster: Cluster) -> None:
    """The command that sets the limit is a peer for a while, and is not missed."""
    cluster.first.ctl("set_vm_memory_high_watermark", "0.00001")
    cluster.fires("one", "RabbitmqMemoryAlarm", "RabbitmqMemoryNearLimit")
    assert {("one", "RabbitmqMemoryAlarm")} == cluster.pages()
    cluster.first.ctl("set_vm_memory_high_watermark", "0.4")
    cluster.resolves()


def test_the_disk_alarm_pages_while_publishers_are_blocked(cluster: Cluster) -> None:
    """No disk has as much."""
    cluster.first.ctl("set_disk_free_limit", "1000000000000000")
    cluster.fires("one", "RabbitmqDiskAlarm")
    assert {("one", "RabbitmqDiskAlarm")} == cluster.pages()
    cluster.first.ctl("set_disk_free_limit", "1MB")
    cluster.resolves()


def test_a_node_that_is_stopped_pages_and_so_does_the_one_that_misses_it(cluster: Cluster) -> None:
    """The rest goes on."""
    cluster.second.close()
    cluster.fires("two", "ServiceDown")
    cluster.fires("one", "RabbitmqNodeLost")
    assert {("two", "ServiceDown"), ("one", "RabbitmqNodeLost")} == cluster.pages()
    assert 1 == cluster.prometheus.value('rabbitmq_up{job="one"}')
