"""The inbox on disk."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seawall.portal.store import _SUPERSEDE, Filter, Store, StoreError
from seawall.portal.webhook import NotifiedAlert

NOW = 1000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store."""
    opened = Store(tmp_path / "data" / "portal.sqlite3")
    yield opened
    opened.close()


def _alert(
    name: str = "RedisDown", start: float = 100.0, end: float | None = None, fingerprint: str = "a", **labels: str
) -> NotifiedAlert:
    state = "firing" if end is None else "resolved"
    return NotifiedAlert(fingerprint, state, {"alertname": name, **labels}, {"summary": "s"}, start, end)


def test_an_alert_is_one_row_from_its_start_to_its_end(store: Store) -> None:
    """The same fingerprint and start is the same alert; what was received first stays known."""
    store.record([_alert()], NOW)
    store.record([_alert(end=160.0)], NOW + 60)
    (row,) = store.alerts()
    assert (row.state, row.ends_at, row.duration(NOW + 100), row.received_at) == ("resolved", 160.0, 60.0, NOW)


def test_a_firing_alert_lasts_until_now(store: Store) -> None:
    """A clock behind the start makes no negative time."""
    store.record([_alert(start=900.0)], NOW)
    (row,) = store.alerts()
    assert (row.duration(NOW), row.duration(0.0)) == (100.0, 0.0)


def test_an_alert_that_fires_again_is_a_row_of_its_own(store: Store) -> None:
    """Its first time stays with its own duration."""
    store.record([_alert(start=100.0, end=160.0), _alert(start=500.0)], NOW)
    assert [(row.state, row.starts_at) for row in store.alerts()] == [("firing", 500.0), ("resolved", 100.0)]


def test_a_later_start_ends_the_earlier_one_whose_end_was_never_told(store: Store) -> None:
    """An alert fires once at a time, in whichever order the two arrive."""
    store.record([_alert(start=500.0)], NOW)
    store.record([_alert(start=100.0)], NOW)
    assert [(row.state, row.starts_at, row.ends_at) for row in store.alerts()] == [
        ("firing", 500.0, None),
        ("resolved", 100.0, 500.0),
    ]


def test_an_alert_can_be_taken_back_after_it_was_resolved(store: Store) -> None:
    """Alertmanager resolves what it no longer hears of, and fires it again with the old start."""
    store.record([_alert(end=160.0)], NOW)
    store.record([_alert()], NOW + 60)
    assert [(row.state, row.ends_at) for row in store.alerts()] == [("firing", None)]


def test_the_watchdog_is_a_heartbeat_and_no_row(store: Store) -> None:
    """Its end is no heartbeat."""
    assert store.last_heartbeat() is None
    store.record([_alert("Watchdog")], NOW)
    store.record([_alert("Watchdog", end=2000.0)], NOW + 999)
    assert (store.last_heartbeat(), store.alerts()) == (NOW, [])


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    """Another process that opens the file finds every row and the heartbeat."""
    first = Store(tmp_path / "portal.sqlite3")
    first.record([_alert(), _alert("Watchdog", fingerprint="w")], NOW)
    first.close()
    second = Store(tmp_path / "portal.sqlite3")
    assert ([row.alertname for row in second.alerts()], second.last_heartbeat()) == (["RedisDown"], NOW)
    second.close()


def test_what_was_recorded_survives_without_a_close(tmp_path: Path) -> None:
    """A second connection reads it at once: nothing waits in the first."""
    first, second = Store(tmp_path / "portal.sqlite3"), Store(tmp_path / "portal.sqlite3")
    first.record([_alert()], NOW)
    assert second.count(Filter(state="firing")) == 1
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), ["A", "C", "B"]),
        (Filter(team="data"), ["B"]),
        (Filter(service="checkout"), ["A"]),
        (Filter(state="firing"), ["A", "C"]),
        (Filter(severity="ticket"), ["C", "B"]),
        (Filter(state="firing", severity="ticket"), ["C"]),
        (Filter(team="' OR 1=1 --"), []),
    ],
)
def test_alerts_are_filtered_and_those_that_fire_come_first(store: Store, wanted: Filter, expected: list[str]) -> None:
    """Pages before the rest, then the latest first; a hostile filter is a text that matches nothing."""
    store.record(
        [
            _alert("A", 100.0, None, "a", service="checkout", team="payments", severity="page"),
            _alert("B", 300.0, 400.0, "b", service="orders-db", team="data", severity="ticket"),
            _alert("C", 200.0, None, "c", service="cart", team="payments", severity="ticket"),
        ],
        NOW,
    )
    assert expected == [row.alertname for row in store.alerts(wanted)]


def test_no_more_rows_are_read_than_asked_for(store: Store) -> None:
    """The latest are kept."""
    store.record([_alert(start=float(n), end=float(n), fingerprint=str(n)) for n in range(10)], NOW)
    assert [row.starts_at for row in store.alerts(limit=2)] == [9.0, 8.0]


def test_old_alerts_are_forgotten_and_recent_ones_are_not(store: Store) -> None:
    """An alert that fires is old when it was last heard of long ago."""
    store.record(
        [_alert(start=1.0, end=2.0, fingerprint="old"), _alert(start=1.0, end=600.0, fingerprint="ended")], NOW
    )
    store.record([_alert(start=1.0, fingerprint="silent")], 300.0)
    store.record([_alert(start=1.0, fingerprint="fires")], NOW)
    assert store.prune(before=500.0) == 2
    assert {"ended", "fires"} == {row.fingerprint for row in store.alerts()}


def test_a_batch_is_kept_wholly_or_not_at_all(store: Store) -> None:
    """A row that cannot be written takes its batch with it, and the store goes on."""
    with pytest.raises(StoreError, match="cannot use the inbox"):
        store.record([_alert(), _alert(start=None, fingerprint="b")], NOW)  # type: ignore[arg-type]
    assert store.alerts() == []
    assert store.record([_alert()], NOW) == 1


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands in for the disk's end."""
    store = Store(tmp_path / "portal.sqlite3")
    store.record([_alert()], NOW)
    store._connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StoreError, match="has room"):
        store.record([_alert(fingerprint=f"{n}", text="x" * 8000) for n in range(100)], NOW)
    assert [row.fingerprint for row in store.alerts()] == ["a"]
    store.close()


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    """Somebody's file is never overwritten."""
    file = tmp_path / "portal.sqlite3"
    file.write_text("my notes, which are long enough to be read as a header of a database, or so SQLite thinks\n" * 10)
    with pytest.raises(StoreError, match="not a database"):
        Store(file)
    assert file.read_text().startswith("my notes")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The message names the option."""
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match="--data"):
        Store(tmp_path / "data" / "portal.sqlite3")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older Seawall never writes into what a newer one made."""
    Store(tmp_path / "portal.sqlite3").close()
    with sqlite3.connect(tmp_path / "portal.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer Seawall"):
        Store(tmp_path / "portal.sqlite3")


def test_the_file_is_in_write_ahead_mode(tmp_path: Path) -> None:
    """Readers and the writer do not wait for each other."""
    Store(tmp_path / "portal.sqlite3").close()
    with sqlite3.connect(tmp_path / "portal.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_many_threads_can_write_at_once(store: Store) -> None:
    """Each alert of each thread is there afterwards."""

    def write(thread: int) -> None:
        for n in range(20):
            store.record([_alert(fingerprint=f"{thread}x{n}")], NOW)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count(Filter(state="firing")) == 80


def test_a_probe_fails_where_the_store_is_closed(store: Store) -> None:
    """That is what the health page asks."""
    store.probe(NOW)
    store.close()
    with pytest.raises(StoreError):
        store.probe(NOW)


def test_an_alert_of_a_storm_is_found_by_its_own_key(store: Store) -> None:
    """Not by walking over everything that fires: thousands at once stay linear."""
    steps = store._connection.execute(f"EXPLAIN QUERY PLAN {_SUPERSEDE}", {"fingerprint": "a", "now": NOW}).fetchall()
    assert [] == [step["detail"] for step in steps if "alerts_by_state" in step["detail"]]
