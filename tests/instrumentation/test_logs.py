"""Trace ids in log records, whatever the application does with its records."""

import logging
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext

from seawall.instrumentation.diagnostics import guarded, say_once
from seawall.instrumentation.logs import add_trace_ids

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
IDS = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Put the record factory back after each test."""
    factory, make = logging.getLogRecordFactory(), logging.Logger.makeRecord
    yield
    logging.setLogRecordFactory(factory)
    logging.Logger.makeRecord = make  # type: ignore[method-assign]


@pytest.fixture
def in_trace() -> Iterator[None]:
    """Run within a trace."""
    with trace.use_span(NonRecordingSpan(SpanContext(TRACE, SPAN, is_remote=False))):
        yield


def ids(record: logging.LogRecord) -> tuple[str, str]:
    return record.trace_id, record.span_id  # type: ignore[attr-defined]


@pytest.mark.usefixtures("in_trace")
def test_a_record_within_a_trace_has_its_ids(caplog: pytest.LogCaptureFixture) -> None:
    """As a formatter of any kind finds them: in the record's own dictionary."""
    add_trace_ids()
    logging.getLogger("shop").warning("slow")

    assert [IDS] == [ids(record) for record in caplog.records]
    assert "{}-{}".format(*IDS) == logging.Formatter("%(trace_id)s-%(span_id)s").format(caplog.records[0])


def test_a_record_outside_of_a_trace_has_empty_ones(caplog: pytest.LogCaptureFixture) -> None:
    """A format that names them never fails, of unpickled records neither."""
    add_trace_ids()
    logging.getLogger("shop").warning("start")

    assert [("", "")] * 2 == [ids(record) for record in (*caplog.records, logging.makeLogRecord({}))]


@pytest.mark.usefixtures("in_trace")
def test_an_applications_own_extra_wins(caplog: pytest.LogCaptureFixture) -> None:
    """logging raises where a field of ``extra`` is there already: an application that logs its own ids goes on."""
    add_trace_ids()
    logging.getLogger("shop").warning("paid", extra={"trace_id": "mine", "order": 7})

    assert [("mine", IDS[1], 7)] == [(*ids(record), record.order) for record in caplog.records]  # type: ignore[attr-defined]
    with pytest.raises(KeyError, match="Attempt to overwrite 'lineno'"):
        logging.getLogger("shop").warning("paid", extra={"lineno": 1, "trace_id": "mine"})


@pytest.mark.usefixtures("in_trace")
def test_a_factory_that_is_set_goes_on() -> None:
    """Its records, their class and its own trace ids stay."""

    class Own(logging.LogRecord):
        """A record of the application's own."""

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = Own(*args, **kwargs)  # type: ignore[arg-type]
        record.trace_id = "own"
        return record

    logging.setLogRecordFactory(factory)
    add_trace_ids()
    record = logging.getLogger("shop").makeRecord("shop", 10, "", 0, "", (), None)

    assert (True, ("own", IDS[1])) == (isinstance(record, Own), ids(record))


def test_it_is_done_once() -> None:
    """A second call changes neither the factory nor the logger."""
    add_trace_ids()
    before = (logging.getLogRecordFactory(), logging.Logger.makeRecord)
    add_trace_ids()

    assert before == (logging.getLogRecordFactory(), logging.Logger.makeRecord)


def test_a_matter_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """However often it comes up, and even where the application's own filter raises."""

    def broken(_: logging.LogRecord) -> bool:
        raise RuntimeError

    for _ in range(3):
        say_once("the tide is high")
    logging.getLogger("seawall").addFilter(broken)
    say_once("the tide is low")
    logging.getLogger("seawall").removeFilter(broken)

    assert ["the tide is high"] == caplog.messages


def test_what_is_guarded_returns_none_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """An exception of ours becomes one log line; one that is meant to end the process does not."""

    @guarded("count the waves")
    def count(ends: type[BaseException]) -> None:
        raise ends("none came")

    assert [None, None] == [count(ValueError), count(ValueError)]  # type: ignore[func-returns-value]
    assert ["Seawall could not count the waves: ValueError: none came"] == caplog.messages
    with pytest.raises(KeyboardInterrupt):
        count(KeyboardInterrupt)
