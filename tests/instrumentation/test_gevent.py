"""gevent and eventlet, patched before the one import or after it: what Seawall does on its own runs beside the greenlets."""

import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from applications import DURATION, Application, Ports, application, run_python
from collector import Collector, Holding
from servers import connects, eventually

pytestmark = pytest.mark.e2e

pytest.importorskip("gevent", reason="gevent is not installed")

APPS = Path(__file__).parent / "apps"
ORDERS = ("first", "late")
LIBRARIES = ("gevent", "eventlet")
PATCHED = {
    "first": "from gevent import monkey; monkey.patch_all()\nimport seawall.auto\n",
    "late": "import seawall.auto\nfrom gevent import monkey; monkey.patch_all()\n",
}
TOLD = """
import logging, time
from opentelemetry import metrics, trace
orders = metrics.get_meter("shop").create_counter("orders.placed")
logging.getLogger("shop").addHandler(logging.NullHandler())
logging.getLogger("shop").propagate = False

def tell(number):
    with trace.get_tracer("shop").start_as_current_span("order"):
        time.sleep(0.005)
        logging.getLogger("shop").error("sent %d", number)
        orders.add(1)
"""
TELLS = f"{TOLD}\nimport gevent\ngevent.joinall([gevent.spawn(tell, number) for number in range(5)])\n"


@pytest.fixture(scope="module", params=[(order, library) for library in LIBRARIES for order in ORDERS], ids=" ".join)
def green(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The application on a server of each, patched in both orders."""
    order, library = request.param
    ports, folder = Ports(), tmp_path_factory.mktemp(library)
    command = (str(APPS / "green_app.py"), str(ports.own), order, library)
    # eventlet warns of itself.
    environ = {"GREEN_FOLDER": str(folder), "PYTHONWARNINGS": "error" if library == "gevent" else "ignore"}
    with application(*command, folder=folder, ports=ports, environ=environ) as running:
        yield running
    assert "Traceback" not in running.output()
    assert "Seawall" not in running.output()


def count(running: Application) -> float:
    """Return how many items were asked for."""
    return sum(value for _, value in running.samples(f"{DURATION}_count", http_route="/items/<int:number>"))


def ask(running: Application, requests: int) -> set[bytes]:
    """Send requests eight at a time; return the processes that answered."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: running.request(f"/items/{number}"), range(requests)))
    assert {200} == {status for status, _ in answers}
    return {body for _, body in answers}


def test_requests_of_many_greenlets_count_once(green: Application) -> None:
    """And nothing of them stays open."""
    before = count(green)
    ask(green, 24)
    green.settled()

    assert before + 24 == count(green)
    eventually(lambda: before + 24 == sum(value for _, value in green.samples("orders_placed_total")))


def test_a_scrape_is_answered_while_no_greenlet_has_its_turn(green: Application, tmp_path: Path) -> None:
    """A request that never gives way holds up the other requests, but not the page."""
    folder = green.log.parent
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(green.request, "/holds")
        eventually((folder / "begun").exists)
        active = green.active()
        (folder / "released").touch()

        assert (1, (200, b"True")) == (active, answer.result(60))


def test_requests_go_on_while_scrapers_say_nothing(green: Application) -> None:
    """Nor does a scraper that asks for half a page hold up another one."""
    with socket.create_connection(("127.0.0.1", green.metrics_port)) as silent:
        silent.sendall(b"GET /metrics HTTP/1.1\r\n")
        before = count(green)
        ask(green, 8)
        eventually(lambda: before + 8 == count(green))


@pytest.mark.parametrize("order", ORDERS)
def test_what_greenlets_tell_is_pushed(collector: Collector, order: str) -> None:
    """All signals, once each, by threads that are none of gevent's; and gevent has nothing to warn of."""
    done = run_python(PATCHED[order] + TELLS, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert (0, "") == (done.returncode, done.stderr)
    assert [f"sent {number}" for number in range(5)] == sorted(collector.messages())
    assert 5 == len(collector.spans())
    assert 5 == collector.metrics()["orders.placed"].sum.data_points[0].as_int


def test_what_eventlets_greenlets_tell_is_pushed(collector: Collector) -> None:
    """As gevent's is."""
    code = f"""
import eventlet
eventlet.monkey_patch()
import seawall.auto
{TOLD}
pile = eventlet.GreenPool()
for number in range(5):
    pile.spawn(tell, number)
pile.waitall()
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PYTHONWARNINGS": "ignore"})

    assert (0, "") == (done.returncode, done.stderr)
    assert [f"sent {number}" for number in range(5)] == sorted(collector.messages())
    assert 5 == len(collector.spans())
    assert 5 == collector.metrics()["orders.placed"].sum.data_points[0].as_int


@pytest.mark.parametrize("order", ORDERS)
def test_greenlets_go_on_while_one_waits_for_a_silent_collector(order: str) -> None:
    """A flush of the application's own waits as its sleeps do, in the hub itself too; the exit takes a second at most."""
    code = f"""{PATCHED[order]}{TELLS}
turns = []

def turn():
    while True:
        turns.append(1)
        time.sleep(0.005)

gevent.spawn(turn)
gevent.sleep(0)
before = len(turns)
flushed = trace.get_tracer_provider().force_flush(200)
after = len(turns)
in_hub = []
gevent.get_hub().loop.run_callback(lambda: in_hub.append(trace.get_tracer_provider().force_flush(20)))
gevent.sleep(0.05)
print(flushed, after - before > 3, in_hub)
"""
    silent = Holding()
    try:
        done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": silent.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"})
    finally:
        silent.close()

    assert (0, "False True [False]\n", "") == (done.returncode, done.stdout, done.stderr)


def test_the_applications_own_https_works_where_gevent_comes_late(collector: Collector) -> None:
    """The exporters import urllib3 before gevent patches what it took from ssl: its contexts would call themselves."""
    code = f"""{PATCHED["late"]}
from urllib3.util.ssl_ import create_urllib3_context
print(type(create_urllib3_context()).__module__)
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert (0, "gevent.ssl\n", "") == (done.returncode, done.stdout, done.stderr)


def test_gevents_warning_of_other_modules_stays(tmp_path: Path, collector: Collector) -> None:
    """A module of the application's that took a name from ssl too early is named as ever."""
    (tmp_path / "early.py").write_text("from ssl import SSLContext\n")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "default"}
    done = run_python("import early\n" + PATCHED["late"], environ)

    assert 0 == done.returncode
    assert "MonkeyPatchWarning" in done.stderr
    assert "early" in done.stderr


GUNICORN = ("-m", "gunicorn", "--worker-class", "gevent", "--workers", "2", "--bind", "127.0.0.1:{port}")
SERVERS = {
    "imported": (*GUNICORN, "green_app:app"),
    "preloaded": (*GUNICORN, "--preload", "green_app:app"),
    "run": ("-m", "seawall.cli", "run", "--", sys.executable, *GUNICORN, "ends_app:wsgi"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_workers_of_gunicorn_serve_one_page_and_end_cleanly(collector: Collector, tmp_path: Path, name: str) -> None:
    """A scrape is the sum of both, and SIGTERM ends them with all that they were told pushed."""
    ports = Ports()
    environ = {
        "PYTHONPATH": str(APPS),
        "HOME": str(tmp_path),  # gunicorn leaves a file there
        "PYTHONWARNINGS": "ignore::ResourceWarning",  # of what gunicorn leaves open
        "SEAWALL_SHARED_MEMORY": str(tmp_path / "shared"),
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "OTEL_BLRP_SCHEDULE_DELAY": "3600000",
    }
    command = tuple(word.format(port=ports.own) for word in SERVERS[name])
    with application(*command, folder=tmp_path, ports=ports, environ=environ, cwd=tmp_path) as running:
        answered: set[bytes] = set()
        asked = 0
        while len(answered) < 2 and asked < 2000:
            answered |= ask(running, 24)
            asked += 24
        eventually(lambda: connects(ports.metrics))
        eventually(lambda: asked == count(running))
        running.process.send_signal(signal.SIGTERM)
        assert 0 == running.process.wait(20)

    assert 2 == len(answered)
    assert asked == len([message for message in collector.messages() if message.startswith("asked for")])
    assert asked == len([span for span in collector.spans() if span.kind == 2])
    assert "Traceback" not in running.output()
    assert "Seawall" not in running.output()
    assert "Warning" not in running.output()
