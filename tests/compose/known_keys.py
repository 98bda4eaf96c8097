"""The keys of Tempo, Loki and Pyroscope that their references document, as far as the stack sets them.

Neither runs in the tests, so what is written for them is held against this. ``{}`` is a value; a list of mappings
stands for each of its items.
"""

from typing import Any, Final

VALUE: Final[dict[str, Any]] = {}

# grafana/tempo v3.0.3, docs: configuration. Tempo refuses keys that it does not know.
TEMPO: Final = {
    "target": VALUE,
    "multitenancy_enabled": VALUE,
    "server": {"http_listen_port": VALUE, "grpc_listen_port": VALUE, "log_level": VALUE},
    "memory": {"automemlimit_enabled": VALUE, "automemlimit_ratio": VALUE},
    "distributor": {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": VALUE}, "http": {"endpoint": VALUE}}}}},
    "querier": {},
    "query_frontend": {},
    "metrics_generator": {
        "registry": {"collection_interval": VALUE, "external_labels": VALUE},
        "storage": {"path": VALUE, "remote_write": {"url": VALUE, "send_exemplars": VALUE}},
    },
    "storage": {"trace": {"backend": VALUE, "blocklist_poll": VALUE, "wal": {"path": VALUE}, "local": {"path": VALUE}}},
    "overrides": {
        "defaults": {
            "compaction": {"block_retention": VALUE, "compaction_window": VALUE},
            "metrics_generator": {"processors": VALUE},
            "ingestion": {"rate_limit_bytes": VALUE, "burst_size_bytes": VALUE},
            "global": {"max_bytes_per_trace": VALUE},
        }
    },
    "live_store": {"complete_block_timeout": VALUE},
    "backend_scheduler": {"local_work_path": VALUE},
    "backend_worker": {"compaction": {"block_retention": VALUE}},
    "usage_report": {"reporting_enabled": VALUE},
}
# What Tempo 2 had and Tempo 3 refuses.
TEMPO_DROPPED: Final = frozenset({"ingester", "ingester_client", "compactor", "metrics_generator_client"})

# grafana/loki v3.7.6, docs: configuration parameters.
LOKI: Final = {
    "target": VALUE,
    "auth_enabled": VALUE,
    "server": {"http_listen_port": VALUE, "grpc_listen_port": VALUE, "log_level": VALUE},
    "common": {
        "path_prefix": VALUE,
        "instance_addr": VALUE,
        "replication_factor": VALUE,
        "ring": {"kvstore": {"store": VALUE}},
        "storage": {"filesystem": {"chunks_directory": VALUE, "rules_directory": VALUE}},
    },
    "schema_config": {
        "configs": {
            "from": VALUE,
            "store": VALUE,
            "object_store": VALUE,
            "schema": VALUE,
            "index": {"prefix": VALUE, "period": VALUE},
        }
    },
    "compactor": {
        "working_directory": VALUE,
        "compaction_interval": VALUE,
        "retention_enabled": VALUE,
        "retention_delete_delay": VALUE,
        "delete_request_store": VALUE,
    },
    "limits_config": {
        "retention_period": VALUE,
        "allow_structured_metadata": VALUE,
        "otlp_config": {
            "resource_attributes": {
                "ignore_defaults": VALUE,
                "attributes_config": {"action": VALUE, "attributes": VALUE, "regex": VALUE},
            }
        },
    },
    "analytics": {"reporting_enabled": VALUE},
}
# What Loki 2 had and Loki 3 refuses.
LOKI_DROPPED: Final = frozenset({"boltdb_shipper", "shared_store", "enforce_metric_name", "max_transfer_retries"})

# grafana/pyroscope v2.2.1, docs: reference configuration parameters.
PYROSCOPE: Final = {
    "target": VALUE,
    "architecture_storage": VALUE,
    "server": {"http_listen_port": VALUE, "grpc_listen_port": VALUE, "log_level": VALUE},
    "limits": {"write_path": VALUE, "retention_period": VALUE},
    "storage": {"backend": VALUE, "filesystem": {"dir": VALUE}},
    "metastore": {
        "address": VALUE,
        "data_dir": VALUE,
        "raft": {"dir": VALUE, "snapshots_dir": VALUE},
    },
    "compaction_worker": {"temp_dir": VALUE},
    "distributor": {"ring": {"kvstore": {"store": VALUE}}},
    "self_profiling": {"disable_push": VALUE},
    "analytics": {"reporting_enabled": VALUE},
}
# What is of the storage of Pyroscope 1 alone, which is off.
PYROSCOPE_DROPPED: Final = frozenset({"pyroscopedb", "compactor", "store_gateway", "ingester"})
