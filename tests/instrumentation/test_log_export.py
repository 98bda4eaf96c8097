"""Log records by OTLP: each once, whoever else exports them, with what it says and the trace of its moment."""

import logging
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from applications import run_python
from collector import Collector, attributes
from opentelemetry import trace
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from seawall.instrumentation.log_export import LogExport, severity

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


class Kept(Logger):
    """Keep what is emitted, and provide itself."""

    def __init__(self) -> None:
        super().__init__("kept")
        self.records: list[Any] = []

    def enabled(self, **_: Any) -> bool:
        return True

    def get_logger(self, *_: Any) -> "Kept":
        return self

    def emit(self, record: Any = None, **_: Any) -> None:
        self.records.append(record)

    @property
    def bodies(self) -> list[str]:
        return [record.body for record in self.records]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Every record that any logger handles."""
    made = Kept()
    original = logging.Logger.callHandlers
    LogExport(made).hook()  # type: ignore[arg-type]
    yield made
    logging.Logger.callHandlers = original  # type: ignore[method-assign]


def test_a_record_has_what_opentelemetry_calls_its_parts(kept: Kept) -> None:
    """Its time, severity, message, place in the code, own fields, and the trace of its moment."""
    context = SpanContext(TRACE, SPAN, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        logging.getLogger("shop").warning("%s is slow", "stock", extra={"order": 7, "tags": ["a", 1], "none": None})
    (record,) = kept.records

    assert ("stock is slow", "WARN", SeverityNumber.WARN) == (
        record.body,
        record.severity_text,
        record.severity_number,
    )
    assert (TRACE, SPAN, 1) == (record.trace_id, record.span_id, record.trace_flags)
    assert 0 < record.timestamp <= record.observed_timestamp
    line = sys._getframe().f_lineno - 10
    assert {
        "order": 7,
        "tags": '["a", 1]',
        "code.file.path": __file__,
        "code.function.name": "test_a_record_has_what_opentelemetry_calls_its_parts",
        "code.line.number": line,
    } == record.attributes


def test_an_exception_is_told_by_the_conventions(kept: Kept) -> None:
    """Its class with its module, what it says, and its traceback."""
    try:
        raise TimeoutError("late") from subprocess_error()
    except TimeoutError:
        logging.getLogger("shop").exception("no stock")
    found = kept.records[0].attributes

    assert ("TimeoutError", "late") == (found["exception.type"], found["exception.message"])
    assert "json.decoder.JSONDecodeError: cause" in found["exception.stacktrace"]
    assert found["exception.stacktrace"].endswith("TimeoutError: late")


def subprocess_error() -> Exception:
    import json

    return json.JSONDecodeError("cause", "", 0)


@pytest.mark.parametrize(
    ("level", "number"),
    [
        (0, SeverityNumber.UNSPECIFIED),
        (5, SeverityNumber.TRACE),
        (10, SeverityNumber.DEBUG),
        (20, SeverityNumber.INFO),
        (25, SeverityNumber.INFO4),
        (31, SeverityNumber.WARN2),
        (40, SeverityNumber.ERROR),
        (50, SeverityNumber.FATAL),
        (9999, SeverityNumber.FATAL4),
    ],
)
def test_a_level_is_a_severity(level: int, number: SeverityNumber) -> None:
    """Levels of an application's own stand between the five."""
    assert number == severity(level)


def test_what_logging_keeps_back_is_not_exported(kept: Kept) -> None:
    """By a logger's level, its filter, or because it is disabled; a handler's filter keeps back for its handler alone."""
    logger = logging.getLogger("quiet")
    handler = logging.StreamHandler(StringIO())
    handler.addFilter(lambda _: False)
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.warning("below the level")
    logger.addFilter(lambda record: "secret" not in record.msg)
    logger.error("a secret")
    logger.disabled = True
    logger.error("disabled")
    logger.disabled = False
    logger.error("told")

    assert ["told"] == kept.bodies


def test_what_a_handler_masked_stays_masked(kept: Kept) -> None:
    """A filter of the application's that mends the record is done before it is exported."""

    def mask(record: logging.LogRecord) -> bool:
        record.msg = "card ****"
        return True

    logger = logging.getLogger("masked")
    handler = logging.StreamHandler(StringIO())
    handler.addFilter(mask)
    logger.addHandler(handler)
    logger.error("card 4711")

    assert ["card ****"] == kept.bodies


def test_a_logger_that_does_not_propagate_is_exported(kept: Kept) -> None:
    """As those of uvicorn do not; whatever handlers the root logger has, or lost."""
    logger = logging.getLogger("alone")
    logger.propagate = False
    logger.error("alone")

    assert ["alone"] == kept.bodies


def test_what_an_exporter_says_is_not_exported(kept: Kept) -> None:
    """Nor what urllib3 says on its behalf: each would make the next export larger."""
    with suppress_instrumentation():
        logging.getLogger("urllib3.connectionpool").warning("retry")

    assert [] == kept.bodies


def test_a_record_is_exported_once_wherever_it_is_handled_again(kept: Kept) -> None:
    """By a handler that hands it to another logger, or by another process that logged it itself."""

    class Again(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logging.getLogger("other").handle(record)

    logger = logging.getLogger("again")
    logger.addHandler(Again())
    logger.error("once")
    foreign = logging.makeLogRecord({"msg": "there", "levelno": 40, "process": 1})
    logger.handle(foreign)

    assert ["once"] == kept.bodies


@pytest.mark.filterwarnings("ignore:`LoggingHandler`")
def test_a_handler_of_opentelemetrys_exports_alone(kept: Kept) -> None:
    """The SDK's, also behind a memory, at the levels that it takes; at others the record is exported all the same."""
    from logging.handlers import MemoryHandler

    from opentelemetry.sdk._logs import LoggingHandler

    own = Kept()
    handler = LoggingHandler(level=logging.ERROR, logger_provider=own)  # type: ignore[arg-type]
    plain, remembered = logging.getLogger("plain"), logging.getLogger("remembered")
    plain.addHandler(handler)
    memory = MemoryHandler(10, target=handler)
    remembered.addHandler(memory)
    plain.error("theirs")
    plain.warning("ours")
    remembered.error("theirs too")
    memory.flush()

    assert ["ours"] == kept.bodies
    assert ["theirs", "theirs too"] == own.bodies


class Hostile:
    """Raises whatever is done to it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def test_hostile_records_are_exported_as_far_as_they_go(kept: Kept) -> None:
    """Arguments that do not fit, text that is no UTF-8, numbers beyond 64 bits, objects that raise, and endless ones."""
    endless: list[Any] = []
    endless.append(endless)
    extra = {
        "hostile": Hostile(),
        "surrogate": "a\ud800",
        "huge": 10**30,
        "endless": endless,
        "": 1,
        "nan": float("nan"),
    }
    logger = logging.getLogger("hostile")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.error("%d of %s", "no number", extra=extra)
    logger.error(Hostile())
    logger.error("long " * 100_000)
    first, second, third = kept.records

    assert "%d of %s ('no number',)" == first.body
    assert ("<Hostile that cannot be shown>", "a?", str(10**30), "nan") == tuple(
        first.attributes[key] for key in ("hostile", "surrogate", "huge", "nan")
    )
    assert "" not in first.attributes
    assert "<Hostile that cannot be shown>" in second.body
    assert 65_536 == len(third.body)


APPLICATION = """
import logging, logging.config
import seawall.auto
logging.basicConfig(level=logging.INFO)
{}
from opentelemetry import trace
with trace.get_tracer("shop").start_as_current_span("buy") as span:
    logging.getLogger("shop").info("paid")
"""
OWN_HANDLER = """
import warnings
warnings.simplefilter("ignore")
from opentelemetry.sdk._logs import LoggingHandler
logging.getLogger().addHandler(LoggingHandler())
"""
DICT_CONFIG = """
logging.config.dictConfig({"version": 1, "disable_existing_loggers": True, "root": {"level": "INFO", "handlers": []}})
"""


@pytest.mark.e2e
@pytest.mark.parametrize("meanwhile", ["", OWN_HANDLER, DICT_CONFIG], ids=["alone", "own handler", "dictConfig"])
def test_a_log_call_arrives_once(collector: Collector, meanwhile: str) -> None:
    """With the service's name and the trace, beside a handler of the application's own and after its dictConfig."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "checkout"}
    done = run_python(APPLICATION.format(meanwhile), environ)
    (span,) = collector.spans()

    assert 0 == done.returncode, done.stderr
    assert [("shop", "paid")] == [(name, record.body.string_value) for name, record in collector.logs()]
    record = collector.logs()[0][1]
    assert (span.trace_id, span.span_id, "INFO") == (record.trace_id, record.span_id, record.severity_text)
    assert "buy" == span.name


@pytest.mark.e2e
def test_the_applications_own_log_stays_as_it_is(collector: Collector) -> None:
    """The same bytes with and without the push."""
    code = APPLICATION.format("logging.getLogger('urllib3').setLevel('DEBUG')")
    pushed = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    alone = run_python(code, {"OTEL_SDK_DISABLED": "true"})

    assert (0, "INFO:shop:paid\n") == (alone.returncode, alone.stderr)
    assert [alone.stderr.splitlines()[0]] == [line for line in pushed.stderr.splitlines() if "shop" in line]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "{}/v1/logs"}, 1),
        ({"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}, 1),
        ({"OTEL_LOGS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "{}"}, 0),
    ],
)
def test_the_environment_says_whether_logs_are_pushed(
    collector: Collector, environ: dict[str, str], count: int
) -> None:
    """The endpoint of logs alone does, and OTEL_LOGS_EXPORTER does or does not."""
    code = "import seawall.auto, logging; logging.error('low tide')"
    run_python(code, {name: value.format(collector.url) for name, value in environ.items()})

    assert ["low tide"] * count == collector.messages()


@pytest.mark.e2e
def test_a_provider_of_the_applications_own_is_used(collector: Collector) -> None:
    """It is not replaced, and the log call arrives where it sends it."""
    code = f"""
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
exporter = InMemoryLogRecordExporter()
own = LoggerProvider(shutdown_on_exit=False)
own.add_log_record_processor(SimpleLogRecordProcessor(exporter))
_logs.set_logger_provider(own)
{APPLICATION.format("")}
assert _logs.get_logger_provider() is own
assert ["paid"] == [each.log_record.body for each in exporter.get_finished_logs()]
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert 0 == done.returncode, done.stderr
    assert [] == collector.logs()


@pytest.mark.e2e
def test_a_request_that_fails_is_logged_once(collector: Collector) -> None:
    """FastAPI's own telemetry stands down, and what its server logs is exported."""
    code = """
import seawall.auto
import asyncio, logging
from fastapi import FastAPI
app = FastAPI()

@app.get("/boom")
async def boom():
    raise RuntimeError("boom")

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def send(message):
    pass

scope = {"type": "http", "method": "GET", "path": "/boom", "raw_path": b"/boom", "query_string": b"", "root_path": "",
         "headers": [], "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}}
try:
    asyncio.run(app(scope, receive, send))
except RuntimeError:
    logging.getLogger("server").exception("Exception in ASGI application")
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})

    assert 0 == done.returncode
    assert ["Exception in ASGI application"] == collector.messages()
    assert "RuntimeError" == attributes(collector.logs()[0][1])["exception.type"]
