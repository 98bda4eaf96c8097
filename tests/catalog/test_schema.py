"""The JSON Schema against the examples, and against what load() takes and refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from strategies import valid_catalogs

from seawall.catalog import json_schema
from seawall.catalog.document import read_document
from seawall.cli import main

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/catalog.yaml"))
VALIDATOR = Draft202012Validator(json_schema())


def errors(catalog: Any) -> list[str]:
    """Return the paths at which *catalog* does not fit the schema."""
    return [error.json_path for error in VALIDATOR.iter_errors(catalog)]


def catalog_with(**service: Any) -> dict[str, Any]:
    """Return a catalog of one service."""
    return {"seawall": 1, "services": {"checkout": {"kind": "http", "team": "payments", **service}}}


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names."""
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json_schema()["title"] == "Seawall service catalog"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_fits_the_schema(example: Path) -> None:
    """What editors show beside it is not red."""
    assert errors(read_document(example.read_text(), str(example), 0).data) == []


@settings(deadline=None)
@given(valid_catalogs({"http": ["ServiceDown"], "redis": ["ServiceDown"]}))
def test_any_valid_catalog_fits_the_schema(catalog: dict[str, Any]) -> None:
    """The schema refuses nothing that load() takes."""
    assert errors(catalog) == []


@pytest.mark.parametrize(
    ("catalog", "path"),
    [
        ({}, "$"),
        ({"seawall": 2}, "$.seawall"),
        ({"seawall": 1, "serviecs": {}}, "$"),
        (catalog_with(depend_on=[]), "$.services.checkout"),
        (catalog_with(name="checkout"), "$.services.checkout"),
        (catalog_with(tier=4), "$.services.checkout.tier"),
        (catalog_with(slos={"a": {"objective": 100}}), "$.services.checkout.slos.a.objective"),
        (catalog_with(slos={"a b": {"objective": 99}}), "$.services.checkout.slos"),
        (catalog_with(slos={"a": {"objective": 99, "window": "30 days"}}), "$.services.checkout.slos.a.window"),
        (catalog_with(depends_on="mailer"), "$.services.checkout.depends_on"),
        ({"seawall": 1, "services": {"../x": {"kind": "http", "team": "a"}}}, "$.services"),
        ({"seawall": 1, "campaigns": {"a": {"from": "2026-11-27", "to": "2026-11-28T00:00"}}}, "$.campaigns.a.from"),
    ],
)
def test_the_schema_refuses_what_load_refuses(catalog: dict[str, Any], path: str) -> None:
    """Unknown keys, names, enumerations, bounds and formats, at their place."""
    assert [path] == errors(catalog)


def test_every_key_says_what_it_means() -> None:
    """An editor shows a description for each."""
    definitions = {"Catalog": json_schema(), **json_schema()["$defs"]}
    silent = [
        f"{title}.{key}"
        for title, definition in definitions.items()
        for key, field in definition.get("properties", {}).items()
        if "description" not in field and "$ref" not in field  # what it refers to has one of its own
    ]
    assert silent == []


def test_the_command_prints_the_schema() -> None:
    """As JSON, and nothing else."""
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert json_schema() == json.loads(result.output)


def test_the_help_of_the_command_has_an_example() -> None:
    """And names its exit code."""
    output = CliRunner().invoke(main, ["schema", "--help"]).output
    assert "seawall schema > catalog.schema.json" in output
    assert "Exit code: 0" in output
