"""How many messages wait in Celery's queues, as the broker itself counts them."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

import amqp
from kombu import Connection
from prometheus_client import Metric

from seawall.exporters.celery_metrics import CONSUMERS, LENGTH, OTHERS
from seawall.exporters.declaration import Labels
from seawall.exporters.own import FOLDED_ROWS

from .sockets import REFUSALS

LIMIT: Final = 200
"""Queues that are told one by one: those with most messages."""
MOST_ASKED: Final = 1000
"""Queues whose length is asked at all: those that were named first."""


@dataclass
class Lengths:
    """What was found: the families, the queues that they tell of by name, and whether nothing was refused."""

    families: list[Metric]
    names: list[str]
    is_complete: bool


class Queues:
    """The queues that are known: *names* from the start, others as they are heard of."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)

    def know(self, names: Iterable[str]) -> None:
        """Ask these too from now on."""
        for name in sorted(set(names) - self._names.keys()):
            if len(self._names) < MOST_ASKED:
                self._names[name] = None

    def lengths(self, connection: Connection, channel: Any) -> Lengths:
        """Return how long they are now; one that is not there has no length."""
        is_redis = connection.transport.driver_type == "redis"
        found, refused = _of_redis(channel, self._names) if is_redis else _of_amqp(connection, self._names)
        kept = nlargest(LIMIT, found, key=lambda name: (found[name][0], name))
        rest = [found[name] for name in found.keys() - set(kept)]
        lengths: dict[Labels, float | None] = {(name,): found[name][0] for name in kept}
        consumers: dict[Labels, float | None] = {(name,): found[name][1] for name in kept}
        if rest:
            lengths[OTHERS,] = sum(length for length, _ in rest)
        families = [
            LENGTH.samples(lengths),
            CONSUMERS.samples(consumers),
            FOLDED_ROWS.samples({("queues",): len(rest)}),
        ]
        return Lengths(families, kept, not refused)


Found = dict[str, tuple[float, float | None]]  # by name: messages, and consumers where the broker knows


def _of_redis(channel: Any, names: Iterable[str]) -> tuple[Found, bool]:
    """Return the lengths of the lists that kombu keeps, one for each step of priority; and whether any was refused."""
    asked = list(names)
    steps = channel.priority_steps
    with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipeline:
        for name in asked:
            for step in steps:
                pipeline.llen(channel._q_for_pri(name, step))
        answers = pipeline.execute(raise_on_error=False)
    found: Found = {}
    refused = False
    for at, name in enumerate(asked):
        parts = answers[at * len(steps) : (at + 1) * len(steps)]
        refused = refused or any(isinstance(part, REFUSALS) for part in parts)
        if not any(isinstance(part, Exception) for part in parts):
            found[name] = float(sum(parts)), None
    return found, refused


def _of_amqp(connection: Connection, names: Iterable[str]) -> tuple[Found, bool]:
    """Return what the broker says of each queue, which it does one by one; and whether any was refused."""
    found: Found = {}
    refused = False
    channel = connection.channel()
    for name in names:
        try:
            told = channel.queue_declare(queue=name, passive=True)
            found[name] = float(told.message_count), float(told.consumer_count)
        except (amqp.NotFound, amqp.AccessRefused, amqp.ResourceLocked) as error:  # which close the channel
            refused = refused or isinstance(error, REFUSALS)
            channel = connection.channel()
    channel.close()
    return found, refused
