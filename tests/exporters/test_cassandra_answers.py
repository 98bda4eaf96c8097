"""The cassandra collector on servers that answer what no test can bring a real node to."""

import logging
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Final

import pytest
from cql import Said, error, frame, node, rows, string
from hostile import HEADERS, dripping, hang_up, is_down, web
from outside import Behaviour, authority, hang, tcp
from scrapes import queries
from servers import Scrape, StartExporter

LOCAL: Final = {"cluster_name": "shop", "data_center": "dc1", "rack": "r1", "release_version": "5.0.6", "schema_version": "a"}  # fmt: skip
LATENCY: Final = {"keyspace_name": "shop", "table_name": "orders", "count": 7, "p50th_ms": 0.5, "p99th_ms": 2.0}


def value(scrape: Scrape, name: str, **labels: str) -> float | None:
    """Return the one sample of a family with these labels; None without."""
    found = [
        each
        for (_, has), each in (scrape[name].samples.items() if name in scrape else ())
        if labels.items() <= dict(has).items()
    ]
    assert len(found) < 2
    return found[0] if found else None


def probe(start: StartExporter, behaviour: Behaviour, headers: Mapping[str, str] | None = None) -> Scrape:
    """Return what is told of a server."""
    with tcp(behaviour) as port:
        return start({"db": f"cassandra://127.0.0.1:{port}"}).scrape("/probe?service=db", headers)


def told(start: StartExporter, said: Mapping[str, Said]) -> Scrape:
    """Return what is told of a node that is as usual but for *said*."""
    return probe(start, node({"local": [LOCAL], **said}))


def vast(client: socket.socket, stop: Event) -> None:
    """Announce an answer of four gigabytes."""
    client.recv(1000)
    client.sendall(b"\x84\x00\x00\x00\x02\xff\xff\xff\xff")
    stop.wait(5)


def asking(client: socket.socket, stop: Event) -> None:
    """Want to know who comes."""
    client.recv(1000)
    client.sendall(frame(0x03, 0, string("org.apache.cassandra.auth.PasswordAuthenticator")))
    stop.wait(5)


@pytest.mark.parametrize(
    "behaviour", [hang, dripping(b"\x84\x00\x00\x00\x02\x00\xff\xff\xff"), vast, web, hang_up, asking, node({})]
)
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """And nothing of it hangs on."""
    is_down(start_exporter, "cassandra://127.0.0.1:{port}", behaviour, "cassandra_up")


def _short_rows() -> bytes:
    return frame(0x08, 3, rows(["value"], [{"value": "1"}])[:-1])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_short_rows, "an answer ends before it is whole"),
        (lambda: frame(0x08, 77, rows(["value"], [])), "answers what it was not asked"),
        (lambda: frame(0x06, 3, b""), "answers what it was not asked"),
        (lambda: frame(0x08, 3, struct.pack(">i", 1)), "something else than rows"),
        (lambda: frame(0x08, 3, struct.pack(">iii", 2, 1, 10**6)), "a shape that was not asked for"),
        (lambda: frame(0x08, 3, rows(["value"], [])[:-4] + struct.pack(">i", 10**6)), "more rows than any node has"),
        (lambda: frame(0x08, 3, rows(["value"], [])[:-6] + b"\x00\x21" + bytes(4)), "a type that was not asked for"),
        (
            lambda: frame(0x08, 3, rows(["value"], [{"value": 1}])[:-12] + b"\x00\x00\x00\x02ab"),
            "not of its column's type",
        ),
    ],
)
def test_an_answer_that_is_none_is_said_to_be(
    start_exporter: StartExporter, answer: Callable[[], bytes], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In a sentence, and never with a traceback. It is the fourth that comes."""
    scrape = told(start_exporter, {"settings": answer})

    assert 0 == value(scrape, "cassandra_up")
    assert said in caplog.text
    assert "Traceback" not in caplog.text


def test_of_many_tables_those_most_asked_for_are_told_and_the_rest_as_one(start_exporter: StartExporter) -> None:
    """Counts are summed, quantiles are the worst, sizes are summed or the largest; how many these are is told."""
    many = [LATENCY | {"table_name": f"t{at}", "count": at, "p99th_ms": 9.0 if at == 1 else 2.0} for at in range(50_000)]  # fmt: skip
    sizes = [{"keyspace_name": "shop", "table_name": f"t{at}", "mebibytes": at} for at in range(300)]
    scrape = told(start_exporter, {"coordinator_read_latency": many, "disk_usage": sizes, "max_partition_size": sizes})
    read = {"table": "others", "keyspace": "", "operation": "read"}

    assert 201 == len(scrape["cassandra_table_coordinator_latency_seconds_count"].samples)
    assert sum(range(49_800)) == value(scrape, "cassandra_table_coordinator_latency_seconds_count", **read)
    assert 9 == value(scrape, "cassandra_table_coordinator_latency_seconds", quantile="0.99", **read)
    assert sum(range(100)) * 2**20 == value(scrape, "cassandra_table_disk_space_bytes", table="others")
    assert 99 * 2**20 == value(scrape, "cassandra_table_partition_size_maximum_bytes", table="others")
    # The one that nobody asked for is told nowhere.
    folded = {name: value(scrape, "seawall_probe_query_folded_rows", query=name) for name in ("coordinator_read_latency", "disk_usage", "rows_per_read")}  # fmt: skip
    assert {"coordinator_read_latency": 49_799, "disk_usage": 100, "rows_per_read": 0} == folded


@pytest.mark.parametrize(
    ("version", "seconds"), [("4.0.19", 0.002), ("4.1.10", 2), ("5.0.6", 2), ("5.1", 0.002), ("6.0", 0.002)]
)
def test_latency_is_read_as_the_version_means_it(start_exporter: StartExporter, version: str, seconds: float) -> None:
    """4.1 and 5.0 write seconds into columns named for milliseconds."""
    local = [LOCAL | {"release_version": version}]
    scrape = told(start_exporter, {"local": local, "coordinator_read_latency": [LATENCY]})

    assert seconds == value(scrape, "cassandra_table_coordinator_latency_seconds", quantile="0.99")


def test_a_version_that_lacks_tables_tells_the_rest(start_exporter: StartExporter) -> None:
    """What is missing is named; no sample of it is there."""
    scrape = told(start_exporter, {"clients": [{"port": 1}, {"port": 2}]})
    succeeded = queries(scrape)

    assert {"local", "clients"} == {query for query, each in succeeded.items() if each}
    assert 20 == len(succeeded)
    assert (1, 2) == (value(scrape, "cassandra_up"), value(scrape, "cassandra_client_native_connections"))
    assert "seawall_cassandra_schema_versions" not in scrape
    assert "cassandra_thread_pool_pending_tasks" not in scrape


@pytest.mark.parametrize(("version", "told_of"), [("4.0.19", None), ("4.1.10", 0)])
def test_a_table_that_a_version_never_had_is_no_failure(
    start_exporter: StartExporter, version: str, told_of: float | None
) -> None:
    """In others it was refused."""
    scrape = told(start_exporter, {"local": [LOCAL | {"release_version": version}]})

    assert told_of == value(scrape, "seawall_probe_query_success", query="pending_hints")


def test_peers_are_those_of_the_cluster_and_up_while_they_are_connected(start_exporter: StartExporter) -> None:
    """Whoever left it is none; the schema of one that is lost is not asked for."""
    place = {"data_center": "dc1", "rack": "r1"}
    peers = [place | {"peer": f"10.0.0.{at}", "peer_port": 7000, "schema_version": version} for at, version in enumerate("abc", 1)]  # fmt: skip
    counts = {"pending_count": 4, "expired_count": 1, "overload_count": 2, "error_count": 3}
    links = [counts | {"address": f"10.0.0.{at}", "port": 7000, "active_connections": at % 2} for at in (1, 2, 9)]
    hints = [{"address": "10.0.0.2", "port": 7000, "dc": "dc1", "rack": "r1", "files": 2, "oldest": 1_700_000_000_500}]
    scrape = told(start_exporter, {"peers_v2": peers, "internode_outbound": links, "pending_hints": hints})

    active = scrape["cassandra_endpoint_active"].samples
    assert {"10.0.0.1": 1, "10.0.0.2": 0, "10.0.0.3": 0} == {dict(labels)["endpoint"]: up for (_, labels), up in active.items()}  # fmt: skip
    assert 1 == value(scrape, "seawall_cassandra_schema_versions")
    assert 6 == value(scrape, "cassandra_endpoint_connection_dropped_tasks_total", endpoint="10.0.0.1")
    assert None is value(scrape, "cassandra_endpoint_connection_pending_tasks", endpoint="10.0.0.3")
    assert 1_700_000_000.5 == value(scrape, "seawall_cassandra_oldest_hint_timestamp_seconds", endpoint="10.0.0.2")


def test_without_the_connections_every_peers_schema_counts(start_exporter: StartExporter) -> None:
    """And none is said to be up or down."""
    peers = [{"peer": "10.0.0.1", "peer_port": 7000, "data_center": "dc1", "rack": "r1", "schema_version": "b"}]
    scrape = told(start_exporter, {"peers_v2": peers})

    assert 2 == value(scrape, "seawall_cassandra_schema_versions")
    assert "cassandra_endpoint_active" not in scrape


def test_tasks_and_the_limit_of_connections_are_told_where_there_are_any(start_exporter: StartExporter) -> None:
    """Ranges of keys are no bytes."""
    tasks = [{"kind": "compaction", "progress": 30, "total": 100, "unit": "bytes"}] * 2
    tasks += [{"kind": "anticompaction", "progress": 1, "total": 2, "unit": "ranges"}]
    scrape = told(start_exporter, {"sstable_tasks": tasks, "settings": [{"value": "400"}]})

    assert 2 == value(scrape, "seawall_cassandra_sstable_tasks", kind="compaction")
    assert 140 == value(scrape, "seawall_cassandra_sstable_tasks_remaining_bytes")
    assert 400 == value(scrape, "seawall_cassandra_native_connections_limit")
    assert "seawall_cassandra_native_connections_limit" not in told(start_exporter, {"settings": [{"value": "-1"}]})


def test_names_are_shown_whatever_is_in_them(start_exporter: StartExporter) -> None:
    """Quotes, line ends, and bytes that are no UTF-8."""
    hostile = b'o"r\n\\\xff'
    pools = [{"name": hostile, "pending_tasks": 3}]
    scrape = told(start_exporter, {"thread_pools": pools})

    assert {frozenset({("pool", 'o"r\n\\\\xff')})} == scrape["cassandra_thread_pool_pending_tasks"].label_sets


def test_a_connection_that_was_closed_meanwhile_costs_no_probe(start_exporter: StartExporter) -> None:
    """As after a restart."""

    def once(client: socket.socket, stop: Event) -> None:
        """Hang up after all queries of one probe."""
        seen.append(1)
        client.settimeout(0.3)
        try:
            node({"local": [LOCAL]})(client, stop)
        except TimeoutError:
            client.shutdown(socket.SHUT_RDWR)
            gone.set()

    seen: list[int] = []
    gone = Event()
    with tcp(once) as port:
        exporter = start_exporter({"db": f"cassandra://127.0.0.1:{port}"})
        assert 1 == value(exporter.scrape("/probe?service=db"), "cassandra_up")
        assert gone.wait(60)
        assert 1 == value(exporter.scrape("/probe?service=db"), "cassandra_up")
    assert 2 == len(seen)


def test_tls_wants_an_authority_that_is_known(start_exporter: StartExporter, tmp_path: Path) -> None:
    """That the url names, or the system."""
    trusted = authority(tmp_path)
    with tcp(node({"local": [LOCAL]}), trusted.issue("node", days=9)) as port:
        urls = {
            "named": f"cassandras://127.0.0.1:{port}?ca={trusted.file}",
            "unknown": f"cassandras://127.0.0.1:{port}",
            "plain": f"cassandra://127.0.0.1:{port}",
        }
        exporter = start_exporter(urls)
        up = {name: value(exporter.scrape(f"/probe?service={name}", HEADERS), "cassandra_up") for name in urls}

    assert {"named": 1, "unknown": 0, "plain": 0} == up


def test_what_a_server_says_of_a_refusal_is_logged_in_one_line(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Another version of the protocol, and anything else."""

    def refuse(code: int) -> Behaviour:
        def answer(client: socket.socket, stop: Event) -> None:
            client.recv(1000)
            client.sendall(frame(0x00, 0, error(code, "Invalid or\nunsupported")))
            stop.wait(5)

        return answer

    caplog.set_level(logging.WARNING)
    for code in (0x000A, 0x1001):
        assert 0 == value(probe(start_exporter, refuse(code)), "cassandra_up")
    assert "the server does not speak version 4 of CQL's protocol: Invalid or unsupported" in caplog.text
    assert "the server refuses (code 0x1001): Invalid or unsupported" in caplog.text


def _peers(count: int, **more: object) -> list[dict[str, object]]:
    """Return rows of so many peers."""
    return [
        {"address": f"10.0.{at // 256}.{at % 256}", "port": 7000, "dc": "dc1", "rack": "r1", **more}
        for at in range(count)
    ]


def test_of_many_peers_the_first_and_the_lost_are_told(start_exporter: StartExporter) -> None:
    """The rest is one, and no counter falls when others come: the first are the same as long as they are there."""
    peers = [
        {"peer": each["address"], "peer_port": 7000, "data_center": "dc1", "rack": "r1", "schema_version": "a"}
        for each in _peers(1000)
    ]
    links = [
        {
            **each,
            "active_connections": int(at != 900),
            "pending_count": 1,
            "expired_count": 2,
            "overload_count": 0,
            "error_count": 0,
        }
        for at, each in enumerate(_peers(1000))
    ]
    scrape = told(
        start_exporter,
        {
            "peers_v2": peers,
            "internode_outbound": links,
            "internode_inbound": _peers(1000, expired_count=3),
            "pending_hints": [{**each, "files": 1, "oldest": 5000 - at} for at, each in enumerate(_peers(1000))],
        },
    )
    active = scrape["cassandra_endpoint_active"].samples
    assert (201, 200.0) == (len(active), sum(active.values()))
    assert 0.0 == value(scrape, "cassandra_endpoint_active", endpoint="10.0.3.132")
    others = {"endpoint": "others", "endpoint_datacenter": "", "endpoint_rack": ""}
    sums = {
        "cassandra_endpoint_connection_pending_tasks": 800,
        "cassandra_endpoint_connection_dropped_tasks_total": 1600,
        "seawall_cassandra_inbound_expired_messages_total": 2400,
        "seawall_cassandra_hint_files": 800,
        "seawall_cassandra_oldest_hint_timestamp_seconds": 4.001,
    }
    assert sums == {name: value(scrape, name, **others) for name in sums}
    assert {201} == {len(scrape[name].samples) for name in sums}
    folded = ("peers_v2", "internode_inbound", "pending_hints", "thread_pools")
    assert [800, 800, 800, 0] == [value(scrape, "seawall_probe_query_folded_rows", query=name) for name in folded]


def test_of_many_pools_caches_and_kinds_of_tasks_a_few_hundred_are_told(start_exporter: StartExporter) -> None:
    """No node has as many: what a server makes up is bounded all the same, and nothing is lost of its sum."""
    pool = {
        "active_tasks": 1,
        "active_tasks_limit": 1,
        "pending_tasks": 1,
        "blocked_tasks": 1,
        "blocked_tasks_all_time": 1,
        "completed_tasks": 1,
    }
    cache = {"capacity_bytes": 1, "size_bytes": 1, "entry_count": 1, "hit_count": 1, "request_count": 1}
    scrape = told(
        start_exporter,
        {
            "thread_pools": [{"name": f"pool-{at}", **pool} for at in range(500)],
            "caches": [{"name": f"cache-{at}", **cache} for at in range(500)],
            "sstable_tasks": [{"kind": f"kind-{at}", "progress": 1, "total": 3, "unit": "bytes"} for at in range(500)],
            "local": [{**LOCAL, "rack": f"r{at}"} for at in range(500)],
        },
    )
    found = {name: (len(family.samples), sum(family.samples.values())) for name, family in scrape.items()}
    pools = [name for name in found if name.startswith("cassandra_thread_pool")]
    caches = [name for name in found if name.startswith("cassandra_cache")]
    assert (6, 5) == (len(pools), len(caches))
    assert {(201, 500.0)} == {found[name] for name in [*pools, *caches, "seawall_cassandra_sstable_tasks"]}
    assert (201, 1000.0) == found["seawall_cassandra_sstable_tasks_remaining_bytes"]
    assert (1, 1.0) == found["seawall_cassandra_info"]


def test_all_answers_together_have_a_bound(start_exporter: StartExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty answers that are as large as one may be would be more than a machine has."""
    monkeypatch.setattr("seawall.exporters.cassandra_cql._LARGEST", 20_000)
    caches = [
        {"name": "x" * 60, "capacity_bytes": 1, "size_bytes": 1, "entry_count": 1, "hit_count": 1, "request_count": 1}
    ] * 120
    scrape = told(start_exporter, {"caches": caches})
    assert 1 == value(scrape, "cassandra_up")
    hints = [{**each, "files": 1, "oldest": 1} for each in _peers(200)]
    scrape = told(start_exporter, {"caches": caches, "pending_hints": hints})
    assert 0 == value(scrape, "cassandra_up")
