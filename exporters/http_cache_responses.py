"""What a cache answered, counted from its access log: by status, by what the cache did, and with which headers."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, counter, gauge
from .http_cache_log import GrowingLog, LogError
from .own import QUERY_SUCCESS

QUERY: Final = "access_log"
RESPONSES: Final = counter(
    "http_cache_responses_total", "", "Answers, by what the cache did for them.", "method", "status", "cache"
)
BYTES: Final = counter("http_cache_response_bytes_total", "bytes", "Bytes of the answers.", "cache")
SECONDS: Final = counter(
    "http_cache_origin_seconds_total", "seconds", "How long the origin took for what it was asked.", "cache"
)
HEADERS: Final = counter(
    "http_cache_response_headers_total", "", "Answers of 200 to GET that carried the header.", "header"
)
LINES: Final = counter(
    "http_cache_log_lines_total", "", "Lines of the access log, by whether they were read.", "result"
)
UNREAD: Final = gauge("http_cache_log_unread_bytes", "bytes", "What is written and not yet read, for want of time.")
LOG_METRICS: Final = (RESPONSES, BYTES, SECONDS, HEADERS, LINES, UNREAD)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"})
_STATUSES: Final = frozenset({str(status.value) for status in HTTPStatus} | {"444", "494", "495", "496", "497", "499"})
_OTHER: Final = "other"
_NOT_CACHED: Final = "none"
# What NGINX's $upstream_cache_status and Varnish's handling say, in NGINX's words; the rest never saw the cache.
_OUTCOMES: Final[Mapping[str, str]] = {
    **{word: word for word in ("hit", "miss", "bypass", "expired", "stale", "updating", "revalidated")},
    "pass": "bypass",
    "pipe": "bypass",
    "streaming-hit": "hit",
}
_ASKED: Final = frozenset({"miss", "bypass", "expired", "revalidated"})  # outcomes for which the origin was asked
_HEADERS: Final = {"cache_control": "cache-control", "etag": "etag", "set_cookie": "set-cookie"}
_ABSENT: Final = ("", "-")
_SEPARATORS: Final = re.compile(r"[,: ]+")  # between the servers that NGINX tried
_LARGEST: Final = 1e12  # bytes or seconds of one answer; what is beyond is no measurement


class AccessLog:
    """The counters of one log; they only grow, whatever becomes of the file."""

    def __init__(self, path: Path) -> None:
        self._log, self._lock = GrowingLog(path), Lock()
        outcomes = sorted({*_OUTCOMES.values(), _NOT_CACHED})
        usual = product(("GET",), ("200", "304", "502", "503", "504"), outcomes)
        # At zero from the start: the first of a kind is an increase too.
        self._responses: dict[Labels, float] = dict.fromkeys(usual, 0.0)
        self._bytes: dict[Labels, float] = {(word,): 0.0 for word in outcomes}
        self._seconds: dict[Labels, float] = {(word,): 0.0 for word in sorted(_ASKED)}
        self._headers: dict[Labels, float] = {(header,): 0.0 for header in _HEADERS.values()}
        self._lines: dict[Labels, float] = {("read",): 0.0, ("malformed",): 0.0}

    def collect(self, goes_on: Callable[[], bool]) -> Iterator[Metric]:
        """Yield the families after reading while *goes_on*; of a log that cannot be read only how much was read."""
        with self._lock:
            try:
                for line in self._log.lines(goes_on):
                    self._lines[("read" if self._count(line) else "malformed",)] += 1
            except LogError:
                readable = False
            else:
                readable = True
                yield RESPONSES.samples(self._responses)
                yield BYTES.samples(self._bytes)
                yield SECONDS.samples(self._seconds)
                yield HEADERS.samples(self._headers)
                yield UNREAD.value(self._log.unread)
            yield LINES.samples(self._lines)
            yield QUERY_SUCCESS.samples({(QUERY,): readable})

    def _count(self, line: bytes) -> bool:
        """Count one line; return whether it is one."""
        try:
            # varnishncsa writes other bytes as \xHH, which JSON does not know.
            said = json.loads(line.replace(b"\\x", b"\\u00"))
            method, status = _text(said, "method"), _text(said, "status")
            outcome = _OUTCOMES.get(_text(said, "cache").lower(), _NOT_CACHED)
            size, seconds = _measure(said["bytes"]), _seconds(_text(said, "origin_seconds"))
            carried = [header for key, header in _HEADERS.items() if _text(said, key) not in _ABSENT]
        except (ValueError, LookupError, TypeError, RecursionError):
            return False
        labels = (_known(method, _METHODS), _known(status, _STATUSES), outcome)
        self._responses[labels] = self._responses.get(labels, 0.0) + 1
        self._bytes[(outcome,)] += size
        if outcome in _ASKED:
            self._seconds[(outcome,)] += seconds
        if labels[:2] == ("GET", "200"):
            for header in carried:
                self._headers[(header,)] += 1
        return True


@cache
def access_log(path: Path) -> AccessLog:
    """Return the counters of *path*, the same ones for as long as the exporter runs.

    A collector is let go whenever its server does not answer; what was counted outlives that.
    """
    return AccessLog(path)


def _text(said: Any, key: str) -> str:
    value = said[key]
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"{key} is no text")


def _known(word: str, words: frozenset[str]) -> str:
    return word if word in words else _OTHER


def _measure(value: Any) -> float:
    """Return a size or a time; raise ValueError of what cannot be one."""
    number = 0.0 if value in _ABSENT else float(value)
    if not math.isfinite(number) or not 0 <= number <= _LARGEST:
        raise ValueError("out of range")
    return number


def _seconds(text: str) -> float:
    return sum(_measure(each) for each in _SEPARATORS.split(text) if each)
