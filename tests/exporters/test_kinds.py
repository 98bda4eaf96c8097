"""Which kinds have a collector, and what they declare."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seawall.exporters
from seawall.exporters import inventory, kinds
from seawall.exporters.declaration import MetricInfo, counter, gauge, untyped

ALL = [info for infos in inventory().values() for info in infos]


def test_a_kind_is_a_module_with_an_entry_of_its_name() -> None:
    """The folder is the list."""
    for name, kind in kinds().items():
        assert name == kind.name
        module = "probe_kind" if name == "probe" else name.replace("-", "_")  # probe.py is what asks any kind
        assert kind is importlib.import_module(f"seawall.exporters.{module}").KIND


def test_host_and_redis_have_collectors() -> None:
    """The discovery finds what is there."""
    assert {"host", "redis"} <= kinds().keys()


def test_the_host_is_scraped_and_redis_is_probed() -> None:
    """Only what has a connection to make is probed."""
    assert kinds()["host"].connect is None
    assert kinds()["redis"].connect is not None


def test_the_inventory_has_every_kind_and_the_exporter_itself() -> None:
    """Nothing that is exposed is undeclared."""
    assert {"seawall", *kinds()} == inventory().keys()


def test_a_probed_kind_declares_its_up_first() -> None:
    """The rules rely on <kind>_up, or on what its exporter calls it."""
    inherited = {"postgres": "pg_up", "probe": "probe_success"}
    for name, kind in kinds().items():
        if kind.connect is not None:
            assert kind.up == kind.metrics[0]
            assert inherited.get(name, f"{name}_up".replace("-", "_")) == kind.up.name


def test_no_name_is_declared_twice() -> None:
    """One family, one meaning."""
    names = [info.name for info in ALL]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_a_declaration_is_complete(info: MetricInfo) -> None:
    """A sentence, a valid name, distinct labels, and the unit that the name says."""
    assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", info.name)
    assert re.fullmatch(r"[A-Z0-9].*[.]", info.meaning)
    assert len(set(info.labels)) == len(info.labels)
    odd = (
        "milliseconds",
        "nanoseconds",
        "per cent",
        "transactions",
    )  # of names that are inherited, and which say nothing of it or what is wrong
    assert info.unit in ("", "seconds", "bytes", "ratio", *(odd if info.name.startswith(("pg_", "mysql_")) else ()))
    stem = info.name.removesuffix("_total")
    for unit in ("seconds", "bytes", "ratio"):
        if stem.endswith(f"_{unit}"):
            assert info.unit in (unit, *odd)


def test_a_counter_carries_its_name_once() -> None:
    """The exposition adds _total by itself."""
    metric = counter("x_total", "", "X.").value(3)
    assert (metric.name, metric.type, metric.samples[0].name) == ("x", "counter", "x_total")


def test_none_is_no_sample() -> None:
    """What is not known is left out, never zero."""
    assert gauge("x", "", "X.").value(None).samples == []
    assert [one.labels for one in gauge("x", "", "X.", "a").samples({("1",): None, ("2",): 0}).samples] == [{"a": "2"}]


def test_labels_that_do_not_fit_are_an_error() -> None:
    """A collector cannot expose other labels than it declares."""
    with pytest.raises(ValueError, match="zip"):
        gauge("x", "", "X.", "a").samples({("1", "2"): 1})


def test_untyped_is_what_the_client_calls_unknown() -> None:
    """It is written as untyped."""
    assert untyped("x", "", "X.").value(1).type == "unknown"


def test_the_room_exports_what_its_table_of_contents_says() -> None:
    """Sorted, and everything there."""
    assert sorted(seawall.exporters.__all__) == seawall.exporters.__all__
    assert [name for name in seawall.exporters.__all__ if not hasattr(seawall.exporters, name)] == []


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("pymongo", {"mongodb_session.py"}),
        ("redis", {"celery_broker/sockets.py", "redis.py"}),
        ("kombu", {f"celery_broker/{name}.py" for name in ("listener", "queues", "sockets")}),
        ("psycopg", {"pgbouncer.py", "postgres.py", "postgres_connection.py", "postgres_session.py"}),
    ],
)
def test_only_its_kinds_modules_import_a_client(package: str, modules: set[str]) -> None:
    """The rest works without it."""
    folder = Path(importlib.import_module("seawall.exporters").__file__ or "").parent
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(rf"^\s*(from|import) {package}\b", path.read_text(), re.MULTILINE)
    }
    assert modules == found


def test_every_kind_is_known_where_no_client_is_installed() -> None:
    """The exporter starts with the clients of what it probes, and with none of the others."""
    clients = ("redis", "kombu", "amqp", "confluent_kafka", "pymongo", "psycopg", "pymysql")
    lines = (
        "import sys",
        *(f"sys.modules[{name!r}] = None" for name in clients),
        "from seawall.exporters import kinds",
        "print(*sorted(kinds()))",
    )
    found = subprocess.run((sys.executable, "-c", "\n".join(lines)), capture_output=True, text=True, check=True)
    assert sorted(kinds()) == found.stdout.split()
