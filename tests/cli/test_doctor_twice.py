"""What the doctor says is counted twice, of things that see the same requests or tasks, and what is not counted."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from doctoring import report, write

from seawall.instrumentation.doctor import twice

OWN_PROVIDER = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
"""
INSTRUMENTED = """
    from fastapi import FastAPI
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    # As its makers' packages ask: what serves calls, what makes them, and what runs tasks.
    def server_interceptor(): trace.get_tracer("opentelemetry.instrumentation.grpc", "0.66b1", None)
    def client_interceptor(): trace.get_tracer("opentelemetry.instrumentation.grpc")
    def tasks(): trace.get_tracer("opentelemetry.instrumentation.celery")

    app = FastAPI()
    for ask in ({asks}): ask()
    FastAPIInstrumentor.instrument_app(app{given})
"""
GIVEN = ", tracer_provider=TracerProvider(shutdown_on_exit=False), meter_provider=MeterProvider(shutdown_on_exit=False)"
METERS = "from opentelemetry.sdk.metrics import MeterProvider\n"


def told(folder: Path, *parts: str, code: int = 1) -> dict[str, str]:
    """Return what is said to see things once more, by its name; the command ends with *code*."""
    whole = write(folder, **{f"part_{number}": part for number, part in enumerate(parts)})
    text = "".join((whole / f"part_{number}.py").read_text() for number in range(len(parts)))
    return {each["what"]: each["does"] for each in report(write(folder, shop=text), "shop:app", code)["twice"]}


def test_what_stands_aside_in_seawalls_provider_is_not_told(tmp_path: Path) -> None:
    """OpenTelemetry's own instrumentation, of an application, of calls and of tasks."""
    app = INSTRUMENTED.format(asks="server_interceptor, tasks", given=", tracer_provider=trace.get_tracer_provider()")

    assert {} == told(tmp_path, "import seawall.auto\nfrom opentelemetry import trace\n", app, code=0)


def test_second_spans_in_a_provider_of_the_applications_are_told(tmp_path: Path) -> None:
    """It was set before Seawall began; calls of gRPC's clients are no second ones."""
    prefix = "opentelemetry-instrumentation-"
    app = INSTRUMENTED.format(asks="server_interceptor, tasks, client_interceptor", given="")
    does = "sees each {} once more, for a tracer provider of the application's"
    expected = {
        f"{prefix}{name}": does.format(what)
        for name, what in (("celery", "task"), ("fastapi", "request"), ("grpc", "call"))
    }

    assert expected == told(tmp_path, OWN_PROVIDER, "import seawall.auto\n", app)


def test_providers_that_an_instrumentation_was_given_are_told(tmp_path: Path) -> None:
    """What Seawall does not see stand aside goes on."""
    app = INSTRUMENTED.format(asks="client_interceptor,", given=GIVEN)
    does = "sees each request once more, for a tracer provider and a meter provider of the application's"
    begin = "import seawall.auto\nfrom opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"

    assert {"opentelemetry-instrumentation-fastapi": does} == told(tmp_path, begin, METERS, app)


def test_of_chosen_applications_no_other_counts(tmp_path: Path) -> None:
    """An application beside the one that was given to ``seawall.instrument`` is told as what it is; exit code 1."""
    code = """
        import seawall
        from fastapi import FastAPI
        from starlette.middleware.gzip import GZipMiddleware

        app, other = FastAPI(), FastAPI()
        seawall.instrument(app)
        around = seawall.instrument(GZipMiddleware(other))
    """
    write(tmp_path, shop=code)
    found = [
        report(tmp_path, f"shop:{name}", code)["application"]
        for name, code in (("app", 0), ("other", 1), ("around", 0))
    ]

    assert ["fastapi.FastAPI", "", "fastapi.FastAPI"] == [each["counted_by"] for each in found]
    assert {"calls seawall.instrument: shop.py:7"} == {each["begins"] for each in found}


def test_a_peers_middleware_is_told_once_with_the_way_out() -> None:
    """Whoever wants its names tells the catalog so."""
    name = "starlette_exporter.middleware.PrometheusMiddleware"
    found: Any = SimpleNamespace(app=None)
    [peer] = twice.twice(found, [name, name, "starlette_exporters.other"], [])

    assert name == peer["what"]
    assert "dialect: starlette-exporter" in peer["mend"]
