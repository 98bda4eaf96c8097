"""What the one line does to a process: what it imports, where it serves, what the environment changes, how it ends."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import run_python

pytestmark = pytest.mark.e2e

PAGE = """
import urllib.request
from seawall.instrumentation import start
server = start().server
page = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics").read().decode()
"""
TARGET = f"import seawall.auto{PAGE}print([line for line in page.splitlines() if line.startswith('target_info')][0])"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def service_file(folder: Path, **changes: object) -> str:
    """Write a service's JSON as the generator does; return its path."""
    path = folder / "checkout.json"
    path.write_text(json.dumps({"name": "checkout", "team": "payments", "tier": 1, "latency_thresholds": []} | changes))
    return str(path)


def test_it_imports_none_of_the_command_lines_packages() -> None:
    """An application pays for none of click, jinja2, pydantic and YAML, nor for a web framework that it does not use."""
    code = "import seawall.auto, sys; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in run_python(code).stdout.split()}

    assert "opentelemetry" in loaded
    heavy = {
        "click",
        "fastapi",
        "flask",
        "jinja2",
        "prometheus_client",
        "promql_parser",
        "pydantic",
        "requests",
        "starlette",
        "yaml",
    }
    assert set() == heavy & loaded


def test_a_second_import_changes_nothing() -> None:
    """However often it is imported, reloaded or started: one server, one hook, one record factory."""
    code = """
import importlib, logging, threading
import seawall.auto
from fastapi import FastAPI
before = start = None
from seawall.instrumentation import start
before = (start(), FastAPI.__call__, logging.getLogRecordFactory(), threading.active_count())
importlib.reload(seawall.auto)
assert before == (start(), FastAPI.__call__, logging.getLogRecordFactory(), threading.active_count())
"""
    done = run_python(code)

    assert (0, "") == (done.returncode, done.stderr)


def test_the_port_is_9464_unless_the_environment_says_another() -> None:
    """OpenTelemetry's default and its variable; a value that is no port is named, and the default stands."""
    code = "import seawall.instrumentation.settings as s, os; settings = s.read_settings(os.environ); print(settings.port, *settings.problems)"
    ports = [run_python(code, {"OTEL_EXPORTER_PROMETHEUS_PORT": text}).stdout.strip() for text in ("", "9999", "99999")]

    assert ["9464", "9999", "9464 OTEL_EXPORTER_PROMETHEUS_PORT=99999 is no port; 9464 it is."] == ports


@pytest.mark.parametrize(("special", "said"), [("pipe", "it is no regular file"), ("large", "larger than a megabyte")])
def test_a_service_file_without_an_end_is_not_read(tmp_path: Path, special: str, said: str) -> None:
    """A pipe that nobody writes to would hold up the application's start for ever."""
    path = tmp_path / special
    if special == "pipe":
        os.mkfifo(path)
    else:
        path.write_text(" " * 1_000_001)
    code = "import seawall.instrumentation.settings as s, os; print(*s.read_settings(os.environ).problems)"

    assert said in run_python(code, {"SEAWALL_SERVICE": str(path)}).stdout


def test_numbers_of_any_length_are_wrong_values_like_others() -> None:
    """Python itself refuses to read the longest."""
    names = ("OTEL_EXPORTER_PROMETHEUS_PORT", "OTEL_METRIC_EXPORT_INTERVAL")
    code = (
        "import seawall.instrumentation.settings as s, os; from seawall.instrumentation.push import read_interval; "
        "print(s.read_settings(os.environ).port, read_interval(os.environ))"
    )

    assert "9464 60.0" == run_python(code, dict.fromkeys(names, "9" * 5000)).stdout.strip()


def test_a_catalogued_service_never_moves_its_port(tmp_path: Path, taken: int) -> None:
    """It would be scraped as another job: it says an error with the way out, and goes on without /metrics."""
    environ = {"SEAWALL_SERVICE": service_file(tmp_path), "OTEL_EXPORTER_PROMETHEUS_PORT": str(taken)}
    code = "import seawall.auto; from seawall.instrumentation import start; print(start().server)"
    done = run_python(code, environ)

    assert (0, "None\n") == (done.returncode, done.stdout)
    expected = f"Seawall cannot serve /metrics on localhost:{taken} (Address already in use). A catalogued service keeps its port: free it, "
    assert done.stderr.startswith(expected)
    assert 1 == done.stderr.count("\n")


def test_an_uncatalogued_application_takes_a_free_port_and_says_so(taken: int) -> None:
    """One log line with the port that it serves instead."""
    done = run_python(f"import seawall.auto{PAGE}print(server.port)", {"OTEL_EXPORTER_PROMETHEUS_PORT": str(taken)})

    assert (
        f"Seawall cannot serve /metrics on localhost:{taken} (Address already in use); it does on port {done.stdout.strip()}.\n"
        == done.stderr
    )


def test_an_address_that_cannot_be_listened_on_is_one_line() -> None:
    """A host that is none stops nothing."""
    done = run_python("import seawall.auto; print('runs')", {"OTEL_EXPORTER_PROMETHEUS_HOST": "no.such.host.invalid"})

    assert (0, "runs\n", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert "serve /metrics" in done.stderr


@pytest.mark.parametrize("host", ["a" * 70, "shop..internal", "caf\udce9"])
def test_a_host_that_is_no_name_is_a_wrong_value_like_others(host: str) -> None:
    """The variable is named, once, and the page is where it is by default."""
    done = run_python(f"import seawall.auto{PAGE}print(len(page) > 0)", {"OTEL_EXPORTER_PROMETHEUS_HOST": host})

    said = f"OTEL_EXPORTER_PROMETHEUS_HOST={host!r} is no host name; localhost it is.\n"
    assert (0, "True\n", said) == (done.returncode, done.stdout, done.stderr)


def test_a_disabled_sdk_does_nothing() -> None:
    """No server, no hook, no provider; a worker's own calls still run."""
    code = """
import seawall.auto, logging, threading
from seawall.instrumentation import observe_queue, process_message, start
assert start() is None and threading.active_count() == 1
observe_queue("mails", messages=lambda: 1)
with process_message("send", destination="mails"):
    pass
from fastapi import FastAPI
assert FastAPI.__call__.__module__ == "fastapi.applications"
assert not hasattr(logging.makeLogRecord({}), "trace_id")
"""
    done = run_python(code, {"OTEL_SDK_DISABLED": "true"})

    assert (0, "") == (done.returncode, done.stderr)


def test_the_resource_is_the_catalogs(tmp_path: Path) -> None:
    """target_info carries the service's name, team and tier."""
    line = run_python(TARGET, {"SEAWALL_SERVICE": service_file(tmp_path)}).stdout

    for label in ('service_name="checkout"', 'seawall_team="payments"', 'seawall_tier="1"'):
        assert label in line


def test_otel_variables_win_over_the_catalog(tmp_path: Path) -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say who this is; the catalog fills in the rest."""
    environ = {
        "SEAWALL_SERVICE": service_file(tmp_path),
        "OTEL_SERVICE_NAME": "checkout-canary",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging,seawall.team=others",
    }
    line = run_python(TARGET, environ).stdout

    for label in (
        'service_name="checkout-canary"',
        'deployment_environment_name="staging"',
        'seawall_team="others"',
        'seawall_tier="1"',
    ):
        assert label in line


def test_a_name_that_is_not_utf8_does_not_cost_the_page() -> None:
    """What the environment holds of no known encoding is written as its number."""
    assert r'service_name="ch\\udcffckout"' in run_python(TARGET, {"OTEL_SERVICE_NAME": "ch\udcffckout"}).stdout


def test_each_latency_threshold_is_a_bucket_exactly(tmp_path: Path) -> None:
    """A latency SLO needs its threshold among the boundaries, as the rules write it; the usual ones stay."""
    code = "import seawall.auto; from seawall.instrumentation import start; r = start(); print(*r.http.duration.boundaries); print(*r.worker.duration.boundaries)"
    done = run_python(code, {"SEAWALL_SERVICE": service_file(tmp_path, latency_thresholds=[0.3, 1.2, 30, 0.5])})

    expected = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.3 0.5 0.75 1.0 1.2 2.5 5.0 7.5 10.0 30.0"
    assert [expected, expected] == done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read ([Errno 2] No such file or directory"),
        ("{", "cannot be read (Expecting property name"),
        ("[" * 100_000, "cannot be read ("),
        ("\xff", "cannot be read ('utf-8' codec"),
        ("[1]", "holds no JSON object"),
        ('{"latency_thresholds": 3}', "latency_thresholds holds 3"),
        ('{"latency_thresholds": [0.3, "fast", -1, 1e999]}', "latency_thresholds holds [0.3, 'fast', -1, inf]"),
        ('{"latency_thresholds": [1' + "0" * 400 + "]}", "latency_thresholds holds [1000"),
        ('{"latency_thresholds": [' + "1, " * 50 + "1]}", "latency_thresholds lists 51; the first 50 have a bucket."),
        ('{"name": "' + "x" * 201 + '"}', "SEAWALL_SERVICE: name is no text of at most 200 characters: left out."),
        ('{"team": ["shop"]}', "SEAWALL_SERVICE: team is no text of at most 200 characters: left out."),
    ],
)
def test_a_broken_service_file_is_one_error_and_the_application_runs(
    tmp_path: Path, text: str | None, said: str
) -> None:
    """A missing or broken file is named with what is wrong; nothing is raised, and /metrics are served all the same."""
    path = tmp_path / "service.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    done = run_python(f"import seawall.auto{PAGE}print('target_info' in page)", {"SEAWALL_SERVICE": str(path)})

    assert (0, "True\n") == (done.returncode, done.stdout)
    assert done.stderr.startswith("SEAWALL_SERVICE")
    assert said in done.stderr
    assert 1 == done.stderr.count("\n")


def test_exporters_that_seawall_does_not_know_are_named() -> None:
    """console and the like are left out with a word; none serves nothing and says nothing."""
    code = "import seawall.auto; from seawall.instrumentation import start; print(start().server is None)"
    console = run_python(code, {"OTEL_METRICS_EXPORTER": "console"})
    none = run_python(code, {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"})

    assert (
        "True\n",
        "OTEL_METRICS_EXPORTER=console: Seawall knows otlp, prometheus, none; console is left out.\n",
    ) == (console.stdout, console.stderr)
    assert ("True\n", "") == (none.stdout, none.stderr)


FORK = """
import os, socket
import seawall.auto
from seawall.instrumentation import start, process_message
running = start()

def count():
    with process_message("send", destination="mails"):
        pass

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

def sockets():
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return [link for link in links if os.path.lexists(link) and os.readlink(link).startswith("socket:")]
"""


def test_a_forked_child_counts_anew_and_its_parent_tells_of_both() -> None:
    """It holds no socket of its parent's and begins at none; the page is the sum, and stands when the child is gone."""
    code = f"""{FORK}
from opentelemetry import metrics
orders = metrics.get_meter("shop").create_counter("orders")

def page():
    found = running.registry.render().decode().splitlines()
    return [line.rpartition(" ")[2] for line in found if line.startswith(("messaging_process_duration_seconds_count", "orders_total")) and "_OTHER" not in line]

def work():
    assert running.server is None and not sockets()
    count()
    assert running.worker.duration.collect()[0][1][0] == 1
    orders.add(2)
    running.registry.sample()
    assert page() == ["2", "3"], page()

count()
orders.add(1)
running.registry.sample()
in_child(work)
assert running.worker.duration.collect()[0][1][0] == 1
assert page() == ["2", "3"], page()
"""
    done = run_python(code)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_forked_child_waits_for_the_port_once_it_counts() -> None:
    """One that counts nothing has no thread; one that does has one, and leaves the port to its parent."""
    code = f"""{FORK}
import threading
def work():
    assert running.endpoint is None and threading.active_count() == 1
    count()
    assert running.endpoint is not None and running.server is None and threading.active_count() == 2

in_child(work)
assert running.server is not None
"""
    done = run_python(code)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_process_pool_that_forks_works() -> None:
    """multiprocessing's fork start method runs to its end beside the server's thread."""
    code = """
import seawall.auto, multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(sum(pool.map(abs, range(-10, 0))))
"""
    done = run_python(code)

    assert (0, "55\n", "") == (done.returncode, done.stdout, done.stderr)


def test_the_applications_own_providers_stay() -> None:
    """A provider that is set is left alone and named; Seawall's own metrics are served all the same."""
    code = f"""
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
own = MeterProvider(shutdown_on_exit=False), TracerProvider(shutdown_on_exit=False)
metrics.set_meter_provider(own[0])
trace.set_tracer_provider(own[1])
import seawall.auto{PAGE}
assert own == (metrics.get_meter_provider(), trace.get_tracer_provider())
assert "seawall_metric_overflow_total" in page
"""
    done = run_python(code)

    assert 0 == done.returncode, done.stderr
    expected = (
        "Seawall leaves the meter provider as the application set it: /metrics holds Seawall's own metrics alone.\n"
    )
    assert expected == done.stderr


def test_an_applications_own_instruments_are_on_the_page_once() -> None:
    """Its counters and histograms stand beside Seawall's, those of the same name too: one family, two scopes."""
    code = f"""
import seawall.auto
from opentelemetry import metrics
meter = metrics.get_meter("shop")
meter.create_counter("orders.placed", "{{order}}", "Orders.").add(3, {{"kind": "gift", "le": "x"}})
meter.create_histogram("basket.size", "By").record(5, {{"le": "x"}})
meter.create_up_down_counter("process.open_fds").add(1)
meter.create_histogram("http.server.request.duration", "s").record(1.0)
{PAGE}
from prometheus_client.parser import text_string_to_metric_families
names = [family.name for family in text_string_to_metric_families(page)]
assert len(names) == len(set(names)), names
assert 'orders_placed_total{{otel_scope_name="shop",kind="gift",le="x"}} 3' in page, page
assert 'basket_size_bytes_bucket{{otel_scope_name="shop",attribute_le="x",le="5.0"}} 1' in page, page
assert page.count("\\nprocess_open_fds") == 2
assert 'http_server_request_duration_seconds_count{{otel_scope_name="shop"}} 1' in page, page
"""
    done = run_python(code)

    assert (0, 2) == (done.returncode, done.stderr.count("of shop stands on /metrics beside Seawall's")), done.stderr
    assert 2 == done.stderr.count("\n")
