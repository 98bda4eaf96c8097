"""Beside Logfire and ddtrace, of whom each instruments on its own: a request counts once, and Seawall has one span of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from applications import clean_environment

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
PATHS = f"{REPOSITORY}:{Path(__file__).parent / 'apps'}"
ROUTES = {"fastapi": "/items/{number}", "flask": "/items/<number>"}
LOGFIRE = """
import logfire
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
logfire.configure(send_to_logfire=False, console=False, metrics=logfire.MetricsOptions(additional_readers=[reader]))
"""
TELLS = """
import json, os
found = seen(app, ask)
data = reader.get_metrics_data()
found["logfire counts"] = sum(
    point.count
    for resource in (data.resource_metrics if data else ())
    for scope in resource.scope_metrics
    for metric in scope.metrics
    if metric.name in ("http.server.request.duration", "http.server.duration")
    for point in metric.data.data_points
)
print(json.dumps(found), flush=True)
os._exit(0)
"""
DDTRACE = """
import json, os
from ddtrace.trace import TraceFilter, tracer

class Kept(TraceFilter):
    roots = []

    def process_trace(self, trace):
        self.roots += [span.name for span in trace if span.parent_id is None]  # and nothing is sent

tracer.configure(trace_processors=[Kept()])
found = seen(app, ask)
found["ddtrace"] = Kept.roots
print(json.dumps(found), flush=True)
os._exit(0)
"""
QUIET = {
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of the peers' own environment."""
    folder = REPOSITORY / ".cache/peers"
    command = [str(REPOSITORY / "tools/make-peers"), str(folder), sys.executable]
    made = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if made.returncode:
        pytest.skip(f"Logfire and ddtrace could not be installed (no network?): {made.stderr.strip()[-200:]}")
    return str(folder / "bin/python")


def run(python: str, code: str) -> dict[str, Any]:
    """Run *code* beside ``pairs``; return what it tells."""
    environ = clean_environment({"PYTHONPATH": PATHS, "PYTHONWARNINGS": "ignore", "OTEL_EXPORTER_PROMETHEUS_PORT": "0"})
    done = subprocess.run(
        [python, "-c", code], env=environ | QUIET, capture_output=True, text=True, timeout=120, cwd=REPOSITORY
    )
    assert (0, False) == (done.returncode, "Traceback" in done.stderr), done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("app", ROUTES)
def test_logfire(python: str, app: str, order: str) -> None:
    """Whichever sets its providers first: one count on the page, one SERVER's span, and one count in Logfire's own provider."""
    make = f"app, ask = {app}(), {'ask_asgi' if app == 'fastapi' else 'ask_wsgi'}\nlogfire.instrument_{app}(app)\n"
    seawall = "import seawall.auto\n"
    begins = f"{LOGFIRE}{seawall}" if order == "before" else f"{seawall}{LOGFIRE}"
    found = run(python, f"from pairs import *\n{begins}{make}{TELLS}")

    assert ([1, 1], 0, []) == (found["counts"], found["active"], found["of others"])
    assert 2 == found["logfire counts"]  # which it was given by name, for a backend of its own
    assert ["GET", f"GET {ROUTES[app]}"] == [span for span in found["spans"] if not span.startswith("INTERNAL ")]
    # Logfire was given its provider by name, and tells it: of a part of the request, within Seawall's span.
    within = [span for span in found["spans"] if span.startswith("INTERNAL ")]
    assert (2 if order == "before" else 0) == len(within)


@pytest.mark.parametrize("app", ROUTES)
def test_ddtrace(python: str, app: str) -> None:
    """It traces for a backend of its own, a trace of each request, and neither sees the other's."""
    ask = "ask_asgi" if app == "fastapi" else "ask_wsgi"
    found = run(
        python, f"import ddtrace.auto\nfrom pairs import *\nimport seawall.auto\napp, ask = {app}(), {ask}\n{DDTRACE}"
    )

    assert ([1, 1], 0, []) == (found["counts"], found["active"], found["of others"])
    assert ["GET", f"GET {ROUTES[app]}"] == found["spans"]
    assert [f"{app}.request"] * 2 == found["ddtrace"]
