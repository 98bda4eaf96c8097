"""What is read of RabbitMQ's own plugin rabbitmq_prometheus: which families, and how its lines are understood."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from .declaration import Labels, MetricInfo, counter, gauge, untyped

VERSION: Final = ("rabbitmq_version", "prometheus_plugin_version", "prometheus_client_version", "erlang_version")
IDENTITY: Final = ("rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id")
_BY_TYPE: Final = ("protocol", "queue_type")
_DEAD: Final = ("queue_type", "dead_letter_strategy")
_QUEUE: Final = ("vhost", "queue")

NODE_METRICS: Final[tuple[MetricInfo, ...]] = (
    untyped("rabbitmq_build_info", "", "Versions; always 1.", *VERSION),
    untyped("rabbitmq_identity_info", "", "The node and its cluster; always 1.", *IDENTITY),
    untyped("rabbitmq_alarms_file_descriptor_limit", "", "1 while the node has no file descriptor left, else 0."),
    untyped("rabbitmq_alarms_free_disk_space_watermark", "", "1 while its disk blocks all publishers, else 0."),
    untyped("rabbitmq_alarms_memory_used_watermark", "", "1 while its memory blocks all publishers, else 0."),
    gauge("rabbitmq_process_open_fds", "", "Open file descriptors."),
    gauge("rabbitmq_process_max_fds", "", "File descriptors that may be open."),
    gauge("rabbitmq_process_open_tcp_sockets", "", "Open sockets."),
    gauge("rabbitmq_process_max_tcp_sockets", "", "Sockets that may be open."),
    gauge("rabbitmq_process_resident_memory_bytes", "bytes", "Memory that counts against the limit."),
    gauge("rabbitmq_resident_memory_limit_bytes", "bytes", "Memory from which on publishers are blocked."),
    gauge("rabbitmq_disk_space_available_bytes", "bytes", "Free space of the disk of the database."),
    gauge("rabbitmq_disk_space_available_limit_bytes", "bytes", "Free space below which publishers are blocked."),
    gauge("rabbitmq_erlang_processes_used", "", "Processes within Erlang."),
    gauge("rabbitmq_erlang_processes_limit", "", "Processes that there may be."),
    gauge("rabbitmq_erlang_scheduler_run_queue", "", "Processes that wait for a core."),
    gauge("rabbitmq_erlang_uptime_seconds", "seconds", "How long the node has run."),
    gauge("erlang_vm_dist_node_state", "", "3 while the link to the peer is up, less while it comes up.", "peer"),
    gauge("rabbitmq_connections", "", "Open connections."),
    gauge("rabbitmq_channels", "", "Open channels."),
    gauge("rabbitmq_consumers", "", "Consumers of this node's clients."),
    gauge("rabbitmq_queues", "", "Queues."),
    counter("rabbitmq_connections_opened_total", "", "Connections ever opened."),
    counter("rabbitmq_connections_closed_total", "", "Connections ever closed."),
    counter("rabbitmq_channels_opened_total", "", "Channels ever opened."),
    counter("rabbitmq_channels_closed_total", "", "Channels ever closed."),
    counter("rabbitmq_queues_declared_total", "", "Declarations of queues, also of those that were there."),
    counter("rabbitmq_queues_created_total", "", "Queues ever created."),
    counter("rabbitmq_queues_deleted_total", "", "Queues ever deleted."),
    counter("rabbitmq_auth_attempts_total", "", "Log-ins.", "protocol"),
    counter("rabbitmq_auth_attempts_succeeded_total", "", "Log-ins that succeeded.", "protocol"),
    counter("rabbitmq_auth_attempts_failed_total", "", "Log-ins that failed.", "protocol"),
    gauge("rabbitmq_queue_messages", "", "Messages of all queues."),
    gauge("rabbitmq_queue_messages_ready", "", "Of these, not yet delivered."),
    gauge("rabbitmq_queue_messages_unacked", "", "Of these, delivered and not yet acknowledged."),
    gauge("rabbitmq_queue_consumers", "", "Consumers of all queues that this node leads."),
    gauge("rabbitmq_queue_messages_persistent", "", "Of these, persistent."),
    gauge("rabbitmq_queue_messages_bytes", "bytes", "Size of the bodies of all messages."),
    gauge("rabbitmq_queue_process_memory_bytes", "bytes", "Memory of the queues' processes."),
    counter("rabbitmq_queue_disk_reads_total", "", "Messages read from disk."),
    counter("rabbitmq_queue_disk_writes_total", "", "Messages written to disk."),
    gauge("rabbitmq_raft_log_commit_index", "", "Sum of what quorum queues committed."),
    gauge("rabbitmq_raft_log_last_written_index", "", "Sum of what quorum queues wrote here."),
    gauge("rabbitmq_raft_entry_commit_latency_seconds", "seconds", "How long quorum queues took to commit, summed."),
    gauge("rabbitmq_global_publishers", "", "Channels that published.", "protocol"),
    gauge("rabbitmq_global_consumers", "", "Consumers.", "protocol"),
    *(
        counter(f"rabbitmq_global_messages_{name}_total", "", meaning, "protocol")
        for name, meaning in (
            ("received", "Messages from publishers."),
            ("received_confirm", "Of these, with a confirmation asked for."),
            ("confirmed", "Messages confirmed to publishers."),
            ("routed", "Messages that found a queue."),
            ("unroutable_dropped", "Messages that found no queue and are gone."),
            ("unroutable_returned", "Messages that found no queue and were given back."),
        )
    ),
    *(
        counter(f"rabbitmq_global_messages_{name}_total", "", meaning, *_BY_TYPE)
        for name, meaning in (
            ("delivered", "Messages given to consumers."),
            ("delivered_consume_auto_ack", "Of these, pushed, and done with at once."),
            ("delivered_consume_manual_ack", "Of these, pushed, to be acknowledged."),
            ("delivered_get_auto_ack", "Of these, asked for one by one, and done with at once."),
            ("delivered_get_manual_ack", "Of these, asked for one by one, to be acknowledged."),
            ("get_empty", "Times that one was asked for and none was there."),
            ("acknowledged", "Messages acknowledged by consumers."),
            ("redelivered", "Messages given to consumers again."),
        )
    ),
    *(
        counter(f"rabbitmq_global_messages_dead_lettered_{name}_total", "", meaning, *_DEAD)
        for name, meaning in (
            ("rejected", "Messages that consumers rejected for good."),
            ("expired", "Messages that expired."),
            ("maxlen", "Messages that a full queue pushed out."),
            ("delivery_limit", "Messages given back too often."),
            ("confirmed", "Dead letters that arrived where they go."),
        )
    ),
)
QUEUE_METRICS: Final = (
    gauge("rabbitmq_detailed_queue_messages", "", "Messages of a queue.", *_QUEUE),
    gauge("rabbitmq_detailed_queue_messages_ready", "", "Of these, not yet delivered.", *_QUEUE),
    gauge("rabbitmq_detailed_queue_messages_unacked", "", "Of these, delivered, not yet acknowledged.", *_QUEUE),
    gauge("rabbitmq_detailed_queue_consumers", "", "Consumers of a queue.", *_QUEUE),
)

Values = dict[MetricInfo, dict[Labels, float | None]]

_SAMPLE: Final = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
# Plugins such as 3.10's do not escape: a value ends where another label begins, or with the last quote.
_LABEL: Final = re.compile(r'(\w+)="(.*?)"(?:,(?=\w+=")|$)')
_ESCAPED: Final = re.compile(r'\\([\\"n])')


def read(lines: Iterable[str], families: Iterable[MetricInfo]) -> Values:
    """Return the samples of *families*; what differs in labels alone that are not declared is summed."""
    known = {info.name: info for info in families}
    values: Values = {info: {} for info in known.values()}
    for info, labels, value in _samples(lines, known):
        into = values[info]
        into[labels] = (into.get(labels) or 0.0) + value
    return values


def _samples(lines: Iterable[str], known: dict[str, MetricInfo]) -> Iterator[tuple[MetricInfo, Labels, float]]:
    for line in lines:
        found = _SAMPLE.fullmatch(line)
        info = known.get(found[1]) if found else None
        if found is None or info is None:
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        pairs = dict(_LABEL.findall(found[2] or "")) if info.labels else {}
        yield info, tuple(_ESCAPED.sub(_plain, pairs.get(name, "")) for name in info.labels), value


def _plain(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
