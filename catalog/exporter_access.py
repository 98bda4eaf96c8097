"""How Prometheus reaches Seawall's exporter, where that wants TLS or a user."""

from typing import Annotated, Final, Literal

from pydantic import Field

from .fields import FILE, SERVER_NAME, USER, Model, Target
from .findings import Findings

_PATH: Final = ("defaults", "exporter")
_PAIRS: Final = (("username", "password_file"), ("cert_file", "key_file"))
_OF_TLS: Final = ("ca_file", "cert_file", "key_file", "server_name")
File = Annotated[str, Field(pattern=FILE)]


class ExporterAccess(Model):
    """The exporter's address, and what Prometheus presents there; files are those of Prometheus' host."""

    address: Target | None = None
    """Its host:port; port 9879 of Prometheus' own host where this is left out."""
    scheme: Literal["http", "https"] = "http"
    """`https` where the exporter, or a proxy in front of it, speaks TLS."""
    username: Annotated[str, Field(pattern=USER)] | None = None
    """The user of the exporter's web configuration."""
    password_file: File | None = None
    """The file that holds its password."""
    ca_file: File | None = None
    """The authorities of the exporter's certificate, as PEM; the system's where this is left out."""
    cert_file: File | None = None
    """The certificate to present, as PEM."""
    key_file: File | None = None
    """The key of that certificate."""
    server_name: Annotated[str, Field(pattern=SERVER_NAME)] | None = None
    """The name in the exporter's certificate, where it is not that of the address."""


def check_exporter_access(access: ExporterAccess, findings: Findings) -> None:
    """Add keys that need another one."""
    for one, other in (*_PAIRS, *(pair[::-1] for pair in _PAIRS)):
        if getattr(access, one) is not None and getattr(access, other) is None:
            findings.error((*_PATH, one), f"exporter.{one} needs {other}; write both, or neither")
    if access.scheme == "http":
        for key in _OF_TLS:
            if getattr(access, key) is not None:
                findings.error((*_PATH, key), f"exporter.{key} is of TLS; write scheme: https, or take it out")
