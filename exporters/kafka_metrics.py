"""What is exposed of Kafka: kafka_exporter's names, and how long the messages of a group have waited."""

from typing import Final

from .declaration import MetricInfo, gauge

_PARTITION: Final = ("topic", "partition")
_READ: Final = ("consumergroup", "topic", "partition")
_GROUP_TOPIC: Final = ("consumergroup", "topic")

UP: Final = gauge("kafka_up", "", "1 if the cluster answered, else 0.")
BROKERS: Final = gauge("kafka_brokers", "", "Brokers that the cluster sees.")
BROKER_INFO: Final = gauge("kafka_broker_info", "", "A broker that the cluster sees; always 1.", "id", "address")
PARTITIONS: Final = gauge("kafka_topic_partitions", "", "Partitions of a topic.", "topic")
LEADER: Final = gauge(
    "kafka_topic_partition_leader", "", "The broker that leads a partition; nothing while none does.", *_PARTITION
)
REPLICAS: Final = gauge("kafka_topic_partition_replicas", "", "Replicas that a partition should have.", *_PARTITION)
IN_SYNC: Final = gauge("kafka_topic_partition_in_sync_replica", "", "Of these, in sync with its leader.", *_PARTITION)
PREFERRED: Final = gauge(
    "kafka_topic_partition_leader_is_preferred", "", "1 if the first of its replicas leads it, else 0.", *_PARTITION
)
UNDER_REPLICATED: Final = gauge(
    "kafka_topic_partition_under_replicated_partition", "", "1 if a replica is not in sync, else 0.", *_PARTITION
)
NEWEST: Final = gauge(
    "kafka_topic_partition_current_offset", "", "Offset that the next message will have.", *_PARTITION
)
OLDEST: Final = gauge("kafka_topic_partition_oldest_offset", "", "Offset of the oldest message kept.", *_PARTITION)
MEMBERS: Final = gauge("kafka_consumergroup_members", "", "Members of a consumer group.", "consumergroup")
COMMITTED: Final = gauge(
    "kafka_consumergroup_current_offset", "", "Offset that a group committed: the next that it reads.", *_READ
)
COMMITTED_SUM: Final = gauge("kafka_consumergroup_current_offset_sum", "", "Of all partitions.", *_GROUP_TOPIC)
LAG: Final = gauge("kafka_consumergroup_lag", "", "Messages that a group has not yet committed.", *_READ)
LAG_SUM: Final = gauge("kafka_consumergroup_lag_sum", "", "Of all partitions.", *_GROUP_TOPIC)
LAG_SECONDS: Final = gauge(
    "seawall_kafka_consumergroup_lag_seconds",
    "seconds",
    "How long the oldest message that a group has not yet committed has waited, to a tenth.",
    *_GROUP_TOPIC,
)

METRICS: Final[tuple[MetricInfo, ...]] = (
    UP,
    BROKERS,
    BROKER_INFO,
    PARTITIONS,
    LEADER,
    REPLICAS,
    IN_SYNC,
    PREFERRED,
    UNDER_REPLICATED,
    NEWEST,
    OLDEST,
    MEMBERS,
    COMMITTED,
    COMMITTED_SUM,
    LAG,
    LAG_SUM,
    LAG_SECONDS,
)

OTHERS: Final = "(others)"
"""The topic and the group of the sum of the rest; no topic can have the name."""
