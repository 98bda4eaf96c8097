"""What the exporter exposes of itself and of its probes."""

import platform
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from .declaration import MetricInfo, counter, gauge

BUILD_INFO: Final = gauge("seawall_exporter_build_info", "", "Seawall's and Python's version; always 1.", "version", "python")
CATALOG_SUCCESS: Final = gauge(
    "seawall_exporter_catalog_load_success", "", "1 if the catalog in its files is the one that serves, 0 if they are broken."
)
CATALOG_TIME: Final = gauge(
    "seawall_exporter_catalog_load_timestamp_seconds", "seconds", "When the catalog that serves was read, since 1970."
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

OWN_METRICS: Final[tuple[MetricInfo, ...]] = (
    BUILD_INFO,
    CATALOG_SUCCESS,
    CATALOG_TIME,
    SERVICES,
    PROBES,
    REJECTED,
    IN_FLIGHT,
    PROBE_SUCCESS,
    PROBE_DURATION,
    QUERY_SUCCESS,
)


class OwnMetrics:
    """The exporter's own registry: its process, Python, and the counts below."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._gauge(BUILD_INFO).labels(version("seawall"), platform.python_version()).set(1)
        self.catalog_success: Final = self._gauge(CATALOG_SUCCESS)
        self.catalog_time: Final = self._gauge(CATALOG_TIME)
        self.services: Final = self._gauge(SERVICES)
        self.in_flight: Final = self._gauge(IN_FLIGHT)
        self.probes: Final = self._counter(PROBES)
        self.rejected: Final = self._counter(REJECTED)

    def _gauge(self, info: MetricInfo) -> Gauge:
        return Gauge(info.name, info.meaning, info.labels, registry=self.registry)

    def _counter(self, info: MetricInfo) -> Counter:
        return Counter(info.name, info.meaning, info.labels, registry=self.registry)
