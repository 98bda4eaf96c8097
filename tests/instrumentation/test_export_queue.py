"""The queues before the exporters: bounded, counted, and never in anybody's way."""

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from servers import eventually

from seawall.instrumentation import export_queue as queues
from seawall.instrumentation.export_metrics import SignalMetrics
from seawall.instrumentation.export_queue import ExportQueue, Limits, read_limits
from seawall.instrumentation.exporters import Exporting
from seawall.instrumentation.push import Push

SUCCESS, FAILURE = SimpleNamespace(name="SUCCESS"), SimpleNamespace(name="FAILURE")


class Exporter:
    """Keep each batch; wait before it is kept until *goes* is set."""

    __module__ = "opentelemetry.exporter.of.a.test"

    def __init__(self, result: Callable[[], object] = lambda: SUCCESS) -> None:
        self.batches: list[Sequence[object]] = []
        self.began = Event()
        self.goes = Event()
        self.goes.set()
        self.result = result

    def export(self, batch: Sequence[object]) -> object:
        self.began.set()
        assert self.goes.wait(60)
        self.batches.append(batch)
        return self.result()


def queue_of(exporter: Exporter, **limits: Any) -> tuple[ExportQueue, SignalMetrics]:
    metrics = SignalMetrics("traces")
    limits = {"size": 10, "batch": 4, "delay": 3600.0} | limits
    return ExportQueue("traces", Exporting("traces", lambda: exporter, metrics), Limits(**limits)), metrics


def counted(metrics: SignalMetrics) -> dict[tuple[str, str], float]:
    """Return what is counted, without the zeros, by the component and the error."""
    found = [(labels, cells[0]) for family in metrics.families for labels, cells in family.collect()]
    return {(labels[1], labels[2]): value for labels, value in found if value}


BATCHES, EXPORTS = "batching_span_processor", "otlp_http_span_exporter"


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    """An exporter that is let go at the end of the test."""
    made = Exporter()
    yield made
    made.goes.set()


def test_a_full_batch_leaves_at_once(exporter: Exporter) -> None:
    """What is left leaves with the delay, or when it is asked for."""
    queue, metrics = queue_of(exporter)
    for number in range(4):
        queue.put(number)
    eventually(lambda: exporter.batches == [[0, 1, 2, 3]])
    queue.put(4)
    assert queue.request().wait(60)
    queue.stop(ends=False)
    queue.join(60)

    assert [[0, 1, 2, 3], [4]] == exporter.batches
    assert {(BATCHES, ""): 5, (EXPORTS, ""): 5} == counted(metrics)


def test_the_delay_is_the_longest_that_an_item_waits(exporter: Exporter) -> None:
    """One item alone leaves, too."""
    queue, _ = queue_of(exporter, delay=0.001)
    queue.put("alone")
    eventually(lambda: exporter.batches == [["alone"]])
    queue.stop(ends=False)


def test_what_comes_while_the_queue_is_full_is_dropped_and_counted(exporter: Exporter) -> None:
    """A collector that hangs costs what does not fit, and nothing else; what fits is exported later."""
    queue, metrics = queue_of(exporter)
    exporter.goes.clear()
    for number in range(4):
        queue.put(number)
    assert exporter.began.wait(60)
    for number in range(25):
        queue.put(number)
    assert 15 == counted(metrics)[BATCHES, "queue_full"]
    exporter.goes.set()
    queue.stop(ends=False)
    queue.join(60)

    assert [4, 4, 4, 2] == [len(batch) for batch in exporter.batches]
    assert {(BATCHES, ""): 14, (BATCHES, "queue_full"): 15, (EXPORTS, ""): 14} == counted(metrics)


def test_drops_and_failures_stand_at_zero_from_the_first_item(exporter: Exporter) -> None:
    """Else ``rate`` would not see the first of them."""
    queue, metrics = queue_of(exporter)
    queue.put(1)
    queue.stop(ends=False)
    queue.join(60)
    labels = {labels[1:] for family in metrics.families for labels, _ in family.collect()}

    assert {(BATCHES, ""), (BATCHES, "queue_full"), (EXPORTS, ""), (EXPORTS, "_OTHER")} == labels


def test_after_the_application_shut_it_down_items_are_dropped_and_one_line_says_so(
    exporter: Exporter, caplog: pytest.LogCaptureFixture
) -> None:
    """What was put before is exported; at the process' end nothing is said."""
    queue, metrics = queue_of(exporter)
    queue.put("before")
    queue.stop(ends=False)
    queue.join(60)
    queue.put("after")
    queue.put("after")
    late, _ = queue_of(exporter)
    late.stop()
    late.put("at the end")

    assert [["before"]] == exporter.batches
    assert 2 == counted(metrics)[BATCHES, "already_shutdown"]
    assert ["The application shut OpenTelemetry down: Seawall pushes no more traces."] == caplog.messages


def test_the_beginning_and_the_end_of_failures_are_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    """With the first that the exporter says of it; what it says itself is not in the application's log."""
    logger = logging.getLogger(Exporter.__module__)
    results = iter([FAILURE, FAILURE, SUCCESS, SUCCESS, FAILURE])

    def result() -> object:
        found = next(results)
        if found is FAILURE:
            logger.warning("Transient error %s", "refused")
            logger.error("Failed to export")
        return found

    exporter = Exporter(result)
    exporting = Exporting("traces", lambda: exporter, SignalMetrics("traces"))
    for _ in range(5):
        exporting.export([1], 1)
    logger.warning("not within an export")

    assert [
        "Seawall cannot push traces by OTLP and goes on trying: Transient error refused",
        "Seawall pushes traces by OTLP again.",
        "Seawall cannot push traces by OTLP and goes on trying: Transient error refused",
        "not within an export",
    ] == caplog.messages
    assert {(EXPORTS, ""): 2, (EXPORTS, "_OTHER"): 3} == counted(exporting.metrics)


def test_an_exporter_that_raises_is_counted_by_its_exception(caplog: pytest.LogCaptureFixture) -> None:
    """And the next batch is tried all the same."""
    results = iter([FAILURE])
    exporter = Exporter(lambda: next(results).no_such_attribute)
    queue, metrics = queue_of(exporter, batch=1)
    queue.put(1)
    eventually(lambda: counted(metrics).get((EXPORTS, "AttributeError")) == 1)
    queue.put(2)
    eventually(lambda: counted(metrics).get((EXPORTS, "StopIteration")) == 1)
    queue.stop(ends=False)

    assert caplog.messages[0].startswith("Seawall cannot push traces by OTLP and goes on trying: AttributeError: ")


@pytest.mark.parametrize("how", ["says", "raises"])
def test_what_cannot_be_encoded_costs_itself_alone(caplog: pytest.LogCaptureFixture, how: str) -> None:
    """Half a surrogate pair in the name of a span: HTTP's exporter says so, gRPC's raises it; one line of the log."""

    class Strict(Exporter):
        def export(self, batch: Sequence[object]) -> object:
            try:
                "".join(map(str, batch)).encode()
            except UnicodeEncodeError as error:
                if how == "raises":
                    raise
                logging.getLogger(Exporter.__module__).error("Failed to encode span batch: %s", error)
                return FAILURE
            return super().export(batch)

    exporter = Strict()
    exporting = Exporting("traces", lambda: exporter, SignalMetrics("traces"))
    went = [exporting.export(["a", "b", "\ud800", "c", "d"], 5), exporting.export(["e", "\udfff"], 2)]

    assert [["a", "b"], ["c", "d"], ["e"]] == exporter.batches
    assert [True, True] == went
    assert 5 == counted(exporting.metrics)[EXPORTS, ""]
    (line,) = caplog.messages
    assert line.startswith("Seawall leaves out of the traces what OTLP cannot hold: ")
    assert line.isascii()


def test_an_end_of_the_interpreter_that_allows_no_thread_is_survived(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Newer Pythons refuse to begin a thread there; nothing is raised or said, and the drops are counted."""

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(queues, "begin", no_thread)
    queue, metrics = queue_of(exporter)
    queue.put(1)
    queue.put(2)

    assert queue.request().is_set()
    assert ([], []) == (exporter.batches, caplog.messages)
    assert 1 == counted(metrics)[BATCHES, "already_shutdown"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Limits(2048, 512, 5.0)),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_SCHEDULE_DELAY": "20"}, Limits(100, 100, 0.02)),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "7", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "8"}, Limits(2048, 7, 5.0)),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "x"}, Limits(2048, 512, 5.0)),
    ],
)
def test_the_limits_are_opentelemetrys(environ: dict[str, str], expected: Limits) -> None:
    """Under its variables and with its defaults; log records wait a second at most."""
    assert expected == read_limits(environ, "BSP")
    assert 1.0 == read_limits({}, "BLRP").delay


def test_the_end_waits_a_second_for_all_signals_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one takes the others have not; a server's end and the interpreter's soon after share that second."""
    now = [100.0]
    monkeypatch.setattr("seawall.instrumentation.push.monotonic", lambda: now[0])
    given: list[float] = []

    class Part:
        def __init__(self, takes: float) -> None:
            self._takes = takes

        def request(self) -> Any:
            return SimpleNamespace(wait=self.join)

        def stop(self) -> None:
            """Nothing is left to do."""

        def join(self, seconds: float) -> None:
            given.append(round(seconds, 3))
            now[0] += min(self._takes, seconds)

    push = Push.__new__(Push)
    push._waited = (float("-inf"), 0.0)
    push._parts = [Part(0.25), Part(0.5), Part(9)]  # type: ignore[list-item]
    push.flush()
    now[0] += 1
    push.close()
    now[0] += 60
    push.flush()

    assert [1.0, 0.75, 0.25, 0.0, 0.0, 0.0, 1.0, 0.75, 0.25] == given
