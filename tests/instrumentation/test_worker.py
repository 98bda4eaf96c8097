"""A worker's messages and queues, under the names that the pack's alerts and panels use."""

import re
from asyncio import CancelledError
from pathlib import Path

import pytest
from applications import run_python
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.trace import SpanKind

from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.worker import WorkerMetrics

ROOT = Path(__file__).parents[2]
TRACE = "0af7651916cd43dd8448eb211c80319c"


def exposed(worker: WorkerMetrics) -> str:
    registry = Registry()
    registry.add(*worker.families)
    return registry.render().decode()


def messages(worker: WorkerMetrics) -> dict[tuple[str, ...], float]:
    return {labels: sum(cells[:-1]) for labels, cells in worker.duration.collect()}


@pytest.mark.parametrize("pack", ["alerts/worker.yaml.j2", "dashboards/worker.yaml.j2"])
def test_every_name_that_the_pack_uses_is_exposed(pack: str) -> None:
    """A worker that observes its queue and processes a message exposes all that its alerts and panels ask for."""
    worker = WorkerMetrics()
    worker.observe_queue("mails", messages=lambda: 4, oldest_age=lambda: 1.5, slots=lambda: 2, slots_busy=lambda: 1)
    with worker.process_message("send", destination="mails"):
        pass
    page = exposed(worker)
    used = set(re.findall(r"seawall_worker_\w+", (ROOT / pack).read_text()))

    assert used
    assert set() == {name for name in used if f'{name}{{messaging_destination_name="mails"}}' not in page}


def test_the_events_of_the_dialect_are_exposed() -> None:
    """The duration is the conventions' own metric, and its count is what the rules read."""
    worker = WorkerMetrics()
    with worker.process_message("send", destination="mails"):
        pass

    assert messaging_metrics.MESSAGING_PROCESS_DURATION == worker.duration.metric
    dialect = (ROOT / "alerts/dialects/otel.yaml").read_text()
    for name in re.findall(r"messaging_process_duration\w+", dialect):
        assert f"{name}{{" in exposed(worker)


def test_a_failure_counts_by_its_class_and_passes_on() -> None:
    """The first in the series that stands at zero, the others in their own."""
    worker = WorkerMetrics()
    with worker.process_message("send", destination="mails", system="sqlite"):
        pass
    assert {("send", "mails", "sqlite", ""): 1, ("send", "mails", "sqlite", "_OTHER"): 0} == messages(worker)
    for _ in range(2):
        with pytest.raises(OSError, match="full"), worker.process_message("send", destination="mails", system="sqlite"):
            raise OSError("full")
        messages(worker)

    assert (1, 1) == (
        messages(worker)[("send", "mails", "sqlite", "OSError")],
        messages(worker)[("send", "mails", "sqlite", "_OTHER")],
    )


def test_the_span_of_a_failure_tells_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a consumer's, ends once, and what was given up counts as a failure too."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    worker = WorkerMetrics()
    with worker.process_message("send", destination="mails"):
        pass
    messages(worker)
    with pytest.raises(CancelledError), worker.process_message("send", destination="mails", system="kafka"):
        raise CancelledError
    whole, failed = exporter.get_finished_spans()

    assert ("send mails", SpanKind.CONSUMER, True) == (whole.name, whole.kind, whole.status.is_ok)
    assert "CancelledError" == (failed.attributes or {})["error.type"]
    assert not failed.status.is_ok
    assert 1 == sum(count for labels, count in messages(worker).items() if labels[3])


def test_a_queue_that_cannot_be_asked_is_left_out() -> None:
    """The other queues are exposed; no value is made up."""
    worker = WorkerMetrics()
    worker.observe_queue("broken", messages=lambda: 1 / 0)
    worker.observe_queue("mails", messages=lambda: 4)

    assert ['seawall_worker_queue_messages{messaging_destination_name="mails"} 4'] == [
        line for line in exposed(worker).splitlines() if line.startswith("seawall_worker_queue_messages{")
    ]


def test_the_producers_trace_goes_on() -> None:
    """The message's headers carry it, into what the processing itself sends."""
    carried: dict[str, str] = {}
    with WorkerMetrics().process_message(
        "send", destination="mails", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    ):
        propagate.inject(carried)

    assert TRACE == carried["traceparent"].split("-")[1]
    assert not trace.get_current_span().get_span_context().is_valid


def test_the_two_words_need_no_other_import() -> None:
    """process_message, as a context and as a decorator of what runs at once in threads, and observe_queue start by themselves."""
    code = """
from threading import Barrier, Thread
from seawall.instrumentation import observe_queue, process_message, start
barrier = Barrier(4)

@process_message("send", destination="mails")
def work():
    barrier.wait()

observe_queue("mails", messages=lambda: 4)
threads = [Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
page = start().registry.render().decode()
assert 'messaging_process_duration_seconds_count{messaging_operation_name="send",messaging_destination_name="mails",messaging_system="",error_type=""} 4' in page
try:
    observe_queue("mails", massages=lambda: 4)
except TypeError as error:
    print(error)
"""
    done = run_python(code)

    assert (0, "") == (done.returncode, done.stderr)
    assert "massages" in done.stdout
