"""What a pack asks for, held against what real software exposes."""

import re
from collections.abc import Iterator
from typing import Final

from promql import Labels, Selector, read
from rabbitmq import PER_OBJECT
from servers import Exposed

from seawall.exporters import inventory

from .conftest import Rendered

# What one of them does not expose, and why the pack asks for it all the same.
MISSING: Final = {
    ("seawall", "node_network_speed_bytes"): "the driver of a virtual machine does not know its line's speed",
    ("plugin", "rabbitmq_up"): "where Prometheus reads the plugin itself, up says the same",
    ("kafka_exporter", "kafka_up"): "where Prometheus reads it, up says the same",
    ("kafka_exporter", "seawall_kafka_consumergroup_lag_seconds"): "it is worked out of the lag and the speed there",
    **{
        ("jmx_exporter", name): "of Seawall's collector; docs/how-to/watch-cassandra.md says what takes its place"
        for name in (
            *("cassandra_up", "cassandra_endpoint_active", "seawall_cassandra_inbound_expired_messages_total"),
            *("seawall_cassandra_native_connections_limit", "seawall_cassandra_oldest_hint_timestamp_seconds"),
            *("seawall_cassandra_schema_versions", "seawall_cassandra_sstable_tasks_remaining_bytes"),
        )
    },
    (
        "seawall",
        "seawall_cassandra_sstable_tasks_remaining_bytes",
    ): "a test's compactions are over before they are seen",
    ("seawall", "pg_stat_checkpointer_num_requested_total"): "of PostgreSQL 17; Debian 12 has 15",
    ("seawall", "pg_stat_checkpointer_num_timed_total"): "of PostgreSQL 17; Debian 12 has 15",
    ("mysqld_exporter", "seawall_mysql_oldest_transaction_age_seconds"): "it tells nothing of transactions",
    ("mysqld_exporter", "mysql_info_schema_innodb_tablespace_allocated_size_bytes"): "it knows no MariaDB from 10.5 on",
}
MISSING |= {
    (
        "celery_exporter",
        f"seawall_celery_worker_{name}",
    ): "Seawall's own, beside which the rules read its names or are silent"
    for name in ("processed_total", "processes", "task_events")
}
MISSING["celery_exporter", "celery_up"] = "where it is scraped, up says the same"
_SOURCE: Final = frozenset({"master_host", "master_uuid", "channel_name", "connection_name"})
# What other versions of an exporter call it, which is read beside the name here.
OLDER: Final[dict[str, Labels]] = {
    # From JMX, which virtual tables do not say.
    "cassandra_client_request_timeouts_total": frozenset({"operation"}),
    "cassandra_client_request_unavailable_exceptions_total": frozenset({"operation"}),
    "cassandra_down_endpoint_count": frozenset(),
    "cassandra_dropped_messages_total": frozenset({"message_type"}),
    "cassandra_table_estimated_pending_compactions": frozenset({"keyspace", "table"}),
    "pg_replication_lag": frozenset(),
    "pg_replication_slot_safe_wal_size_bytes": frozenset({"slot_name", "slot_type"}),
    "pg_replication_slot_wal_status": frozenset({"slot_name", "slot_type", "wal_status"}),
    "pg_stat_statements_calls": frozenset({"rolname", "datname", "queryid"}),
    "pg_stat_statements_total_time_seconds": frozenset({"rolname", "datname", "queryid"}),
    # Where the Collector adds what Prometheus' names end with.
    "otelcol_process_uptime_seconds_total": frozenset(),
    **{
        f"otelcol_{part}_{signal}_total": labels
        for signal in ("spans", "metric_points", "log_records")
        for parts, labels in (
            (("receiver_accepted", "receiver_refused"), frozenset({"receiver", "transport"})),
            (("exporter_sent", "exporter_send_failed", "exporter_enqueue_failed"), frozenset({"exporter"})),
        )
        for part in parts
    },
    # From mysqld_exporter 0.16 on, of MySQL 8.4.
    "mysql_slave_status_replica_io_running": _SOURCE,
    "mysql_slave_status_replica_sql_running": _SOURCE,
    "mysql_slave_status_seconds_behind_source": _SOURCE,
    **{
        f"pgbouncer_stats_{name}_total": frozenset({"database"})
        for name in (
            "client_wait_seconds",
            "queries_duration_seconds",
            "queries_pooled",
            "received_bytes",
            "sent_bytes",
            "server_in_transaction_seconds",
            "sql_transactions_pooled",
        )
    },
}
# A value that a matcher asks for and that no sample has here, by metric or *, and why.
UNSEEN: Final = {
    ("*", "http_response_status_code", "429"): "the shop limits nobody",
    ("*", "http_response_status_code", ""): "no client of the test cancels",
    ("*", "mountpoint", "/volumes/.+"): "in the container of the exporter alone",
    ("probe_tls_version_info", "version", "TLS 1[.][01]"): "today's OpenSSL speaks nothing as old",
}
# Written by Prometheus itself, whose alerts have the house's labels, and by Seawall's exporter of how it fared itself.
PROMETHEUS: Final[dict[str, Labels]] = {
    "up": frozenset(),
    "seawall_probe_query_success": frozenset({"query"}),
    "ALERTS": frozenset({"alertname", "alertstate", "service", "team", "severity"}),
}


class Contract:
    """What one kind's pack asks for, beside what one piece of software exposes."""

    def __init__(self, rendered: Rendered, kind: str, source: str, has: Exposed) -> None:
        self._rendered, self._kind, self._source, self._has = rendered, kind, source, has
        self._declared = {info.name: frozenset(info.labels) for info in inventory().get(kind, ())}
        real = {name: frozenset(label for labels in sets for label, _ in labels) for name, sets in has.items()}
        known = {**OLDER, **self._declared, **PROMETHEUS, **rendered.recorded, **real}
        self._known = {name: labels | PER_OBJECT.get(name, frozenset()) for name, labels in known.items()}

    def breaches(self, lacking: frozenset[str]) -> Iterator[str]:
        """Yield each breach; what this machine is *lacking*, whatever asks it, is none."""
        for use in self._rendered.uses[self._kind]:
            reading = read(use.expr, self._known)
            for selector in reading.selectors:
                yield from (f"{use.place}: {said}" for said in self._selected(selector, lacking))
            yield from (f"{use.place}: {said}" for said in reading.problems)
            for label in sorted(use.shows - (reading.labels or frozenset())):
                yield f"{use.place}: shows the label {label}, which the expression has not"

    def _selected(self, selector: Selector, lacking: frozenset[str]) -> Iterator[str]:
        if selector.metric not in self._known or (
            selector.metric in self._declared
            and selector.metric not in self._has
            and selector.metric not in lacking
            and (self._source, selector.metric) not in MISSING
        ):
            yield f"{self._source} does not expose {selector.metric}"
            return
        for label, operator, value in selector.matchers:
            if label not in self._known[selector.metric] | {"job", "instance"}:
                yield f"{selector.metric} has no label {label}"
            elif operator in ("=", "=~") and label != "job" and not self._seen(selector.metric, label, value, operator):
                yield f'{selector.metric} has no {label}{operator}"{value}"'

    def _seen(self, metric: str, label: str, value: str, operator: str) -> bool:
        if metric not in self._has or {(metric, label, value), ("*", label, value)} & UNSEEN.keys():
            return True
        values = {dict(labels).get(label, "") for labels in self._has[metric]}
        return any(re.fullmatch(value, each) if operator == "=~" else value == each for each in values)
