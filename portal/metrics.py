"""What the portal tells of itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector


class PortalMetrics:
    """The portal's own metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.webhooks = Counter(
            "seawall_portal_webhooks", "Webhooks received, by outcome.", ["outcome"], registry=self._registry
        )
        self.alerts = Counter("seawall_portal_alerts_stored", "Alerts written to the inbox.", registry=self._registry)
        self.failures = Counter(
            "seawall_portal_failures", "What the portal could not do, by reason.", ["reason"], registry=self._registry
        )
        self.heartbeat = Gauge(
            "seawall_portal_last_heartbeat_timestamp_seconds",
            "When the Watchdog was last heard.",
            registry=self._registry,
        )
        self.firing = Gauge("seawall_portal_firing_alerts", "Alerts of the inbox that fire.", registry=self._registry)
        for outcome in ("stored", "partly_stored", "refused", "failed"):
            self.webhooks.labels(outcome)
        for reason in ("store", "page"):
            self.failures.labels(reason)

    def expose(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)
