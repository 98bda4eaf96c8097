"""The rabbitmq collector on a real node beside what its plugin says itself, and on servers that lie."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Final

import pytest
from hostile import dripping, endless, is_down
from outside import Authority, Behaviour, authority, hang, page, tcp
from rabbitmq import RabbitmqNode, StartRabbitmq
from scrapes import queries, value
from servers import RunningExporter, Scrape, StartExporter, eventually, free_port, get, parse

from seawall.exporters import inventory
from seawall.exporters.kinds import Target
from seawall.exporters.rabbitmq import LIMIT, connect
from seawall.exporters.rabbitmq_metrics import NODE_METRICS, QUEUE_METRICS, read

QUEUES: Final = "/detailed?family=queue_coarse_metrics&family=queue_consumer_count"
OUR_OWN: Final = {
    "rabbitmq_up",
    "seawall_probe_success",
    "seawall_probe_duration_seconds",
    "seawall_probe_query_success",
    "seawall_probe_query_folded_rows",
}
# What the page of the reference says is left out.
LEFT_OUT: Final = (
    *("rabbitmq_channel_", "rabbitmq_connection_", "rabbitmq_consumer_", "rabbitmq_erlang_gc_", "rabbitmq_io_"),
    *("rabbitmq_erlang_net_", "rabbitmq_erlang_scheduler_context_", "rabbitmq_msg_store_", "rabbitmq_queue_index_"),
    *("rabbitmq_raft_log_last_applied", "rabbitmq_raft_log_snapshot", "rabbitmq_raft_term", "rabbitmq_schema_db_"),
    *("rabbitmq_queue_consumer_", "rabbitmq_queue_messages_paged", "rabbitmq_queue_messages_persistent_bytes"),
    *("rabbitmq_queue_messages_published", "rabbitmq_queue_messages_ram", "rabbitmq_queue_messages_ready_"),
    *("rabbitmq_queue_messages_unacked_", "rabbitmq_queue_process_reductions", "rabbitmq_queue_head_message"),
    "rabbitmq_detailed_queue_process_reductions",
)
# What goes on by itself.
MOVING: Final = ("memory", "uptime", "processes_used", "run_queue", "available_bytes", "latency", "open_fds")
ODD: Final = 'a "quoted", \\ name="x" of ü'


def by_queue(scrape: Scrape, name: str) -> dict[tuple[str, str], float]:
    """Return what a family says of each vhost and queue."""
    found = {}
    for (_, labels), one in scrape[f"rabbitmq_detailed_queue_{name}"].samples.items():
        named = dict(labels)
        found[named.get("vhost", ""), named["queue"]] = one
    return found


@dataclass(frozen=True)
class Secured:
    """Where the plugin speaks TLS, and by whose certificate."""

    trusted: Authority
    port: int


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """Return an authority with a certificate for the node."""
    trusted = authority(tmp_path_factory.mktemp("trusted"))
    trusted.issue("node", days=9)
    return Secured(trusted, free_port())


@pytest.fixture(scope="module")
def node(start_rabbitmq: StartRabbitmq, secured: Secured) -> Iterator[RabbitmqNode]:
    """Return a node with a queue of three messages, of which a consumer holds one."""
    folder = secured.trusted.folder
    files = {"cacertfile": "ca.pem", "certfile": "node.pem", "keyfile": "node.key"}
    settings = {"ip": "127.0.0.1", "port": secured.port, **{key: folder / name for key, name in files.items()}}
    found = start_rabbitmq("one", *(f"prometheus.ssl.{key} = {value}" for key, value in settings.items()))
    with found.channel() as channel:
        channel.queue_declare("orders")
        for _ in range(3):
            channel.basic_publish("", "orders", b"x")
        channel.basic_publish("", "nowhere", b"x")
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume("orders", lambda *_: None)
        channel.connection.process_data_events(1)
        told = 'rabbitmq_detailed_queue_messages_unacked{vhost="/",queue="orders"} 1'
        eventually(lambda: told in get(found.metrics + QUEUES), 60)
        yield found


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, node: RabbitmqNode, secured: Secured) -> RunningExporter:
    """Return the exporter of it, plainly and by TLS."""
    url = f"rabbitmqs://127.0.0.1:{secured.port}"
    trusting = f"{url}?ca={secured.trusted.file}"
    urls = {"mq": node.url, "secure": trusting, "distrusted": url}
    return start_exporter(urls)


@pytest.mark.e2e
def test_names_types_labels_and_values_are_the_plugins(exporter: RunningExporter, node: RabbitmqNode) -> None:
    """All that it says, but for what is left out with a reason, and Erlang's own; values where they are still."""
    theirs = parse(get(node.metrics)) | parse(get(node.metrics + QUEUES))
    ours = exporter.scrape("/probe?service=mq")
    shared = {
        name
        for name, family in theirs.items()
        if name.startswith("rabbitmq_") and family.samples and not name.startswith(LEFT_OUT)
    }

    assert shared == ours.keys() - OUR_OWN - {"erlang_vm_dist_node_state"}
    assert {name: theirs[name].type for name in shared} == {name: ours[name].type for name in shared}
    assert {name: theirs[name].label_sets for name in shared} == {name: ours[name].label_sets for name in shared}
    still = {name for name in shared if not any(word in name for word in MOVING)}
    assert {name: theirs[name].samples for name in still} == {name: ours[name].samples for name in still}
    assert {("/", "orders"): 2} == by_queue(ours, "messages_ready")
    assert {"metrics": 1, "queues": 1} == queries(ours)


@pytest.mark.e2e
def test_all_that_is_declared_is_seen(exporter: RunningExporter, node: RabbitmqNode) -> None:
    """And nothing else; a command is a peer for as long as it runs."""
    seen: set[str] = set()

    def all_of_it() -> bool:
        seen.update(exporter.scrape("/probe?service=mq").keys() - OUR_OWN)
        return "erlang_vm_dist_node_state" in seen

    command = ("/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", "-n", node.name, "eval", "timer:sleep(20000).")
    with subprocess.Popen(command, env=node.environ, stdout=subprocess.DEVNULL) as running:
        eventually(all_of_it, 60)
        running.kill()
    assert {info.name for info in inventory()["rabbitmq"]} - {"rabbitmq_up"} == seen


@pytest.mark.e2e
def test_by_tls_the_node_has_to_be_who_it_is_asked_to_be(
    exporter: RunningExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose authority nobody named is down, and it is said why."""
    plain, secure = (exporter.scrape(f"/probe?service={name}") for name in ("mq", "secure"))
    assert plain.keys() == secure.keys()
    assert 0 == value(exporter.scrape("/probe?service=distrusted"), "rabbitmq_up")
    assert "certificate verify failed" in caplog.text


@pytest.mark.e2e
def test_a_quote_in_a_name_breaks_the_plugins_page_and_not_ours(
    exporter: RunningExporter, node: RabbitmqNode, promtool: str
) -> None:
    """RabbitMQ 3.10 does not escape it, so that Prometheus loses the whole scrape."""
    with node.channel() as channel:
        channel.queue_declare(ODD, auto_delete=False)
        eventually(lambda: ODD in get(node.metrics + QUEUES), 60)
        with pytest.raises(ValueError, match="label"):
            parse(get(node.metrics + QUEUES))
        scrape = exporter.scrape("/probe?service=mq")
        channel.queue_delete(ODD)
    assert {("/", "orders"), ("/", ODD)} == by_queue(scrape, "consumers").keys()


@pytest.mark.e2e
def test_the_connection_is_kept(node: RabbitmqNode) -> None:
    """Two pages of several probes come over one."""
    collector = connect(Target(node.url, 30))
    list(collector.collect())
    first = collector._pages._socket._socket
    list(collector.collect())
    assert first is collector._pages._socket._socket is not None
    collector.close()


def short(client: socket.socket, stop: Event) -> None:
    """Hang up before all that was promised."""
    client.recv(1000)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nrabbitmq_queues 1\n")


def garbage(client: socket.socket, stop: Event) -> None:
    """Answer what is not HTTP."""
    client.recv(1000)
    client.sendall(b"\xff\x00AMQP\x00\x00\x09\x01\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hang, "probe of it failed"),
        (dripping(b"HTTP/1.1 200 OK\r\n\r\n"), "probe of it failed"),
        (endless(b"x" * 10, b"HTTP/1.1 200 OK\r\n\r\n"), "without end"),
        (short, "before its stated length"),
        (garbage, "does not answer as HTTP"),
        (page("200 OK", "# nothing\nup 1\n"), "not those of RabbitMQ's plugin"),
        (page("404 Not Found"), "is the plugin rabbitmq_prometheus enabled?"),
        (page("401 Unauthorized"), "lets nobody in like that"),
        (page("302 Found", Location="http://elsewhere.invalid/"), "redirects (status 302), which is not followed"),
    ],
)
def test_a_hostile_server_is_down_within_the_deadline(
    start_exporter: StartExporter, behaviour: Behaviour, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why without the password, and nothing hangs on."""
    url = "rabbitmq://seawall:${{P}}@127.0.0.1:{port}"
    is_down(start_exporter, url, behaviour, "rabbitmq_up", environ={"P": "hunter2"})
    eventually(lambda: said in caplog.text)
    assert "hunter2" not in caplog.text


@contextmanager
def plugin(*pages: str) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a server that answers *pages*, one a request, and what it was asked."""
    asked: list[bytes] = []

    def answer(client: socket.socket, stop: Event) -> None:
        client.settimeout(60)
        for text in pages:
            asked.append(client.recv(4000))
            status = "200 OK" if text else "404 Not Found"
            client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode())

    with tcp(answer) as port:
        yield port, asked


def test_an_older_plugin_without_the_page_of_queues_lacks_these_alone(start_exporter: StartExporter) -> None:
    """Which the sample of that query tells; user and path go to the server as they are in the url."""
    with plugin("rabbitmq_queues 3\nrabbitmq_connections what\n", "") as (port, asked):
        url = f"rabbitmq://us%40er:${{P}}@127.0.0.1:{port}/rabbit/"
        scrape = start_exporter({"mq": url}, {"P": "secret"}).scrape("/probe?service=mq")
    assert [1, 3] == [value(scrape, "rabbitmq_up"), value(scrape, "rabbitmq_queues")]
    assert "rabbitmq_connections" not in scrape
    assert {"metrics": 1, "queues": 0} == queries(scrape)
    assert b"GET /rabbit/metrics HTTP/1.1\r\n" in asked[0]
    assert b"Authorization: Basic dXNAZXI6c2VjcmV0\r\n" in asked[0]


def test_of_fifty_thousand_queues_the_fullest_are_told_and_the_rest_is_one(start_exporter: StartExporter) -> None:
    """Nothing is lost of the sums, and one probe stays small."""
    count = 50_000
    lines = [f'{info.name}{{vhost="/",queue="q{index}"}} {index}' for info in QUEUE_METRICS for index in range(count)]
    with plugin("rabbitmq_queues 50000\n", "\n".join(lines) + "\n") as (port, _):
        scrape = start_exporter({"mq": f"rabbitmq://127.0.0.1:{port}"}).scrape("/probe?service=mq")
    assert count - LIMIT == value(scrape, "seawall_probe_query_folded_rows")
    found = by_queue(scrape, "messages_ready")
    assert {("", "others")} | {("/", f"q{index}") for index in range(count - LIMIT, count)} == found.keys()
    assert sum(range(count)) == sum(found.values())


def test_a_node_with_more_series_than_it_can_have_is_refused(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Peers are few."""
    with plugin("".join(f'erlang_vm_dist_node_state{{peer="{at}"}} 3\n' for at in range(1001))) as (port, _):
        scrape = start_exporter({"mq": f"rabbitmq://127.0.0.1:{port}"}).scrape("/probe?service=mq")
    assert 0 == value(scrape, "rabbitmq_up")
    assert "more series of one name" in caplog.text


def test_series_of_each_object_become_the_sum_that_is_declared() -> None:
    """A plugin may be set to tell each on /metrics; newer ones escape, older do not."""
    lines = ['rabbitmq_queue_messages{vhost="/",queue="a"} 1', 'rabbitmq_queue_messages{vhost="/",queue="b"} 2']
    lines += ['rabbitmq_identity_info{rabbitmq_node="a\\"b\\\\c\\nd",rabbitmq_cluster="e"f"} 1', "odd", "odd{ 1"]
    found = {info.name: values for info, values in read(lines, NODE_METRICS).items() if values}
    assert {"rabbitmq_queue_messages": {(): 3.0}, "rabbitmq_identity_info": {('a"b\\c\nd', 'e"f', ""): 1.0}} == found
