"""Servers that are looked at from outside: certificates of every sort, and answers by hand."""

import contextlib
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

_CONFIGURATION: Final = """
[req]
distinguished_name = d
[d]
[ca]
default_ca = x
[x]
database = {0}/index.txt
new_certs_dir = {0}
default_md = sha256
rand_serial = yes
policy = p
[p]
commonName = supplied
"""
Behaviour = Callable[[socket.socket, Event], None]


@dataclass(frozen=True)
class Authority:
    """An authority whose certificates only those trust who are told of it."""

    folder: Path

    @property
    def file(self) -> Path:
        """Return its own certificate."""
        return self.folder / "ca.pem"

    def issue(self, name: str, *, days: int, host: str = "IP:127.0.0.1", start: str = "") -> ssl.SSLContext:
        """Return a server's context with a certificate for *host* that expires in *days*, or begins at *start*."""
        key, request, signed = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={host}\n")
        configured = ("-config", self.folder / "ca.conf")
        named = ("-subj", f"/CN={name}")
        _openssl("req", *configured, "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *named)
        (self.folder / "index.txt").write_text("")
        (self.folder / "index.txt.attr").write_text("unique_subject = no\n")
        begin = start or ("20200101000000Z" if days < 0 else "")
        length = ("-enddate", "20200201000000Z") if days < 0 else ("-days", str(days))
        _openssl(
            *("ca", "-batch", *configured, "-cert", self.file, "-keyfile", self.folder / "ca.key"),
            *("-in", request, "-out", signed, "-notext", "-extfile", extensions, *length),
            *(("-startdate", begin) if begin else ()),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context


def authority(folder: Path) -> Authority:
    """Make an authority in *folder*."""
    (folder / "ca.conf").write_text(_CONFIGURATION.format(folder))
    _openssl(
        *(
            "req",
            "-config",
            folder / "ca.conf",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "100",
            "-subj",
            "/CN=authority",
        ),
        *(
            "-addext",
            "keyUsage=keyCertSign",
            "-addext",
            "basicConstraints=critical,CA:true",
            "-keyout",
            folder / "ca.key",
            "-out",
            folder / "ca.pem",
        ),
    )
    return Authority(folder)


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def tcp(behaviour: Behaviour, context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[int]:
    """Accept connections on *port*, or on a free one, and give each to *behaviour* in a thread, under TLS with *context*."""
    stop = Event()
    threads: list[Thread] = []
    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    threads.append(Thread(target=serve, args=(listener.accept()[0],)))
                    threads[-1].start()

        def serve(client: socket.socket) -> None:
            client.settimeout(60)  # of a slow machine; at the end of the block nothing is waited for
            with client, contextlib.suppress(OSError):
                clients.append(client)
                if context is None:
                    behaviour(client, stop)
                else:
                    with context.wrap_socket(client, server_side=True) as wrapped:
                        clients.append(wrapped)
                        behaviour(wrapped, stop)

        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            stop.set()
            accepting.join(5)
            for client in clients:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(client, socket.SHUT_RDWR)
            for thread in threads:
                thread.join(5)


def hang(_client: socket.socket, stop: Event) -> None:
    """Never answer."""
    stop.wait(30)


def page(status: str, body: str = "all is well\n", **headers: str) -> Behaviour:
    """Return a behaviour that answers one request of HTTP."""
    given = {"Content-Length": str(len(body)), **{key.replace("_", "-"): value for key, value in headers.items()}}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given.items()), "", body]
    return saying("\r\n".join(lines).encode())


def saying(answer: bytes) -> Behaviour:
    """Return a behaviour that reads once, answers, and ends."""

    def behave(client: socket.socket, _stop: Event) -> None:
        client.recv(65536)
        client.sendall(answer)

    return behave


_RECORDS: Final = {1: bytes([192, 0, 2, 7]), 6: b"\xc0\x0c\xc0\x0c" + struct.pack(">5I", 2026112601, 1, 1, 1, 1)}


def dns_answer(asked: bytes) -> bytes:
    """Return a nameserver's answer: the record of a question for A or SOA, NXDOMAIN for a name that begins with x."""
    (kind,) = struct.unpack_from(">H", asked, asked.index(b"\0", 12) + 1)
    question = asked[12 : asked.index(b"\0", 12) + 5]
    if question[1:2].lower() == b"x":
        return asked[:2] + struct.pack(">5H", 0x8183, 1, 0, 0, 0) + question
    data = _RECORDS[kind]
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
    return asked[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + question + record


@contextmanager
def udp(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Answer datagrams on a free port; None is no answer."""
    stop = Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    asked, sender = server.recvfrom(65535)
                    said = answer(asked)
                    if said is not None:
                        server.sendto(said, sender)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            stop.set()
            thread.join(5)
