"""What the exporter exposes of itself and of its probes."""

import platform
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from .declaration import Labels, MetricInfo, counter, gauge

BUILD_INFO: Final = gauge(
    "seawall_exporter_build_info", "", "Seawall's and Python's version; always 1.", "version", "python"
)
CATALOG_SUCCESS: Final = gauge(
    "seawall_exporter_catalog_load_success",
    "",
    "1 if the catalog in its files is the one that serves, 0 if they are broken.",
)
CATALOG_TIME: Final = gauge(
    "seawall_exporter_catalog_load_timestamp_seconds", "seconds", "When the catalog that serves was read, since 1970."
)
WEB_CONFIG_SUCCESS: Final = gauge(
    "seawall_exporter_web_config_load_success",
    "",
    "1 if the web configuration in its files is the one that serves, 0 if they are broken; nothing without one.",
)
COLLECTOR_LOADED: Final = gauge(
    "seawall_exporter_collector_load_success", "", "1 if a custom collector was loaded, 0 if it is broken.", "source"
)
SERVICES: Final = gauge("seawall_exporter_probed_services", "", "Services of the catalog that this exporter probes.")
PROBES: Final = counter("seawall_exporter_probes_total", "", "Probes, by service and result.", "service", "result")
REJECTED: Final = counter(
    "seawall_exporter_rejected_requests_total", "", "Requests answered with 503 because too many were in flight."
)
IN_FLIGHT: Final = gauge("seawall_exporter_requests_in_flight", "", "Requests being answered now.")

PROBE_SUCCESS: Final = gauge("seawall_probe_success", "", "1 if the probe had its answer in time, else 0.")
PROBE_DURATION: Final = gauge("seawall_probe_duration_seconds", "seconds", "How long the probe took.")
QUERY_SUCCESS: Final = gauge(
    "seawall_probe_query_success", "", "1 if the query had its answer, 0 if the server refused it.", "query"
)
FOLDED_ROWS: Final = gauge(
    "seawall_probe_query_folded_rows",
    "",
    "Rows beyond the largest that the query keeps, which are one: others.",
    "query",
)

OWN_METRICS: Final[tuple[MetricInfo, ...]] = (
    BUILD_INFO,
    CATALOG_SUCCESS,
    CATALOG_TIME,
    WEB_CONFIG_SUCCESS,
    COLLECTOR_LOADED,
    SERVICES,
    PROBES,
    REJECTED,
    IN_FLIGHT,
    PROBE_SUCCESS,
    PROBE_DURATION,
    QUERY_SUCCESS,
    FOLDED_ROWS,
)


class OwnMetrics(Collector):
    """The exporter's own numbers, and what prometheus-client knows of its process and of Python."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[MetricInfo, dict[Labels, float | None]] = defaultdict(dict)
        # prometheus-client's own: they want a registry, not necessarily the global one.
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)
        self.put(BUILD_INFO, 1, version("seawall"), platform.python_version())
        self.add(REJECTED, 0)

    def add(self, info: MetricInfo, step: float, *labels: str) -> None:
        """Add *step* to a sample, which starts at zero."""
        with self._lock:
            self._values[info][labels] = (self._values[info].get(labels) or 0.0) + step

    def put(self, info: MetricInfo, value: float, *labels: str) -> None:
        """Set a sample."""
        with self._lock:
            self._values[info][labels] = value

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has a sample."""
        yield from self._process.collect()
        with self._lock:
            families = [info.samples(values) for info, values in self._values.items()]
        yield from families
