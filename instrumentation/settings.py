"""What the environment says, read once; a wrong value is named and its default stands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from seawall import conventions

from .environment import is_count
from .http_server import METHODS

SERVICE_VARIABLE: Final = "SEAWALL_SERVICE"
LOG_FORMAT_VARIABLE: Final = "SEAWALL_LOG_FORMAT"
SHARED_MEMORY_VARIABLE: Final = "SEAWALL_SHARED_MEMORY"
_HOST_VARIABLE: Final = "OTEL_EXPORTER_PROMETHEUS_HOST"
_HOST: Final = "localhost"
_HIGHEST_PORT: Final = 65535
_MOST_BYTES: Final = 1_000_000
_LONGEST: Final = 86_400.0  # seconds; a latency threshold above a day is a mistake
_MOST_THRESHOLDS: Final = 50  # each is a number more for every series
_LONGEST_TEXT: Final = 200  # characters; a name in the catalog has 63
_TRUE: Final = "true"
_EXPORTERS: Final = {"METRICS": ("otlp", "prometheus", "none"), "TRACES": ("otlp", "none"), "LOGS": ("otlp", "none")}
_LOG_FORMAT: Final = "json"


@dataclass(frozen=True)
class Settings:
    """Hold what decides how an application is observed."""

    disabled: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    service: str = ""  # the path of its rendered file
    catalogued: bool = False
    thresholds: tuple[float, ...] = ()
    host: str = _HOST
    port: int = conventions.METRICS_PORT
    methods: frozenset[str] = METHODS
    exemplars: bool = True
    serves: bool = True
    shared_memory: Path | None = None
    pushes_metrics: bool = False
    pushes_traces: bool = False
    pushes_logs: bool = False
    writes_json: bool = False
    problems: tuple[str, ...] = ()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings that *environ* holds; what is wrong stands in ``problems``, a sentence each."""
    problems: list[str] = []
    service = _service(environ, problems)
    exporters = {signal: _exporters(environ, signal, known, problems) for signal, known in _EXPORTERS.items()}
    pushes = {signal: _pushes(environ, signal, exporters[signal]) for signal in exporters}
    named = exporters["METRICS"]
    serves = "prometheus" in named if named else not pushes["METRICS"] or "OTEL_EXPORTER_PROMETHEUS_PORT" in environ
    return Settings(
        disabled=environ.get("OTEL_SDK_DISABLED", "").strip().lower() == _TRUE,
        attributes=_attributes(service, problems),
        service=environ.get(SERVICE_VARIABLE, ""),
        catalogued=bool(environ.get(SERVICE_VARIABLE)),
        thresholds=_thresholds(service, problems),
        host=_host(environ, problems),
        port=_port(environ, problems),
        methods=_methods(environ),
        exemplars=environ.get("OTEL_METRICS_EXEMPLAR_FILTER", "").strip().lower() != "always_off",
        serves=serves,
        shared_memory=Path(folder) if (folder := environ.get(SHARED_MEMORY_VARIABLE)) else None,
        pushes_metrics=pushes["METRICS"],
        pushes_traces=pushes["TRACES"],
        pushes_logs=pushes["LOGS"],
        writes_json=_writes_json(environ, problems),
        problems=tuple(problems),
    )


def _service(environ: Mapping[str, str], problems: list[str]) -> Mapping[str, Any]:
    path = environ.get(SERVICE_VARIABLE)
    if not path:
        return {}
    try:
        service = json.loads(_read(Path(path)))
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{SERVICE_VARIABLE}={path} cannot be read ({error}); render the catalog, or mend the path.")
        return {}
    if not isinstance(service, dict):
        problems.append(f"{SERVICE_VARIABLE}={path} holds no JSON object; render the catalog again.")
        return {}
    return service


def _read(file: Path) -> str:
    found = file.stat()
    if not S_ISREG(found.st_mode):  # a pipe has no end
        raise OSError("it is no regular file")
    if found.st_size > _MOST_BYTES:
        raise OSError("it is larger than a megabyte")
    return file.read_text(encoding="utf-8")


def _attributes(service: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, attribute in {"name": "service.name", "team": "seawall.team", "tier": "seawall.tier"}.items():
        value = service.get(key)
        if value in (None, ""):
            continue
        if isinstance(value, str | int) and len(str(value)) <= _LONGEST_TEXT:
            found[attribute] = str(value)
        else:
            problems.append(f"{SERVICE_VARIABLE}: {key} is no text of at most {_LONGEST_TEXT} characters: left out.")
    return found


def _thresholds(service: Mapping[str, Any], problems: list[str]) -> tuple[float, ...]:
    values = service.get("latency_thresholds", [])
    if isinstance(values, list):
        good = tuple(float(value) for value in values if type(value) in (int, float) and 0 < value <= _LONGEST)
        if len(good) > _MOST_THRESHOLDS:
            problems.append(
                f"{SERVICE_VARIABLE}: latency_thresholds lists {len(good)}; the first {_MOST_THRESHOLDS} have a bucket."
            )
        if len(good) == len(values):
            return good[:_MOST_THRESHOLDS]
    else:
        good = ()
    wrong = repr(values)[:_LONGEST_TEXT]
    problems.append(f"{SERVICE_VARIABLE}: latency_thresholds holds {wrong}; it lists seconds above 0, a day at most.")
    return good[:_MOST_THRESHOLDS]


def _exporters(environ: Mapping[str, str], signal: str, known: tuple[str, ...], problems: list[str]) -> frozenset[str]:
    variable = f"OTEL_{signal}_EXPORTER"
    names = {name.strip().lower() for name in environ.get(variable, "").split(",") if name.strip()}
    for name in sorted(names.difference(known)):
        problems.append(f"{variable}={name}: Seawall knows {', '.join(known)}; {name} is left out.")
    return frozenset(names)


def _pushes(environ: Mapping[str, str], signal: str, exporters: frozenset[str]) -> bool:
    variables = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return "otlp" in exporters if exporters else any(environ.get(variable) for variable in variables)


def _writes_json(environ: Mapping[str, str], problems: list[str]) -> bool:
    text = environ.get(LOG_FORMAT_VARIABLE, "").strip()
    if text and text.lower() != _LOG_FORMAT:
        problems.append(f"{LOG_FORMAT_VARIABLE}={text} is not {_LOG_FORMAT}; the application's own format it is.")
    return text.lower() == _LOG_FORMAT


def _host(environ: Mapping[str, str], problems: list[str]) -> str:
    text = environ.get(_HOST_VARIABLE, "").strip()
    try:
        text.encode("idna")  # as the resolver does, which says no more than that a label is empty or too long
    except UnicodeError:
        problems.append(f"{_HOST_VARIABLE}={text[:_LONGEST_TEXT]!r} is no host name; {_HOST} it is.")
        return _HOST
    return text or _HOST


def _port(environ: Mapping[str, str], problems: list[str]) -> int:
    text = environ.get("OTEL_EXPORTER_PROMETHEUS_PORT", "").strip()
    if not text:
        return conventions.METRICS_PORT
    if is_count(text) and int(text) <= _HIGHEST_PORT:
        return int(text)
    problems.append(f"OTEL_EXPORTER_PROMETHEUS_PORT={text} is no port; {conventions.METRICS_PORT} it is.")
    return conventions.METRICS_PORT


def _methods(environ: Mapping[str, str]) -> frozenset[str]:
    text = environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")
    return frozenset(method.strip() for method in text.split(",") if method.strip()) or METHODS
