"""Record starlette_exporter."""

from _apps import fastapi_app
from _record import record, serve_asgi
from starlette_exporter import PrometheusMiddleware, handle_metrics

app = fastapi_app()
app.add_middleware(PrometheusMiddleware)
app.add_route("/metrics", handle_metrics)
record(
    ["starlette-exporter", "starlette", "fastapi"],
    lambda name: name.startswith("starlette_request") and "_created" not in name,
    serve_asgi(app),
)
