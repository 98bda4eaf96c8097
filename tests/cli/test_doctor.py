"""``seawall doctor --app``: real applications, and hostile ones, each imported in a process of its own."""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from applications import clean_environment
from click.testing import CliRunner
from doctoring import doctor, report, write
from servers import free_port

from seawall.cli import main


def states(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the state of each library."""
    return {library["name"]: library["state"] for library in found["libraries"]}


FASTAPI = """
    import seawall.auto
    import httpx, redis
    from fastapi import FastAPI
    from starlette.middleware.gzip import GZipMiddleware

    app = FastAPI(openapi_url=None)
    app.add_middleware(GZipMiddleware)

    @app.get("/products/{number}")
    async def product(number: int) -> int:
        return number
"""
FLASK = """
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    app = Flask(__name__, static_folder=None)
    app.wsgi_app = ProxyFix(app.wsgi_app)

    @app.get("/products/<int:number>")
    def product(number):
        return str(number)
"""
SETTINGS = """
    SECRET_KEY = "x"
    ROOT_URLCONF = "urls"
    MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
"""
URLS = """
    import urllib3
    from django.urls import include, path

    def view(request): ...

    urlpatterns = [path("a", view), path("b/", include([path("c", view), path("d", view)]))]
"""
DJANGO = """
    import os
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    from django.core.{0} import get_{0}_application
    application = get_{0}_application()
"""


def test_fastapi_is_told_whole(tmp_path: Path) -> None:
    """The application, its libraries with their versions and metrics, and nothing that is counted twice."""
    found = report(write(tmp_path, shop=FASTAPI), "shop:app")

    expected = {
        "name": "shop:app",
        "kind": "FastAPI",
        "library": "fastapi",
        "version": version("fastapi"),
        "protocol": "ASGI",
        "wrapped_in": [],
        "counted_by": "fastapi.FastAPI",
        "middleware": ["starlette.middleware.gzip.GZipMiddleware"],
        "routes": 1,
        "begins": "imports seawall.auto: shop.py:2",
    }
    assert expected == found["application"]
    assert {"fastapi": "instrumented", "redis": "instrumented", "flask": "waiting"}.items() <= states(found).items()
    libraries = {library["name"]: library for library in found["libraries"]}
    assert (version("redis"), ["calls", "pools"]) == (libraries["redis"]["version"], libraries["redis"]["measures"])
    assert "db_client_operation_duration_seconds" in libraries["redis"]["metrics"]
    assert ([], [], []) == (found["twice"], found["late"], found["notes"])
    assert "process_thread_count" in found["runtime"]


def test_flask_is_told_whole(tmp_path: Path) -> None:
    """It leaves the beginning to ``seawall run``; the WSGI middleware inside of it counts among its middleware."""
    found = report(write(tmp_path, shop=FLASK), "shop")["application"]
    assert ("flask", "WSGI", "flask.Flask", 1) == tuple(
        found[key] for key in ("library", "protocol", "counted_by", "routes")
    )
    assert (["werkzeug.middleware.proxy_fix.ProxyFix"], "") == (found["middleware"], found["begins"])


@pytest.mark.parametrize(("protocol", "handler"), [("wsgi", "WSGIHandler"), ("asgi", "ASGIHandler")])
def test_django_is_told_with_what_its_urls_import(protocol: str, handler: str, tmp_path: Path) -> None:
    """Which the first request alone would import."""
    write(tmp_path, settings=SETTINGS, urls=URLS, site_app=DJANGO.format(protocol))
    found = report(tmp_path, "site_app")
    application = found["application"]
    assert (f"django.{handler}", protocol.upper(), 3) == tuple(
        application[key] for key in ("counted_by", "protocol", "routes")
    )
    assert ["django.middleware.common.CommonMiddleware"] == application["middleware"]
    assert {"django": "instrumented", "urllib3": "instrumented"}.items() <= states(found).items()


OTHERS = {
    "starlette": ("from starlette.applications import Starlette as A; app = A()", "starlette.Starlette"),
    "litestar": ("from litestar import Litestar as A; app = A([], openapi_config=None)", "litestar.Litestar"),
    "falcon": ("import falcon; app = falcon.App(); app.add_route('/', object())", "falcon.App"),
    "falcon.asgi": ("import falcon.asgi; app = falcon.asgi.App()", "falcon.App"),
    "aiohttp": ("from aiohttp import web; app = web.Application()", "RequestHandler of aiohttp.web"),
    "arq": (
        "from arq.worker import Worker as A\nasync def job(_): ...\napp = A([job], handle_signals=False)",
        "the functions of every worker",
    ),
    "celery": ("from celery import Celery; app = Celery('jobs', broker='memory://')", "Celery's signals"),
    "dramatiq": ("from dramatiq.brokers.stub import StubBroker as A; app = A()", "a middleware of every broker"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_framework_says_what_counts_it(name: str, tmp_path: Path) -> None:
    """With the number of its routes or tasks."""
    code, counted_by = OTHERS[name]
    found = report(write(tmp_path, shop=code), "shop:app", environ={"PYTHONWARNINGS": "default"})["application"]
    assert (name.partition(".")[0], counted_by) == (found["library"], found["counted_by"])
    assert isinstance(found["routes"], int)


def test_a_plain_callable_is_counted_by_nothing_until_it_is_wrapped(tmp_path: Path) -> None:
    """Which is exit code 1; inside of Seawall's own middleware it is counted."""
    write(
        tmp_path,
        shop="""
            from seawall.instrumentation import HttpServerMetrics, WsgiMiddleware

            def plain(environ, start_response): ...

            async def plain_asgi(scope, receive, send): ...

            wrapped = WsgiMiddleware(plain, HttpServerMetrics(), None)
        """,
    )
    for name, protocol in (("plain", "WSGI"), ("plain_asgi", "ASGI")):
        found = report(tmp_path, f"shop:{name}", code=1)["application"]
        assert (protocol, "") == (found["protocol"], found["counted_by"])
    code, out, _ = doctor(tmp_path, "shop:plain")
    assert (1, True) == (code, "✗ nothing counts its requests: serve what seawall.instrument(app) returns" in out)
    assert "seawall.instrumentation.WsgiMiddleware" == report(tmp_path, "shop:wrapped")["application"]["counted_by"]


def test_what_belongs_to_no_application_is_not_counted_where_some_are_chosen(tmp_path: Path) -> None:
    """Tasks and calls of gRPC are not measured until everything is; the calls onwards of the same library are."""
    libraries = "import celery, celery.signals, celery.worker.request, rq.queue, rq.worker, grpc, grpc.aio"
    write(
        tmp_path,
        some=f"from flask import Flask\nimport seawall\n{libraries}\napp = seawall.instrument(Flask('shop'))",
        all=f"import seawall.auto\nfrom flask import Flask\n{libraries}\napp = Flask('shop')",
    )
    states = {}
    for name in ("some", "all"):
        found = report(tmp_path, f"{name}:app")
        states[name] = {each["name"]: (each["state"], each["measures"]) for each in found["libraries"]}

    assert [("unchosen", ["tasks"]), ("instrumented", ["tasks"])] == [
        states[name]["celery"] for name in ("some", "all")
    ]
    assert [("unchosen", ["tasks"]), ("instrumented", ["tasks"])] == [states[name]["rq"] for name in ("some", "all")]
    assert ("instrumented", ["calls"]) == states["some"]["grpc"]
    assert ("instrumented", ["calls", "requests"]) == states["all"]["grpc"]
    assert "instrumented" == states["some"]["flask"][0]
    code, out, _ = doctor(tmp_path, "some:app")
    [line] = [line for line in out.splitlines() if " celery " in line]
    assert (0, True) == (code, "not counted: seawall.instrument chose applications" in line)
    assert "messaging_process_duration" not in out


def test_what_is_around_an_application_is_named(tmp_path: Path) -> None:
    """What it answers itself is not counted, and that is said."""
    outer = "starlette.middleware.cors.CORSMiddleware"
    write(
        tmp_path,
        inner=FASTAPI,
        shop="import inner\nfrom starlette.middleware.cors import CORSMiddleware as C\napp = C(inner.app)",
    )
    found = report(tmp_path, "shop:app")
    assert ([outer], "fastapi") == (found["application"]["wrapped_in"], found["application"]["library"])
    assert [f"what {outer} answers itself is not counted: it is around the application that is"] == found["notes"]


def test_no_port_is_opened_and_nothing_is_pushed(tmp_path: Path) -> None:
    """Not by Pythons that it starts either; the settings that are shown are the user's own."""
    port = free_port()
    code = """
        import seawall.auto, subprocess, sys
        subprocess.run([sys.executable, "-c", "import seawall.auto"], check=True)
        from seawall.instrumentation import start
        running = start()
        assert running.endpoint is None
        from flask import Flask
        app = Flask(str(running.settings.pushes_traces))
    """
    with socket.socket() as collector:
        collector.bind(("127.0.0.1", 0))
        collector.listen()
        url = f"http://127.0.0.1:{collector.getsockname()[1]}"
        environ = {
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "1",
        }
        found = report(write(tmp_path, shop=code), "shop:app", environ=environ)
        collector.settimeout(0)
        with pytest.raises(BlockingIOError):
            collector.accept()
    pushes = {signal: f"{url}/v1/{signal}" for signal in ("metrics", "traces", "logs")}
    assert (f"http://localhost:{port}/metrics", pushes) == (found["settings"]["metrics"], found["settings"]["pushes"])


LATE = """
    import httpx, redis, urllib3
    from concurrent.futures import ThreadPoolExecutor
    from grpc import server
    calls = server(ThreadPoolExecutor(1))
    from litestar._asgi.routing_trie.traversal import parse_node_handlers
    client = httpx.Client()
    store = redis.Redis()
    pool = urllib3.PoolManager().connection_from_url("http://localhost:1")
    from dramatiq.brokers.stub import StubBroker
    broker = StubBroker()
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    import seawall.auto
    from flask import Flask
    app = Flask("x")
"""


def test_what_is_made_before_the_import_is_missed_and_classes_are_not(tmp_path: Path) -> None:
    """Pools and brokers, and a function that was taken by name; a provider that was set first stands."""
    environ = {"PYTHONWARNINGS": "default"}
    found = report(write(tmp_path, shop=LATE), "shop:app", code=1, environ=environ)
    expected = [
        "a ConnectionPool of httpcore was made",
        "a ConnectionPool of redis was made",
        "a HTTPConnectionPool of urllib3 was made",
        "a StubBroker of dramatiq was made",
        "a ThreadPoolExecutor of concurrent was made",
        "a _Server of grpc was made",
        "shop took parse_node_handlers of litestar._asgi.routing_trie.traversal by name",
    ]
    assert expected == found["late"]
    assert ["shop.py:14: the application sets a tracer provider of its own: it stands"] == found["notes"]

    early = "import seawall.auto\n" + textwrap.dedent(LATE)
    found = report(write(tmp_path, shop=early), "shop:app", environ=environ)
    assert [] == found["late"]
    notes = ["shop.py:15: the application sets a tracer provider of its own: it is refused, and Seawall's stands"]
    assert notes == found["notes"]


def test_under_seawall_run_it_tells_the_same(tmp_path: Path) -> None:
    """The process that imports the application is not instrumented before it watches."""
    write(tmp_path, shop=FASTAPI)
    command = [sys.executable, "-m", "seawall.cli"]
    done = subprocess.run(
        [*command, "run", "--", *command, "doctor", "--app", "shop:app"],
        env=clean_environment({"OTEL_EXPORTER_PROMETHEUS_PORT": "0"}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "imports seawall.auto: shop.py:2" in done.stdout


def test_a_terminal_alone_gets_colours(tmp_path: Path) -> None:
    """And not where NO_COLOR is set."""
    write(tmp_path, shop=FASTAPI)
    assert "\x1b" not in doctor(tmp_path, "shop:app")[1]
    shown = {}
    for value in ("", "1"):
        reading, writing = os.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "seawall.cli", "doctor", "--app", "shop:app"],
            env=clean_environment({"NO_COLOR": value}),
            cwd=tmp_path,
            stdout=writing,
        ) as running:
            os.close(writing)
            with open(reading, "rb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
                first = terminal.readline()
                shown[value] = first
                while _more(terminal):
                    pass
            assert 0 == running.wait(30)
    assert {"": b"\x1b[1mApplication\x1b[0m\r\n", "1": b"Application\r\n"} == shown


def _more(terminal: Any) -> bool:
    try:
        return bool(terminal.read(65536))
    except OSError:  # what Linux tells of a terminal whose other end is closed
        return False


def test_wrong_options_are_exit_code_2() -> None:
    """In click's own words."""
    for options, words in (
        ([], "Missing option '--app'"),
        (["--app", "x", "--app-dir", "/nowhere/at/all"], "does not exist"),
        (["--app", "x", "--format", "yaml"], "'yaml' is not one of"),
        (["--app", "x", "--timeout", "0"], "0.0 is not in the range"),
    ):
        done = CliRunner().invoke(main, ["doctor", *options])
        assert (2, True) == (done.exit_code, words in done.output)
