"""What stands in a dialect's file is what PromQL reads: names of metrics and labels, matchers, numbers of buckets."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

import promql_parser

from .patterns import example_of
from .sources import Node

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MATCHER: Final = r'\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\\n]|\\.)*"\s*'
_MATCHERS: Final = re.compile(rf"{_MATCHER}(?:,{_MATCHER})*,?\s*")
_METRICS: Final = ("events", "buckets", "active", "success", "duration")
_TEXTS_OF_MATCHERS: Final = ("ignore", "counted", "bad", "throttled", "shed")
Told = tuple[Node, str]


def unreadable(fields: Mapping[str, Node], latency: Mapping[str, Node]) -> Iterator[Told]:
    """Yield what the rules could not be made from, each with its place."""
    for among in (fields, latency):
        for key in among.keys() & set(_METRICS):
            yield from _name(among[key], key, _METRIC, "a metric, such as http_requests_total")
        for key in _TEXTS_OF_MATCHERS:
            if key in among:
                for node in [among[key]] if among[key].is_scalar else among[key].list():
                    yield from _matchers(node, key)
    for key, node in fields["labels"].items() if "labels" in fields else ():
        yield from _name(node, key, _LABEL, "a label, such as code")
    yield from _numbers(fields)
    yield from _service(fields)


def _name(node: Node, key: str, rule: re.Pattern[str], what: str) -> Iterator[Told]:
    if not rule.fullmatch(node.text):
        yield node, f"{key} is {node.text!r}, which is not the name of {what}"


def _matchers(node: Node, key: str) -> Iterator[Told]:
    text = node.text
    if not text.strip():
        if key == "bad":
            yield node, "bad holds matchers of every event, and none would be good; write such as 'code=~\"5..\"'"
        return
    if not _MATCHERS.fullmatch(text):
        yield node, f"{key} is {text!r}, which is not matchers; write such as " + "'code=~\"5..\"'"
        return
    try:
        promql_parser.parse(f"events{{{text}}}")
    except ValueError as error:
        yield node, f"{key} is {text!r}, which PromQL does not read: {error}"


def _numbers(fields: Mapping[str, Node]) -> Iterator[Told]:
    for node in fields["bounds"].list() if "bounds" in fields else ():
        if not 0 <= node.number("bounds") < math.inf:
            yield node, f"bounds is {node.text}; write numbers from 0 on, without +Inf"
    unit = fields.get("seconds_per_unit")
    if unit and not 0 < unit.number("seconds_per_unit") < math.inf:
        yield unit, f"seconds_per_unit is {unit.text}; write a number above 0"


def _service(fields: Mapping[str, Node]) -> Iterator[Told]:
    for key, node in fields["service"].items() if "service" in fields else ():
        if key == "label":
            yield from _name(node, key, _LABEL, "a label, such as service")
        else:
            try:
                example_of(node.text)
            except ValueError as error:
                yield node, f"pattern: {error}"
