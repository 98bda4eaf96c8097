"""What must not be shown of a service's url, and texts without it."""

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from seawall.catalog import SeawallError
from seawall.catalog.environment import expand, redact
from seawall.catalog.texts import REFERENCE

_SECRET_PARAMETER: Final = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
_UNKNOWN: Final = "unknown"  # what redact says of a url without a host
_LONGEST: Final = 300


class AmbiguousUrlError(SeawallError):
    """A piece of a password could pass for a host: it would be looked up, and shown."""

    def __init__(self) -> None:
        super().__init__(
            "the url cannot be read; write scheme://user:${VARIABLE}@host:port, "
            "and percent-encode special characters of the password (/ is %2F, # is %23, ? is %3F, @ is %40)"
        )


def split(url: str) -> SplitResult:
    """Return the parts of *url*; raise AmbiguousUrlError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise AmbiguousUrlError from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise AmbiguousUrlError
    return parts


def secrets_of(template: str, url: str, environ: Mapping[str, str]) -> frozenset[str]:
    """Return every string that may not be shown of *url*, which *template* became; raise as `expand` does."""
    references = list(REFERENCE.finditer(template))
    found = {url, *(environ.get(each[1], "") if each[1] else expand(each[0], environ) for each in references)}
    try:
        parts = split(url)
    except AmbiguousUrlError:
        return frozenset(found) - {""}
    values = [value for key, value in parse_qsl(parts.query) if _SECRET_PARAMETER.search(key)]
    found |= {parts.password or "", *values}
    return frozenset(found | {unquote(secret) for secret in found}) - {""}


def instance(url: str, otherwise: str) -> str:
    """Return host:port of *url*, without credentials; *otherwise* where it names no host."""
    try:
        split(url)
    except AmbiguousUrlError:
        return otherwise
    shown = redact(url)
    return otherwise if shown == _UNKNOWN else shown


def without(text: str, secrets: Iterable[str]) -> str:
    """Return *text* in one printable line of at most 300 characters, with ``***`` for each of *secrets*."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    line = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(line.split())[:_LONGEST]
