"""What sees the same requests as Seawall does: each named, with what it does and how to have one of the two."""

import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from .application import Found
from .report import Twice

_OWN_METRICS: Final = "counts each request once more, under names of its own and on a /metrics of its own"
_DIALECT: Final = "take it out, or leave Seawall's rules with its names: `dialect: {}` in the catalog"
# Middleware by the package that it is of: what it does, and what to do.
_MIDDLEWARE: Final[dict[str, tuple[str, str]]] = {
    "prometheus_fastapi_instrumentator": (_OWN_METRICS, _DIALECT.format("fastapi-instrumentator")),
    "starlette_exporter": (_OWN_METRICS, _DIALECT.format("starlette-exporter")),
    "prometheus_flask_exporter": (_OWN_METRICS, _DIALECT.format("flask-exporter")),
    "django_prometheus": (_OWN_METRICS, _DIALECT.format("django-prometheus")),
    "aioprometheus": (_OWN_METRICS, "take it out"),
    "starlette_prometheus": (_OWN_METRICS, "take it out"),
    "aiohttp_prometheus": (_OWN_METRICS, "take it out"),
    "litestar.plugins.prometheus": (_OWN_METRICS, "take it out"),
    "litestar.contrib.prometheus": (_OWN_METRICS, "take it out"),
}
_TRACES: Final = "traces the same requests, for a backend of its own"
# Agents that patch whatever is imported, by the module that only they import.
_AGENTS: Final = {
    "ddtrace": "ddtrace._monkey",
    "newrelic": "newrelic.agent",
    "elasticapm": "elasticapm.base",
    "scout_apm": "scout_apm.core",
    "instana": "instana",
}
_ONE_OF_TWO: Final = "switch its tracing off, or Seawall's: OTEL_TRACES_SAMPLER=always_off"


def twice(found: Found, middleware: Collection[str], second: Iterable[Twice]) -> list[Twice]:
    """Return everything that sees the application's requests beside Seawall; *second* is OpenTelemetry's own."""
    seen: dict[str, Twice] = {}
    for each in (*second, *_by_middleware(middleware), *_native(found.app), *_agents(), *_sentry()):
        seen.setdefault(each["what"], each)
    return list(seen.values())


def _by_middleware(names: Iterable[str]) -> Iterator[Twice]:
    for name in names:
        for package, (does, mend) in _MIDDLEWARE.items():
            if name.startswith(f"{package}."):
                yield {"what": name, "does": does, "mend": mend}


def _native(app: Any) -> Iterator[Twice]:
    # FastAPI's own stands down where it would write to Seawall's providers; not where it was given others.
    own = getattr(app, "_telemetry", None) or {}
    given = [name for name in ("tracer_provider", "meter_provider") if own.get(name) is not None]
    if given:
        yield {
            "what": f"FastAPI's own telemetry, with a {' and a '.join(given)} of the application's",
            "does": "sees each request once more, for these",
            "mend": f"leave telemetry={{…{given[0]!r}…}} out: Seawall sees to it",
        }


def _agents() -> Iterator[Twice]:
    for name, module in _AGENTS.items():
        if module in sys.modules:
            yield {"what": name, "does": _TRACES, "mend": _ONE_OF_TWO}


def _sentry() -> Iterator[Twice]:
    module = sys.modules.get("sentry_sdk")
    try:
        options = module.get_client().options if module is not None else {}
        traces = bool(options.get("traces_sample_rate") or options.get("traces_sampler"))
    except Exception:  # noqa: BLE001 - another version of it
        traces = False
    if traces:
        yield {"what": "sentry_sdk", "does": _TRACES, "mend": "leave traces_sample_rate out, or Seawall's sampler off"}
