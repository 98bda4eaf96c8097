"""Record prometheus-fastapi-instrumentator; its gauge of open requests is switched on, as it is not by default."""

from _apps import fastapi_app
from _record import record, serve_asgi
from prometheus_fastapi_instrumentator import Instrumentator

app = fastapi_app()
Instrumentator(should_instrument_requests_inprogress=True).instrument(app).expose(app)
record(
    ["prometheus-fastapi-instrumentator", "fastapi"],
    lambda name: (
        name.startswith("http_request") and not any(word in name for word in ("_created", "_size_", "_highr_"))
    ),
    serve_asgi(app),
)
