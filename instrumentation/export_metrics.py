"""What became of spans, log records and points: handed to an exporter, arrived, failed, or dropped.

The SDK can count the same (OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED), but then counts each span as it begins and ends
too, which costs a request as much as the span does; and it tells of one worker alone.
"""

from collections.abc import Iterable
from typing import Final

from .aggregation import Counter, Family
from .bounds import OTHER

QUEUE_FULL: Final = "queue_full"
SHUT_DOWN: Final = "already_shutdown"
_ATTRIBUTES: Final = ("otel.component.name", "otel.component.type", "error.type")
_NOUNS: Final = {"traces": "span", "logs": "log", "metrics": "metric_data_point"}
_UNITS: Final = {"traces": "{span}", "logs": "{log_record}", "metrics": "{data_point}"}


class SignalMetrics:
    """Count the items of one signal; *transport* is what carries them, ``http`` or ``grpc``."""

    def __init__(self, signal: str, transport: str = "http") -> None:
        noun = _NOUNS[signal]
        words = noun.replace("_", " ")
        unit = _UNITS[signal]
        self._exporter = _component(f"otlp_{transport}_{noun.partition('_')[0]}_exporter")
        self._processor = _component(f"batching_{noun}_processor")
        self.exported = Counter(
            f"otel.sdk.exporter.{noun}.exported",
            f"The number of {words}s for which the export has finished, either successful or failed.",
            _ATTRIBUTES,
            unit=unit,
        )
        self.processed: Counter | None = None
        if signal != "metrics":
            self.processed = Counter(
                f"otel.sdk.processor.{noun}.processed",
                f"The number of {words}s for which the processing has finished, either successful or failed.",
                _ATTRIBUTES,
                unit=unit,
            )

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return tuple(filter(None, (self.processed, self.exported)))

    def begin(self) -> None:
        """Stand at zero before the first drop and the first failure: ``rate`` cannot see a first increase."""
        self.count_exported(0, "")
        self.count_exported(0, OTHER)
        self.count_processed(0, "")
        self.count_processed(0, QUEUE_FULL)

    def count_processed(self, items: int, error: str) -> None:
        """Count *items* that left the queue for the exporter, or were dropped for *error*."""
        if self.processed is not None:
            self.processed.add((*self._processor, error), items)

    def count_exported(self, items: int, error: str) -> None:
        """Count *items* that arrived, or failed for *error*."""
        self.exported.add((*self._exporter, error), items)


def _component(kind: str) -> tuple[str, str]:
    return f"{kind}/0", kind  # its name and its type; a process has one of each
