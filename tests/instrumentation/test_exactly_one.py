"""Whatever else counts and traces requests in the process: each counts once, and has one span, a SERVER's."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from applications import run_python

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"


def run(code: str) -> str:
    """Run *code* beside ``pairs``, without a word in the log; return what it printed."""
    done = run_python(f"from pairs import *\n{code}", cwd=APPS)

    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def once(code: str, spans: list[str], counts: tuple[int, ...] = (1, 1), after: str = "") -> None:
    """Run *code*, which makes ``app`` and ``ask``: of two requests, one to nowhere, are these *counts* and *spans*."""
    expected = {"counts": [*counts], "active": 0, "of others": [], "spans": spans}

    assert expected == json.loads(run(f"{code}\nimport json\nprint(json.dumps(seen(app, ask)))\n{after}"))


FASTAPI = ["GET", "GET /items/{number}"]
FLASK = ["GET", "GET /items/<number>"]
PLAIN = ["GET", "GET"]


def test_fastapis_own_telemetry() -> None:
    """It begins as soon as there are providers; Seawall's are, and it stands aside."""
    once("import seawall.auto\napp, ask = fastapi(), ask_asgi", FASTAPI)


def test_fastapis_own_telemetry_of_an_application_that_is_chosen() -> None:
    """The same where one application is instrumented alone."""
    once("import seawall\napp, ask = seawall.instrument(fastapi()), ask_asgi", FASTAPI)


def test_fastapis_own_telemetry_with_the_applications_providers() -> None:
    """The provider that the application set has one SERVER span of each request."""
    given = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
import seawall.auto
app, ask = fastapi(), ask_asgi
"""
    once(given, FASTAPI)


@pytest.mark.skipif(
    find_spec("starlette.middleware") is None or find_spec("starlette.middleware.opentelemetry") is None,
    reason="this Starlette has no telemetry of its own",
)
def test_starlettes_own_middleware() -> None:
    """It stands aside wherever it is put in: within the application, or around it."""
    within = """
import seawall.auto
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
app, ask = starlette(), ask_asgi
app.add_middleware(OpenTelemetryMiddleware)
"""
    once(within, FASTAPI)


@pytest.mark.parametrize("app", ["fastapi", "flask"])
@pytest.mark.parametrize("order", ["before", "after", "the application alone", "one application"])
def test_the_instrumentor_of_the_framework(app: str, order: str) -> None:
    """OpenTelemetry's instrumentation of the framework: of all that are made, or of one, before the import or after."""
    name = {"fastapi": "FastAPI", "flask": "Flask"}[app]
    imported = f"from opentelemetry.instrumentation.{app} import {name}Instrumentor\n"
    ask = "ask_asgi" if app == "fastapi" else "ask_wsgi"
    make = f"app, ask = {app}(), {ask}\n"
    code = {
        "before": f"{imported}{name}Instrumentor().instrument()\nimport seawall.auto\n{make}",
        "after": f"import seawall.auto\n{imported}{name}Instrumentor().instrument()\n{make}",
        "the application alone": f"import seawall.auto\n{imported}{make}{name}Instrumentor().instrument_app(app)\n",
        "one application": f"import seawall\n{imported}{make}{name}Instrumentor().instrument_app(app)\nseawall.instrument(app)\n",
    }[order]

    once(code, FASTAPI if app == "fastapi" else FLASK)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
@pytest.mark.parametrize("around", ["framework", "plain"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_the_middleware_around_an_application(kind: str, around: str, order: str) -> None:
    """OpenTelemetry's ASGI and WSGI middleware: around a framework, or around what only it knows of."""
    made = {"framework": {"asgi": "fastapi()", "wsgi": "flask()"}[kind], "plain": f"{around}_{kind}"}[around]
    imports = [f"from opentelemetry.instrumentation.{kind} import OpenTelemetryMiddleware\n", "import seawall.auto\n"]
    code = f"{''.join(imports if order == 'before' else reversed(imports))}app, ask = OpenTelemetryMiddleware({made}), ask_{kind}\n"
    if around == "framework":
        once(code, FASTAPI if kind == "asgi" else FLASK)
    else:
        once(code, PLAIN, (2,))  # it answers everything


def test_a_hook_of_the_middleware_is_given_the_one_span() -> None:
    """What an application writes into the server's span is in the one that there is."""
    code = """
import seawall.auto
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
app, ask = fastapi(), ask_asgi
FastAPIInstrumentor.instrument_app(app, server_request_hook=lambda span, scope: span.set_attribute("user", scope["type"]))
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
assert "200" == ask(app)
[span] = exporter.get_finished_spans()
assert ("http", "seawall") == (span.attributes["user"], span.instrumentation_scope.name)
"""
    run(code)


@pytest.mark.parametrize("app", ["fastapi", "flask"])
def test_providers_that_an_instrumentor_was_given_are_still_told(app: str) -> None:
    """What goes elsewhere goes on: these have their spans and counts, and Seawall's provider has one span."""
    name, ask = {"fastapi": ("FastAPI", "ask_asgi"), "flask": ("Flask", "ask_wsgi")}[app]
    code = f"""
import seawall.auto
from opentelemetry.instrumentation.{app} import {name}Instrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
tracers, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
tracers.add_span_processor(SimpleSpanProcessor(exporter))
app, ask = {app}(), {ask}
{name}Instrumentor().instrument_app(app, tracer_provider=tracers, meter_provider=meters)
"""
    check = """
assert exporter.get_finished_spans()
names = {metric.name for scope in reader.get_metrics_data().resource_metrics[0].scope_metrics for metric in scope.metrics}
assert "http.server.request.duration" in names, names
"""
    once(code, FASTAPI if app == "fastapi" else FLASK, after=check)


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_an_application_that_is_not_chosen_keeps_its_own_middleware(kind: str) -> None:
    """Where one application is instrumented alone, OpenTelemetry's own still traces the others."""
    code = f"""
import seawall
from opentelemetry.instrumentation.{kind} import OpenTelemetryMiddleware
seawall.instrument({"fastapi" if kind == "asgi" else "flask"}())
names = spans()
assert "200" == ask_{kind}(OpenTelemetryMiddleware(plain_{kind}))
assert 1 == len([name for name in names() if not name.startswith('INTERNAL')]), names()
assert {{}} == counted()
"""
    run(code)
