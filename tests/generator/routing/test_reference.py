"""What docs/reference/routing.md says is so."""

import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from seawall.catalog import Catalog
from seawall.catalog.receiver_types import FLOOR, RECEIVER_TYPES
from seawall.generator.inhibition import inhibit_rules
from seawall.generator.routing import alertmanager_config, routing_warnings

PAGE = (Path(__file__).parents[3] / "docs/reference/routing.md").read_text()
Read = Callable[..., Catalog]
Told = Callable[[Mapping[str, Any], Mapping[str, str], datetime | None], list[str]]


def block(language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def table(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has a heading."""
    rows = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]


def test_the_example_has_no_warning(read: Read) -> None:
    """It is complete, and its one edge may inhibit."""
    catalog = read(block("yaml"))
    assert routing_warnings(catalog) == []
    assert len(inhibit_rules(catalog)) == 2


def test_each_row_of_the_example_is_what_happens(read: Read, told: Told) -> None:
    """Service, alert, severity and time in, receivers out."""
    catalog = read(block("yaml"))
    config = alertmanager_config(catalog)
    for service, alert, severity, when, expected in table("service"):
        labels = {"service": service, "alertname": alert, "severity": severity, "team": "payments"}
        labels["tier"] = str(catalog.services[service].tier)
        moment = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Europe/Berlin"))
        inbox, *others = told(config, labels, moment)
        said = [name for name in others if name != "seawall-inbox-only"] or ["nobody"]
        assert (service, when, "seawall-portal", [expected]) == (service, when, inbox, said)


def test_the_command_prints_what_the_page_says(
    tool: Callable[[str], str], read: Read, written: Callable[[Mapping[str, Any]], str]
) -> None:
    """With the example's configuration in the place of ``build/``."""
    config = written(alertmanager_config(read(block("yaml"))))
    words = block("sh").replace("build/alertmanager/alertmanager.yml", config).split()
    ran = subprocess.run([tool(words[0]), *words[1:]], capture_output=True, text=True)
    assert block("text") == ran.stdout


def test_the_page_names_each_secret_that_the_floor_cannot_read_from_a_file() -> None:
    """Of the types that the floor knows, and of Teams, whose file came after its type."""
    expected = [
        [name, field, version]
        for name, shape in RECEIVER_TYPES.items()
        for field, version in shape.fields.items()
        if field.endswith("_file") and version not in (shape.since, FLOOR)
    ]
    assert sorted(expected) == sorted(table("type"))
