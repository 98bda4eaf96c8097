"""The generated pages are what the packs and the commands say; every alert, command and option has its place."""

import importlib.util
import re
from datetime import date
from pathlib import Path
from types import ModuleType

import click
import pytest

from seawall.catalog import load
from seawall.cli import COMMANDS, main
from seawall.generator import load_packs

from .pages import ROOT, anchors

COMMANDS_PAGE = ROOT / "docs/reference/commands.md"
ALERTS = ROOT / "docs/reference/alerts"


def tool(name: str) -> ModuleType:
    """Return a tool of the repository as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(name: str) -> click.Command:
    """Return a command of Seawall."""
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def section(name: str) -> str:
    """Return what the page says of a command."""
    return COMMANDS_PAGE.read_text().split(f"\n## seawall {name}\n", 1)[1].split("\n## ", 1)[0]


def test_the_pages_of_alerts_are_what_the_packs_say() -> None:
    """After a change of a pack: make golden."""
    expected = tool("alert_pages").pages()
    actual = {file.name: file.read_text(encoding="utf-8") for file in ALERTS.glob("*.md")}
    assert expected.keys() == actual.keys()
    assert [] == [name for name in expected if expected[name] != actual[name]]


def test_the_page_of_blind_spots_has_the_services_of_the_example() -> None:
    """And nothing else below what is said of all of them."""
    found = tool("blind_spots_page")
    text = found.PAGE.read_text(encoding="utf-8")
    names = sorted(load(found.CATALOG, today=date(2026, 11, 1)).services)
    assert text.startswith(found.page([], load_packs()))
    assert names == re.findall(r"^## (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["checkout", "mailer", "shop-host"])  # the storefront is the checkout's like
def test_a_section_of_the_blind_spots_is_what_promtool_says(name: str) -> None:
    """After a change of rules, of scenarios or of the example: make golden."""
    found = tool("blind_spots_page")
    tables, packs = found.measured(name)
    assert found.section(tables[0], packs) in found.PAGE.read_text(encoding="utf-8")


def test_every_alert_has_its_heading_and_its_row() -> None:
    """On the page of its kind, and in the index."""
    packs = load_packs()
    index = (ALERTS / "README.md").read_text()
    for kind, pack in packs.by_kind.items():
        page = ALERTS / tool("alert_pages").file_of(kind)
        assert {name.lower() for name in pack.alert_names} <= anchors(page)
        assert [] == [name for name in pack.alert_names if f"[{name}]({page.name}#{name.lower()})" not in index]


def test_the_tables_of_options_are_those_of_the_commands() -> None:
    """After a change of an option: make golden."""
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    assert tool("command_page").with_tables(text) == text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_section_with_exit_codes_and_an_example(name: str) -> None:
    """An option without a table would not be seen by the test above."""
    text = section(name)
    options = [option for option in command(name).params if isinstance(option, click.Option)]
    assert (f"<!-- options of {name} -->" in text) == bool(options)
    assert [] == [option.name for option in options if f"{option.opts[-1]}" not in text]
    assert re.search(r"^Exit codes?: 0", text, re.MULTILINE)
    assert re.search(rf"^```sh\n(?:.*\n)*?seawall {name}\b", text, re.MULTILINE)
    assert f"[`{name}`](#seawall-{name})" in COMMANDS_PAGE.read_text()


def test_the_page_has_no_command_that_is_gone() -> None:
    """Its headings are the commands."""
    assert set(COMMANDS) == set(re.findall(r"^## seawall (\w+)$", COMMANDS_PAGE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_and_the_exit_codes(name: str) -> None:
    """The way that most people read about a command."""
    shown = command(name).get_help(click.Context(command(name), info_name=name))
    assert re.search(r"Examples?:", shown)
    assert f"seawall {name}" in " ".join(shown.split())


def test_a_tool_writes_a_page_only_below_docs() -> None:
    """Where the pages go is fixed, whatever folder a tool is run in."""
    assert Path(tool("alert_pages").FOLDER).is_relative_to(ROOT / "docs")
    assert Path(tool("command_page").PAGE).is_relative_to(ROOT / "docs")
    assert Path(tool("blind_spots_page").PAGE).is_relative_to(ROOT / "docs")
