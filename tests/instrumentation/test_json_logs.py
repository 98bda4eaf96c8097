"""The application's log as JSON, one object a line, whatever is logged."""

import json
import logging
import re
from datetime import datetime
from typing import Any

import pytest
from applications import run_python

from seawall.instrumentation.json_logs import json_line

JSON = {"SEAWALL_LOG_FORMAT": "json", "OTEL_SERVICE_NAME": "checkout"}


def lines(code: str, environ: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Run *code*; return the objects that it logs."""
    done = run_python(f"import seawall.auto, logging\n{code}", environ or JSON)
    assert 0 == done.returncode, done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.e2e
def test_a_line_is_a_record() -> None:
    """Its time in UTC, level, logger, message, trace, service and own fields; the format of basicConfig is not used."""
    (found,) = lines("""
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
from opentelemetry import trace
with trace.get_tracer("shop").start_as_current_span("buy"):
    logging.getLogger("shop").info("paid %d\\nfor %s", 3, "é", extra={"order": 7, "tags": ("a", {"b": None})})
""")

    at = datetime.fromisoformat(found.pop("timestamp"))
    assert 0 == at.utcoffset().total_seconds()  # type: ignore[union-attr]
    assert re.fullmatch("[0-9a-f]{32}", found.pop("trace_id"))
    assert re.fullmatch("[0-9a-f]{16}", found.pop("span_id"))
    assert {
        "level": "INFO",
        "logger": "shop",
        "message": "paid 3\nfor é",
        "service.name": "checkout",
        "order": 7,
        "tags": ["a", {"b": None}],
    } == found


@pytest.mark.e2e
def test_an_exception_stands_in_its_line() -> None:
    """With its traceback; outside of a trace there are no ids."""
    (found,) = lines("""
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("no shares", stack_info=True)
""")

    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("\nZeroDivisionError: division by zero")
    assert found["stack"].startswith("Stack (most recent call last):")
    assert set() == {"trace_id", "span_id"} & set(found)


@pytest.mark.e2e
def test_every_handler_on_standard_output_and_error_writes_json() -> None:
    """Those of a dictConfig and of loggers that do not propagate; files and other streams stay as they are."""
    done = run_python(
        """
import seawall.auto, io, logging, logging.config, sys
other = io.StringIO()
formats = {"plain": {"format": "plain %(message)s"}}
handlers = {
    "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"},
    "file": {"class": "logging.FileHandler", "filename": "/dev/null", "formatter": "plain"},
}
loggers = {"uvicorn.access": {"handlers": ["out"], "propagate": False, "level": "INFO"}}
logging.config.dictConfig({"version": 1, "formatters": formats, "handlers": handlers, "loggers": loggers})
handler = logging.StreamHandler(other)
handler.setFormatter(logging.Formatter("other %(message)s"))
logging.getLogger("uvicorn.access").addHandler(handler)
logging.getLogger("uvicorn.access").info('%s - "%s"', "::1", "GET /", extra={"color_message": "\\x1b[1mGET"})
print(other.getvalue())
logging.getLogger("last").warning("resort")
""",
        JSON,
    )
    first, second = done.stdout.splitlines()[:2]

    assert 0 == done.returncode, done.stderr
    assert '::1 - "GET /"' == json.loads(first)["message"]
    assert "color_message" not in json.loads(first)
    assert 'other ::1 - "GET /"' == second
    assert "resort" == json.loads(done.stderr)["message"]


@pytest.mark.e2e
def test_what_seawall_says_at_its_start_is_json_too() -> None:
    """A line of another kind would break who reads them."""
    (found,) = lines("", JSON | {"OTEL_TRACES_SAMPLER": "sometimes"})

    assert ("seawall", "WARNING") == (found["logger"], found["level"])


@pytest.mark.e2e
def test_a_format_that_seawall_does_not_know_is_said_once() -> None:
    """And the application's own stays."""
    done = run_python("import seawall.auto, logging; logging.warning('low tide')", {"SEAWALL_LOG_FORMAT": "yaml"})

    assert (0, "SEAWALL_LOG_FORMAT=yaml is not json; the application's own format it is.\nWARNING:root:low tide\n") == (
        done.returncode,
        done.stderr,
    )


class Hostile:
    """Raises whatever is done to it."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


def record(**fields: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": "paid", "created": 0.0})
    vars(made).update(fields)
    return made


def test_hostile_fields_are_text() -> None:
    """Objects that raise, endless lists, keys that are no text, numbers that JSON has not, text that is no UTF-8."""
    endless: dict[Any, Any] = {}
    endless[1] = endless
    found = json.loads(
        json_line(
            record(
                hostile=Hostile(), endless=endless, nan=float("nan"), huge=10**5000, surrogate="\udcff", data=b"\x00",
                error=ValueError("x"), many=list(range(1000)),
            ),
            "checkout",
        ),
        parse_constant=lambda name: pytest.fail(f"{name} is no JSON"),
    )  # fmt: skip

    assert "<Hostile that cannot be shown>" == found["hostile"]
    assert {"1": {"1": {"1": {"1": "{1: {...}}"}}}} == found["endless"]
    assert ("nan", "<int that cannot be shown>", "?", "b'\\x00'", "x") == tuple(
        found[key] for key in ("nan", "huge", "surrogate", "data", "error")
    )
    assert 128 == len(found["many"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"msg": "%d", "args": ("x",)}, "%d ('x',)"),
        ({"msg": Hostile()}, "<Hostile that cannot be shown>"),
        ({"exc_info": (ValueError, None, None)}, "paid"),
        ({"exc_info": True}, "paid"),
        ({"created": "yesterday"}, "paid"),
        ({"created": float("inf")}, "paid"),
        ({"levelname": Hostile(), "name": Hostile()}, "paid"),
    ],
)
def test_a_broken_record_is_still_a_line(fields: dict[str, Any], said: str) -> None:
    """With what can be told of it."""
    line = json_line(record(**fields), "checkout")

    assert "\n" not in line
    assert said == json.loads(line)["message"]


def test_a_field_with_the_name_of_one_of_the_lines_own_is_marked() -> None:
    """Both are told."""
    found = json.loads(json_line(record(level="high", logger="wood"), "checkout"))

    assert ("INFO", "high", "shop", "wood") == tuple(
        found[key] for key in ("level", "extra.level", "logger", "extra.logger")
    )


def test_a_line_is_ascii() -> None:
    """Whatever encoding standard error has, it can be written."""
    line = json_line(record(msg="\u00e9\u2028\n"), "checkout")

    assert line.isascii()
    assert "\u00e9\u2028\n" == json.loads(line)["message"]
