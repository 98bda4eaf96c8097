"""Connections of kombu's whose sockets can be ended from outside, however slowly the other side answers."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, local
from typing import Any, Final

import amqp
import redis
from kombu import Connection
from kombu.transport import pyamqp
from kombu.transport import redis as redis_transport

_here: Final = local()


class Sockets:
    """Every socket that one thread opened while it gathers them here."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: list[Any] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Gather what this thread opens; end all of it at the end of the block."""
        _here.sockets = self
        try:
            yield
        finally:
            _here.sockets = None
            self.cut()

    def add(self, holder: Any) -> None:
        """Add a socket, or what has it as its ``sock`` sooner or later."""
        with self._lock:
            self._holders.append(holder)

    def cut(self) -> None:
        """End them all, also under whoever waits on one."""
        with self._lock:
            holders, self._holders = self._holders, []
        for holder in holders:
            found = holder if isinstance(holder, socket.socket) else getattr(holder, "sock", None)
            if found is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)


def _gather(holder: Any) -> Any:
    gathering = getattr(_here, "sockets", None)
    if gathering is not None:
        gathering.add(holder)
    return holder


class _Plain(redis.Connection):
    def _connect(self) -> Any:
        return _gather(super()._connect())  # type: ignore[no-untyped-call]


class _Secure(redis.SSLConnection):
    def _connect(self) -> Any:
        return _gather(super()._connect())  # type: ignore[no-untyped-call]


class _QoS(redis_transport.QoS):
    def restore_visible(self, *_args: Any, **_options: Any) -> None:
        """Leave alone what workers have in hand: kombu would give it back to the queue once it thinks it forgotten."""


class _RedisChannel(redis_transport.Channel):
    QoS = _QoS
    connection_class = _Plain
    connection_class_ssl = _Secure


class _RedisTransport(redis_transport.Transport):
    Channel = _RedisChannel


class _AmqpConnection(pyamqp.Connection):
    def Transport(self, *args: Any, **options: Any) -> Any:  # noqa: N802  # amqp's name
        return _gather(super().Transport(*args, **options))


class _AmqpTransport(pyamqp.Transport):
    Connection = _AmqpConnection


_TRANSPORTS: Final = {
    "redis": _RedisTransport,
    "rediss": _RedisTransport,
    "amqp": _AmqpTransport,
    "amqps": _AmqpTransport,
}
ERRORS: Final = (amqp.AMQPError, redis.RedisError, OSError)
REFUSALS: Final = (amqp.AccessRefused, redis.exceptions.NoPermissionError)
"""A right is missing; the rest can be had."""


def connection(url: str, scheme: str, host: str, ca: str, seconds: float) -> Connection:
    """Return a connection, not open yet, that waits *seconds* at most each time; *ca* is a file, or nothing."""
    options: dict[str, Any] = {"transport": _TRANSPORTS[scheme], "connect_timeout": seconds}
    if scheme == "amqps":
        options["ssl"] = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host} | ({"ca_certs": ca} if ca else {})
    elif scheme.startswith("redis"):
        options["transport_options"] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    if scheme == "rediss":
        options["ssl"] = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": ca or None}
    return Connection(url, **options)
