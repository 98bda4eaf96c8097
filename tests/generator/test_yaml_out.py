"""The YAML that Seawall writes reads back as what it was, by PyYAML and by Prometheus' own reader."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from scenarios import said
from strategies import HOSTILE, texts

from seawall.generator.yaml_out import dump

ODD = (
    "",
    " ",
    " a",
    "a ",
    "~",
    "null",
    "No",
    "y",
    "0x1f",
    "1e3",
    ".inf",
    "1_000",
    "2026-01-01",
    "12:30",
    "- a",
    "a: b",
    "a #b",
    "? a",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "[",
    "{",
    "'",
    '"',
    "\\",
    "=",
    "<<",
)
strings = st.one_of(
    st.sampled_from((*HOSTILE, *ODD)), texts(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
numbers = st.one_of(st.integers(-(10**14), 10**14), st.floats(-1e9, 1e9).map(lambda value: round(value, 6)))
scalars = st.one_of(st.none(), st.booleans(), numbers, strings)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(strings, inner, max_size=3)),
    max_leaves=12,
)


@given(value=st.dictionaries(strings, values, min_size=1, max_size=4))
@example({"a": [[], {}, [[]], [{}], {"b": [{"c": []}]}, [[1, 2], [{"d": 3, "e": 4}]]]})
def test_what_is_written_reads_back(value: dict[str, Any]) -> None:
    """Any nesting, any text as key or value, any number."""
    assert value == yaml.safe_load(dump(value))


@given(text=strings, header=texts())
def test_the_bytes_are_utf_8_and_the_header_is_a_comment(text: str, header: str) -> None:
    """Whatever the header says, it is no content."""
    assert {"a": text} == yaml.safe_load(dump({"a": text}, header).decode())


@given(value=st.dictionaries(strings, values, min_size=1, max_size=4))
def test_the_same_value_is_the_same_bytes(value: dict[str, Any]) -> None:
    """In the order of its keys."""
    assert dump(value) == dump(dict(value.items()))


@pytest.mark.parametrize("version", ["installed", "newer"])
@settings(
    max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(drawn=st.lists(texts(), max_size=30))
@example(drawn=[*HOSTILE, *ODD])
def test_prometheus_reads_every_text(
    version: str, drawn: list[str], tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """Go's reader of YAML is another one than Python's: promtool is told what to find in a label of a test's series."""
    found = [text for text in dict.fromkeys(drawn) if text]
    series = [{"series": f'a{{n="{n}"}}', "values": "1"} for n, _ in enumerate(found)]
    rules = [
        {"alert": "A", "expr": f'a{{n="{n}"}}', "labels": {"n": str(n)}, "annotations": {"text": _inert(text)}}
        for n, text in enumerate(found)
    ]
    expected = [{"exp_labels": {"n": str(n)}, "exp_annotations": {"text": text}} for n, text in enumerate(found)]
    (tmp_path / "rules.yml").write_bytes(dump({"groups": [{"name": "a", "rules": rules}]}))
    tests = [
        {"input_series": series, "alert_rule_test": [{"alertname": "A", "eval_time": "0s", "exp_alerts": expected}]}
    ]
    (tmp_path / "test.yml").write_bytes(dump({"rule_files": ["rules.yml"], "tests": tests}))
    assert "" == said(tools[version]("promtool"), "test", "rules", str(tmp_path / "test.yml"))


def _inert(text: str) -> str:
    """Write *text* so that Prometheus' template prints it, by another way than Seawall's."""
    return "".join('{{ "{" }}' if letter == "{" else letter for letter in text)
