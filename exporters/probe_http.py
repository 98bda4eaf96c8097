"""The probe of HTTP and HTTPS: requests over connections of its own, so that each phase is timed as it is."""

import base64
import http.client
import re
import socket
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .probe_connection import Attempt, ProbeFailedError, connect, resolve, secure
from .probe_deadline import BoundSocket
from .probe_metrics import (
    BODY_LENGTH,
    CONTENT_LENGTH,
    HTTP_DURATION,
    HTTP_SSL,
    HTTP_VERSION,
    LAST_MODIFIED,
    REDIRECTS,
    REGEX,
    STATUS,
)

_PORTS: Final = {"http": 80, "https": 443}
_PHASES: Final = ("resolve", "connect", "tls", "processing", "transfer")
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 10
_LONGEST_SECRET: Final = 8192
_MATCHED: Final = 64 * 1024  # bytes of the body that patterns see
_LONGEST_BODY: Final = 16 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"  # of what a url holds already


def probe_http(attempt: Attempt, url: SplitResult) -> None:
    """Ask *url*, and follow where its answers lead; raise ProbeFailedError."""
    _begin(attempt)
    method, secrets, first = attempt.probe.method, _secrets(attempt, url), url
    for followed in range(_MOST_REDIRECTS + 1):
        attempt.found.only(REDIRECTS, followed)
        response, body = _ask(attempt, method, url, secrets)
        target = response.getheader("Location")
        if response.status not in _REDIRECTS or target is None or attempt.probe.redirects == "none":
            return _judge(attempt, response.status, body)
        if response.status in attempt.probe.status:
            return _judge(attempt, response.status, body)
        url = _followed(attempt, url, target)
        if _origin(url) != _origin(first):
            secrets = {}
        if response.status == 303 and method != "HEAD":
            method = "GET"
    raise ProbeFailedError("redirect", f"it redirects more than {_MOST_REDIRECTS} times")


def _begin(attempt: Attempt) -> None:
    for phase in _PHASES:
        attempt.found.put(HTTP_DURATION, 0, phase)
    for info in (STATUS, HTTP_SSL, HTTP_VERSION, REDIRECTS, CONTENT_LENGTH, BODY_LENGTH, REGEX):
        attempt.found.only(info, 0)


def _secrets(attempt: Attempt, url: SplitResult) -> dict[str, str]:
    found = {name: _content(name, Path(path)) for name, path in attempt.probe.header_files.items()}
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        found["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return found


def _content(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_SECRET).strip()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ProbeFailedError("setup", f"the file of probe.header_files.{name} cannot be read: {why}") from None
    if not re.fullmatch(r"[\x20-\x7e]+", text):
        raise ProbeFailedError("setup", f"the file of probe.header_files.{name} holds no single line of ASCII")
    return text


def _followed(attempt: Attempt, url: SplitResult, target: str) -> SplitResult:
    """Return where a redirect leads."""
    try:
        new = urlsplit(urljoin(url.geturl(), target))
        _ = new.port
    except ValueError:
        raise ProbeFailedError("redirect", "it redirects to what is no address") from None
    if new.scheme not in _PORTS or not new.hostname:
        raise ProbeFailedError("redirect", "it redirects to what is no address of HTTP")
    if attempt.probe.redirects != "any" and new.hostname != url.hostname:
        said = f"it redirects to another host, {new.hostname}; write probe: {{redirects: any}} if it may"
        raise ProbeFailedError("redirect", said)
    return new


def _origin(url: SplitResult) -> tuple[str, str | None, int]:
    return url.scheme, url.hostname, url.port or _PORTS[url.scheme]


def _ask(
    attempt: Attempt, method: str, url: SplitResult, secrets: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = _open(attempt, url)
    try:
        return _exchange(attempt, connection, method, url, secrets)
    except TimeoutError:
        raise ProbeFailedError("timeout", "the answer took too long") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProbeFailedError("protocol", f"it does not answer as HTTP: {type(error).__name__}") from None
    finally:
        connection.close()


def _open(attempt: Attempt, url: SplitResult) -> BoundSocket:
    scheme, host, port = _origin(url)
    assert host is not None
    start = time.monotonic()
    family, address = resolve(attempt, host, port, socket.SOCK_STREAM)
    attempt.timed(HTTP_DURATION, "resolve", start)
    start = time.monotonic()
    plain = connect(attempt, family, address, socket.SOCK_STREAM)
    attempt.timed(HTTP_DURATION, "connect", start)
    if scheme == "http":
        return plain
    start = time.monotonic()
    try:
        return secure(attempt, plain, host, lambda: connect(attempt, family, address, socket.SOCK_STREAM))
    finally:
        attempt.timed(HTTP_DURATION, "tls", start)


def _exchange(
    attempt: Attempt, connection: BoundSocket, method: str, url: SplitResult, secrets: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    start = time.monotonic()
    connection.sendall(_request(attempt, method, url, secrets))
    response = http.client.HTTPResponse(connection, method=method)  # type: ignore[arg-type]  # it asks for makefile alone
    try:
        response.begin()
        attempt.timed(HTTP_DURATION, "processing", start)
        _tell(attempt, response)
        attempt.found.only(HTTP_SSL, url.scheme == "https")
        start = time.monotonic()
        try:
            return response, _body(attempt, response)
        finally:
            attempt.timed(HTTP_DURATION, "transfer", start)
    finally:
        response.close()


def _request(attempt: Attempt, method: str, url: SplitResult, secrets: dict[str, str]) -> bytes:
    host = url.netloc.rpartition("@")[2]
    path = quote(url.path or "/", safe=_SAFE) + (f"?{quote(url.query, safe=_SAFE)}" if url.query else "")
    headers = {
        "Host": host.encode("idna").decode() if not host.isascii() else host,
        "User-Agent": "Seawall",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        **({"Content-Length": "0"} if method == "POST" else {}),
        **attempt.probe.headers,
        **secrets,
        "Connection": "close",
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _tell(attempt: Attempt, response: http.client.HTTPResponse) -> None:
    found = attempt.found
    found.only(STATUS, response.status)
    found.only(HTTP_VERSION, response.version / 10)
    stated = response.getheader("Content-Length", "")
    found.only(CONTENT_LENGTH, int(stated) if re.fullmatch(r"[0-9]{1,18}", stated) else -1)
    modified = response.getheader("Last-Modified")
    if modified:
        with suppress(ValueError, TypeError, OverflowError):
            found.only(LAST_MODIFIED, parsedate_to_datetime(modified).timestamp())


def _body(attempt: Attempt, response: http.client.HTTPResponse) -> bytes:
    kept, length = b"", 0
    try:
        while chunk := response.read1(_CHUNK):
            length += len(chunk)
            kept += chunk[: _MATCHED - len(kept)]
            if length > _LONGEST_BODY:
                raise ProbeFailedError("body", f"the body is longer than {_LONGEST_BODY // 2**20} MiB")
    finally:
        attempt.found.only(BODY_LENGTH, length)
    if response.length:
        raise ProbeFailedError("protocol", "the body ends before its stated length")
    return kept


def _judge(attempt: Attempt, status: int, body: bytes) -> None:
    expected = attempt.probe.status
    if not (status in expected if expected else 200 <= status <= 299):
        raise ProbeFailedError("status", f"it answers {status}")
    text = body.decode(errors="replace")
    misses = [each for each in attempt.probe.body_matches if not re.search(each, text)]
    misses += [each for each in attempt.probe.body_lacks if re.search(each, text)]
    attempt.found.only(REGEX, bool(misses))
    if misses:
        raise ProbeFailedError("body", f"the body is not as it should be, says the pattern {misses[0]}")
