"""What OpenTelemetry reads from the environment, mended before it is imported.

Some wrong values make its packages raise as they are imported, so that no application with them starts; others are told
by a traceback, again and again. Here each is said once, and is as if it were not set. What is right is left alone.
"""

import os
import re
from collections.abc import Callable, MutableMapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from .diagnostics import described

_LONGEST: Final = 200
_LONGEST_WAIT: Final = 1e9  # seconds; no clock can hold much more
_SIGNALS: Final = ("", "TRACES_", "METRICS_", "LOGS_")
_CLIENT: Final = ("CERTIFICATE", "KEY")
BATCH_DELAYS: Final = {"BSP": 5000, "BLRP": 1000}  # milliseconds between two batches of spans, and of log records
_BATCH_PREFIXES: Final = tuple(f"OTEL_{processor}_" for processor in BATCH_DELAYS)
QUEUE_SIZE: Final = 2048
BATCH_SIZE: Final = 512
# What OTLP's exporters take: a token, and printable text without what separates headers, or properties of one.
_HEADER: Final = re.compile(r"[ \t]*[!#$%&'*+.^_`|~\w-]+[ \t]*=(?:(?![\",;\\])[\t -~])*", re.ASCII)


class Rule(NamedTuple):
    """What a value must be, in the words that end ``VARIABLE=value is …``."""

    is_good: Callable[[str], bool]
    words: str


def _one_of(*names: str) -> Rule:
    return Rule(lambda value: value.lower() in names, f"none of {', '.join(names)}")


def _is_number(value: str) -> bool:
    try:
        return 0 < float(value) <= _LONGEST_WAIT
    except ValueError:
        return False


def _is_ratio(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _installed(group: str, name: str) -> list[Any]:
    from importlib.metadata import entry_points  # who sets none of these variables does not pay for it

    return [*entry_points(group=group, name=name)]


def _provider(signal: str) -> Rule:
    return Rule(
        lambda value: bool(_installed(f"opentelemetry_{signal}_provider", value)), "no provider that is installed"
    )


def is_count(value: str) -> bool:
    """Whether *value* is a whole number of no more digits than anybody means, or than Python reads."""
    return value.isdecimal() and value.isascii() and len(value) < 10


def is_whole(value: str) -> bool:
    """Whether *value* is such a number above zero."""
    return is_count(value) and int(value) > 0


_POSITIVE: Final = Rule(is_whole, "no whole number above 0")
_COUNT: Final = Rule(is_count, "no whole number")
_SECONDS: Final = Rule(_is_number, "no number of seconds above 0")
_READABLE: Final = Rule(lambda value: os.access(value, os.R_OK), "nothing that can be read")
_BOOLEAN: Final = _one_of("true", "false")
_SAMPLERS: Final = ("always_on", "always_off", "traceidratio")
_RATIOS: Final = ("traceidratio", "parentbased_traceidratio")
_HISTOGRAMS: Final = ("explicit_bucket_histogram", "base2_exponential_bucket_histogram")

# Each variable that holds one value: what it must be, and what holds where it is not.
_KNOWN: Final[dict[str, tuple[Rule, str]]] = {
    "OTEL_SDK_DISABLED": (_BOOLEAN, "false"),
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": (_BOOLEAN, "false"),
    "OTEL_PYTHON_CONTEXT": (
        Rule(lambda value: bool(_installed("opentelemetry_context", value)), "no context that is installed"),
        "contextvars_context",
    ),
    "OTEL_PYTHON_TRACER_PROVIDER": (_provider("tracer"), "Seawall's"),
    "OTEL_PYTHON_METER_PROVIDER": (_provider("meter"), "Seawall's"),
    "OTEL_PYTHON_LOGGER_PROVIDER": (_provider("logger"), "Seawall's"),
    "OTEL_TRACES_SAMPLER": (
        _one_of(*_SAMPLERS, *(f"parentbased_{name}" for name in _SAMPLERS)),
        "parentbased_always_on",
    ),
    "OTEL_METRICS_EXEMPLAR_FILTER": (_one_of("trace_based", "always_on", "always_off"), "trace_based"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": (_one_of("cumulative", "delta", "lowmemory"), "cumulative"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (_one_of(*_HISTOGRAMS), _HISTOGRAMS[0]),
    "OTEL_ATTRIBUTE_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": (_COUNT, "no limit"),
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": (_COUNT, "no limit"),
    "OTEL_SPAN_EVENT_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_SPAN_LINK_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": (_COUNT, "128"),
    "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": (_COUNT, "no limit"),
    **{f"OTEL_EXPORTER_OTLP_{signal}TIMEOUT": (_SECONDS, "10") for signal in _SIGNALS},
    **{f"OTEL_EXPORTER_OTLP_{signal}COMPRESSION": (_one_of("gzip", "deflate", "none"), "none") for signal in _SIGNALS},
    **{f"OTEL_EXPORTER_OTLP_{signal}CERTIFICATE": (_READABLE, "the system's own") for signal in _SIGNALS},
    **{f"OTEL_EXPORTER_OTLP_{signal}CLIENT_{part}": (_READABLE, "none") for signal in _SIGNALS for part in _CLIENT},
    **{f"OTEL_{processor}_SCHEDULE_DELAY": (_POSITIVE, str(delay)) for processor, delay in BATCH_DELAYS.items()},
    **{f"{prefix}MAX_QUEUE_SIZE": (_POSITIVE, str(QUEUE_SIZE)) for prefix in _BATCH_PREFIXES},
    **{f"{prefix}MAX_EXPORT_BATCH_SIZE": (_POSITIVE, str(BATCH_SIZE)) for prefix in _BATCH_PREFIXES},
    **{f"{prefix}EXPORT_TIMEOUT": (_COUNT, "30000") for prefix in _BATCH_PREFIXES},
}


def mend(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Take out of *environ* what OpenTelemetry cannot use; return a sentence for each."""
    problems: list[str] = []
    try:
        for name, (rule, default) in _KNOWN.items():
            _mend_one(environ, name, rule, default, problems)
        for mend_some in _MENDS:
            mend_some(environ, problems)
    except Exception as error:  # noqa: BLE001 - the application comes first
        problems.append(f"Seawall could not look through OTEL_*: {described(error)}")
    return tuple(problems)


def _mend_one(environ: MutableMapping[str, str], name: str, rule: Rule, default: str, problems: list[str]) -> None:
    if name not in environ:
        return
    value = environ[name].strip()
    if value and rule.is_good(value):
        environ[name] = value
        return
    del environ[name]  # an empty one is one that is not set, which not all of the SDK knows
    if value:
        problems.append(f"{name}={value[:_LONGEST]} is {rule.words}; {default} it is.")


def _mend_ratio(environ: MutableMapping[str, str], problems: list[str]) -> None:
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() in _RATIOS:
        rule = Rule(_is_ratio, "no ratio from 0 to 1")
        _mend_one(environ, "OTEL_TRACES_SAMPLER_ARG", rule, "1.0", problems)
        if not environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip():
            environ["OTEL_TRACES_SAMPLER_ARG"] = "1.0"  # the default, of which the SDK would warn


def _mend_batches(environ: MutableMapping[str, str], problems: list[str]) -> None:
    for prefix in _BATCH_PREFIXES:
        size = int(environ.get(f"{prefix}MAX_QUEUE_SIZE") or QUEUE_SIZE)
        name = f"{prefix}MAX_EXPORT_BATCH_SIZE"
        if int(environ.get(name) or 0) > size:
            problems.append(f"{name}={environ[name]} is more than the queue holds; {size} it is.")
            environ[name] = str(size)
        elif not environ.get(name) and size < BATCH_SIZE:
            environ[name] = str(size)


def _mend_endpoints(environ: MutableMapping[str, str], problems: list[str]) -> None:
    if "grpc" in {environ.get(f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", "").strip() for signal in _SIGNALS}:
        return  # its endpoints may be a host and a port
    for signal in _SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT"
        value = environ.get(name, "").strip()
        if value and not _is_url(value):
            del environ[name]
            problems.append(f"{name}={value[:_LONGEST]} is no URL with http:// or https://; it is left out.")


def _mend_compressions(environ: MutableMapping[str, str], problems: list[str]) -> None:
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    for signal in _SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal}COMPRESSION"
        by_grpc = environ.get(f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", protocol).strip() == "grpc"
        if by_grpc and environ.get(name, "").lower() == "deflate":
            del environ[name]
            problems.append(f"{name}=deflate is nothing that gRPC has; none it is.")


def _mend_pairs(environ: MutableMapping[str, str], problems: list[str]) -> None:
    name = "OTEL_RESOURCE_ATTRIBUTES"
    pairs = [pair for pair in environ.get(name, "").split(",") if pair.strip()]
    wrong = [pair for pair in pairs if not pair.partition("=")[0].strip() or "=" not in pair]
    if wrong:
        environ[name] = ",".join(pair for pair in pairs if pair not in wrong)
        problems.append(f"{name}: {', '.join(wrong)[:_LONGEST]} is no name=value; it is left out.")


def _mend_headers(environ: MutableMapping[str, str], problems: list[str]) -> None:
    for signal in _SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal}HEADERS"
        pairs = [pair for pair in environ.get(name, "").split(",") if pair.strip()]
        good = [pair for pair in pairs if _HEADER.fullmatch(pair)]
        if len(good) < len(pairs):
            environ[name] = ",".join(good)
            # Not what stands there: it may be a secret.
            problems.append(f"{name} holds {len(pairs) - len(good)} that is no name=value; it is left out.")


def _mend_entry_points(environ: MutableMapping[str, str], problems: list[str]) -> None:
    for variable, group, known, default in (
        ("OTEL_PROPAGATORS", "opentelemetry_propagator", ("none", "tracecontext", "baggage"), "tracecontext,baggage"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "opentelemetry_resource_detector", ("*", "otel"), "otel"),
    ):
        if variable not in environ:
            continue
        names = [name.strip() for name in environ[variable].split(",") if name.strip()]
        wrong = {name: problem for name in names if name.lower() not in known and (problem := _problem_of(group, name))}
        good = [name for name in names if name not in wrong]
        environ[variable] = ",".join(good)
        if not good:
            del environ[variable]
        instead = "it is left out" if good else f"{default} it is"
        problems += [f"{variable}={name[:_LONGEST]}: {problem}; {instead}." for name, problem in wrong.items()]


_MENDS: Final = (
    _mend_ratio,
    _mend_batches,
    _mend_endpoints,
    _mend_compressions,
    _mend_pairs,
    _mend_headers,
    _mend_entry_points,
)


def _problem_of(group: str, name: str) -> str:
    found = _installed(group, name)
    if not found:
        return f"nothing that is installed has that name ({group})"
    try:
        found[0].load()()
    except Exception as error:  # noqa: BLE001 - somebody's package
        return f"it cannot be loaded ({described(error)})"
    return ""


PROBLEMS: Final = mend(os.environ)
"""What was wrong as this process began."""
