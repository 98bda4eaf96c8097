"""A receiver of OTLP over HTTP that decodes what is pushed, and others that answer late or never."""

import gzip
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Keep what was posted, by path; *status* is what it answers."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.peers: list[tuple[str, int]] = []  # whose connection each of them came over, by its port
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
                collector.posts.append((self.path, body))
                collector.peers.append((self.path, self.client_address[1]))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True  # connections that are kept open hold up no end
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def count(self, path: str) -> int:
        """Return how often *path* was posted to."""
        return len([posted for posted, _ in list(self.posts) if posted == path])

    def metrics(self) -> dict[str, Any]:
        """Return the last of each metric, by name, and the resource under ""."""
        found: dict[str, Any] = {}
        for path, body in self.posts:
            if path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    found[""] = attributes(resource.resource)
                    found |= {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
        return found

    def counted(self, name: str) -> dict[object, int]:
        """Return what the histogram *name* counted at last, by instance."""
        return {
            attributes(resource.resource)["service.instance.id"]: sum(
                point.count for point in metric.histogram.data_points
            )
            for path, body in self.posts
            if path == "/v1/metrics"
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        }

    def spans(self) -> list[Any]:
        """Return every span."""
        bodies = [ExportTraceServiceRequest.FromString(body) for path, body in self.posts if path == "/v1/traces"]
        return [
            span
            for body in bodies
            for resource in body.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[tuple[str, Any]]:
        """Return every log record with the name of its logger."""
        bodies = [ExportLogsServiceRequest.FromString(body) for path, body in self.posts if path == "/v1/logs"]
        return [
            (scope.scope.name, record)
            for body in bodies
            for resource in body.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def messages(self) -> list[str]:
        """Return what the log records say."""
        return [record.body.string_value for _, record in self.logs()]


def attributes(holder: Any) -> dict[str, object]:
    """Return the attributes of a point, a span, a log record or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive until the end of the block."""
    made = Collector()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()


class Holding:
    """Take every connection and what it sends, and answer nothing until ``let_go``: a black hole that can be seen."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.asked = Event()
        self._open: list[socket.socket] = []
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            self.asked.set()

    def close(self) -> None:
        """Let go of every connection."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for connection in self._open:
            connection.close()
