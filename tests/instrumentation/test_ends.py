"""Ends that hurt nobody: dead, slow and silent collectors, signals, reloads, forks, and threads that go on logging."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from applications import Application, Ports, application, clean_environment, run_python
from collector import Collector, Holding, attributes
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from servers import eventually, free_port

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
LATE = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}  # what an exporter would wait for a collector that says nothing
NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BLRP_SCHEDULE_DELAY": "3600000"}  # nothing leaves before the end
TELLS = """
import seawall.auto, logging
logging.getLogger("shop").addHandler(logging.NullHandler())
logging.getLogger("shop").propagate = False
from opentelemetry import metrics, trace
from seawall.instrumentation import process_message

def tell(number):
    with process_message("send", destination="mails"):
        logging.getLogger("shop").error("sent %d", number)
"""


@pytest.fixture
def silent() -> Iterator[Holding]:
    """A collector that takes everything and answers nothing while the test runs."""
    made = Holding()
    yield made
    made.close()


@pytest.mark.parametrize("habit", ["refuses", "says nothing"])
@pytest.mark.parametrize(("items", "protocol"), [(3, "http/protobuf"), (5000, "http/protobuf"), (5000, "grpc")])
def test_a_dead_collector_holds_up_no_exit(silent: Holding, habit: str, items: int, protocol: str) -> None:
    """All signals wait, a full queue of them, and the process is gone long before an answer would be due."""
    url = silent.url if habit == "says nothing" else f"http://127.0.0.1:{free_port()}"
    code = f"{TELLS}\nfor number in range({items}):\n    tell(number)\nprint('ends', flush=True)"
    environ = clean_environment(LATE | {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert "ends\n" == running.stdout.readline()
        assert 0 == running.wait(10)

        assert "" == running.stderr.read()
    assert (habit == "says nothing") == silent.asked.is_set()


ASGI, WSGI = "ends_app:asgi", "ends_app:wsgi"
BIND = "127.0.0.1:{port}"
SERVERS = {
    "uvicorn": ("uvicorn", "--port", "{port}", ASGI),
    "uvicorn-workers": ("uvicorn", "--workers", "2", "--port", "{port}", ASGI),
    "uvicorn-reload": ("uvicorn", "--reload", "--port", "{port}", ASGI),
    "gunicorn": ("gunicorn", "--workers", "2", "--bind", BIND, WSGI),
    "gunicorn-preload": ("gunicorn", "--preload", "--workers", "2", "--bind", BIND, WSGI),
    "hypercorn": ("hypercorn", "--workers", "2", "--bind", BIND, ASGI),
    "granian": ("granian", "--workers", "2", "--port", "{port}", "--interface", "asgi", ASGI),
    "uwsgi": ("uwsgi", "--http-socket", BIND, "--wsgi-file", "ends_app.py", "--callable", "wsgi", "--enable-threads",
              "--master", "--processes", "2", "--die-on-term"),
}  # fmt: skip
# Both workers are seen to answer: one of granian's that still starts never ends, though it says that it started, and
# one of gunicorn's is between the fork and its own handlers deaf to the signal, until its master's patience is over.
ANSWER = {"granian": 2, "gunicorn": 2, "gunicorn-preload": 2, "uwsgi": 2}


def serving(name: str, folder: Path, environ: dict[str, str]) -> "AbstractContextManager[Application]":
    """Run the server *name* in its own folder, where a reload looks for changes."""
    ports = Ports()
    program, *options = SERVERS[name]
    command = [option.format(port=ports.own) for option in options]
    shutil.copy(APPS / "ends_app.py", folder)
    # What the servers themselves leave open is no matter of this test's.
    environ = {
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "HOME": str(folder),
        "PYTHONWARNINGS": "ignore::ResourceWarning",
        **environ,
    }
    return application(*_run(program), *command, folder=folder, ports=ports, environ=environ, cwd=folder)


def ask(running: Application, *, workers: int) -> int:
    """Ask twelve times, and on until so many workers have answered; return how often."""
    answered: set[bytes] = set()
    for number in range(500):
        status, worker = running.request(f"/items/{number}")
        assert 200 == status
        answered.add(worker)
        if number >= 11 and len(answered) >= workers:
            return number + 1
    raise AssertionError(answered)


def unexpected(running: Application) -> str:
    """Return what the server logged of an end that was not clean."""
    output = running.output()
    found = re.search("Traceback|Exception|Seawall", output)
    return output[max(0, found.start() - 300) :] if found else ""


def _run(program: str) -> tuple[str, ...]:
    if program != "uwsgi":
        return "-m", program
    executable = str(Path(sys.executable).parent / program)
    return "-c", f"import os, sys; os.execv({executable!r}, [{executable!r}, *sys.argv[1:]])"


@pytest.mark.parametrize("name", SERVERS)
def test_what_a_server_was_told_last_arrives_though_a_signal_ends_it(
    collector: Collector, tmp_path: Path, name: str
) -> None:
    """Each request's span, log line and count, once, under the instance of its worker; and nothing of the end is said."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | NEVER
    workers = ANSWER.get(name, 1)
    with serving(name, tmp_path, environ) as running:
        asked = ask(running, workers=workers)
        # A worker of uWSGI's that still writes of its last request ends without a word.
        eventually(lambda: name != "uwsgi" or running.output().count(" generated ") >= asked)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)

    assert sorted(f"asked for {number}" for number in range(asked)) == sorted(
        message for message in collector.messages() if message.startswith("asked")
    )
    assert asked == len([span for span in collector.spans() if span.kind == 2])
    counted = collector.counted("http.server.request.duration")
    assert asked == sum(counted.values())
    assert workers <= len(counted)
    assert "" == unexpected(running)


def test_requests_go_on_while_the_collector_is_silent(silent: Holding, tmp_path: Path) -> None:
    """More than the queues hold are answered, the drops are on the page, and SIGTERM ends it at once."""
    environ = LATE | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": silent.url,
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_BSP_MAX_QUEUE_SIZE": "8",
        "OTEL_BLRP_MAX_QUEUE_SIZE": "8",
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_BLRP_SCHEDULE_DELAY": "1",
    }
    with serving("uvicorn", tmp_path, environ) as running:
        assert 200 == running.request("/items/0")[0]
        assert silent.asked.wait(20)
        assert {200} == {running.request(f"/items/{number}")[0] for number in range(40)}
        for kind in ("span", "log"):
            labels = {"otel_component_type": f"batching_{kind}_processor", "error_type": "queue_full"}
            ((_, dropped),) = running.samples(f"otel_sdk_processor_{kind}_processed_total", **labels)
            assert 0 < dropped
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(10)

    assert "" == unexpected(running)


def test_a_reload_ends_the_old_process_cleanly(collector: Collector, tmp_path: Path) -> None:
    """What the old one counted arrives, and the new one answers and is pushed."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | NEVER
    with serving("uvicorn-reload", tmp_path, environ) as running:
        old = running.request("/items/1")
        source = tmp_path / "ends_app.py"
        source.write_text(source.read_text() + "\n# changed\n")
        eventually(lambda: running.request("/items/2")[1] not in (b"", old[1]), 30)
        assert "asked for 1" in collector.messages()
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)

    assert "asked for 2" in collector.messages()
    assert "" == unexpected(running)


def test_threads_that_go_on_logging_do_not_disturb_the_end(collector: Collector) -> None:
    """A daemon thread logs and traces until the interpreter is gone; nothing of it is said."""
    code = f"""{TELLS}
from threading import Event, Thread
begun = Event()

def go_on():
    number = 0
    while True:
        tell(number)
        number += 1
        begun.set()

Thread(target=go_on, daemon=True).start()
begun.wait()
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert (0, "") == (done.returncode, done.stderr)
    assert "sent 0" in collector.messages()


def test_a_fork_in_the_middle_of_a_push_is_clean(silent: Holding) -> None:
    """Parent and child go on and end while the parent's exports hang, and neither says anything."""
    code = f"""{TELLS}
import os, sys
tell(1)
sys.stdin.readline()
child = os.fork()
tell(2)
if child == 0:
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    environ = LATE | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": silent.url,
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_METRIC_EXPORT_INTERVAL": "1",
        "PYTHONWARNINGS": "ignore",  # newer Pythons warn of forks beside threads
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], env=clean_environment(environ), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert silent.asked.wait(20)
        assert (b"", b"") == (b"", running.communicate(b"\n", timeout=20)[1])

    assert 0 == running.returncode


def test_a_forked_child_has_connections_and_an_instance_of_its_own(collector: Collector) -> None:
    """It pushes what is its own, not over its parent's connection, and under another service.instance.id."""
    code = f"""{TELLS}
import os, sys
tell(1)
trace.get_tracer_provider().force_flush()
child = os.fork()
if child == 0:
    tell(2)
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
tell(3)
trace.get_tracer_provider().force_flush()
"""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PYTHONWARNINGS": "ignore"} | NEVER
    done = run_python(code, environ)
    instances = {
        attributes(resource.resource)["service.instance.id"]
        for path, body in collector.posts
        if path == "/v1/metrics"
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
    }

    assert (0, "") == (done.returncode, done.stderr)
    assert ["sent 1", "sent 2", "sent 3"] == sorted(collector.messages())
    assert 3 == len(collector.spans())
    assert 2 == len(instances)
    first, child, last = (peer for path, peer in collector.peers if path == "/v1/traces")
    assert (True, False) == (first == last, child in (first, last))


def test_a_child_of_another_thread_ends_with_its_own_last_thread(collector: Collector) -> None:
    """It never comes to the interpreter's end; threads of ours, which push and serve, do not keep it, and it pushes."""
    code = f"""{TELLS}
import os, threading

def late():
    threading.main_thread().join()  # what is now the first thread, whose function has returned
    tell(3)

def work():
    tell(1)
    child = os.fork()
    tell(2)
    if child == 0:
        threading.Thread(target=late).start()
        return
    assert (child, 0) == os.waitpid(child, 0)

working = threading.Thread(target=work)
working.start()
working.join()
"""
    environ = {"OTEL_METRICS_EXPORTER": "otlp,prometheus", "PYTHONWARNINGS": "ignore"}
    done = run_python(code, environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | NEVER)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["sent 1", "sent 2", "sent 2", "sent 3"] == sorted(collector.messages())


def test_what_an_application_shuts_down_stays_down(collector: Collector) -> None:
    """What was told before arrives; what comes after is dropped with one line for each signal, and nothing fails."""
    code = f"""{TELLS}
from opentelemetry import _logs
tell(1)
trace.get_tracer_provider().shutdown()
_logs.get_logger_provider().shutdown()
metrics.get_meter_provider().shutdown()
tell(2)
tell(3)
print("ends")
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert (0, "ends\n") == (done.returncode, done.stdout)
    assert [
        "The application shut OpenTelemetry down: Seawall pushes no more traces.",
        "The application shut OpenTelemetry down: Seawall pushes no more logs.",
    ] == sorted(done.stderr.splitlines(), reverse=True)
    assert (["sent 1"], 1) == (collector.messages(), len(collector.spans()))
