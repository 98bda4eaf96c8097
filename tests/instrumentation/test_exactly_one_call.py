"""OpenTelemetry's instrumentations of gRPC's servers and of Celery beside Seawall: a call or a task has one span.

What these packages do is written down in ``apps/second_calls.py``.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from applications import run_python

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
BEFORE = "instrument_{0}()\nimport seawall.auto\n"
AFTER = "import seawall.auto\ninstrument_{0}()\n"
SPANS = """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
"""
TOLD = """
import json
print(json.dumps([
    [span.kind.name, span.instrumentation_scope.name, span.name, span.attributes.get("user", ""), len(span.events)]
    for span in sorted(exporter.get_finished_spans(), key=lambda span: (span.kind.name, span.name))
]))
"""
GRPC = "opentelemetry.instrumentation.grpc"
CELERY = "opentelemetry.instrumentation.celery"
CLIENTS = [["CLIENT", GRPC, "onwards", "", 0]] * 4
CALLS = "call_threads()\ncall_tasks()"


def told(*code: str) -> list[Sequence[object]]:
    """Run *code*, without a word in the log; return the spans of it."""
    done = run_python("\n".join(("from second_calls import *", *code)), cwd=APPS)

    assert (0, "") == (done.returncode, done.stderr)
    found: list[Sequence[object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("order", [BEFORE, AFTER])
def test_a_call_has_one_span_of_a_server(order: str) -> None:
    """Seawall's, which is the handler's current one, of threads and of coroutines; the spans of calls onwards stay."""
    counted = """
from seawall.instrumentation.start import running
lines = running().registry.render().decode().splitlines()
counts = [line for line in lines if line.startswith("rpc_server_call_duration_seconds_count{") and "OK" in line]
assert ["2", "2"] == [line.rpartition(" ")[2] for line in counts], counts
[onwards, *_] = [span for span in exporter.get_finished_spans() if span.name == "onwards"]
assert 0x0AF7651916CD43DD8448EB211C80319C == onwards.context.trace_id
assert onwards.parent.span_id in {span.context.span_id for span in exporter.get_finished_spans()}
"""
    found = told(order.format("grpc"), SPANS, CALLS, counted, TOLD)

    servers = [["SERVER", "seawall", f"shop.Stock/{name}", "seven", 0] for name in ("Count", "Count", "Get", "Get")]
    assert [*CLIENTS, *servers] == found


def test_calls_that_seawall_does_not_trace_keep_their_span() -> None:
    """Where applications are chosen, gRPC's servers are none of them."""
    found = told(
        "import seawall\nasync def app(*_): ...\nseawall.instrument(app)\ninstrument_grpc()", SPANS, CALLS, TOLD
    )

    servers = [["SERVER", GRPC, f"/shop.Stock/{name}", "seven", 0] for name in ("Count", "Count", "Get", "Get")]
    assert [*CLIENTS, *servers] == found


def test_a_provider_of_its_own_is_still_told_of_calls() -> None:
    """What goes elsewhere goes on: it has its spans, and Seawall's provider has one of each call."""
    code = """
import seawall.auto
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
others, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(others))
instrument_grpc(provider)
"""
    check = 'assert ["SERVER", "SERVER"] == [span.kind.name for span in others.get_finished_spans()]'
    found = told(code, SPANS, "call_threads()", check, TOLD)

    assert ["seawall", "seawall"] == [scope for kind, scope, *_ in found if kind == "SERVER"]


@pytest.mark.parametrize("order", [BEFORE, AFTER])
def test_a_task_has_one_span_of_a_consumer(order: str) -> None:
    """Seawall's, with what the task told the current one and its exception once; no trace is left in the worker.

    A task that is run within another one was sent by nobody: its span is the other's.
    """
    left = "assert [False, False, False] == run_tasks()"
    found = told(order.format("celery"), SPANS, left, TOLD)

    inner = ["CONSUMER", CELERY, "run/shop.inner", "", 0]
    own = [["CONSUMER", "seawall", "shop.work mails", "seven", events] for events in (0, 1, 0)]
    assert [*[inner] * 3, *own] == found


def test_a_task_leaves_no_trace_behind_beside_a_provider_of_its_own() -> None:
    """The instrumentation's span is another provider's, and both contexts are taken out again."""
    code = """
import seawall.auto
from opentelemetry.sdk.trace import TracerProvider
instrument_celery(TracerProvider(shutdown_on_exit=False))
"""
    found = told(code, SPANS, "assert [False, False, False] == run_tasks()", TOLD)

    assert ["seawall"] * 3 == [scope for kind, scope, *_ in found if kind == "CONSUMER"]
