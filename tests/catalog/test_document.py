"""YAML as it is read: the core schema of 1.2, the place of every node, bounded and inert."""

import math
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import as_yaml, valid_catalogs

from seawall.catalog import CatalogError
from seawall.catalog.document import FAST, read_document
from seawall.catalog.places import Places

PLAIN = {
    "off": "off",
    "no": "no",
    "yes": "yes",
    "on": "on",
    "y": "y",
    "12:30": "12:30",
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    "-7": -7,
    "+7": 7,
    "1e3": 1000.0,
    ".5": 0.5,
    "5.": 5.0,
    "1_000": "1_000",
    "0b11": "0b11",
    "2027-01-01": "2027-01-01",
    "1.2.3": "1.2.3",
    "-": None,
    "=": "=",
    "true": True,
    "False": False,
    "TRUE": True,
    "tRUE": "tRUE",
    "null": None,
    "~": None,
    "Null": None,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "300ms": "300ms",
    "6x": "6x",
    "9" * 100: "9" * 100,
}


@pytest.mark.parametrize("text", [text for text in PLAIN if text != "-"])
def test_a_plain_scalar_is_read_as_yaml_1_2_core(text: str) -> None:
    """Only null, true, false and numbers are more than text."""
    found = read_document(f"key: {text}", "catalog.yaml", 0).data["key"]
    assert (type(PLAIN[text]), PLAIN[text]) == (type(found), found)


def test_a_number_that_is_none_is_nan() -> None:
    """.nan is a float of the core schema, and no part of the model takes it."""
    assert math.isnan(read_document("key: .nan", "catalog.yaml", 0).data["key"])


def test_quotes_make_text() -> None:
    """Whatever stands in quotes is text."""
    found = read_document("""[true, 'true', "5", 'null']""", "catalog.yaml", 0).data
    assert found == [True, "true", "5", "null"]


def test_every_key_is_text() -> None:
    """A number or a truth as a key is what was written."""
    found = read_document("{8080: a, true: b, null: c}", "catalog.yaml", 0).data
    assert found == {"8080": "a", "true": "b", "null": "c"}


def test_an_empty_document_holds_nothing() -> None:
    """A file of comments is an empty one."""
    assert read_document("# nothing yet\n", "catalog.yaml", 0).data is None


def test_an_alias_is_what_it_names_and_stands_where_it_is_written() -> None:
    """Values are shared; a problem is told at the alias."""
    document = read_document("a: &x {b: 1}\nc:\n  d: *x\n  e: &y 5\n  f: *y\n", "catalog.yaml", 0)
    assert document.data == {"a": {"b": 1}, "c": {"d": {"b": 1}, "e": 5, "f": 5}}
    assert document.place is not None
    places = Places(document.place, ["catalog.yaml"])
    assert str(places[("c", "d")]) == "catalog.yaml:3:3"
    assert str(places[("c", "d", "b")]) == "catalog.yaml:1:11"
    assert str(places[("c", "f")]) == "catalog.yaml:5:6"


def test_an_anchor_may_be_named_again() -> None:
    """The alias names the last one before it."""
    assert read_document("{a: &x 1, b: &x 2, c: *x}", "catalog.yaml", 0).data == {"a": 1, "b": 2, "c": 2}


def test_aliases_of_a_large_catalog_are_welcome() -> None:
    """A thousand services may share one mapping of SLOs."""
    head = "shared: &slos {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms}}\n"
    text = head + "".join(f"service-{number}: *slos\n" for number in range(1000))
    assert len(read_document(text, "catalog.yaml", 0).data) == 1001


def test_an_explosion_of_aliases_is_refused_at_once() -> None:
    """Nothing is expanded to find out: thirty levels take no time."""
    text = "- &x0 [a, a]\n" + "".join(f"- &x{n} [*x{n - 1}, *x{n - 1}, *x{n - 1}]\n" for n in range(1, 40))
    began = time.monotonic()
    with pytest.raises(CatalogError, match="aliases make"):
        read_document(text, "catalog.yaml", 0)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "a: " + "{b: " * 100_000, "&x [" * 100_000])
def test_endless_nesting_is_refused(text: str) -> None:
    """The stack of the interpreter is never at stake."""
    with pytest.raises(CatalogError, match="nested deeper than 64 levels"):
        read_document(text, "catalog.yaml", 0)


def test_a_character_that_cannot_stand_in_yaml_is_named() -> None:
    """The place is counted in characters."""
    with pytest.raises(CatalogError) as refused:
        read_document("a: 1\nb: é\x07\n", "catalog.yaml", 0)
    assert str(refused.value) == "catalog.yaml:2:5: character U+0007 cannot stand in YAML; take it out"


def test_problems_before_the_break_are_told_too() -> None:
    """A duplicate key above a broken line is not forgotten."""
    with pytest.raises(CatalogError) as refused:
        read_document("a: 1\na: 2\nb: [\n", "catalog.yaml", 0)
    assert [str(problem.position) for problem in refused.value.problems] == ["catalog.yaml:2:1", "catalog.yaml:4:1"]


def test_the_first_of_two_equal_keys_stays() -> None:
    """The dropped value's place does not win either."""
    document = read_document("a: 1\na: {b: 2}\n", "catalog.yaml", 0)
    assert document.data == {"a": 1}
    assert len(document.problems) == 1


def test_libyaml_reads_the_catalog() -> None:
    """The quick parser is in use where PyYAML was built with it, as its wheels are."""
    assert yaml.CSafeLoader is FAST


@settings(deadline=None)
@given(valid_catalogs())
def test_both_parsers_read_the_same(catalog: dict[str, Any]) -> None:
    """Where libyaml is missing, PyYAML's own parser gives the same data at the same places."""
    text = as_yaml(catalog)
    quick, slow = (read_document(text, "catalog.yaml", 0, parser) for parser in (FAST, yaml.SafeLoader))
    assert catalog == quick.data
    assert catalog == slow.data
    assert quick.place is not None
    assert slow.place is not None
    assert dict(Places(quick.place, ["f"])) == dict(Places(slow.place, ["f"]))


@settings(deadline=None)
@example("*0")
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but CatalogError leaves the reader."""
    try:
        problems = read_document(text, "catalog.yaml", 0).problems
    except CatalogError as error:
        problems = error.problems
    assert all(str(problem).startswith("catalog.yaml:") for problem in problems)
