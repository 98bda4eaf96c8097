"""RabbitMQ: what its own plugin rabbitmq_prometheus tells, read through, with the numbers of its largest queues."""

from collections.abc import Iterator
from heapq import nlargest
from typing import Final
from urllib.parse import parse_qs, urlsplit

from prometheus_client import Metric

from .declaration import Labels, gauge
from .errors import AnswerError, BadUrlError
from .kept_socket import Address
from .kinds import Kind, Target
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .probe_deadline import Deadline
from .rabbitmq_metrics import NODE_METRICS, QUEUE_METRICS, Values, read
from .web_pages import PageError, Pages, Site, basic

UP: Final = gauge("rabbitmq_up", "", "1 if the plugin answered, else 0.")
LIMIT: Final = 200
"""Queues that are told one by one: those with most messages."""
OTHERS: Final = ("", "others")
"""The vhost and the name of the sum of the rest; no vhost is without a name."""
_MOST_SERIES: Final = 1000  # of a family that is not the queues'
_PORTS: Final = {"rabbitmq": 15692, "rabbitmqs": 15691}
_NODE: Final = "/metrics"
_QUEUES: Final = "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count"


class RabbitmqCollector:
    """Reads one node's plugin over a connection that it keeps. Needs no right of RabbitMQ's."""

    def __init__(self, site: Site, timeout: float) -> None:
        self._pages, self._timeout = Pages(site), timeout

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise OSError, AnswerError."""
        deadline = Deadline(self._timeout)
        try:
            node = read(self._pages.lines(_NODE, deadline), NODE_METRICS)
        except PageError as error:
            raise AnswerError(_refusal(error.status)) from None
        if not any(node.values()):
            raise AnswerError("the server's /metrics are not those of RabbitMQ's plugin rabbitmq_prometheus")
        if max(map(len, node.values())) > _MOST_SERIES:
            raise AnswerError("the server has more series of one name than a node can have")
        yield from (info.samples(values) for info, values in node.items())
        queues = self._queues(deadline)
        if queues is not None:
            yield from _largest(queues)
        yield QUERY_SUCCESS.samples({("metrics",): 1, ("queues",): queues is not None})

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._pages.close()

    def _queues(self, deadline: Deadline) -> Values | None:
        try:
            return read(self._pages.lines(_QUEUES, deadline), QUEUE_METRICS)
        except PageError:  # a version before 3.10 has no such page, or somebody closed it
            return None


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"the server lets nobody in like that (status {status}); write rabbitmq://user:${{VARIABLE}}@host:15692"
    if 300 <= status <= 399:
        return f"the server redirects (status {status}), which is not followed; write where it is"
    return f"the server's /metrics answer {status}; is the plugin rabbitmq_prometheus enabled?"


def _largest(queues: Values) -> Iterator[Metric]:
    """Yield the families of the queues with most messages, and the sum of the others; say how many these are."""
    messages = queues[QUEUE_METRICS[0]]
    everyone = {labels for values in queues.values() for labels in values}
    kept = set(nlargest(LIMIT, everyone, key=lambda labels: (messages.get(labels) or 0.0, labels)))
    for info, values in queues.items():
        rest = [value or 0.0 for labels, value in values.items() if labels not in kept]
        shown: dict[Labels, float | None] = {labels: value for labels, value in values.items() if labels in kept}
        yield info.samples(shown | ({OTHERS: sum(rest)} if rest else {}))
    yield FOLDED_ROWS.samples({("queues",): float(len(everyone) - len(kept))})


def connect(target: Target) -> RabbitmqCollector:
    """Return a collector that connects at the first question. Raise BadUrlError."""
    url = urlsplit(target.url)
    is_tls = url.scheme == "rabbitmqs"
    options = parse_qs(url.query, keep_blank_values=True)
    prefix = url.path.rstrip("/")
    is_plain = (url.hostname or "").isascii() and prefix.isascii() and not any(map(str.isspace, url.netloc + prefix))
    is_known = options.keys() <= ({"ca"} if is_tls else set())
    if url.scheme not in _PORTS or not url.hostname or url.fragment or not is_plain or not is_known:
        raise BadUrlError(
            "the url is not one of RabbitMQ's plugin; write rabbitmq://host:15692, "
            "or rabbitmqs://host:15691?ca=/path/of/ca.pem for TLS"
        )
    address = Address(url.hostname, url.port or _PORTS[url.scheme], is_tls, options.get("ca", [""])[-1])
    return RabbitmqCollector(Site(address, prefix, basic(url)), target.timeout)


KIND: Final = Kind(name="rabbitmq", up=UP, metrics=(UP, *NODE_METRICS, *QUEUE_METRICS), connect=connect)
