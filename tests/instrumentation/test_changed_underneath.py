"""What an application may do to OpenTelemetry and asyncio underneath: nothing of it crashes, and one line says it."""

import pytest
from applications import run_python
from collector import Collector

pytestmark = pytest.mark.e2e

COUNTS = """
import asyncio, urllib.request
from opentelemetry import metrics, trace
from seawall.instrumentation import process_message, start

def tell():
    with process_message("send", destination="mails"):
        metrics.get_meter("shop").create_counter("orders.placed").add(1)

def page():
    return urllib.request.urlopen(f"http://127.0.0.1:{start().server.port}/metrics").read().decode()

def sent():
    return [line.split()[-1] for line in page().splitlines()
            if line.startswith("messaging_process_duration_seconds_count") and 'error_type=""' in line]
"""
SHUTS_DOWN = "trace.get_tracer_provider().shutdown(); metrics.get_meter_provider().shutdown()\n"
POLICIES = {
    "custom": """
class Loop(asyncio.SelectorEventLoop):
    pass

class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return Loop()

asyncio.set_event_loop_policy(Policy())
""",
    "uvloop": "import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n",
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("first", [True, False])
def test_a_policy_of_the_applications_own_changes_nothing(policy: str, first: bool) -> None:
    """Set before the import or after it: loops run, are watched, and what they do counts."""
    if policy == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    setting = POLICIES[policy]
    code = f"""
import asyncio
{setting if first else ""}
import seawall.auto
{"" if first else setting}
{COUNTS}
async def work():
    tell()
    await asyncio.sleep(1.2)
    return type(asyncio.get_running_loop()).__module__

print(asyncio.run(work()), sent(), "seawall_eventloop_lag_seconds_count{{" in page())
"""
    done = run_python(code, {"PYTHONWARNINGS": "ignore::DeprecationWarning"})  # newer Pythons give policies up
    module = "uvloop" if policy == "uvloop" else "__main__"

    assert (0, f"{module} ['1'] True\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("times", [1, 2])
def test_a_page_outlives_the_providers(times: int) -> None:
    """Seawall's own metrics go on; what the SDK no longer collects is gone, and at most one line says so."""
    code = f"import seawall.auto\n{COUNTS}\ntell()\nfor _ in range({times}):\n    {SHUTS_DOWN}\ntell()\nprint(sent(), sent())"
    done = run_python(code)

    assert (0, "['2'] ['2']\n") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr
    assert 1 >= len([line for line in done.stderr.splitlines() if "Seawall" in line])


def test_a_second_shutdown_pushes_nothing_twice(collector: Collector) -> None:
    """What was told before the first arrives once; the process ends without a word but one for each signal."""
    code = f"import seawall.auto\n{COUNTS}\ntell()\n{SHUTS_DOWN}{SHUTS_DOWN}tell()\ntell()"
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert 0 == done.returncode
    assert "Traceback" not in done.stderr
    assert 1 == done.stderr.count("Seawall pushes no more traces")
    assert 1 == len(collector.spans())
