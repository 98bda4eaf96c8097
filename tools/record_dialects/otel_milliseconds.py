"""Record OpenTelemetry's instrumentation of FastAPI with the names that it writes unless told otherwise."""

from _apps import fastapi_app
from _record import record, serve_asgi
from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import start_http_server

metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
app = fastapi_app()
FastAPIInstrumentor.instrument_app(app)
record(
    ["opentelemetry-instrumentation-fastapi", "opentelemetry-exporter-prometheus", "fastapi"],
    lambda name: name.startswith(("http_server_duration", "http_server_active_requests")) and "_created" not in name,
    serve_asgi(app),
    start_http_server(0, "127.0.0.1")[0].server_port,
)
