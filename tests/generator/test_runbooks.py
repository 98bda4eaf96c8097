"""Every runbook of the examples: its parts, its links and its queries."""

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pipeline import SHOP, catalog_of

from seawall.catalog import Catalog, load
from seawall.generator import load_packs, render, view

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ("shop", "online-boutique")
PARTS: Final = ("Meaning", "Impact", "First look", "Diagnosis", "Mitigation", "Escalation", "Tuning")
PACKS: Final = load_packs()


@cache
def example(name: str) -> tuple[Catalog, dict[str, str]]:
    """Return an example's catalog and its runbooks, by ``service/Alert``."""
    catalog = load(ROOT / "examples" / name / "catalog.yaml", today=date(2026, 11, 1))
    files = {each.path: each.content.decode() for each in render(catalog, PACKS)}
    books = {
        path.removeprefix("runbooks/").removesuffix(".md"): text
        for path, text in files.items()
        if path.startswith("runbooks/")
    }
    return catalog, books


def parsed(text: str) -> list[Token]:
    """Return the tokens of a runbook as the portal reads it."""
    return [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_alert_has_its_runbook_and_every_runbook_its_alert(name: str) -> None:
    """One file each, and none is left over."""
    catalog, books = example(name)
    alerts = {
        f"{service}/{alert.name}"
        for service in (*catalog.services, "seawall")
        for alert in view(catalog, PACKS, service).alerts
    }

    assert alerts == books.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_runbook_has_the_seven_parts_in_order_and_none_is_empty(name: str) -> None:
    """Meaning, impact, first look, diagnosis, mitigation, escalation, tuning."""
    for book, text in example(name)[1].items():
        sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))

        assert [part for part in sections if part in PARTS] == list(PARTS), book
        assert [part for part, body in sections.items() if not body.strip()] == [], book


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_template_is_left_in_a_runbook(name: str) -> None:
    """Neither Jinja's nor Prometheus', which no runbook fills in; nor a value that is none."""
    for book, text in example(name)[1].items():
        assert not re.search(r"\{\{|\{%|%\}|\bNone\b(?! of)|\bUndefined\b", text), book


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_link_of_a_runbook_resolves(name: str) -> None:
    """To a service, a runbook or a dashboard that is rendered, or to Prometheus with a query that parses."""
    catalog, books = example(name)
    seen = 0
    for book, text in books.items():
        for token in parsed(text):
            if token.type != "link_open":
                continue
            seen += 1
            url = urlsplit(str(token.attrs["href"]))
            assert resolves(url.path, catalog, books) or queries(url.fragment + url.query), (book, token.attrs["href"])
    assert seen > len(books)


def resolves(path: str, catalog: Catalog, books: dict[str, str]) -> bool:
    """Whether the portal or Grafana has a page at *path*."""
    services = {*catalog.services, "seawall"}
    if found := re.fullmatch("/services/([^/]+)", path):
        return found[1] in services
    if found := re.fullmatch("/runbooks/(.+)", path):
        return found[1] in books or found[1] in services
    if found := re.fullmatch("/d/seawall-(.+)", path):
        return found[1] in services
    return path in ("/alerts", "/services", "/campaigns")


def queries(query: str) -> bool:
    """Whether *query* asks Prometheus for expressions that all parse."""
    asked = [
        value for key, values in parse_qs(query).items() if re.fullmatch(r"(g\d+\.)?expr", key) for value in values
    ]
    return bool(asked) and all(promql_parser.parse(each) is not None for each in asked)


@pytest.mark.parametrize("name", EXAMPLES)
def test_all_promql_in_a_runbook_parses(name: str) -> None:
    """Each fenced block of PromQL."""
    seen = 0
    for book, text in example(name)[1].items():
        for token in parsed(text):
            if token.type == "fence" and token.info.strip() == "promql":
                seen += 1
                try:
                    promql_parser.parse(token.content.replace("$__rate_interval", "5m"))
                except ValueError as error:
                    pytest.fail(f"{book}: {error}: {token.content}")
    assert seen >= len(example(name)[1])


def test_the_own_mitigations_come_first_and_the_dependents_are_named(tmp_path: Path) -> None:
    """What the owners know stands above what the pack says; who needs the service is its impact."""
    text = SHOP.replace("tier: 2", "tier: 2\n    runbook: {mitigations: [{when: the moon is full, do: wait}]}")
    text += "  front: {kind: http, team: payments, depends_on: [checkout]}\n"
    files = {each.path: each.content.decode() for each in render(catalog_of(tmp_path, text), PACKS)}
    book = files["runbooks/checkout/HttpServiceFailing.md"]
    mitigation = book[book.index("## Mitigation") : book.index("## Escalation")]

    assert "the moon is full" in mitigation[: len(mitigation) // 2 + 40]
    assert "front" in book[book.index("## Impact") : book.index("## First look")]
