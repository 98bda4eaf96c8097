"""The addresses of services as the exporter uses them: secrets filled in, and what may be shown of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from .problems import SeawallError
from .texts import REFERENCE, with_variables
from .wording import quoted

# Ports of the schemes that name one, so that an instance is host:port even where the address leaves it out.
_PORTS: Final = {
    "amqp": 5672,
    "amqps": 5671,
    "cassandra": 9042,
    "cassandras": 9042,
    "dns": 53,
    "http": 80,
    "https": 443,
    "kafka": 9092,
    "kafkas": 9092,
    "mariadb": 3306,
    "memcached": 11211,
    "mongodb": 27017,
    "mysql": 3306,
    "pgbouncer": 6432,
    "nginx": 80,
    "nginxs": 443,
    "postgres": 5432,
    "postgresql": 5432,
    "rabbitmq": 15692,
    "rabbitmqs": 15691,
    "redis": 6379,
    "rediss": 6379,
}
SCHEMES: Final = frozenset(_PORTS)
_BROKER: Final = "celery+"  # in front of the broker's own scheme
_LONGEST_SECRET: Final = 4096
_UNTIL_PATH: Final = re.compile(r"[/?#]")


class MissingVariableError(SeawallError):
    """A variable that a service's ``url`` names is not in the environment."""

    def __init__(self, variable: str, service: str) -> None:
        self.variable, self.service = variable, service
        owner = f"service {quoted(service)}: " if service else ""
        super().__init__(
            f"{owner}url needs the environment variable {variable}, which is not set; set it for the exporter"
        )


class SecretFileError(SeawallError):
    """A file that a service's ``url`` names holds no secret, or cannot be read."""

    def __init__(self, path: str, service: str, why: str) -> None:
        owner = f"service {quoted(service)}: " if service else ""
        super().__init__(f"{owner}url needs the file {path}, {why}; mount it where the exporter runs")


def expand(url: str, environ: Mapping[str, str], *, service: str = "") -> str:
    """Return *url* with every ``${VARIABLE}`` from *environ*, and every ``${file:/PATH}`` from that file.

    A variable goes in as it is, a file's first line percent-encoded: other programs read the same file. Raise
    MissingVariableError where a variable is unset or empty, SecretFileError where a file is not readable or empty.
    """
    pieces, end = [], 0
    for found in REFERENCE.finditer(url):
        variable, path = found.groups()
        value = quote(_first_line(path, service), safe="") if path else environ.get(variable)
        if not value:
            raise MissingVariableError(variable, service)
        pieces += [url[end : found.start()], value]
        end = found.end()
    return "".join([*pieces, url[end:]])


def _first_line(path: str, service: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            line = file.readline(_LONGEST_SECRET).rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretFileError(path, service, f"which cannot be read ({why})") from None
    if not line:
        raise SecretFileError(path, service, "which is empty")
    return line


def redact(url: str) -> str:
    """Return host:port of *url* and nothing else of it; ``unknown`` where it names no host."""
    scheme, found, rest = with_variables(url).partition("://")
    if not found:
        return "unknown"
    authority = _authority(rest)
    if not authority or "${" in authority:
        return "unknown"
    port = _PORTS.get(scheme.lower().removeprefix(_BROKER).partition("+")[0])
    has_port = ":" in authority.rpartition("]")[2]
    return authority if has_port or port is None else f"{authority}:{port}"


def _authority(rest: str) -> str:
    authority = _UNTIL_PATH.split(rest, maxsplit=1)[0]
    port = authority.rpartition(":")[2]
    if "@" not in authority and "@" in rest and ":" in authority and not port.isdigit():
        authority = rest  # a password with a / or a ? in it, which ought to have been escaped, ended it early
    return _UNTIL_PATH.split(authority.rpartition("@")[2], maxsplit=1)[0]


def host_and_port(text: str) -> tuple[str, int] | None:
    """Return what ``HOST:PORT`` names, an IPv6 address without its brackets; None where it is no such text."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        return None
    return host.strip("[]"), int(port)
