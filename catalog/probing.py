"""What a service of kind ``probe`` asks from outside, and which answer it takes for well."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from .fields import DNS_NAME, HEADER, HEADER_VALUE, SERVER_NAME, Flag, Model, Whole
from .findings import Findings
from .patterns import checked
from .places import Path
from .texts import VARIABLE, with_variables
from .values import Duration
from .wording import quoted

KIND_OF_PROBES: Final = "probe"
_HTTP: Final = ("http", "https")
_TCP: Final = ("tcp", "tls")
_DNS: Final = ("dns",)
SCHEMES: Final = (*_HTTP, *_TCP, *_DNS)
_OF: Final = {  # which schemes a field of a probe has an effect with
    "method": _HTTP,
    "status": _HTTP,
    "headers": _HTTP,
    "header_files": _HTTP,
    "redirects": _HTTP,
    "body_matches": _HTTP,
    "body_lacks": _HTTP,
    "tls": (*_HTTP, "tls"),
    "talk": _TCP,
    "dns": _DNS,
}
_SECRET: Final = ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token")
_RESERVED: Final = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")


def _no_secret(name: str) -> str:
    if name.lower() in _RESERVED:
        raise ValueError(f"the header {name} is the probe's own to write; take it out")
    return name


def _public(name: str) -> str:
    if name.lower() in _SECRET:
        raise ValueError(f"the header {name} holds a secret; write it under header_files, with the file that holds it")
    return _no_secret(name)


Pattern = Annotated[str, AfterValidator(checked)]
Status = Annotated[Whole, Field(ge=100, le=599)]
HeaderName = Annotated[str, Field(pattern=HEADER)]
HeaderValue = Annotated[str, Field(pattern=HEADER_VALUE)]


class ProbeTls(Model):
    """How a certificate is judged."""

    verify: Flag = True
    """Whether a certificate that is expired, self-signed or of another host fails the probe."""
    ca_file: str | None = None
    """The authorities to trust, in a PEM file of the exporter's host; the system's where this is left out."""
    server_name: Annotated[str, Field(pattern=SERVER_NAME)] | None = None
    """The name to ask for (SNI) and to check; the url's host where this is left out."""


class ProbeDns(Model):
    """The question to a DNS server."""

    name: Annotated[str, Field(pattern=DNS_NAME)]
    """The name to ask for, such as `shop.example.org`."""
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    """The type of record."""
    answers: tuple[str, ...] = ()
    """What must be among the answers, each as text, such as `192.0.2.7` or `10 mail.example.org`."""


class ProbeStep(Model):
    """One step of a talk over TCP: a line that is sent, or one that is waited for."""

    send: str | None = None
    """The line to send; it ends with CR and LF."""
    expect: Pattern | None = None
    """A pattern that a line of the answer matches; lines before it are passed over."""


class Probe(Model):
    """The question from outside, and the answer that is well."""

    timeout: Duration | None = None
    """The longest that it may take; what the scrape allows where this is left out or longer."""
    ip: Literal["any", "4", "6"] = "any"
    """Which protocol it goes by; `any` takes the first address that the resolver gives."""
    method: Literal["GET", "HEAD", "POST", "OPTIONS"] = "GET"
    """The HTTP method."""
    status: tuple[Status, ...] = ()
    """The status codes that are well; any from 200 to 299 where this is left out."""
    headers: dict[Annotated[HeaderName, AfterValidator(_public)], HeaderValue] = Field(default_factory=dict)
    """Headers of the request."""
    header_files: dict[Annotated[HeaderName, AfterValidator(_no_secret)], str] = Field(default_factory=dict)
    """Headers that are secret, each with the file, on the exporter's host, that holds its value."""
    redirects: Literal["same-host", "none", "any"] = "same-host"
    """Which redirects are followed; to another host only where this says `any`, and then without secrets."""
    body_matches: tuple[Pattern, ...] = ()
    """Patterns that the body's first 64 KiB must all match."""
    body_lacks: tuple[Pattern, ...] = ()
    """Patterns of which the body's first 64 KiB must match none."""
    tls: ProbeTls = ProbeTls()
    """How a certificate is judged."""
    talk: tuple[ProbeStep, ...] = ()
    """What is sent and expected over TCP, step by step; without it a connection is enough."""
    dns: ProbeDns | None = None
    """What a DNS server is asked."""


def check_probe(kind: str, url: str | None, probe: Probe | None, path: Path, findings: Findings) -> None:
    """Add to *findings* what of a service's ``probe`` fits neither its kind nor its url."""
    if kind != KIND_OF_PROBES:
        if probe is not None:
            said = f"probe has an effect on services of kind {KIND_OF_PROBES} alone; take it out, or change the kind"
            findings.error((*path, "probe"), said, at_key=True)
        return
    for place, said in _misfits(url, probe or Probe()):
        findings.error((*path, *place), said)


def _misfits(url: str | None, probe: Probe) -> Iterator[tuple[Path, str]]:
    url = None if url is None else with_variables(url)
    scheme = "" if url is None or VARIABLE.match(url) else url.partition("://")[0].lower()
    if scheme and scheme not in SCHEMES:
        yield ("url",), f"url: a probe knows no {quoted(scheme)}; write {', '.join(f'{each}://' for each in SCHEMES)}"
        return
    if scheme in _TCP and url is not None and not VARIABLE.search(url) and not _has_port(url):
        yield ("url",), f"url names no port; write such as {scheme}://mail.example.org:25"
    if scheme in _DNS and probe.dns is None:
        yield ("url",), "a probe of DNS needs a name to ask for; write probe: {dns: {name: shop.example.org}}"
    for field, schemes in _OF.items():
        if scheme and field in probe.model_fields_set and scheme not in schemes:
            said = f"probe.{field} has no effect with {scheme}://; take it out, or write {' or '.join(schemes)}"
            yield ("probe", field), said
    for at, step in enumerate(probe.talk):
        if (step.send is None) == (step.expect is None):
            yield ("probe", "talk", at), "a step of probe.talk holds one of send and expect; write two steps for both"


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port is not None
    except ValueError:
        return False
