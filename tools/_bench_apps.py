"""One application, instrumented in one way, in a process of its own: tools/_bench_apps.py FRAMEWORK WAY ROUTES.

It says "ready", then answers each number on its standard input by the microseconds of the processor that one of so many
requests took. Where the way's library is missing it says so and ends.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

_HEADERS: Final = {
    "host": "shop.example", "user-agent": "bench/1", "accept": "application/json", "accept-encoding": "gzip",
    "connection": "keep-alive", "x-request-id": "0af76519",
}  # fmt: skip
_WARM_UP: Final = 300
_RATIOS: Final = {"1 %": 0.01, "traced": 1.0}
Ask = Callable[[int], None]


def main(framework: str, way: str, routes: str) -> None:
    """Answer until the standard input ends; the route that is asked for is the last of so many."""
    tool, _, share = way.partition(", ")
    try:
        _before(tool, share)
        app = _APPS[framework](int(routes) - 1)
        _after(framework, tool, app)
    except ModuleNotFoundError as error:
        print(f"missing {error.name}", flush=True)
        return
    ask = _ask_asgi(app) if framework == "FastAPI" else _ask_wsgi(app)
    ask(_WARM_UP)
    print("ready", flush=True)
    for line in sys.stdin:
        requests = int(line)
        began = time.thread_time()
        ask(requests)
        print((time.thread_time() - began) / requests * 1e6, flush=True)


def _before(tool: str, share: str) -> None:
    """Set up what must stand before the application is made: the same providers for all, and the one import."""
    if tool == "bare":
        return
    os.environ.update(OTEL_SEMCONV_STABILITY_OPT_IN="http", OTEL_EXPORTER_PROMETHEUS_PORT="0")
    if share in _RATIOS:
        _trace(_RATIOS[share])
    if tool == "Seawall":
        import seawall.auto  # noqa: F401
    else:
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))


def _trace(ratio: float) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    class Discard(SpanExporter):
        def export(self, _: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(ratio))
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    trace.set_tracer_provider(provider)


def _after(framework: str, tool: str, app: Any) -> None:
    """Put the peer's middleware into the application that was made."""
    if tool == "contrib" and framework == "FastAPI":
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app)
    elif tool == "contrib":
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(app)
    elif tool == "prometheus-fastapi-instrumentator":
        from prometheus_fastapi_instrumentator import Instrumentator

        Instrumentator().instrument(app)
    elif tool == "starlette_exporter":
        from starlette_exporter import PrometheusMiddleware

        app.add_middleware(PrometheusMiddleware)
    elif tool == "prometheus-flask-exporter":
        from prometheus_flask_exporter import PrometheusMetrics

        PrometheusMetrics(app)


def _fastapi(others: int) -> Any:
    from fastapi import FastAPI

    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    app = FastAPI()
    for path in [*(f"/other{each}/{{number}}" for each in range(others)), "/items/{number}"]:
        app.get(path)(item)
    return app


def _flask(others: int) -> Any:
    from flask import Flask

    def item(number: int) -> dict[str, int]:
        return {"number": number}

    app = Flask("bench")
    for path in [*(f"/other{each}/<int:number>" for each in range(others)), "/items/<int:number>"]:
        app.add_url_rule(path, path, item)
    return app


def _django(others: int) -> Any:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    def item(_: HttpRequest, number: int) -> JsonResponse:
        return JsonResponse({"number": number})

    around = [f"django_prometheus.middleware.Prometheus{when}Middleware" for when in ("Before", "After")]
    settings.configure(
        ROOT_URLCONF=(
            *(path(f"other{each}/<int:number>", item) for each in range(others)),
            path("items/<int:number>", item),
        ),
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=around if "django-prometheus" in sys.argv else [],
    )
    django.setup()
    return get_wsgi_application()


_APPS: Final[dict[str, Callable[[int], Any]]] = {"FastAPI": _fastapi, "Flask": _flask, "Django": _django}


def _ask_asgi(app: Any) -> Ask:
    loop = asyncio.new_event_loop()
    headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    async def requests(count: int) -> None:
        for _ in range(count):
            scope = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
                "path": "/items/7", "raw_path": b"/items/7", "query_string": b"", "root_path": "",
                "headers": list(headers), "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "state": {},
            }  # fmt: skip
            await app(scope, receive, send)

    return lambda count: loop.run_until_complete(requests(count))


def _ask_wsgi(app: Any) -> Ask:
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder(path="/items/7", headers=_HEADERS).get_environ()

    def start(*_: Any) -> Callable[[bytes], object]:
        return lambda _: None

    def requests(count: int) -> None:
        for _ in range(count):
            answer = app(dict(environ), start)
            for _part in answer:
                pass
            if hasattr(answer, "close"):
                answer.close()

    return requests


if __name__ == "__main__":
    main(*sys.argv[1:])
