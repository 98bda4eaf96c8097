"""What the environment says, what of it is wrong, and where metrics and traces would go."""

import difflib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import environment_variables as api
from opentelemetry.instrumentation import environment_variables as contrib
from opentelemetry.sdk import environment_variables as sdk

from seawall.instrumentation import providers
from seawall.instrumentation.environment import mend
from seawall.instrumentation.exporters import transport_of
from seawall.instrumentation.settings import (
    LOG_FORMAT_VARIABLE,
    SERVICE_VARIABLE,
    SHARED_MEMORY_VARIABLE,
    Settings,
    read_settings,
)

from . import report

PREFIXES: Final = ("OTEL_", "SEAWALL_")
_OWN: Final = (SERVICE_VARIABLE, LOG_FORMAT_VARIABLE, SHARED_MEMORY_VARIABLE)
_OTHERS: Final = (
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
)
_SECRET: Final = ("HEADERS", "KEY", "TOKEN", "PASSWORD", "SECRET")
_NEAR: Final = 0.9  # how like a name must be to be meant: a user's own variables are no mistakes
_DEFAULT_ENDPOINTS: Final = {"http": "http://localhost:4318", "grpc": "http://localhost:4317"}
_EXTRAS: Final = {"http": "otlp", "grpc": "otlp-grpc"}
# Of the resource, what says nothing of the service: the SDK's own, and what each process has anew.
_NOT_SHOWN: Final = ("telemetry.", "service.instance.id")


def settings_of(environ: Mapping[str, str]) -> report.Settings:
    """Return what holds in *environ*."""
    mended = dict(environ)
    problems = [*mend(mended)]
    settings = read_settings(mended)
    pushes = _pushes(settings, mended)
    problems += [*settings.problems, *_misspelt(environ), *_missing(pushes, mended)]
    return {
        "disabled": settings.disabled,
        "service": _service(settings),
        "service_file": mended.get(SERVICE_VARIABLE, ""),
        "thresholds": list(settings.thresholds),
        "metrics": f"http://{settings.host}:{settings.port or '<any>'}/metrics" if settings.serves else "",
        "pushes": pushes,
        "protocol": transport_of("METRICS", mended) if pushes else "",
        "variables": {name: _shown(name, environ[name]) for name in sorted(environ) if name.startswith(PREFIXES)},
        "problems": problems,
    }


def _service(settings: Settings) -> dict[str, str]:
    found = providers.build_resource(settings).attributes
    return {name: str(value) for name, value in sorted(found.items()) if not name.startswith(_NOT_SHOWN)}


def _pushes(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    wanted = {"METRICS": settings.pushes_metrics, "TRACES": settings.pushes_traces, "LOGS": settings.pushes_logs}
    return {signal.lower(): _without_password(_endpoint(signal, environ)) for signal, is_so in wanted.items() if is_so}


def _endpoint(signal: str, environ: Mapping[str, str]) -> str:
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    if own:
        return own
    transport = transport_of(signal, environ)
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _DEFAULT_ENDPOINTS[transport]
    return base if transport == "grpc" else f"{base.rstrip('/')}/v1/{signal.lower()}"


def _missing(pushes: Mapping[str, str], environ: Mapping[str, str]) -> Iterable[str]:
    for transport in sorted({transport_of(signal.upper(), environ) for signal in pushes}):
        if not _is_there(f"opentelemetry.exporter.otlp.proto.{transport}"):
            yield f'nothing is pushed without its exporter: pip install "seawall[{_EXTRAS[transport]}]"'


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _misspelt(environ: Mapping[str, str]) -> Iterable[str]:
    known = {*_OWN, *_OTHERS, *(name for name in (*vars(api), *vars(sdk), *vars(contrib)) if name.startswith("OTEL_"))}
    for name in sorted(environ):
        if name.startswith(PREFIXES) and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
            if close:
                yield f"{name} is read by nobody; did you mean {close[0]}?"


def _shown(name: str, value: str) -> str:
    return "…" if any(word in name for word in _SECRET) else _without_password(value)


def _without_password(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    if not parts.password and not parts.username:
        return value
    return parts._replace(netloc=f"…@{parts.netloc.rpartition('@')[2]}").geturl()
