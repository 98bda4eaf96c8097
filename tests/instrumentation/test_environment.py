"""Wrong OTEL_* values: each is said once, with what holds instead, and the application runs and is observed."""

import re
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from applications import run_python
from collector import Collector
from opentelemetry.sdk import environment_variables

from seawall.instrumentation.environment import mend

WRONG = [
    ("OTEL_PROPAGATORS", "nonsense", "nothing that is installed has that name (opentelemetry_propagator); tracecontext,baggage it is."),
    ("OTEL_PYTHON_CONTEXT", "nonsense", "is no context that is installed; contextvars_context it is."),
    ("OTEL_PYTHON_TRACER_PROVIDER", "nonsense", "is no provider that is installed; Seawall's it is."),
    ("OTEL_PYTHON_METER_PROVIDER", "nonsense", "is no provider that is installed; Seawall's it is."),
    ("OTEL_PYTHON_LOGGER_PROVIDER", "nonsense", "is no provider that is installed; Seawall's it is."),
    ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_traceidratio; parentbased_always_on it is."),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "some", "is none of trace_based, always_on, always_off; trace_based it is."),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "x", "is none of cumulative, delta, lowmemory; cumulative it is."),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "x", "explicit_bucket_histogram it is."),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-5", "is no number of seconds above 0; 10 it is."),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "nan", "is no number of seconds above 0; 10 it is."),
    ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "1e300", "is no number of seconds above 0; 10 it is."),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "is none of gzip, deflate, none; none it is."),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "is nothing that can be read; the system's own it is."),
    ("OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY", "/nowhere/key.pem", "is nothing that can be read; none it is."),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", "9999999999", "is no whole number; 128 it is."),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "is no whole number above 0; 2048 it is."),
    ("OTEL_BSP_SCHEDULE_DELAY", "soon", "is no whole number above 0; 5000 it is."),
    ("OTEL_BLRP_SCHEDULE_DELAY", "1e3", "is no whole number above 0; 1000 it is."),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "9999", "is more than the queue holds; 2048 it is."),
    ("OTEL_BSP_EXPORT_TIMEOUT", "²", "is no whole number; 30000 it is."),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", "-1", "is no whole number; 128 it is."),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "is no whole number; 128 it is."),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1.5", "is no whole number; 128 it is."),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "x", "is no whole number; no limit it is."),
    ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "moon", "nothing that is installed has that name (opentelemetry_resource_detector); otel it is."),
    ("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "maybe", "is none of true, false; false it is."),
    ("OTEL_SDK_DISABLED", "maybe", "is none of true, false; false it is."),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "value", "said"), WRONG, ids=[variable for variable, _, _ in WRONG])
def test_a_wrong_value_is_said_with_what_holds_instead(variable: str, value: str, said: str) -> None:
    """And is taken out, so that nothing else stumbles over it."""
    environ = {variable: value, "OTEL_SERVICE_NAME": "shop"}
    (problem,) = mend(environ)

    assert problem.startswith(f"{variable}={value}")
    assert problem.endswith(said)
    assert value not in environ.get(variable, "")
    assert "shop" == environ["OTEL_SERVICE_NAME"]


@pytest.mark.e2e
def test_an_application_with_every_wrong_value_starts_and_is_observed(collector: Collector) -> None:
    """Each is one line of the log; OpenTelemetry's own packages would raise of some as they are imported."""
    environ = {variable: value for variable, value, _ in WRONG} | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,zone",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization",
    }
    code = """
import seawall.auto
from opentelemetry import trace
with trace.get_tracer("shop").start_as_current_span("buy"):
    pass
"""
    done = run_python(code, environ)
    lines = done.stderr.splitlines()

    assert (0, len(WRONG) + 2) == (done.returncode, len(lines)), done.stderr
    assert [] == [each for each in environ if each != "OTEL_EXPORTER_OTLP_ENDPOINT" and each not in done.stderr]
    assert ["buy"] == [span.name for span in collector.spans()]
    assert "prod" == collector.metrics()[""]["deployment.environment.name"]


RIGHT = {
    "OTEL_PROPAGATORS": "tracecontext,baggage",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.25",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/otlp",
    "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc==,x-tenant=1",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,a=b=c,empty=",
    "OTEL_BSP_MAX_QUEUE_SIZE": "4096",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,otel",
    "OTEL_PYTHON_CONTEXT": "contextvars_context",
    "OTEL_SDK_DISABLED": "False",
}


def test_right_values_are_left_alone() -> None:
    """To the letter."""
    environ = dict(RIGHT)

    assert () == mend(environ)
    assert environ == RIGHT


def test_what_is_empty_is_as_if_it_were_not_set() -> None:
    """OpenTelemetry says so; parts of its SDK raise of it."""
    names = ["OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_PYTHON_TRACER_PROVIDER"]
    environ = dict.fromkeys(names, " ") | {"OTEL_BSP_SCHEDULE_DELAY": " 70 "}

    assert () == mend(environ)
    assert {"OTEL_BSP_SCHEDULE_DELAY": "70"} == environ


def test_of_lists_only_what_is_wrong_is_left_out() -> None:
    """Propagators, resource attributes and headers; what stands in a header may be a secret and is not said."""
    environ = {
        "OTEL_PROPAGATORS": "baggage,nonsense,",
        "OTEL_RESOURCE_ATTRIBUTES": "a=b,c,=d",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x=1,hunter2,é=3",
    }

    assert (
        "OTEL_RESOURCE_ATTRIBUTES: c, =d is no name=value; it is left out.",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS holds 2 that is no name=value; it is left out.",
        "OTEL_PROPAGATORS=nonsense: nothing that is installed has that name (opentelemetry_propagator); it is left out.",
    ) == mend(environ)
    assert ["baggage", "a=b", "x=1"] == list(environ.values())


@pytest.mark.parametrize(
    "value", ["collector:4318", "http://", "http://[bad", "ftp://collector", "http://collector:99999"]
)
def test_an_endpoint_that_is_no_url_is_left_out(value: str) -> None:
    """What gRPC calls its endpoint may be a host and a port."""
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    environ = {name: value}

    assert (f"{name}={value} is no URL with http:// or https://; it is left out.",) == mend(environ)
    assert {} == environ
    assert () == mend({name: value, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_a_compression_that_grpc_does_not_have_is_left_out() -> None:
    """Its exporter would push nothing; what is pushed over HTTP keeps it."""
    compression = {"OTEL_EXPORTER_OTLP_COMPRESSION": "deflate"}
    environ = compression | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    assert ("OTEL_EXPORTER_OTLP_COMPRESSION=deflate is nothing that gRPC has; none it is.",) == mend(environ)
    assert {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} == environ
    assert () == mend(compression)
    assert 1 == len(compression)


@pytest.mark.parametrize("argument", ["2", "half", "-0.1"])
def test_a_ratio_that_is_none_is_one(argument: str) -> None:
    """Of every trace, as OpenTelemetry says; without an argument too, and of that nothing is said."""
    sampler = {"OTEL_TRACES_SAMPLER": "traceidratio"}
    wrong = sampler | {"OTEL_TRACES_SAMPLER_ARG": argument}

    assert (f"OTEL_TRACES_SAMPLER_ARG={argument} is no ratio from 0 to 1; 1.0 it is.",) == mend(wrong)
    assert () == mend(sampler)
    assert wrong == sampler | {"OTEL_TRACES_SAMPLER_ARG": "1.0"}


def test_a_small_queue_has_small_batches() -> None:
    """The SDK's own processors raise where a batch is larger than the queue, though nobody said so."""
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "16"}

    assert () == mend(environ)
    assert "16" == environ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]


def test_a_propagator_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed and broken stops nobody's application."""
    broken = EntryPoint("broken", "no.such.module:Propagator", "opentelemetry_propagator")

    def found(**asked: Any) -> list[EntryPoint]:
        return [broken] if asked["name"] == "broken" else []

    monkeypatch.setattr("importlib.metadata.entry_points", found)
    environ = {"OTEL_PROPAGATORS": "tracecontext,broken"}

    assert (
        "OTEL_PROPAGATORS=broken: it cannot be loaded (ModuleNotFoundError: No module named 'no'); it is left out.",
    ) == mend(environ)
    assert "tracecontext" == environ["OTEL_PROPAGATORS"]


def test_the_variables_are_opentelemetrys() -> None:
    """A name that the SDK does not have would mend nothing; these two groups are the API's."""
    known = {value for name, value in vars(environment_variables).items() if name.startswith("OTEL_")}
    of_the_api = re.compile("OTEL_PROPAGATORS|OTEL_PYTHON_CONTEXT|OTEL_PYTHON_(TRACER|METER|LOGGER)_PROVIDER")

    assert [] == [variable for variable, _, _ in WRONG if variable not in known and not of_the_api.fullmatch(variable)]
