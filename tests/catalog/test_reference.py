"""The reference page against the model: every example loads, and every key stands in its table."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel

from seawall.catalog import (
    AlertOverride,
    Campaign,
    Capacity,
    Catalog,
    Defaults,
    ExporterAccess,
    Maintenance,
    Mitigation,
    Probe,
    RunbookNotes,
    Service,
    Slo,
    StackNotify,
    Team,
    load,
)

PAGE = (Path(__file__).parents[2] / "docs/reference/catalog.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS: dict[str, type[BaseModel]] = {
    "## The top": Catalog,
    "### `defaults`": Defaults,
    "### `exporter`": ExporterAccess,
    "### `notify`": StackNotify,
    "## `teams`": Team,
    "## `services`": Service,
    "### `slos`": Slo,
    "### `probe`": Probe,
    "### `capacity`": Capacity,
    "### `alerts`": AlertOverride,
    "### `runbook`": RunbookNotes,
    "### `maintenance`": Maintenance,
    "## `campaigns`": Campaign,
}


def section(heading: str) -> str:
    """Return what stands between *heading* and the next one."""
    return PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]


def keys(model: type[BaseModel]) -> set[str]:
    """Return the keys that a user may write into *model*."""
    return {field.alias or name for name, field in model.model_fields.items()} - {"name"}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_page_loads_without_a_warning(number: int, tmp_path: Path) -> None:
    """What readers copy is right."""
    file = tmp_path / "catalog.yaml"
    file.write_text(EXAMPLES[number])
    assert load(file, today=date(2026, 11, 24)).warnings == []


def test_the_page_has_examples() -> None:
    """At least one for each larger section."""
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_table_of_a_section_has_exactly_the_keys_of_the_model(heading: str) -> None:
    """A key that is added to the model is added here, and one that went is gone."""
    rows = re.findall(r"^\| (`[^|]*) \|", section(heading), re.MULTILINE)
    found = {key.split(".")[0] for row in rows for key in re.findall(r"`([^`]+)`", row)}
    assert keys(SECTIONS[heading]) == found


def test_the_keys_of_a_mitigation_are_named() -> None:
    """They have no table of their own."""
    assert all(f"`{key}`" in section("### `runbook`") for key in keys(Mitigation))


def test_the_defaults_of_the_page_are_those_of_the_model() -> None:
    """The third column of the table of defaults."""
    for key, default in re.findall(r"^\| `(\w+)` \|[^|]*\| `([^`]+)` \|$", section("### `defaults`"), re.MULTILINE):
        assert default == str(getattr(Defaults(), key))
