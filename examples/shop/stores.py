"""Where the shop keeps its orders, pages and mails, as the environment says.

``SHOP_DATABASE_URL`` is PostgreSQL, ``SHOP_CACHE_URL`` Redis and ``SHOP_BROKER_URL`` RabbitMQ, each with its password
in the file that ``SHOP_DATABASE_PASSWORD_FILE`` and so on name. Without them orders and pages are not kept, and mails
wait in a file. Some faults exist in these stores alone: they are here too.
"""

import json
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from faults import FaultSwitch
from mail_queue import Mail, MailQueue, state_folder

QUEUE = "order-mails"
PAGE_SECONDS = 600
ORDERS_KEPT = 100_000
VISITORS = 50  # copies of a page, each with a key of its own, while the fault scatters them
logger = logging.getLogger(__name__)
switch = FaultSwitch()


class StoreError(Exception):
    """A store cannot be reached, or refuses."""


class Orders(Protocol):
    """The books of the checkout."""

    def add(self, amount: float, email: str) -> None:
        """Write an order down; raise StoreError."""


class Pages(Protocol):
    """The storefront's cache: without it every page is made anew."""

    async def get(self, product: int) -> dict[str, Any] | None:
        """Return the page of a product, or None."""

    async def put(self, product: int, page: Mapping[str, Any]) -> None:
        """Keep the page of a product for ten minutes."""


class Mails(Protocol):
    """The mails between checkout and mailer; each method raises StoreError."""

    def put(self, recipient: str, body: str, headers: Mapping[str, str]) -> None:
        """Add a mail at the end."""

    def take(self) -> Mail | None:
        """Return the next mail, or None; until it is finished or released nobody else gets it."""

    def finish(self, mail: Mail) -> None:
        """Remove a mail that was sent."""

    def release(self, mail: Mail) -> None:
        """Give a mail that could not be sent back."""


def orders() -> Orders:
    """Return the books that the environment names."""
    url = address("DATABASE")
    return PostgresOrders(url) if url else NoOrders()


def pages() -> Pages:
    """Return the cache that the environment names."""
    url = address("CACHE")
    return RedisPages(url) if url else NoPages()


def mails() -> Mails:
    """Return the queue that the environment names."""
    url = address("BROKER")
    return BrokerMails(url) if url else MailQueue(state_folder() / "mails.sqlite3")


def address(store: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the url of a store with the password of its file; empty where there is no such store."""
    url, file = environ.get(f"SHOP_{store}_URL", ""), environ.get(f"SHOP_{store}_PASSWORD_FILE")
    if not url or not file:
        return url
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    password = quote(Path(file).read_text(encoding="utf-8").strip(), safe="")
    return parts._replace(netloc=f"{user}:{password}@{host}").geturl()


class NoOrders:
    """The processes of one machine keep no books."""

    def add(self, amount: float, email: str) -> None:
        """Forget the order."""


class NoPages:
    """The processes of one machine make each page anew."""

    async def get(self, product: int) -> None:
        """Have nothing."""

    async def put(self, product: int, page: Mapping[str, Any]) -> None:
        """Keep nothing."""


class PostgresOrders:
    """The table ``orders``, which the database's own start makes."""

    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg_pool import ConnectionPool

        self._psycopg, self._url = psycopg, url
        self._leaked: list[psycopg.Connection[Any]] = []
        # Checked before each use: a connection from before a restart of the database fails no order.
        check = ConnectionPool.check_connection
        self._pool = ConnectionPool(url, name="orders", min_size=1, max_size=4, timeout=2, check=check, open=True)

    def add(self, amount: float, email: str) -> None:
        """Write an order down, and let the oldest make way."""
        self._leak(switch.now().leaked_connections)
        try:
            with self._pool.connection() as connection:
                connection.execute("INSERT INTO orders (amount, email) VALUES (%s, %s)", (amount, email))
                connection.execute("DELETE FROM orders WHERE id <= (SELECT max(id) FROM orders) - %s", (ORDERS_KEPT,))
        except self._psycopg.Error as error:
            raise StoreError("the order cannot be written down") from error

    def _leak(self, is_leaking: bool) -> None:
        """Open a connection that nobody gives back, until the database has no more of them."""
        if is_leaking:
            with suppress(self._psycopg.OperationalError):
                self._leaked.append(self._psycopg.connect(self._url, connect_timeout=2))
        while self._leaked and not is_leaking:
            with suppress(IndexError):  # another thread was faster
                self._leaked.pop().close()


class RedisPages:
    """Pages as JSON; what goes wrong costs a look-up, never an answer."""

    def __init__(self, url: str) -> None:
        from redis import RedisError
        from redis.asyncio import Redis

        self._error = RedisError
        self._client = Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)

    async def get(self, product: int) -> dict[str, Any] | None:
        """Return the page of a product, or None."""
        try:
            found = await self._client.get(self._key(product))
        except self._error as error:
            logger.warning("the cache does not answer: %s", error)
            return None
        return None if found is None else dict(json.loads(found))

    async def put(self, product: int, page: Mapping[str, Any]) -> None:
        """Keep the page of a product for ten minutes."""
        copies = VISITORS if switch.now().scattered_pages else 1
        with suppress(self._error):
            async with self._client.pipeline(transaction=False) as pipeline:
                for _ in range(copies):
                    pipeline.set(self._key(product), json.dumps(dict(page)), ex=PAGE_SECONDS)
                await pipeline.execute()

    def _key(self, product: int) -> str:
        visitor = f":{secrets.token_hex(8)}" if switch.now().scattered_pages else ""
        return f"page:{product}{visitor}"


class BrokerMails:
    """A durable queue: a mail is confirmed when it is put, and acknowledged when it was sent."""

    def __init__(self, url: str) -> None:
        from kombu import Connection, Queue
        from kombu.exceptions import OperationalError

        options = {"confirm_publish": True}
        self._connection = Connection(url, connect_timeout=2, transport_options=options)
        self._queue = Queue(QUEUE, durable=True)
        self._errors = (*self._connection.connection_errors, *self._connection.channel_errors, OperationalError)
        self._mine = local()  # a consumer a thread, and the message that it holds, by the mail's id

    def put(self, recipient: str, body: str, headers: Mapping[str, str]) -> None:
        """Add a mail at the end, and wait until the broker has written it down."""
        from kombu.pools import producers

        mail = {"id": secrets.randbelow(2**31), "recipient": recipient, "body": body}
        few = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
        with (
            self._told("a mail cannot be queued"),
            producers[self._connection].acquire(block=True, timeout=2) as producer,
        ):
            producer.publish(
                mail, routing_key=QUEUE, headers=dict(headers), declare=[self._queue],
                retry=True, retry_policy=few, timeout=2, confirm_timeout=2,
            )  # fmt: skip

    def take(self) -> Mail | None:
        """Return the next mail, or None after a moment."""
        if switch.now().stopped_mailer:
            self._leave()
            return None
        with self._told("the queue cannot be read"):
            consumer = self._consumer()
            try:
                message = consumer.get(timeout=0.5)
            except consumer.Empty:
                return None
        mail = Mail(headers=message.headers, **message.payload)
        self._mine.held = {mail.id: message}
        return mail

    def finish(self, mail: Mail) -> None:
        """Remove a mail that was sent."""
        with self._told("a mail cannot be acknowledged"):
            self._mine.held.pop(mail.id).ack()

    def release(self, mail: Mail) -> None:
        """Give a mail that could not be sent back."""
        with self._told("a mail cannot be given back"):
            self._mine.held.pop(mail.id).requeue()

    def _consumer(self) -> Any:
        if not hasattr(self._mine, "consumer"):
            connection = self._mine.connection = self._connection.clone()
            self._mine.consumer = connection.SimpleQueue(self._queue)
            self._mine.consumer.consumer.qos(prefetch_count=1)
        return self._mine.consumer

    def _leave(self) -> None:
        """Close this thread's connection; what it has not finished goes to another one."""
        if hasattr(self._mine, "connection"):
            with suppress(*self._errors):
                self._mine.connection.release()
        self._mine.__dict__.clear()

    @contextmanager
    def _told(self, said: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            self._leave()
            raise StoreError(said) from error
