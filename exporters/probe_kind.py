"""The view from outside, in blackbox_exporter's names: HTTP, TCP and DNS as a user of them would see it."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult

from prometheus_client import Metric

from seawall.catalog import Probe

from .errors import BadUrlError
from .kinds import FailedProbeError, Kind, Target
from .probe_connection import Attempt, ProbeFailedError
from .probe_deadline import BoundSocket, Deadline
from .probe_dns import probe_dns
from .probe_http import probe_http
from .probe_metrics import DURATION, METRICS, REASON, SUCCESS, Findings
from .probe_tcp import probe_tcp
from .redaction import split

_SHARE: Final = 0.95  # of the time, so that what was found until then is still told
_BY_SCHEME: Final[Mapping[str, Callable[[Attempt, SplitResult], None]]] = {
    "http": probe_http,
    "https": probe_http,
    "tcp": probe_tcp,
    "tls": probe_tcp,
    "dns": probe_dns,
}


class ProbeCollector:
    """Asks as a stranger does: over a new connection each time, whose end nobody else sees."""

    def __init__(self, url: SplitResult, probe: Probe, timeout: float) -> None:
        self._url, self._probe, self._timeout = url, probe, timeout
        self._opened: BoundSocket | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield what was found; raise FailedProbeError, which holds it too, where the answer is not well."""
        start = time.monotonic()
        found = Findings()
        longest = self._probe.timeout.seconds if self._probe.timeout else self._timeout
        deadline = Deadline(min(longest, self._timeout * _SHARE))
        try:
            _BY_SCHEME[self._url.scheme](Attempt(self._probe, deadline, found, self._open), self._url)
        except ProbeFailedError as error:
            reason, text = error.reason, str(error)
        except TimeoutError as error:
            reason, text = "timeout", str(error)
        else:
            found.only(DURATION, time.monotonic() - start)
            yield from found.families()
            return
        finally:
            self.close()
        found.only(DURATION, time.monotonic() - start)
        found.only(REASON, 1, reason)
        raise FailedProbeError(text, list(found.families()))

    def close(self) -> None:
        """End the connection, whoever waits on it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _open(self, connection: BoundSocket) -> None:
        self._opened = connection


def connect(target: Target) -> ProbeCollector:
    """Return a collector; connects when it is asked. Raise BadUrlError."""
    url = split(target.url)
    if url.scheme not in _BY_SCHEME or not url.hostname:
        raise BadUrlError(
            f"the url is none that can be probed; write {', '.join(f'{each}://…' for each in _BY_SCHEME)}"
        )
    if url.scheme in ("tcp", "tls") and not url.port:
        raise BadUrlError("the url names no port; write such as tcp://mail.example.org:25")
    return ProbeCollector(url, target.probe or Probe(), target.timeout)


KIND: Final = Kind(name="probe", up=SUCCESS, metrics=METRICS, connect=connect)
