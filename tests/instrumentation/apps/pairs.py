"""Two applications of each framework, made before Seawall is imported, and a way to ask one of them for a path."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults


async def _ask_asgi(app: Any, path: str) -> str:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "root_path": "",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    told: list[Any] = []
    ended = asyncio.Event()
    asked = []

    async def receive() -> dict[str, Any]:
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    await app(scope, receive, send)
    return str(told[0]["status"])


def ask_asgi(app: Any, path: str = "/items/7") -> str:
    """Return the status of a request to an ASGI application."""
    return asyncio.run(_ask_asgi(app, path))


def ask_wsgi(app: Any, path: str = "/items/7") -> str:
    """Return the status of a request to a WSGI application."""
    environ: dict[str, Any] = {"PATH_INFO": path, "SERVER_PROTOCOL": "HTTP/1.1"}
    setup_testing_defaults(environ)
    told: list[str] = []
    body = app(environ, lambda status, *_: told.append(status))
    list(body)
    getattr(body, "close", lambda: None)()
    return told[0][:3]


def ask_aiohttp(app: Any, path: str = "/items/7") -> str:
    """Return the status of a request to an aiohttp application, which a server of its own answers."""
    from aiohttp import ClientSession, web

    async def serve() -> str:
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            await answer.read()
        await runner.cleanup()
        return str(answer.status)

    return asyncio.run(serve())


def fastapi() -> Any:
    from fastapi import APIRouter, FastAPI

    app, router = FastAPI(), APIRouter()

    @router.get("/{number}")
    async def item(number: int) -> int:
        return number

    app.include_router(router, prefix="/items")
    return app


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def item(_: Any) -> PlainTextResponse:
        return PlainTextResponse("x")

    return Starlette(routes=[Route("/items/{number}", item)])


def litestar() -> Any:
    from litestar import Litestar, asgi, get
    from litestar.params import FromPath

    @get("/items/{number:int}")
    async def item(number: FromPath[int]) -> str:
        return str(number)

    return Litestar([item, asgi("/sub", is_mount=True, copy_scope=True)(plain_asgi)])


def falcon_asgi() -> Any:
    import falcon.asgi

    class Item:
        async def on_get(self, req: Any, resp: Any, number: str) -> None:
            resp.text = number

    app = falcon.asgi.App()
    app.add_route("/items/{number}", Item())
    return app


def falcon_wsgi() -> Any:
    import falcon

    class Item:
        def on_get(self, req: Any, resp: Any, number: str) -> None:
            resp.text = number

    app = falcon.App()
    app.add_route("/items/{number}", Item())
    return app


def flask() -> Any:
    from flask import Flask

    app = Flask("pairs")
    app.add_url_rule("/items/<number>", view_func=lambda number: number, endpoint="item")
    return app


def _django() -> None:
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    if not settings.configured:
        module = type(sys)("pairs_urls")
        module.urlpatterns = [path("items/<int:number>", lambda _, number: HttpResponse(str(number)))]  # type: ignore[attr-defined]
        sys.modules["pairs_urls"] = module
        settings.configure(ROOT_URLCONF="pairs_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x", USE_TZ=True)


def django_wsgi() -> Any:
    from django.core.wsgi import get_wsgi_application

    _django()
    return get_wsgi_application()


def django_asgi() -> Any:
    from django.core.asgi import get_asgi_application

    _django()
    return get_asgi_application()


def aiohttp() -> Any:
    from aiohttp import web

    async def item(_: Any) -> web.Response:
        return web.Response(text="x")

    app = web.Application()
    app.router.add_get("/items/{number}", item)
    return app


async def plain_asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer as no framework does."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


def plain_wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer as no framework does."""
    start_response("200 OK", [])
    return [b"x"]


# Framework → how it is made, how it is asked, and what it calls the route of /items/7.
PAIRS: dict[str, tuple[Callable[[], Any], Callable[..., str], str]] = {
    "fastapi": (fastapi, ask_asgi, "/items/{number}"),
    "starlette": (starlette, ask_asgi, "/items/{number}"),
    "litestar": (litestar, ask_asgi, "/items/{number}"),
    "falcon_asgi": (falcon_asgi, ask_asgi, "/items/{number}"),
    "falcon_wsgi": (falcon_wsgi, ask_wsgi, "/items/{number}"),
    "flask": (flask, ask_wsgi, "/items/<number>"),
    "django_wsgi": (django_wsgi, ask_wsgi, "/items/<int:number>"),
    "django_asgi": (django_asgi, ask_asgi, "/items/<int:number>"),
    "aiohttp": (aiohttp, ask_aiohttp, "/items/{number}"),
}


def counted() -> dict[str, int]:
    """Return the requests that were counted so far, by their route."""
    from seawall.instrumentation.start import running

    begun = running()
    assert begun is not None
    found: dict[str, int] = {}
    for labels, cells in begun.http.duration.collect():
        found[labels[1]] = found.get(labels[1], 0) + int(sum(cells[:-1]))
    return {route: count for route, count in found.items() if count}


def spans() -> Callable[[], list[str]]:
    """Keep the spans that end from now on in the provider that is set; return how to name them: of servers, plainly."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))  # type: ignore[attr-defined]
    kinds = {trace.SpanKind.SERVER: ""}
    return lambda: [
        f"{kinds.get(span.kind, f'{span.kind.name} ')}{span.name}" for span in exporter.get_finished_spans()
    ]


def seen(app: Any, ask: Callable[..., str]) -> dict[str, Any]:
    """Ask for what there is and for what is not there; return how often both were counted, and all spans of them."""
    from seawall.instrumentation.start import running

    names = spans()
    ask(app)
    ask(app, "/nothing")
    begun = running()
    assert begun is not None
    lines = [line for line in begun.registry.render().decode().splitlines() if line.startswith("http_server")]
    values = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines if "_count{" in line}
    duration = [value for name, value in values.items() if name.startswith("http_server_request_duration_seconds")]
    active = [int(line.rpartition(" ")[2]) for line in lines if line.startswith("http_server_active_requests{")]
    return {
        "counts": sorted(value for value in duration if value),
        "active": sum(active),
        "of others": [line for line in lines if "otel_scope_name" in line],
        "spans": sorted(names()),
    }
