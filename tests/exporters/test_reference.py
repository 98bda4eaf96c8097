"""The reference page says what is."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from postgres import StartPostgres
from scrapes import queries
from servers import StartExporter, StartRedis

from seawall.exporters import inventory
from seawall.exporters.commands import exporter
from seawall.exporters.kinds import kinds
from seawall.exporters.reference import table, with_tables

PAGE = Path(__file__).parents[2] / "docs/reference/exporter.md"


def test_the_tables_are_what_the_collectors_declare() -> None:
    """After a change: python -m seawall.exporters.reference docs/reference/exporter.md."""
    page = PAGE.read_text()
    assert with_tables(page) == page


def test_every_kind_has_its_table() -> None:
    """A new collector is not forgotten."""
    assert set(inventory()) == set(re.findall(r"<!-- metrics of ([\w-]+) -->", PAGE.read_text()))


@pytest.mark.parametrize("kind", [name for name, kind in kinds().items() if kind.connect and name != "probe"])
def test_the_rights_that_a_kind_needs_have_their_section(kind: str) -> None:
    """What a probe asks from outside, anybody may."""
    assert 1 == len(re.findall(rf"^## Rights of an? {kind}( \w+)?$", PAGE.read_text(), re.MULTILINE))


def test_a_row_holds_everything_that_is_declared() -> None:
    """Name, type, unit, labels and meaning."""
    (row,) = [
        line for line in table(inventory()["redis"]).splitlines() if "`redis_commands_duration_seconds_total`" in line
    ]
    assert (
        row == "| `redis_commands_duration_seconds_total` | counter | seconds | `cmd` | Time spent in each command. |"
    )


def test_every_option_is_on_the_page() -> None:
    """With its default, where it has one."""
    rows = dict(re.findall(r"^\| `(--[a-z-]+) [A-Z:]+` \| (.*?) \|", PAGE.read_text(), re.MULTILINE))
    options = {option.opts[0]: option for option in exporter.params}
    assert options.keys() == rows.keys()
    defaults = {
        name: "required"
        if option.required
        else "none"
        if option.default is None
        else f"`{option.default:g}`"
        if isinstance(option.default, float)
        else f"`{option.default}`"
        for name, option in options.items()
    }
    assert defaults == rows


def test_the_help_has_an_example_and_the_exit_codes() -> None:
    """The way that most people read about a command."""
    shown = CliRunner().invoke(exporter, ["--help"]).output
    assert "seawall exporter --catalog catalog.yaml" in shown
    assert "Exit codes: 0" in shown


@pytest.mark.e2e
def test_the_acl_of_the_page_is_enough_and_no_more(start_redis: StartRedis, start_exporter: StartExporter) -> None:
    """On a cluster's node, which is asked most: every query succeeds, and no command was refused."""
    acl, *_ = re.findall(r"^ACL (SETUSER .*)$", PAGE.read_text(), re.MULTILINE)
    server = start_redis("--cluster-enabled", "yes")
    assert server.cli("acl", *acl.split()) == "OK"
    user, password = acl.split()[1], acl.split()[3].removeprefix(">")
    running = start_exporter({"cache": f"redis://{user}:${{P}}@127.0.0.1:{server.port}"}, {"P": password})
    scrape = running.scrape("/probe?service=cache")
    assert list(scrape["redis_up"].samples.values()) == [1]
    assert queries(scrape) == {"info": 1, "slowlog": 1, "cluster": 1}
    assert server.cli("acl", "log") == ""
    used = set(re.findall(r"cmdstat_([a-z|]+):", server.cli("info", "commandstats"))) - {
        "acl|setuser",
        "acl|log",
        "auth",
        "ping",
    }
    assert {right.removeprefix("+") for right in acl.split() if right.startswith("+")} == used


@pytest.mark.e2e
def test_the_role_of_the_page_is_enough(start_postgres: StartPostgres, start_exporter: StartExporter) -> None:
    """Every query has its answer with these grants and this extension, and statements of others are told."""
    (library,) = re.findall(r"`(shared_preload_libraries) = '(\w+)'`", PAGE.read_text())
    server = start_postgres("=".join(library))
    statements = re.findall(r"^(?:CREATE ROLE|GRANT pg_monitor|CREATE EXTENSION) .*;$", PAGE.read_text(), re.MULTILINE)
    assert len(statements) == 3
    server.run(*statements, "SELECT 'somebody else'")
    scrape = start_exporter({"orders": server.url_of("seawall")}).scrape("/probe?service=orders")
    assert {1.0} == set(scrape["seawall_probe_query_success"].samples.values())
    assert server.user in {dict(labels)["user"] for _, labels in scrape["pg_stat_statements_calls_total"].samples}


@pytest.mark.e2e
def test_the_page_says_what_a_role_without_rights_loses(
    start_postgres: StartPostgres, start_exporter: StartExporter
) -> None:
    """Its table is that of the queries that are refused."""
    server = start_postgres()
    server.run("CREATE ROLE poor LOGIN")
    scrape = start_exporter({"orders": server.url_of("poor")}).scrape("/probe?service=orders")
    refused = {query for query, answered in queries(scrape).items() if not answered}
    table = PAGE.read_text().partition("| query | families | needs |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    # Without the extension statements are not asked, and CONNECT is everybody's until it is revoked.
    assert named - {"stat_statements", "database_size"} == refused
