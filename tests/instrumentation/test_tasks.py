"""Task queues: each attempt at a message counts once, by its task and queue, under the producer's trace."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from applications import Application, Ports, application, clean_environment
from collector import Collector, Holding
from servers import StartRedis, eventually, free_port, start_redis  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps/task_apps.py"
NAMES = ("messaging_operation_name", "messaging_destination_name", "messaging_system", "error_type")
DURATION = "messaging_process_duration_seconds_count"

# How a producer sends a message of each library, and what the library calls the task.
SENDS = {
    "arq": "import asyncio; send = lambda what: asyncio.run(task_apps.send_arq('work', what))",
    "celery": "app = task_apps.celery_app(); send = lambda what: app.send_task('shop.work', [what])",
    "dramatiq": "broker = task_apps.dramatiq_broker(); send = broker.get_actor('work').send",
    "rq": "import redis, rq; queue = rq.Queue('mails', connection=redis.Redis.from_url(task_apps.REDIS)); "
    "send = lambda what: queue.enqueue(task_apps.work, what)",
}
TASKS = {"arq": "work", "celery": "shop.work", "dramatiq": "work", "rq": "task_apps.work"}
WORKERS = [
    ("arq", ""),
    ("celery", "prefork"),
    ("celery", "threads"),
    ("celery", "solo"),
    ("dramatiq", ""),
    ("rq", "fork"),
    ("rq", "simple"),
]


@dataclass
class Worker:
    """A worker that runs, and a producer in a process of its own."""

    application: Application
    library: str
    kind: str
    folder: Path
    environ: dict[str, str]
    pages: dict[int, Counter[str]] = field(default_factory=dict)

    def send(self, *messages: str, sends: str = "") -> str:
        """Send messages; return the id of the trace that they were sent in."""
        code = f"""
import sys; sys.path.insert(0, {os.fspath(APP.parent)!r})
import seawall.auto, task_apps
{sends or SENDS[self.library]}
from opentelemetry import trace
with trace.get_tracer("shop").start_as_current_span("order") as span:
    for what in {messages!r}:
        send(what)
print(f"{{span.get_span_context().trace_id:032x}}")
"""
        done = subprocess.run(
            [sys.executable, "-c", code], env={**self.environ, "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}, capture_output=True, text=True, timeout=60
        )  # fmt: skip
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout.strip()

    def counts(self) -> Counter[str]:
        """Return what was counted, by error."""
        # A forked process that has a page of its own says where; what it counted stands when it is gone.
        for port in (self.application.metrics_port, *re.findall(r"it does on port (\d+)", self.application.output())):
            with suppress(OSError):
                self.pages[int(port)] = self._page(int(port))
        return sum(self.pages.values(), Counter())

    def _page(self, port: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for labels, value in replace(self.application, metrics_port=port).samples(DURATION):
            task, queue, system, error = (labels[name] for name in NAMES)
            found[f"{task} {queue} {system} {error or '-'}"] += int(value)
        return found

    def counted(self, before: Counter[str], number: int) -> dict[str, int]:
        """Return what was counted since *before*, once it is *number* messages."""
        eventually(lambda: sum((self.counts() - before).values()) >= number, 30)
        return dict(self.counts() - before)

    def said(self, what: str) -> list[dict[str, str]]:
        """Return what the task told, each time that it ran."""
        return [json.loads(path.read_text()) for path in self.folder.glob(f"{what}-*")]

    def name(self, error: str = "-") -> str:
        """Return the key of the task's count."""
        return f"{TASKS[self.library]} mails {self.library} {error}"


def started(
    library: str,
    kind: str,
    start_redis: StartRedis,  # noqa: F811
    folder: Path,
    changes: dict[str, str] | None = None,
) -> Iterator[Worker]:
    """Start a worker."""
    port = free_port()
    redis = f"redis://127.0.0.1:{start_redis().port}/0"
    environ = {"TASKS_REDIS": redis, "TASKS_FOLDER": str(folder), "PYTHONWARNINGS": "default"}
    environ |= changes or {}
    command = (str(APP), library, kind)
    with application(*command, folder=folder, ports=Ports(port, port), environ=environ) as running:
        yield Worker(running, library, kind, folder, clean_environment(environ))


@pytest.fixture(scope="module", params=WORKERS, ids="-".join)
def worker(
    request: pytest.FixtureRequest,
    start_redis: StartRedis,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Worker]:
    """Each worker, one after the other."""
    library, kind = request.param
    yield from started(library, kind, start_redis, tmp_path_factory.mktemp(f"{library}-{kind}"))


def test_a_message_counts_once_under_the_producers_trace(worker: Worker) -> None:
    """By its task, its queue and its library; what the task itself calls carries the trace on."""
    before = worker.counts()
    trace = worker.send("order")

    assert {worker.name(): 1} == worker.counted(before, 1)
    [told] = worker.said("order")
    assert trace == told["traceparent"].split("-")[1]


def test_a_failure_counts_by_its_class(worker: Worker) -> None:
    """The first goes to the series that stands at zero, so that rate() sees it."""
    before = worker.counts()
    worker.send("fail")
    assert 1 == sum(worker.counted(before, 1).values())
    before = worker.counts()
    worker.send("fail", "fail")
    found = worker.counted(before, 2)

    assert 2 == sum(found.values())
    assert {worker.name("LookupError"), worker.name("_OTHER")} >= set(found)
    assert worker.name("LookupError") in found


def test_the_slots_of_a_worker_are_exposed(worker: Worker) -> None:
    """How many messages it takes at once, and how many it has."""
    slots = 1 if worker.kind == "solo" or worker.library == "rq" else 2
    labels = {"messaging_destination_name": "mails"}
    before = worker.counts()
    worker.send("hold")
    eventually(lambda: bool(worker.said("hold")))

    assert [slots] == [value for _, value in worker.application.samples("seawall_worker_slots", **labels)]
    assert [1] == [value for _, value in worker.application.samples("seawall_worker_slots_busy", **labels)]
    (worker.folder / "released").touch()
    worker.counted(before, 1)
    eventually(lambda: [0] == [value for _, value in worker.application.samples("seawall_worker_slots_busy", **labels)])


def test_a_process_that_dies_fails_its_message(worker: Worker) -> None:
    """Its worker outlives it, and counts what it can no longer say."""
    if worker.kind not in ("prefork", "fork"):
        pytest.skip("the task runs in the worker itself")
    before = worker.counts()
    worker.send("die")

    assert 1 == sum(worker.counted(before, 1).values())
    before = worker.counts()
    worker.send("die")
    error = "WorkerLostError" if worker.library == "celery" else "_OTHER"
    assert {worker.name(error): 1} == worker.counted(before, 1)


RETRIES = {"arq": ("'work'", "'again'", "again"), "celery": ("'shop.work', [what]", "'shop.retry'", "shop.retry")}


def test_a_retry_is_an_attempt_of_its_own(worker: Worker) -> None:
    """A retry fails the attempt, by what it was retried for, and keeps the trace."""
    if worker.library not in RETRIES:
        pytest.skip("the others try the same message again")
    work, again, name = RETRIES[worker.library]
    before = worker.counts()
    worker.send("again", sends=SENDS[worker.library].replace(work, again))
    found = worker.counted(before, 2)

    assert 2 == sum(found.values())
    assert {f"{name} mails {worker.library} {error}" for error in ("TimeoutError", "_OTHER")} >= set(found)


def test_a_job_whose_time_is_over_fails_by_that(worker: Worker) -> None:
    """arq cancels it, and says TimeoutError to whoever waits for its result."""
    if worker.library != "arq":
        pytest.skip("the others' tasks have no time")
    for error in ("_OTHER", "TimeoutError"):  # the first stands at zero until it was scraped
        before = worker.counts()
        worker.send("slow", sends=SENDS["arq"].replace("'work'", "'slow'"))
        assert {f"slow mails arq {error}": 1} == worker.counted(before, 1)


def test_a_worker_says_nothing_of_it(worker: Worker) -> None:
    """But where a forked process has a page of its own."""
    assert [] == [
        line for line in worker.application.output().splitlines() if "Seawall" in line and "on port" not in line
    ]


FORKING = [("celery", "prefork"), ("rq", "fork")]


@contextmanager
def pushing(library: str, kind: str, start_redis: StartRedis, folder: Path, url: str) -> Iterator[Worker]:  # noqa: F811
    """Start a worker that pushes nothing before the end of its processes."""
    never = {"OTEL_BSP_SCHEDULE_DELAY": "3600000", "OTEL_BLRP_SCHEDULE_DELAY": "3600000"}
    yield from started(library, kind, start_redis, folder, {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **never})


@pytest.mark.parametrize(("library", "kind"), FORKING)
def test_what_a_forked_process_was_told_last_is_pushed(
    library: str,
    kind: str,
    start_redis: StartRedis,  # noqa: F811
    tmp_path: Path,
    collector: Collector,
) -> None:
    """RQ's work-horse and Celery's pool leave by os._exit; what the task logged arrives, once."""
    with pushing(library, kind, start_redis, tmp_path, collector.url) as worker:
        worker.send("log")
        eventually(lambda: bool(worker.said("log")), 30)
        if library == "celery":
            worker.application.process.terminate()
        eventually(lambda: "did log" in collector.messages(), 30)
        worker.application.process.terminate()
        worker.application.process.wait(20)

    assert 1 == collector.messages().count("did log")


@pytest.mark.parametrize(("library", "kind"), FORKING)
def test_a_silent_collector_holds_up_no_end_of_a_forked_process(
    library: str,
    kind: str,
    start_redis: StartRedis,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Each takes a second at most, though an answer would be due in an hour."""
    silent = Holding()
    try:
        with pushing(library, kind, start_redis, tmp_path, silent.url) as worker:
            worker.send("log")
            worker.send("order")
            eventually(lambda: bool(worker.said("log") and worker.said("order")), 30)
            worker.application.process.terminate()
            assert 0 == worker.application.process.wait(20)
    finally:
        silent.close()
