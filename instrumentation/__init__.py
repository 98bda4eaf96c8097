"""Observe an application: OpenTelemetry's metrics, traces and log correlation, set up by one import."""

from . import environment  # noqa: F401 - mends what OpenTelemetry raises of, before anything imports it
from .aggregation import Histogram, UpDownCounter
from .asgi import AsgiMiddleware
from .http_server import HttpServerMetrics
from .messages import observe_queue, process_message
from .start import Instrumentation, start
from .wsgi import WsgiMiddleware

__all__ = [
    "AsgiMiddleware",
    "Histogram",
    "HttpServerMetrics",
    "Instrumentation",
    "UpDownCounter",
    "WsgiMiddleware",
    "observe_queue",
    "process_message",
    "start",
]
