"""Listens to a broker in a thread of its own: whoever asks waits for that thread, and is let go when time is up."""

import logging
import math
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, Final
from uuid import uuid4

from kombu import Connection, Consumer, Exchange, Producer, Queue
from prometheus_client import Metric

from seawall.exporters.celery_tasks import Tasks, name_of
from seawall.exporters.celery_workers import Workers
from seawall.exporters.declaration import Labels
from seawall.exporters.errors import AnswerError
from seawall.exporters.own import QUERY_SUCCESS

from .queues import Queues
from .sockets import REFUSALS, Sockets

_log: Final = logging.getLogger(__name__)

_TICK: Final = 0.1  # seconds after which it looks whether somebody asks
_PAUSE: Final = 1.0  # seconds before it connects again
_STUCK: Final = 2.0  # seconds without a sign of life after which a connection hangs
_KNOWN_AFTER: Final = 10.0  # seconds after which a queue of which no worker told has none
_LONGEST: Final = 120.0
_REFUSED_FOR: Final = 300.0  # seconds after which a right that was missing is tried again
_QUESTIONS: Final = ("stats", "active_queues")


@dataclass
class _Answer:
    families: list[Metric] = field(default_factory=list)
    failure: str | None = None


class Listener:
    """Counts the events of the broker that *connect* leads to, until it is closed.

    Needs to consume events and answers from queues of its own, to publish to ``celery.pidbox``, and to read the lengths
    of *names* and of the queues that workers and events name. What of this is refused is missing alone.
    """

    def __init__(self, connect: Callable[[], Connection], names: tuple[str, ...], silence: float) -> None:
        self._connect = connect
        self._tasks = Tasks(lambda host: self._workers.queue_of(host))
        self._workers = Workers(silence, self._tasks.forget)
        self._queues = Queues(names)
        self._sockets = Sockets()
        self._condition = Condition()
        self._asked = self._answered = self._interrupted = 0
        self._answer = _Answer()
        self._alive_at = 0.0
        self._is_closed = False
        self._refused: dict[str, float] = {}
        self._thread: Thread | None = None

    def ask(self) -> list[Metric]:
        """Return what is known, with the lengths of the queues now. Raise AnswerError."""
        with self._condition:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="celery listener", daemon=True)
                self._thread.start()
            self._asked += 1
            number, interrupted = self._asked, self._interrupted
            self._condition.wait_for(
                lambda: self._answered >= number or self._is_closed or self._interrupted > interrupted, _LONGEST
            )
            if self._answered < number:
                raise AnswerError("the broker did not answer in time")
            if self._answer.failure is not None:
                raise AnswerError(self._answer.failure)
            return self._answer.families

    def interrupt(self) -> None:
        """End the waits of those who ask, and a connection that hangs; it connects again by itself.

        Who asks in a hurry must not end a connection that is well.
        """
        with self._condition:
            self._interrupted += 1
            self._condition.notify_all()
        if time.monotonic() - self._alive_at > _STUCK:
            self._sockets.cut()

    def close(self) -> None:
        """End the thread, soon."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()
        self._sockets.cut()

    def _run(self) -> None:
        while not self._is_closed:
            self._alive_at = time.monotonic()
            try:
                with self._sockets.gathered(), self._connect() as connection:
                    self._listen(connection)
            except Exception as error:  # noqa: BLE001  # whatever a broker sends, it goes on
                failure = f"{type(error).__name__}: {error}"
            else:
                failure = "the connection was closed"
            with self._condition:
                self._say(self._asked, _Answer(failure=failure))
                self._condition.wait_for(lambda: self._is_closed, _PAUSE)

    def _listen(self, connection: Connection) -> None:
        channel = connection.channel()
        since = time.monotonic()
        self._workers.begin(since)
        with ExitStack() as stack:
            replies = self._consume(stack, connection, channel)
            self._control(channel, replies)
            while not self._is_closed:
                number = self._asked
                self._alive_at = time.monotonic()
                if number > self._answered:
                    families = self._round(connection, channel, replies, since)
                    with self._condition:
                        self._say(number, _Answer(families))
                try:
                    connection.drain_events(timeout=_TICK)
                except (TimeoutError, socket.timeout):  # noqa: UP041  # kombu raises its own
                    continue
                except REFUSALS:
                    self._refuse("control" if self._may("control") and not self._may("events") else "events")
                    raise

    def _say(self, number: int, answer: _Answer) -> None:
        self._answered, self._answer = number, answer
        self._condition.notify_all()

    def _round(self, connection: Connection, channel: Any, replies: str, since: float) -> list[Metric]:
        now = time.monotonic()
        self._queues.know(self._workers.queues())
        found = self._queues.lengths(connection, channel)
        self._control(channel, replies)
        families = [*self._tasks.families(self._workers.left_out), *self._workers.families(now), *found.families]
        if self._may("control") and (now - since > _KNOWN_AFTER or self._workers.queues()):
            families += self._workers.of_queues(set(found.names), now)
        told: dict[Labels, float | None] = {(what,): self._may(what) for what in ("events", "control")}
        told["queues",] = found.is_complete
        return [*families, QUERY_SUCCESS.samples(told)]

    def _may(self, what: str) -> bool:
        return time.monotonic() - self._refused.get(what, -math.inf) > _REFUSED_FOR

    def _refuse(self, what: str) -> None:
        self._refused[what] = time.monotonic()
        _log.warning("the broker refuses the right to %s; see the rights of a celery user", what)

    def _consume(self, stack: ExitStack, connection: Connection, channel: Any) -> str:
        """Begin to consume events and answers; return the routing key of these."""
        key = str(uuid4())
        is_redis = connection.transport.driver_type == "redis"
        events = Queue(
            f"celeryev.{key}",
            Exchange("celeryev", type="fanout" if is_redis else "topic"),
            routing_key="#",
            durable=False,
            auto_delete=True,
            exclusive=True,
            expires=60.0,
            message_ttl=5.0,
        )
        replies = Queue(
            f"{key}.reply.celery.pidbox",
            Exchange("reply.celery.pidbox", type="direct", durable=False, delivery_mode="transient"),
            routing_key=key,
            durable=False,
            auto_delete=True,
            exclusive=True,
            expires=60.0,
        )
        for what, queue, callback in (("events", events, self._on_event), ("control", replies, self._on_reply)):
            if self._may(what):
                try:
                    consumer = Consumer(
                        channel,
                        [queue],
                        callbacks=[callback],
                        no_ack=True,
                        accept=["json"],
                        on_decode_error=self._on_garbage,
                    )
                    stack.enter_context(consumer)
                except REFUSALS:
                    self._refuse(what)
                    raise
        return key

    def _control(self, channel: Any, replies: str) -> None:
        """Ask all workers; what they answer comes as it comes."""
        if not self._may("control"):
            return
        exchange = Exchange("celery.pidbox", type="fanout", durable=False, delivery_mode="transient")
        address = {"exchange": "reply.celery.pidbox", "routing_key": replies}
        try:
            with Producer(channel, auto_declare=False) as producer:
                for question in _QUESTIONS:
                    message = {
                        "method": question,
                        "arguments": {},
                        "destination": None,
                        "pattern": None,
                        "matcher": None,
                        "ticket": str(uuid4()),
                        "reply_to": address,
                    }
                    headers = {"clock": 0, "expires": time.time() + 60}
                    producer.publish(message, exchange=exchange.name, declare=[exchange], headers=headers, retry=False)
        except REFUSALS:
            self._refuse("control")
            raise

    def _on_event(self, body: Any, _message: Any) -> None:
        now = time.monotonic()
        for event in body if isinstance(body, list) else [body]:
            if not isinstance(event, dict):
                self._tasks.discarded += 1
                continue
            self._tasks.saw(event, now)
            self._workers.saw(event, now)
            if event.get("type") == "task-sent":
                self._queues.know({name_of(event.get("queue"))} - {""})

    def _on_reply(self, body: Any, _message: Any) -> None:
        answers = body.items() if isinstance(body, dict) else [("", None)]
        now = time.monotonic()
        self._tasks.discarded += sum(not self._workers.answered(host, answer, now) for host, answer in answers)

    def _on_garbage(self, _message: Any, _error: Exception) -> None:
        self._tasks.discarded += 1
