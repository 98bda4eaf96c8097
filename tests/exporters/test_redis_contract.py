"""The redis collector beside Debian's redis_exporter, on the same real servers."""

from collections.abc import Iterator
from typing import Final

import pytest
from servers import (
    RedisServer,
    RunningExporter,
    Scrape,
    StartExporter,
    StartRedis,
    answers,
    eventually,
    free_port,
    get,
    parse,
    process,
)

from seawall.exporters import inventory

pytestmark = pytest.mark.e2e

# How far two probes a moment apart may differ: absolutely, or as a share of the larger value. All other families: exactly.
TOLERANCES: Final[dict[str, tuple[float, float]]] = {
    "redis_uptime_in_seconds": (10, 0),
    "redis_connected_clients": (3, 0),
    "redis_memory_": (4e6, 0.5),
    "redis_memory_max_bytes": (0, 0),
    "redis_mem_": (4e7, 0.9),
    "redis_connections_received_total": (20, 0),
    "redis_commands_": (100, 0),
    "redis_net_": (500_000, 0),
    "redis_cpu_": (2, 0),
    "redis_master_last_io_seconds_ago": (10, 0),
    "redis_connected_slave_lag_seconds": (2, 0),
    "redis_connected_slave_offset_bytes": (1_000, 0),
    "redis_master_repl_offset": (1_000, 0),
    "redis_slave_repl_offset": (1_000, 0),
}
# Every command that one of the two exporters sends counts, and each sends others.
THEIR_COMMANDS: Final = ("client|", "config|", "latency|", "slowlog|", "info", "auth", "cluster|", "ping", "hello")
OUR_OWN: Final = ("seawall_",)
# Theirs asks CONFIG, which a Sentinel does not answer; ours asks INFO.
BEYOND_THEIRS: Final = {"sentinel": "redis_config_maxclients"}


@pytest.fixture(scope="module")
def master(start_redis: StartRedis) -> RedisServer:
    """Return a server with keys, hits, misses, a memory limit and an append-only file."""
    server = start_redis("--appendonly", "yes", "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    for index in range(30):
        server.cli("set", f"key-{index}", "x", *(["ex", "1000"] if index % 2 else []))
    server.cli("get", "key-1")
    server.cli("get", "no-such-key")
    server.cli("-n", "3", "set", "other", "y")
    return server


@pytest.fixture(scope="module")
def replica(start_redis: StartRedis, master: RedisServer) -> RedisServer:
    """Return a replica of the master, in step with it."""
    server = start_redis("--replicaof", f"127.0.0.1 {master.port}")
    eventually(lambda: "master_link_status:up" in server.cli("info", "replication"))
    eventually(lambda: "state=online" in master.cli("info", "replication"))
    return server


@pytest.fixture(scope="module")
def guarded(start_redis: StartRedis) -> RedisServer:
    """Return a server with a password."""
    return start_redis(password="s3cret-enough")


@pytest.fixture(scope="module")
def member(start_redis: StartRedis) -> RedisServer:
    """Return the only node of a cluster that has every slot."""
    server = start_redis("--cluster-enabled", "yes")
    server.cli("cluster", "addslotsrange", "0", "16383")
    eventually(lambda: "cluster_state:ok" in server.cli("cluster", "info"))
    return server


@pytest.fixture(scope="module")
def sentinel(
    start_redis: StartRedis, tmp_path_factory: pytest.TempPathFactory, master: RedisServer, replica: RedisServer
) -> RedisServer:
    """Return one of two Sentinels that watch the master, know its replica and each other."""
    folder, started = tmp_path_factory.mktemp("sentinels"), []
    for name in ("one", "two"):
        (folder / name).write_text(f"sentinel monitor shop 127.0.0.1 {master.port} 2\n")
        started.append(start_redis(sentinel=folder / name))
    expected = f"status=ok,address=127.0.0.1:{master.port},slaves=1,sentinels=2"
    eventually(lambda: started[0].cli("info", "sentinel").endswith(expected))
    return started[0]


@pytest.fixture(scope="module")
def exporter(
    start_exporter: StartExporter,
    master: RedisServer,
    replica: RedisServer,
    guarded: RedisServer,
    member: RedisServer,
    sentinel: RedisServer,
) -> RunningExporter:
    """Return the exporter of all five servers."""
    urls = {
        "master": f"redis://127.0.0.1:{master.port}",
        "replica": f"redis://127.0.0.1:{replica.port}/0",
        "guarded": f"redis://:${{GUARDED}}@127.0.0.1:{guarded.port}",
        "member": f"redis://127.0.0.1:{member.port}",
        "sentinel": f"redis://127.0.0.1:{sentinel.port}",
    }
    return start_exporter(urls, {"GUARDED": guarded.password})


@pytest.fixture(scope="module")
def their_url(tmp_path_factory: pytest.TempPathFactory, guarded: RedisServer) -> Iterator[str]:
    """Return the address of a redis_exporter."""
    port = free_port()
    passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text(f'{{"redis://127.0.0.1:{guarded.port}": "{guarded.password}"}}')
    command = ("prometheus-redis-exporter", "-web.listen-address", f"127.0.0.1:{port}")
    with process(*command, "-redis.password-file", str(passwords), cwd=passwords.parent):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/"))
        yield f"http://127.0.0.1:{port}/scrape?target=redis://127.0.0.1:"


@pytest.fixture(params=["master", "replica", "guarded", "member", "sentinel"])
def pair(request: pytest.FixtureRequest, exporter: RunningExporter, their_url: str) -> tuple[Scrape, Scrape]:
    """Return our scrape and theirs of each server."""
    server: RedisServer = request.getfixturevalue(request.param)
    theirs = parse(get(f"{their_url}{server.port}"))
    ours = exporter.scrape(f"/probe?service={request.param}")
    beyond = (*OUR_OWN, BEYOND_THEIRS.get(request.param, "seawall_"))
    return {name: family for name, family in ours.items() if not name.startswith(beyond)}, theirs


def tolerance(name: str) -> tuple[float, float]:
    """Return the tolerance of the longest prefix of *name*."""
    prefixes = [prefix for prefix in TOLERANCES if name.startswith(prefix)]
    return TOLERANCES[max(prefixes, key=len)] if prefixes else (0, 0)


def of_their_commands(labels: frozenset[tuple[str, str]]) -> bool:
    """Return whether the label set is of a command that the exporters themselves send."""
    return dict(labels).get("cmd", "").startswith(THEIR_COMMANDS)


def test_every_family_is_one_of_redis_exporter(pair: tuple[Scrape, Scrape]) -> None:
    """Nothing is invented: a dashboard for redis_exporter knows every name."""
    ours, theirs = pair
    assert set() == ours.keys() - theirs.keys()


def test_the_types_are_redis_exporters(pair: tuple[Scrape, Scrape]) -> None:
    """Counters are counters, gauges are gauges."""
    ours, theirs = pair
    assert {name: theirs[name].type for name in ours} == {name: family.type for name, family in ours.items()}


def test_the_label_sets_are_redis_exporters(pair: tuple[Scrape, Scrape]) -> None:
    """The same commands, databases, masters and replicas; empty databases but db0 are left out."""
    ours, theirs = pair
    for name, family in ours.items():
        expected = {labels for labels in theirs[name].label_sets if not of_their_commands(labels)}
        if name.startswith("redis_db_keys"):
            keys = theirs["redis_db_keys"].samples
            expected = {one for one in expected if keys["redis_db_keys", one] > 0 or dict(one)["db"] == "db0"}
        assert expected == {labels for labels in family.label_sets if not of_their_commands(labels)}, name


def test_the_values_are_redis_exporters_within_the_stated_tolerances(pair: tuple[Scrape, Scrape]) -> None:
    """Each sample differs by no more than its family may change between two probes."""
    ours, theirs = pair
    for name, family in ours.items():
        absolute, relative = tolerance(name)
        for (sample, labels), value in family.samples.items():
            if not of_their_commands(labels):
                expected = theirs[name].samples[sample, labels]
                assert abs(expected - value) <= max(absolute, relative * max(abs(expected), abs(value))), (name, labels)


def test_the_declaration_says_the_name_type_and_labels_of_what_is_exposed(pair: tuple[Scrape, Scrape]) -> None:
    """The inventory is true of a real scrape."""
    declared = {info.name: info for info in inventory()["redis"]}
    for name, family in pair[0].items():
        assert declared[name].type == family.type
        names = {frozenset(label for label, _ in labels) for labels in family.label_sets}
        assert {frozenset(declared[name].labels)} == names


def test_every_declared_family_is_seen_of_one_server_or_another(exporter: RunningExporter) -> None:
    """The inventory holds no name that no real server has."""
    seen = {
        name
        for server in ("master", "replica", "guarded", "member", "sentinel")
        for name in exporter.scrape(f"/probe?service={server}")
    }
    assert set() == {info.name for info in inventory()["redis"]} - seen


def test_the_keys_are_counted(exporter: RunningExporter) -> None:
    """The numbers are those of the keys that were set."""
    keys = exporter.scrape("/probe?service=master")["redis_db_keys"]
    assert {frozenset({("db", "db0")}), frozenset({("db", "db3")})} == keys.label_sets
    assert list(keys.samples.values()) == [30, 1]


def test_the_replica_tells_of_its_master(exporter: RunningExporter, master: RedisServer) -> None:
    """The link is up, and labelled with the master's address."""
    link = exporter.scrape("/probe?service=replica")["redis_master_link_up"]
    labels = frozenset({("master_host", "127.0.0.1"), ("master_port", str(master.port))})
    assert {("redis_master_link_up", labels): 1} == link.samples


def test_a_cluster_with_every_slot_is_well(exporter: RunningExporter) -> None:
    """CLUSTER INFO is asked of a cluster's node."""
    scrape = exporter.scrape("/probe?service=member")
    assert list(scrape["redis_cluster_state"].samples.values()) == [1]
    assert list(scrape["redis_cluster_slots_ok"].samples.values()) == [16384]


def test_a_connection_that_the_server_closed_is_opened_again(
    start_redis: StartRedis, start_exporter: StartExporter
) -> None:
    """The next probe succeeds: nobody sees that the last connection is gone."""
    server = start_redis()
    exporter = start_exporter({"cache": f"redis://127.0.0.1:{server.port}"})
    assert list(exporter.scrape("/probe?service=cache")["redis_up"].samples.values()) == [1]
    server.cli("client", "kill", "type", "normal", "skipme", "yes")
    assert list(exporter.scrape("/probe?service=cache")["redis_up"].samples.values()) == [1]


def test_a_sentinel_tells_of_its_master(exporter: RunningExporter, master: RedisServer) -> None:
    """It is well, has a replica, and two Sentinels could fail it over."""
    scrape = exporter.scrape("/probe?service=sentinel")
    of_shop = frozenset({("master_name", "shop"), ("master_address", f"127.0.0.1:{master.port}")})
    assert {("redis_sentinel_master_status", of_shop | {("master_status", "ok")}): 1} == scrape[
        "redis_sentinel_master_status"
    ].samples
    for name, value in {"slaves": 1, "ok_slaves": 1, "sentinels": 2, "ok_sentinels": 2}.items():
        family = scrape[f"redis_sentinel_master_{name}"]
        assert {(f"redis_sentinel_master_{name}", of_shop): value} == family.samples
    assert [1] == list(scrape["redis_sentinel_master_ckquorum_status"].samples.values())
