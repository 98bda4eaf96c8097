"""Rules that were published and never told of anything, or told of nothing: each is found, for its own reason."""

from pathlib import Path
from typing import Any, Final

import pytest
from lint_rules import found, rule

from seawall.generator.lint import Settings

CRITICAL: Final = {"severity": "critical"}
DEAD: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "a lag under its old name": ("renamed", {"expr": "pg_replication_lag > 10"}),
    "a limit of another exporter of PgBouncer": ("renamed", {"expr": "pgbouncer_config_max_client_conn < 100"}),
    "a host count that CloudWatch spells otherwise": (
        "renamed",
        {"expr": "aws_applicationelb_unhealthy_host_count_average > 0"},
    ),
    "a label that locks do not have": ("impossible-matcher", {"expr": 'pg_locks_count{granted="f"} > 0'}),
    "a mode of locks in the wrong case": ("impossible-matcher", {"expr": 'pg_locks_count{mode="ExclusiveLock"} > 0'}),
    "a rate of the longest transaction": (
        "rate-of-gauge",
        {"expr": "rate(pg_stat_activity_max_tx_duration[2m]) > 120"},
    ),
    "a latency since the start": (
        "lifetime-mean",
        {"expr": "sum by (job) (table_readlatency_seconds_sum) / sum by (job) (table_readlatency_seconds_count) > 1"},
    ),
    "a hit ratio since the start": (
        "lifetime-mean",
        {"expr": "pg_hits_total / (pg_hits_total + pg_reads_total) < 0.9"},
    ),
    "a share of answers on raw totals": (
        "lifetime-mean",
        {"expr": 'sum by (app) (istio_requests_total{code=~"5.."}) / sum by (app) (istio_requests_total) > 0.01'},
    ),
    "a counter that stays above one": ("bare-counter", {"expr": "sum by (job) (clientrequest_unavailables_count) > 1"}),
    "a bare total": ("bare-counter", {"expr": 'app_sync_total{phase!="Succeeded"} > 0'}),
    "a slot that is a standby": (
        "other-object",
        {"alert": "PostgresInactiveReplicationSlot", "expr": "pg_stat_replication_pg_current_wal_lsn_bytes == 0"},
    ),
    "a database whose text speaks of DNS": (
        "copied-text",
        {"alert": "PostgreSQLDown", "expr": "pg_up == 0", "annotations": {"summary": "The DNS server is down."}},
    ),
    "three nodes of a broker": ("fixed-size", {"expr": "sum by (cluster) (rabbitmq_build_info) < 3"}),
    "three replicas in sync": (
        "fixed-size",
        {"expr": "sum by (topic) (kafka_topic_partition_in_sync_replica) < 3"},
    ),
    "three states of Erlang": ("fixed-size", {"expr": "erlang_vm_dist_node_state < 3"}),
    "a server of HAProxy at once": ("no-for", {"expr": "haproxy_server_up == 0", "for": "0m", "labels": CRITICAL}),
    "a restart at once": ("no-for", {"expr": "time() - pg_postmaster_start_time_seconds < 60", "for": None}),
    "a state of MongoDB at once": ("no-for", {"expr": "mongodb_replset_member_state == 3", "for": None}),
    "few connections of Redis": ("silence-pages", {"expr": "redis_connected_clients < 5", "labels": CRITICAL}),
    "few connections of PostgreSQL": (
        "silence-pages",
        {"expr": "sum by (datname) (pg_stat_activity_count) < 5", "labels": CRITICAL},
    ),
    "few commits": (
        "silence-pages",
        {"expr": "increase(pg_stat_database_xact_commit[5m]) < 5", "labels": CRITICAL},
    ),
    "one slow query": ("event-pages", {"expr": "increase(mysql_slow_queries[5m]) > 0", "labels": CRITICAL}),
    "clients' errors": (
        "client-errors-page",
        {"expr": 'sum by (app) (rate(requests_total{status=~"^4.."}[5m])) > 5', "labels": CRITICAL},
    ),
    "a cache that is full": (
        "misread",
        {"expr": "memcached_current_bytes / memcached_limit_bytes > 0.9"},
    ),
    "a cache that is full, beside its limit": (
        "misread",
        {"expr": "0.9 * memcached_limit_bytes < memcached_current_bytes and up == 1"},
    ),
    "address space": ("misread", {"expr": "process_virtual_memory_bytes > 4e9"}),
    "absent() that meets labels": (
        "absent-join",
        {"expr": "kube_job_spec_completions - kube_job_status_succeeded > 0 and absent(kube_job_completion_time)"},
    ),
    "up of every job": ("up-of-all", {"alert": "MetricsDown", "expr": "up == 0"}),
    "a ratio with a floor of nothing": (
        "no-floor",
        {"expr": "rate(errors_total[5m]) / rate(requests_total[5m]) > 0.05 and rate(requests_total[5m]) > 0"},
    ),
    "changes of a counter": ("change-of-counter", {"expr": "changes(exceptions_total[5m]) > 1"}),
    "a quantile without its buckets": (
        "lost-le",
        {"expr": "histogram_quantile(0.9, sum by (job) (rate(fsync_seconds_bucket[5m]))) > 1"},
    ),
    "a string that escapes what it need not": ("promql", {"expr": r'up{job=~"a\.b"} == 0'}),
}
# The mended ones, and sound ones that look alike.
ALIVE: Final[dict[str, dict[str, Any]]] = {
    "both names of a lag": {"expr": "(pg_replication_lag_seconds or pg_replication_lag) > 10"},
    "a flag that missed scrapes do not hide": {"expr": "max_over_time(config_last_reload_successful[5m]) == 0"},
    "a mean of what was just measured": {"expr": "rate(read_seconds_sum[5m]) / rate(read_seconds_count[5m]) > 1"},
    "how far groups are behind": {
        "expr": "deriv(kafka_consumergroup_lag_sum[15m]) > 1 and kafka_consumergroup_lag_sum > 9"
    },
    "how many sessions there are": {"expr": "sum by (job) (pg_stat_activity_count) > 90"},
    "how many series of a counter": {"expr": 'count by (job) (node_cpu_seconds_total{mode="idle"}) > 64'},
    "a counter and itself an hour ago": {"expr": "orders_total - orders_total offset 1h > 1000"},
    "a burn rate": {
        "expr": 'slo:burn_rate:ratio{window="1h"} > 14.4 and ignoring (window) slo:burn_rate:ratio{window="5m"} > 14.4',
        "for": None,
    },
    "a watchdog": {"alert": "Watchdog", "expr": "vector(1)", "for": None},
    "a cache that is far larger than the others": {
        "expr": "memcached_current_bytes / on () group_left () avg(memcached_current_bytes) > 3"
    },
    "a writer that was there an hour ago": {
        "expr": "(rate(sets_total[5m]) or 0 * memcached_current_bytes) < 1 and memcached_current_bytes offset 1h"
    },
    "a rate beside the mean of the others": {
        "expr": "rate(busy_seconds_total[5m]) / on () group_left () count(rate(busy_seconds_total[5m])) > 0.9"
    },
    "replicas that should be there": {"expr": "kube_deployment_status_replicas < kube_deployment_spec_replicas"},
    "what an existence says": {"expr": "job_info unless on (job) job_last_success_seconds"},
    "absent() with its labels": {"expr": 'absent(up{job="mail"})'},
    "traffic below its own past": {
        "expr": "rate(orders_total[10m]) < 0.5 * rate(orders_total[10m] offset 1w)",
        "labels": CRITICAL,
    },
    "a ratio of what is there": {"expr": "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1"},
    "both sides by the same": {"expr": "sum by (job) (used) / sum by (job) (size) > 0.9"},
    "a quantile and its traffic": {
        "expr": "histogram_quantile(0.9, sum by (job, le) (rate(s_bucket[5m]))) > 1 and sum by (job) (rate(s_count[5m])) > 1"
    },
}


@pytest.mark.parametrize(("check", "changes"), DEAD.values(), ids=DEAD)
def test_a_dead_rule_is_found(check: str, changes: dict[str, Any], tmp_path: Path) -> None:
    """Whatever else is wrong with it."""
    assert check in {each.check for each in found(tmp_path, rule(**changes))}


@pytest.mark.parametrize("changes", ALIVE.values(), ids=ALIVE)
def test_a_sound_rule_is_not(changes: dict[str, Any], tmp_path: Path) -> None:
    """However much it looks like one that is dead."""
    assert [] == [str(each) for each in found(tmp_path, rule(**changes))]


def test_what_targets_expose_finds_more(tmp_path: Path) -> None:
    """Metrics of custom queries that nobody wrote, labels that are not there, gauges that are called like counters."""
    settings = Settings(types={"queue_total": "gauge"}, labels={"queue_total": frozenset({"name"})})
    rules = [
        rule(alert="Wrong", expr="pg_bloat_table_size > 1"),
        rule(alert="Label", expr='queue_total{vhost="/"} > 1'),
        rule(alert="Gauge", expr="rate(queue_total[5m]) > 1"),
        rule(alert="Right", expr='queue_total{name="mail",job="mq"} > 1'),
    ]
    actual = {(each.rule, each.check) for each in found(tmp_path, *rules, settings=settings)}
    assert {("Wrong", "unknown-metric"), ("Label", "impossible-matcher"), ("Gauge", "rate-of-gauge")} == actual
