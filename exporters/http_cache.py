"""HTTP caches: NGINX and Varnish under the names of their exporters, and what either answered, from its access log."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import SplitResult, parse_qs, urlsplit

from prometheus_client import Metric

from seawall.catalog import SeawallError

from .declaration import MetricInfo, gauge
from .errors import BadUrlError
from .http_cache_counters import COUNTERS, VERSION
from .http_cache_counters import UP as VARNISH_UP
from .http_cache_nginx import NGINX_METRICS, nginx
from .http_cache_responses import LOG_METRICS, access_log
from .http_cache_varnish import varnish
from .kinds import FailedProbeError, Kind, Target
from .probe_deadline import Deadline

UP: Final = gauge("http_cache_up", "", "1 if the cache answered, else 0.")
_SHARE: Final = 0.3  # of the time that reading the log may take; the rest of it waits for the next probe


class Engine(Protocol):
    """One sort of cache."""

    @property
    def up(self) -> MetricInfo:
        """Return the gauge of its own exporter."""
        ...

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise what goes wrong."""
        ...

    def close(self) -> None:
        """Let go, also under whoever waits."""
        ...


ENGINES: Final[Mapping[str, Callable[[Target, SplitResult], Engine]]] = {
    "nginx": nginx,
    "nginxs": nginx,
    "varnish": varnish,
}


class HttpCacheCollector:
    """Asks one cache, and reads on in its access log, whether the cache answers or not."""

    def __init__(self, engine: Engine, log: Path | None, timeout: float) -> None:
        self._engine, self._log, self._timeout = engine, log, timeout

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise FailedProbeError, which holds those of the log."""
        of_log = list(self._read_on())
        try:
            found = list(self._engine.collect())
        except (OSError, SeawallError) as error:
            raise FailedProbeError(str(error), [*of_log, self._engine.up.value(0)]) from None
        yield from (*found, *of_log, self._engine.up.value(1))

    def close(self) -> None:
        """End the connection or the program; the log's counters stay."""
        self._engine.close()

    def _read_on(self) -> Iterator[Metric]:
        if self._log is not None:
            yield from access_log(self._log).collect(Deadline(self._timeout * _SHARE).goes_on)


def connect(target: Target) -> HttpCacheCollector:
    """Return a collector that connects at the first question. Raise BadUrlError."""
    url = urlsplit(target.url)
    engine = ENGINES.get(url.scheme)
    is_local = url.scheme == "varnish" and url.hostname in (None, "localhost")
    if engine is None or not (is_local or (url.scheme != "varnish" and url.hostname)):
        raise BadUrlError(
            "the url is not one of a cache; write nginx://host:port/stub_status (nginxs:// with TLS), or "
            "varnish://localhost (varnish://localhost/PATH for a working directory of its own), "
            "each with ?log=/PATH for its access log"
        )
    log = parse_qs(url.query).get("log", [""])[-1]
    if log and not Path(log).is_absolute():
        raise BadUrlError("the path of the access log is not absolute; write ?log=/var/log/…")
    return HttpCacheCollector(engine(target, url), Path(log) if log else None, target.timeout)


KIND: Final = Kind(
    name="http-cache",
    up=UP,
    metrics=(UP, VARNISH_UP, VERSION, *COUNTERS, *NGINX_METRICS, *LOG_METRICS),
    connect=connect,
)
