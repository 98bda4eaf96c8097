"""What the doctor says is counted twice, of things that see the same requests or tasks."""

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TracerProvider as AnyProvider

from seawall.instrumentation.doctor import twice
from seawall.instrumentation.providers import SeawallTracerProvider


def told(monkeypatch: pytest.MonkeyPatch, provider: AnyProvider, *middleware: str) -> list[dict[str, Any]]:
    """Return what is said of an application with contrib's Celery active, *provider* set and such middleware."""
    monkeypatch.setattr(twice, "active_names", lambda: {"celery", "redis"})
    monkeypatch.setattr(twice, "get_tracer_provider", lambda: provider)
    found: Any = SimpleNamespace(app=None)
    return [dict(each) for each in twice.twice(found, middleware)]


def test_a_tasks_second_span_is_told_where_it_goes_to_a_provider_of_the_applications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stands aside in Seawall's own."""
    (celery,) = told(monkeypatch, TracerProvider(shutdown_on_exit=False))

    assert "opentelemetry-instrumentation-celery" == celery["what"]
    assert "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=celery" in celery["mend"]
    assert [] == told(monkeypatch, SeawallTracerProvider(shutdown_on_exit=False))


def test_a_peers_middleware_is_told_once_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants its names tells the catalog so."""
    own = SeawallTracerProvider(shutdown_on_exit=False)
    name = "starlette_exporter.middleware.PrometheusMiddleware"
    (peer,) = told(monkeypatch, own, name, name, "starlette_exporters.other")

    assert name == peer["what"]
    assert "dialect: starlette-exporter" in peer["mend"]
