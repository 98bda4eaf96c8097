"""Servers that speak as much of PostgreSQL's protocol as it takes to hang, lie and repeat secrets."""

import socket
import struct
from threading import Event
from typing import Final

from hostile import drip as drip_on
from hostile import hang_up, web
from outside import hang


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message of the protocol."""
    return kind + struct.pack("!i", len(body) + 4) + body


def refuse_tls(client: socket.socket) -> None:
    """Read what a client begins with, and go on without TLS."""
    client.recv(8)
    client.sendall(b"N")
    client.recv(1000)


def let_in(client: socket.socket) -> None:
    """Do as a server does until the first question."""
    refuse_tls(client)
    client.sendall(message(b"R", struct.pack("!i", 0)))
    for name, told in ((b"server_version", b"15.1"), (b"client_encoding", b"UTF8")):
        client.sendall(message(b"S", name + b"\0" + told + b"\0"))
    client.sendall(message(b"Z", b"I"))
    client.recv(5000)


def drip(client: socket.socket, stop: Event) -> None:
    """Begin to let the client in, a byte at a time, and never end."""
    refuse_tls(client)
    client.sendall(b"S" + struct.pack("!i", 30_000))
    drip_on(client, stop)


def hang_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer no question."""
    let_in(client)
    stop.wait(30)


def drip_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer its question a byte at a time."""
    let_in(client)
    client.sendall(b"D" + struct.pack("!i", 30_000))
    drip_on(client, stop)


def garble_later(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer what is no message."""
    let_in(client)
    client.sendall(b"\xff\xff\xff\xff\xff\xff\xff\xff" * 20)


def say_nothing(client: socket.socket, stop: Event) -> None:
    """Let the client in, and answer its question with the end of no command at all."""
    let_in(client)
    client.sendall(message(b"I", b"") + message(b"Z", b"I"))
    stop.wait(30)


def tattle(client: socket.socket, stop: Event) -> None:
    """Ask for the password in clear, and refuse it in an error that repeats it."""
    refuse_tls(client)
    client.sendall(message(b"R", struct.pack("!i", 3)))
    said = client.recv(1000)[5:-1]
    text = b'SFATAL\0C28P01\0Mpassword "' + said + b'" is wrong for user "somebody"\0\0'
    client.sendall(message(b"E", text))


BEHAVIOURS: Final = (hang, drip, web, hang_up, hang_later, drip_later, garble_later, say_nothing)
"""All of which are no answer."""
