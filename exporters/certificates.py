"""What the probe reads of certificates, verified or not: whose they are, when they expire, and their fingerprints."""

import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_DER: Final = 2  # OpenSSL's number for it in the ssl module
_LONGEST: Final = 500  # characters of what a stranger's certificate says
_ESCAPED: Final = ',+"\\<>;'
# In the order, and by the names, in which Go writes them, and with it blackbox_exporter.
_PARTS: Final = {
    "serialNumber": "SERIALNUMBER",
    "commonName": "CN",
    "postalCode": "POSTALCODE",
    "streetAddress": "STREET",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "organizationalUnitName": "OU",
    "organizationName": "O",
    "countryName": "C",
}


@dataclass(frozen=True)
class Certificate:
    """One certificate; *expires* in seconds since 1970, *names* are its names of DNS."""

    fingerprint: str
    expires: float
    subject: str
    issuer: str
    names: str


def chain_of(connection: ssl.SSLSocket, *, verified: bool) -> list[Certificate]:
    """Return the certificates that were sent, or the chain to an authority; the server's own first."""
    # The socket's own methods are of Python 3.13, and give less; a step further in they are of 3.10.
    inner: Any = getattr(connection, "_sslobj", None)
    chain = inner.get_verified_chain() if verified else inner.get_unverified_chain()
    return [_read(each.get_info(), each.public_bytes(_DER)) for each in chain or ()]


def _read(info: Mapping[str, Any], encoded: bytes) -> Certificate:
    names = [str(name) for kind, name in info.get("subjectAltName", ()) if kind == "DNS"]
    return Certificate(
        hashlib.sha256(encoded).hexdigest(),
        ssl.cert_time_to_seconds(info["notAfter"]),
        _owner(info.get("subject", ())),
        _owner(info.get("issuer", ())),
        ",".join(names)[:_LONGEST],
    )


def _owner(parts: Any) -> str:
    pairs = [pair for part in parts for pair in part]
    found = {short: [_escaped(value) for name, value in pairs if name == long] for long, short in _PARTS.items()}
    return ",".join("+".join(f"{short}={value}" for value in values) for short, values in found.items() if values)[
        :_LONGEST
    ]


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in _ESCAPED else character for character in text)
