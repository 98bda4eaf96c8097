"""Servers of no kind at all, and what the page has to say of them in time."""

import socket
import threading
from collections.abc import Mapping
from threading import Event
from typing import Final

from outside import Behaviour, tcp
from scrapes import value
from servers import Scrape, StartExporter, eventually

HEADERS: Final = {"X-Prometheus-Scrape-Timeout-Seconds": "1.5"}
"""Of a scrape whose probe has a second."""
PASSWORD: Final = "hunter2-and-more"
"""What must be seen nowhere."""


def hang_up(_client: socket.socket, _stop: Event) -> None:
    """Close at once."""


def web(client: socket.socket, _stop: Event) -> None:
    """Answer as a web server does."""
    client.recv(100)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def drip(client: socket.socket, stop: Event) -> None:
    """Answer a byte at a time, for ever: each comes before any socket's timeout."""
    while not stop.wait(0.1):
        client.sendall(b"x")


def dripping(start: bytes) -> Behaviour:
    """Return a behaviour that begins with *start*, which promises more than ever comes."""

    def behave(client: socket.socket, stop: Event) -> None:
        client.sendall(start)
        drip(client, stop)

    return behave


def endless(line: bytes, start: bytes = b"") -> Behaviour:
    """Return a behaviour that says *line* again and again, after *start*."""

    def behave(client: socket.socket, stop: Event) -> None:
        client.sendall(start)
        while not stop.is_set():
            client.sendall(line * 1000)

    return behave


def probe_threads() -> list[str]:
    """Return the names of the threads that probe now."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("probe ")]


def is_down(
    start: StartExporter, url: str, behaviour: Behaviour, up: str, *, environ: Mapping[str, str] | None = None
) -> Scrape:
    """Return a scrape of a server with *behaviour*, at *url* with its port to be filled in.

    It came while the server still hangs, says by the gauge *up* that it is down, and no thread is left behind.
    """
    with tcp(behaviour) as port:
        exporter = start({"it": url.format(port=port)}, environ)
        scrape = exporter.scrape("/probe?service=it", HEADERS)
        eventually(lambda: probe_threads() == [], 25)  # seconds, before it would end by itself
    ups = {name for name in scrape if name.endswith("_up")}  # beside the kind's own, that of a part of it
    assert {"seawall_probe_success", "seawall_probe_duration_seconds", up} == scrape.keys() - (ups - {up})
    assert {0} == {value(scrape, name) for name in (*ups, "seawall_probe_success")}
    return scrape
