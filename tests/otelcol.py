"""A real OpenTelemetry Collector, which `tools/build-otelcol` builds, and what it wrote of the pushed signals."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from collector import attributes
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from servers import answers, eventually, free_port, process

PROGRAM: Final = Path(__file__).parents[1] / ".cache/otelcol/otelcol"
_KINDS: Final = {
    "traces": (TracesData, "resource_spans", "scope_spans", "spans"),
    "metrics": (MetricsData, "resource_metrics", "scope_metrics", "metrics"),
    "logs": (LogsData, "resource_logs", "scope_logs", "log_records"),
}
_LENGTH: Final = 4  # bytes before each message
Told = tuple[dict[str, object], Any]


@dataclass
class OtelCollector:
    """Where it listens, and the folder that it writes to; both stay as they are when it is started again."""

    folder: Path
    grpc: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    health: int = field(default_factory=free_port)

    def endpoint(self, protocol: str) -> str:
        """Return what an application pushes to by *protocol*, as ``OTEL_EXPORTER_OTLP_PROTOCOL`` has it."""
        return f"http://127.0.0.1:{self.grpc if protocol == 'grpc' else self.http}"

    def told(self, signal: str) -> list[Told]:
        """Return every span, metric or log record so far, in its order, each with its resource's attributes."""
        kind, resources, scopes, items = _KINDS[signal]
        return [
            (attributes(resource.resource), item)
            for message in _messages(self._file(signal))
            for resource in getattr(kind.FromString(message), resources)
            for scope in getattr(resource, scopes)
            for item in getattr(scope, items)
        ]

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return (self.folder / "output.log").read_text()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block, where it is killed."""
        if not PROGRAM.exists():
            pytest.skip("the OpenTelemetry Collector is not built here")
        config = self.folder / "config.yaml"
        config.write_text(json.dumps(self._config()))
        with process(str(PROGRAM), "--config", str(config), cwd=self.folder):
            eventually(lambda: answers(f"http://127.0.0.1:{self.health}"), 60)
            yield

    def _file(self, signal: str) -> Path:
        return self.folder / f"{signal}.proto"

    def _config(self) -> dict[str, object]:
        protocols = {
            name: {"endpoint": f"127.0.0.1:{port}"} for name, port in (("grpc", self.grpc), ("http", self.http))
        }
        exporters = {
            f"file/{signal}": {
                "path": str(self._file(signal)),
                "format": "proto",
                "append": True,
                "flush_interval": "50ms",
            }
            for signal in _KINDS
        }
        processors = {"memory_limiter": {"check_interval": "1s", "limit_mib": 200}, "batch": {"timeout": "20ms"}}
        pipelines = {
            signal: {"receivers": ["otlp"], "processors": [*processors], "exporters": [f"file/{signal}"]}
            for signal in _KINDS
        }
        telemetry = {"metrics": {"level": "none"}}
        return {
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": processors,
            "exporters": exporters,
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{self.health}"}},
            "service": {"extensions": ["health_check"], "pipelines": pipelines, "telemetry": telemetry},
        }


def _messages(file: Path) -> Iterator[bytes]:
    """Yield what is written whole."""
    data = file.read_bytes() if file.exists() else b""
    while len(data) >= _LENGTH:
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
        if len(data) < end:
            return
        yield data[_LENGTH:end]
        data = data[end:]
