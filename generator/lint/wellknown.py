"""What is known of names in the field: renamed metrics, labels that they lack, and what is easily misread."""

from typing import Final

# What rules still ask for → what the exporter calls it.
RENAMED: Final = {
    "aws_applicationelb_unhealthy_host_count_average": "aws_applicationelb_un_healthy_host_count_average",
    "aws_applicationelb_unhealthy_host_count_maximum": "aws_applicationelb_un_healthy_host_count_maximum",
    "kube_hpa_spec_max_replicas": "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_hpa_spec_min_replicas": "kube_horizontalpodautoscaler_spec_min_replicas",
    "kube_hpa_status_current_replicas": "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_hpa_status_desired_replicas": "kube_horizontalpodautoscaler_status_desired_replicas",
    "node_cpu": "node_cpu_seconds_total",
    "node_filesystem_avail": "node_filesystem_avail_bytes",
    "node_filesystem_free": "node_filesystem_free_bytes",
    "node_filesystem_size": "node_filesystem_size_bytes",
    "node_memory_MemAvailable": "node_memory_MemAvailable_bytes",
    "node_memory_MemFree": "node_memory_MemFree_bytes",
    "node_memory_MemTotal": "node_memory_MemTotal_bytes",
    "pg_replication_lag": "pg_replication_lag_seconds",
    "pgbouncer_config_max_client_conn": "pgbouncer_config_max_client_connections",
}
# Metric and label → what its values are like, nothing where it has no such label, and what is said of others.
UNLIKE: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("pg_locks_count", "mode"): ("[^A-Z]*", "its modes are in lower case, such as exclusivelock"),
    ("pg_locks_count", "granted"): ("", "it has no label granted"),
}
# What is full or large by design → what to ask instead.
MISREAD: Final = {
    "memcached_current_bytes": "a cache is meant to be full; ask for evictions, or for hits",
    "process_virtual_memory_bytes": "it is address space, not memory; ask process_resident_memory_bytes",
}
# A word in an alert's name → what the metrics that it is about have in theirs.
ABOUT: Final = {"ReplicationSlot": "slot", "Deadlock": "deadlock"}
# Names of systems that a copied text gives away.
SYSTEMS: Final = (
    "cassandra", "clickhouse", "consul", "coredns", "dns", "elasticsearch", "etcd", "haproxy", "kafka", "memcached",
    "mongodb", "mysql", "nginx", "pgbouncer", "postgres", "rabbitmq", "redis", "vault", "zookeeper",
)  # fmt: skip
