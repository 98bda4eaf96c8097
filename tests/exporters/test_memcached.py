"""The memcached collector on real servers beside what memcached_exporter says of one, and on servers that lie."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Final

import pytest
from hostile import dripping, endless, hang_up, is_down, web
from memcached import MemcachedServer, StartMemcached, running
from outside import Behaviour, hang, tcp
from scrapes import queries, value
from servers import RunningExporter, StartExporter, free_port, parse

from seawall.exporters import inventory

RECORDING: Final = Path(__file__).parent / "recordings/memcached_exporter.txt"
# What the page of the reference says of each.
LEFT_OUT: Final = ("memcached_lru_crawler_", "memcached_slab_commands_total")
KEPT: Final = ("starts_total", "items_checked_total", "reclaimed_total", "moves_")
OUR_OWN: Final = {"seawall_probe_success", "seawall_probe_duration_seconds", "seawall_probe_query_success"}
# What goes on by itself, or counts those who ask.
MOVING: Final = ("uptime", "time_seconds", "cpu_seconds", "_bytes_total", "connections", "age", "lru", "moves_to_cold")


def is_left_out(name: str) -> bool:
    """Whether the collector does not speak of what the exporter does."""
    return name.startswith(LEFT_OUT) and not any(word in name for word in KEPT)


@pytest.fixture(scope="module")
def server(start_memcached: StartMemcached) -> MemcachedServer:
    """Return a server that had what the recorded one had: a set, a hit, a miss."""
    found = start_memcached("-m", "2")
    with found.client() as client:
        assert ["STORED", "VALUE a 0 3", "END"] == [client.set("a", b"abc"), client.get("a"), client.get("b")]
    return found


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, server: MemcachedServer) -> RunningExporter:
    """Return the exporter of it."""
    return start_exporter({"cache": server.url})


@pytest.mark.e2e
def test_names_types_and_labels_are_those_of_memcached_exporter(exporter: RunningExporter) -> None:
    """All that it says of a server of the same version, but for what is left out with a reason; values where they are still."""
    ours, theirs = exporter.scrape("/probe?service=cache"), parse(RECORDING.read_text())
    shared = {name for name in theirs if not is_left_out(name)}

    assert shared == ours.keys() - OUR_OWN
    assert {name: theirs[name].type for name in shared} == {name: ours[name].type for name in shared}
    assert {name: theirs[name].label_sets for name in shared} == {name: ours[name].label_sets for name in shared}
    still = {name for name in shared if not any(word in name for word in MOVING) and name != "memcached_limit_bytes"}
    assert {name: theirs[name].samples for name in still} == {name: ours[name].samples for name in still}
    assert value(ours, "memcached_limit_bytes") == 2 * 2**20


@pytest.mark.e2e
def test_all_that_is_declared_is_seen(exporter: RunningExporter) -> None:
    """And nothing else."""
    seen = exporter.scrape("/probe?service=cache").keys() - OUR_OWN
    assert {info.name for info in inventory()["memcached"]} == seen


@pytest.mark.e2e
def test_the_connection_is_kept_and_a_restart_costs_no_probe(start_exporter: StartExporter, tmp_path: Path) -> None:
    """The server counts one connection more than it has after some probes; the first probe after a restart succeeds."""
    server = MemcachedServer(free_port())
    exporter = start_exporter({"cache": server.url})
    with running(server, tmp_path):
        before = [value(exporter.scrape("/probe?service=cache"), "memcached_connections_total") for _ in range(3)]
        assert before[0] == before[2]
    with running(server, tmp_path):
        assert 1 == value(exporter.scrape("/probe?service=cache"), "memcached_up")


@pytest.fixture
def users() -> Iterator[Path]:
    """Return an --auth-file that the server may read as whoever it runs; pytest's own folders are open to nobody else."""
    with tempfile.TemporaryDirectory(prefix="seawall-memcached-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "users"
        file.write_text("seawall:hunter2\n")
        file.chmod(0o644)
        yield file


@pytest.mark.e2e
def test_a_server_with_users_lets_the_right_one_in(
    start_exporter: StartExporter, start_memcached: StartMemcached, users: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are told what to do, without the password."""
    guarded = start_memcached("-Y", str(users))
    address = f"127.0.0.1:{guarded.port}"
    urls = {
        "in": f"memcached://seawall:${{GOOD}}@{address}",
        "out": f"memcached://seawall:${{BAD}}@{address}",
        "none": guarded.url,
    }
    exporter = start_exporter(urls, {"GOOD": "hunter2", "BAD": "wrong-secret"})

    assert [1, 0, 0] == [value(exporter.scrape(f"/probe?service={name}"), "memcached_up") for name in urls]
    assert "its --auth-file has none of that name and password" in caplog.text
    assert "write memcached://user:${VARIABLE}@host" in caplog.text
    assert not any(secret in caplog.text for secret in ("hunter2", "wrong-secret"))


@pytest.mark.parametrize("behaviour", [hang, dripping(b"STAT "), endless(b"STAT a 1\r\n"), web, hang_up])
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """And nothing of it hangs on."""
    is_down(start_exporter, "memcached://127.0.0.1:{port}", behaviour, "memcached_up")


def odd(client: socket.socket, stop: Event) -> None:
    """Answer with what is no number, names that are no UTF-8, classes that there cannot be; refuse one command."""
    client.recv(1000)
    lines = [b'STAT version 9\xff"\\', b"STAT uptime soon", b"STAT curr_items 3", b"END", b"STAT maxconns 7", b"END"]
    lines += [b"STAT items:1:number 5", b"STAT items:100:number 6", b"STAT items:x:number 7", b"STAT odd 1", b"END"]
    client.sendall(b"\r\n".join([*lines, b"ERROR", b""]))
    stop.wait(5)


def test_what_a_server_refuses_or_garbles_is_missing_alone(start_exporter: StartExporter) -> None:
    """The rest is there."""
    with ExitStack() as stack:
        port = stack.enter_context(tcp(odd))
        scrape = start_exporter({"cache": f"memcached://127.0.0.1:{port}"}).scrape("/probe?service=cache")

    assert [1, 3, 7] == [value(scrape, f"memcached_{name}") for name in ("up", "current_items", "max_connections")]
    assert "memcached_uptime_seconds" not in scrape
    assert {frozenset({("version", '9\\xff"\\')})} == scrape["memcached_version"].label_sets
    assert {frozenset({("slab", "1")})} == scrape["memcached_slab_current_items"].label_sets
    refused = queries(scrape)
    assert {"stats": 1, "stats settings": 1, "stats items": 1, "stats slabs": 0} == refused
