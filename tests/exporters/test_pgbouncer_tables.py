"""What the console shows, as rows: newer versions' columns, many rows, and values that are none."""

from collections.abc import Sequence

from prometheus_client import Metric

from seawall.exporters.pgbouncer_tables import CLIENTS, DATABASES, LIMIT, POOLS, READERS, STATS, Row, Table

LABELS = {"host": None, "port": "5432", "database": "live", "force_user": None, "pool_mode": None}


def answered(table: Table, rows: Sequence[Row]) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the value of each label set, by name; families without a sample are left out."""
    return values(table.answer(rows)[0])


def values(families: Sequence[Metric]) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of *families* likewise."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_columns_of_newer_versions_are_told_under_the_same_names() -> None:
    """1.24 calls the reserve otherwise, and counts prepared statements; what nobody asked about is left out."""
    row = {"name": "orders", **LABELS, "pool_size": "20", "reserve_pool_size": "5", "server_lifetime": "3600"}
    name = ("orders", "", "5432", "live", "", "")
    assert {"pgbouncer_databases_pool_size": {name: 20.0}, "pgbouncer_databases_reserve_pool": {name: 5.0}} == answered(
        DATABASES, [row]
    )
    counts = {"server_assignment_count": "1", "client_parse_count": "2", "server_parse_count": "3", "bind_count": "4"}
    names = ("server_assignments", "client_parses", "server_parses", "binds")
    expected = {f"pgbouncer_stats_totals_{each}_total": {("orders",): value} for each, value in zip(names, (1.0, 2.0, 3.0, 4.0), strict=True)}  # fmt: skip
    assert expected == answered(STATS, [{"database": "orders", **counts}])


def test_microseconds_become_seconds() -> None:
    """The times of statistics, and nothing else."""
    row = {"database": "orders", "xact_time": "2500000", "query_time": "1000000", "wait_time": "10", "xact_count": "7"}
    assert {
        "pgbouncer_stats_totals_server_in_transaction_seconds_total": {("orders",): 2.5},
        "pgbouncer_stats_totals_queries_duration_seconds_total": {("orders",): 1.0},
        "pgbouncer_stats_totals_client_wait_seconds_total": {("orders",): 1e-05},
        "pgbouncer_stats_totals_sql_transactions_pooled_total": {("orders",): 7.0},
    } == answered(STATS, [row])


def test_of_many_pools_those_where_somebody_waits_are_kept_and_the_rest_is_one() -> None:
    """The longest wait of the rest is told, and its sums."""
    rows = [
        {"database": "orders", "user": f"u{at}", "maxwait": str(at // 49_000), "cl_waiting": "1", "sv_active": "2"}
        for at in range(50_000)
    ]
    families, folded = POOLS.answer(rows)
    found = values(families)

    waits = found["pgbouncer_pools_client_maxwait_seconds"]
    assert (LIMIT + 1, 50_000 - LIMIT) == (len(waits), folded)
    assert [1.0] * LIMIT == [value for labels, value in waits.items() if labels != ("others", "others")]
    assert 1.0 == waits["others", "others"]
    assert 2.0 * (50_000 - LIMIT) == found["pgbouncer_pools_server_active_connections"]["others", "others"]


def test_counters_of_the_rest_are_not_told() -> None:
    """Whoever enters or leaves the largest would look like a restart."""
    rows: list[Row] = [{"database": f"d{at}", "query_count": str(at)} for at in range(LIMIT + 5)]
    families, folded = STATS.answer(rows)
    counts = values(families)["pgbouncer_stats_totals_queries_pooled_total"]
    assert ({(f"d{at}",) for at in range(5, LIMIT + 5)}, 5) == (counts.keys(), folded)


def test_a_paused_database_is_never_among_the_rest_unseen() -> None:
    """It is kept first; where too many are paused, the rest says that one is."""
    rows: list[Row] = [{"name": f"d{at}", "paused": str(at // 10 % 2), "current_connections": "1"} for at in range(500)]
    found = answered(DATABASES, rows)
    assert 250 == sum(found["pgbouncer_databases_paused"].values()) + 250 - LIMIT - 1
    assert 1.0 == found["pgbouncer_databases_paused"]["others", *["others"] * 5]
    assert 300.0 == found["pgbouncer_databases_current_connections"]["others", *["others"] * 5]
    assert "pgbouncer_databases_pool_size" not in found


def test_clients_are_counted_and_bounded_by_what_they_call_themselves() -> None:
    """The rest is one for each state."""
    rows: list[Row] = [
        {
            "database": "orders",
            "user": "shop",
            "application_name": f"pod-{at}",
            "state": "waiting" if at % 2 else "active",
        }
        for at in range(1000)
    ]
    rows += [{"database": "orders", "user": "shop", "application_name": None, "state": "active"}] * 3
    families, folded = CLIENTS.answer(rows)
    counts = values(families)["pgbouncer_client_connections"]
    assert 1001 - LIMIT == folded
    assert 3.0 == counts["orders", "shop", "", "active"]
    assert {"active", "waiting"} == {state for *names, state in counts if names == ["others"] * 3}
    assert 1003.0 == sum(counts.values())


def test_a_real_one_that_is_called_others_is_one_with_the_rest() -> None:
    """No family has a label set twice."""
    rows: list[Row] = [{"database": "others", "user": "others", "cl_waiting": "9", "maxwait": "9"}]
    rows += [{"database": "d", "user": str(at), "cl_waiting": "1", "maxwait": "3"} for at in range(LIMIT)]
    found = answered(POOLS, rows)
    assert 10.0 == found["pgbouncer_pools_client_waiting_connections"]["others", "others"]
    assert 9.0 == found["pgbouncer_pools_client_maxwait_seconds"]["others", "others"]


def test_what_is_no_number_is_no_sample() -> None:
    """The rest of the row is there; rows of lists and settings that nobody knows are passed over."""
    row = {"database": 'odd"\n\\xff', "user": "", "cl_active": "many", "cl_waiting": None, "sv_idle": "4"}
    assert {"pgbouncer_pools_server_idle_connections": {('odd"\n\\xff', ""): 4.0}} == answered(POOLS, [row])
    lists = [{"list": "used_clients", "items": "7"}, {"list": "peers", "items": "1"}, {"list": "pools", "items": "x"}]
    assert {"pgbouncer_used_clients": {(): 7.0}} == values(list(READERS["lists"](lists)))
    settings = [{"key": "max_client_conn", "value": "100", "default": "100"}, {"key": "auth_file", "value": "secret"}]
    assert {"pgbouncer_config_max_client_connections": {(): 100.0}} == values(list(READERS["config"](settings)))
    assert {} == values(list(READERS["version"]([])))
