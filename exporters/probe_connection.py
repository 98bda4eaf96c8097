"""From a name to a connection: resolving, connecting, the handshake of TLS, and what the certificates say."""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from seawall.catalog import Probe, ProbeTls, SeawallError

from .certificates import chain_of
from .declaration import MetricInfo
from .probe_deadline import BoundSocket, Deadline
from .probe_metrics import (
    CHAIN_EXPIRY,
    CHAIN_INFO,
    EXPIRY,
    IP_HASH,
    IP_PROTOCOL,
    LOOKUP,
    TLS_VERSION,
    Findings,
)

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "4": socket.AF_INET, "6": socket.AF_INET6}
_VERSIONS: Final = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


class ProbeFailedError(SeawallError):
    """The answer is not as it should be; *reason* is one word for it."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass
class Attempt:
    """One probe under way: its settings, its deadline, what it found, and whose connection *opened* tells."""

    probe: Probe
    deadline: Deadline
    found: Findings
    opened: Callable[[BoundSocket], None]

    def timed(self, info: MetricInfo, phase: str, start: float) -> None:
        """Add the time since *start* to a phase."""
        self.found.add(info, time.monotonic() - start, phase)


def resolve(attempt: Attempt, host: str, port: int, kind: socket.SocketKind) -> "tuple[int, tuple[object, ...]]":
    """Return the family and the address of *host*; raise ProbeFailedError."""
    start = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, _FAMILIES[attempt.probe.ip], kind)
    except (OSError, UnicodeError) as error:
        raise ProbeFailedError("resolve", f"the host's name has no address: {error}") from None
    finally:
        attempt.found.add(LOOKUP, time.monotonic() - start)
    attempt.deadline.left()
    family, _, _, _, address = found[0]
    attempt.found.only(IP_PROTOCOL, 6 if family == socket.AF_INET6 else 4)
    attempt.found.only(IP_HASH, _hash(ipaddress.ip_address(str(address[0]).partition("%")[0]).packed))
    return family, address


def connect(attempt: Attempt, family: int, address: tuple[object, ...], kind: socket.SocketKind) -> BoundSocket:
    """Return a connection; raise ProbeFailedError."""
    plain = socket.socket(family, kind)
    bound = BoundSocket(plain, attempt.deadline)
    attempt.opened(bound)
    try:
        plain.settimeout(attempt.deadline.left())
        plain.connect(address)
    except TimeoutError:
        raise ProbeFailedError("timeout", "nobody took the connection in time") from None
    except OSError as error:
        raise ProbeFailedError("connect", f"it takes no connection: {error}") from None
    return bound


def secure(attempt: Attempt, plain: BoundSocket, host: str, again: Callable[[], BoundSocket]) -> BoundSocket:
    """Return *plain* under TLS.

    A certificate that is refused is read over the connection that *again* gives, and then raised as ProbeFailedError.
    """
    settings = attempt.probe.tls
    try:
        return _handshake(attempt, plain, settings.server_name or host, _context(settings, verify=settings.verify))
    except ssl.SSLCertVerificationError as error:
        with suppress(OSError, ProbeFailedError):
            _handshake(attempt, again(), settings.server_name or host, _context(settings, verify=False)).close()
        why = error.verify_message or error.reason
        raise ProbeFailedError("tls", f"the certificate does not hold: {why}") from None
    except TimeoutError:
        raise ProbeFailedError("timeout", "the handshake of TLS took too long") from None
    except (OSError, ValueError) as error:
        raise ProbeFailedError("tls", f"the handshake of TLS failed: {error}") from None


def _handshake(attempt: Attempt, plain: BoundSocket, name: str, context: ssl.SSLContext) -> BoundSocket:
    plain.inner.settimeout(attempt.deadline.left())
    wrapped = context.wrap_socket(plain.inner, server_hostname=name, do_handshake_on_connect=False)
    bound = BoundSocket(wrapped, attempt.deadline)
    attempt.opened(bound)
    try:
        wrapped.settimeout(attempt.deadline.left())  # of the whole handshake, however it trickles
        wrapped.do_handshake()
        _tell(attempt.found, wrapped)
    except BaseException:
        bound.close()
        raise
    return bound


def _context(settings: ProbeTls, *, verify: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file if verify else None)
    except OSError as error:
        raise ProbeFailedError("setup", f"probe.tls.ca_file cannot be read: {error.strerror or error}") from None
    # Old versions too: the alert tells of them, which beats a handshake that fails without a word.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _tell(found: Findings, wrapped: ssl.SSLSocket) -> None:
    version = wrapped.version() or "unknown"
    found.only(TLS_VERSION, 1, _VERSIONS.get(version, version))
    sent = chain_of(wrapped, verified=False)
    if sent:
        own = sent[0]
        found.only(EXPIRY, min(each.expires for each in sent))
        found.only(CHAIN_INFO, 1, own.fingerprint, own.issuer, own.subject, own.names)
    verified = chain_of(wrapped, verified=True) if wrapped.context.verify_mode is ssl.CERT_REQUIRED else []
    if verified:
        found.only(CHAIN_EXPIRY, min(each.expires for each in verified))


def _hash(packed: bytes) -> int:
    """Return FNV-1a, which blackbox_exporter takes too."""
    found = 0x811C9DC5
    for byte in packed:
        found = ((found ^ byte) * 0x01000193) & 0xFFFFFFFF
    return found
