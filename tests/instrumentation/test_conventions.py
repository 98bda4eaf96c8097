"""Names of metrics, labels and span attributes, held against OpenTelemetry's published conventions; and the two formats."""

import importlib
import json
import pkgutil
import re
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from applications import run_python
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from servers import parse, promtool  # noqa: F401 - a fixture

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.caches import CacheMetrics
from seawall.instrumentation.clients import Clients
from seawall.instrumentation.export_metrics import SignalMetrics
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.pools import PoolMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.runtime import RuntimeMetrics
from seawall.instrumentation.worker import WorkerMetrics

# What Prometheus' own client libraries call the process, which every dashboard of a process asks for.
PROMETHEUS = {
    "process_cpu_seconds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
# OpenTelemetry names these two so; promtool would keep the suffix for histograms.
COUNTS = {"process_thread_count", "process_unix_file_descriptor_count"}
CONSTANT = re.compile(r'^[A-Z_0-9]+: Final = "([^"]+)"\n"""\n(Deprecated)?', re.MULTILINE)


def modules(kind: str) -> list[ModuleType]:
    """Return the conventions' modules of metrics or of attributes, the stable ones and those that may change."""
    found = []
    for package in (kind, f"_incubating.{kind}"):
        parent = importlib.import_module(f"opentelemetry.semconv.{package}")
        found += [
            importlib.import_module(f"{parent.__name__}.{each.name}") for each in pkgutil.iter_modules(parent.__path__)
        ]
    return found


@cache
def names(kind: str) -> frozenset[str]:
    """Return every name of metrics or of attributes that is not deprecated."""
    found = set()
    for module in modules(kind):
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        found |= {name for name, deprecated in CONSTANT.findall(source) if not deprecated}
    return frozenset(found)


class Meter:
    """Stand in for a meter, to be told what the conventions create."""

    def __getattr__(self, create: str) -> Any:
        return lambda name, unit="", **_: SimpleNamespace(kind=create.removeprefix("create_"), name=name, unit=unit)


@cache
def instruments() -> dict[str, tuple[str, str]]:
    """Return the kind and unit of every metric of the conventions."""
    made = [
        getattr(module, creator)(Meter())
        for module in modules("metrics")
        for creator in dir(module)
        if creator.startswith("create_") and "callbacks" not in getattr(module, creator).__code__.co_varnames
    ]
    return {one.name: (one.kind, one.unit) for one in made}


def families() -> list[Family]:
    """Return everything that an application exposes."""
    http = HttpServerMetrics()
    return [
        *http.families,
        *WorkerMetrics().families,
        RpcServerMetrics().duration,
        *RuntimeMetrics(http.active).families,
        *PoolMetrics().families,
        *CacheMetrics().families,
        *Clients().families,
        *(family for signal in ("traces", "logs", "metrics") for family in SignalMetrics(signal).families),
    ]


@pytest.mark.parametrize("family", families(), ids=lambda family: family.metric)
def test_a_metric_has_the_conventions_name_unit_and_kind(family: Family) -> None:
    """Or it is Seawall's own, and says so, or one of Prometheus' six."""
    if family.metric.startswith("seawall.") or family.name in PROMETHEUS:
        assert family.metric not in names("metrics")
        return
    assert family.metric in names("metrics")
    kinds = {"histogram": {"histogram"}, "counter": {"counter"}, "gauge": {"up_down_counter", "gauge"}}
    if family.metric in instruments():
        kind, unit = instruments()[family.metric]
        assert (family.unit, True) == (unit, kind in kinds[family.kind])


@pytest.mark.parametrize("family", families(), ids=lambda family: family.metric)
def test_a_label_is_an_attribute_of_the_conventions(family: Family) -> None:
    """None is deprecated, as ``http.method`` is; a header is http.response.header with its name."""
    known = names("attributes")
    unknown = [each for each in family.attributes if each not in known and not each.startswith("seawall.")]

    assert [each for each in unknown if each.rpartition(".")[0] in known] == unknown


SPANS = """
import asyncio, json
import seawall.auto
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
from seawall.instrumentation import process_message
from seawall.instrumentation.rpc_server import RpcCall, RpcServerMetrics
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Route

async def boom(request):
    raise RuntimeError("boom")

def wsgi_boom():
    raise RuntimeError("boom")

async def nothing(_=None):
    return {"type": "http.request"}

scope = {"type": "http", "method": "BREW", "scheme": "http", "path": "/boom", "query_string": b"", "root_path": "",
         "headers": [(b"host", b"shop")], "client": ("10.0.0.1", 5), "server": ("shop", 80), "http_version": "1.1"}
for method in ("BREW", "GET"):
    try:
        asyncio.run(Starlette(routes=[Route("/boom", boom, methods=["GET", "BREW"])])({**scope, "method": method}, nothing, nothing))
    except RuntimeError:
        pass
flask = Flask("shop")
flask.add_url_rule("/boom", view_func=wsgi_boom)
flask.test_client().get("/boom", buffered=True)
RpcCall(RpcServerMetrics(), "grpc", "shop.Stock/Get", {}).end("INTERNAL", ValueError())
try:
    with process_message("send", destination="mails", system="kafka"):
        raise RuntimeError
except RuntimeError:
    pass
print(json.dumps([[span.kind.name, span.name, sorted(span.attributes)] for span in exporter.get_finished_spans()]))
"""


def test_a_spans_attributes_are_the_conventions() -> None:
    """Of requests behind ASGI and WSGI, of calls and of messages: the kind, a name without a path, known attributes."""
    done = run_python(SPANS)
    assert 0 == done.returncode, done.stderr
    spans = json.loads(done.stdout)

    assert [
        ("SERVER", "HTTP /boom"), ("SERVER", "GET /boom"), ("SERVER", "GET /boom"), ("SERVER", "shop.Stock/Get"), ("CONSUMER", "send mails"),
    ] == [(kind, name) for kind, name, _ in spans]  # fmt: skip
    assert set() == {each for _, _, attributes in spans for each in attributes} - names("attributes")
    assert all("error.type" in attributes for _, _, attributes in spans)


PAGE = """
import seawall.auto, sys
from seawall.instrumentation import observe_queue, process_message, start
observe_queue("mails", messages=lambda: 4, oldest_age=lambda: 1.5, slots=lambda: 2, slots_busy=lambda: 1)
with process_message("send", destination='m"a\\\\i\\nls'):
    pass
running = start()
running.http.end(running.http.begin("GET", "http"), "/items/{number}", 200, "", "1.1", 0.02, 5, 7, "gzip", (1, 2))
running.http.end(running.http.begin("GET", "http"), "/items/{number}", 500, "RuntimeError", "1.1", 0.02)
from opentelemetry import metrics
metrics.get_meter("shop").create_counter("orders.placed", "{order}", "Orders.").add(3, {"kind": "gift"})
from seawall.instrumentation.exposition import CLASSIC, OPENMETRICS
sys.stdout.reconfigure(newline="")
sys.stdout.write(running.registry.render(OPENMETRICS if sys.argv[1:] else CLASSIC).decode())
"""


def test_the_classic_format_is_what_promtool_takes(promtool: str) -> None:  # noqa: F811
    """It finds nothing to say but of the two names that OpenTelemetry chose."""
    page = run_python(PAGE).stdout
    done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)

    assert "http_server_request_duration_seconds_bucket" in page
    said = {line.split()[0] for line in (done.stdout + done.stderr).splitlines()}
    assert said <= COUNTS, done.stderr


def test_openmetrics_is_what_its_strict_parser_takes() -> None:
    """The same families and samples as the classic format has; exemplars stand on buckets alone, and only there."""
    classic = parse(run_python(PAGE).stdout)
    openmetrics = list(parse_openmetrics(run_python(PAGE.replace("sys.argv[1:]", "True")).stdout))
    exemplars = [sample for family in openmetrics for sample in family.samples if sample.exemplar]

    assert {name.removesuffix("_total").removesuffix("_info") for name in classic} == {
        family.name for family in openmetrics
    }
    assert ["http_server_request_duration_seconds_bucket"] == [sample.name for sample in exemplars]
    assert ({"trace_id": f"{1:032x}", "span_id": f"{2:016x}"}, 0.02) == (
        exemplars[0].exemplar.labels,
        exemplars[0].exemplar.value,
    )
