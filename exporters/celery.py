"""Celery: celery-exporter's metrics, from the events of its workers, their answers and the broker's queues."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from prometheus_client import Metric

from .celery_metrics import QUEUE_METRICS, TASK_METRICS, WORKER_METRICS
from .declaration import gauge
from .errors import BadUrlError, MissingPackageError
from .kinds import Kind, Target

if TYPE_CHECKING:
    from .celery_broker.listener import Listener

UP: Final = gauge("celery_up", "", "1 if the broker answered, else 0.")
SCHEMES: Final = ("redis", "rediss", "amqp", "amqps")
_PREFIX: Final = "celery+"
_OPTIONS: Final = frozenset({"queues", "silence", "ca"})
_SILENCE: Final = 60.0  # seconds
_WAIT: Final = 5.0  # seconds that one wait for the broker takes at most
_QUEUE: Final = "celery"  # what Celery calls it where nobody says


@dataclass(frozen=True)
class Broker:
    """What a url says: kombu's own *url*, which holds the password, and what is asked there."""

    url: str
    scheme: str
    host: str
    queues: tuple[str, ...] = (_QUEUE,)
    silence: float = _SILENCE
    ca: str = ""


class CeleryCollector:
    """Asks the thread that listens to the broker. It lasts: what was counted is there after the broker's restart."""

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise AnswerError."""
        yield from self._listener.ask()

    def interrupt(self) -> None:
        """End the wait of whoever asks."""
        self._listener.interrupt()

    def close(self) -> None:
        """End the thread."""
        self._listener.close()


def broker_of(url: str) -> Broker:
    """Return what *url* says; raise BadUrlError."""
    parts = urlsplit(url)
    scheme = parts.scheme.removeprefix(_PREFIX)
    if not parts.scheme.startswith(_PREFIX) or scheme not in SCHEMES or not parts.hostname or parts.fragment:
        raise BadUrlError(
            "the url is not one of a broker; write celery+redis://host:6379/0 or celery+amqp://host:5672/vhost, "
            "with rediss or amqps for TLS"
        )
    options = parse_qs(parts.query, keep_blank_values=True)
    if not options.keys() <= _OPTIONS:
        raise BadUrlError("the url has an option that is not known; there are queues, silence and ca")
    queues = tuple(name for name in ",".join(options.get("queues", [])).split(",") if name)
    try:
        silence = float(options.get("silence", [str(_SILENCE)])[-1])
    except ValueError:
        silence = math.nan
    if not 1 <= silence <= 3600:
        raise BadUrlError("silence must be a number of seconds between 1 and 3600")
    plain = urlunsplit((scheme, parts.netloc, parts.path, "", ""))
    return Broker(plain, scheme, parts.hostname, queues or (_QUEUE,), silence, options.get("ca", [""])[-1])


def connect(target: Target) -> CeleryCollector:
    """Return a collector whose thread begins at the first question. Raise BadUrlError, MissingPackageError."""
    broker = broker_of(target.url)
    try:
        from .celery_broker.listener import Listener
        from .celery_broker.sockets import connection
    except ImportError:
        raise MissingPackageError("celery", "kombu and a client of the broker", "celery") from None

    opening = partial(connection, broker.url, broker.scheme, broker.host, broker.ca, _WAIT)
    return CeleryCollector(Listener(opening, broker.queues, broker.silence))


KIND: Final = Kind(name="celery", up=UP, metrics=(UP, *TASK_METRICS, *WORKER_METRICS, *QUEUE_METRICS), connect=connect)
