"""What the kinds of stores tell of a member's load: the file itself, and what is made of it."""

import re
from pathlib import Path

import pytest
import yaml
from pipeline import TEAMS, catalog_of

from seawall.generator import load_packs, render
from seawall.generator.measures import FILE, MEASURES, load_measures
from seawall.generator.sources import PackError, Sources

PACKS = load_packs()
PAGE = Path(__file__).parents[2] / "docs/reference/catalog.md"
REDIS = "kind: redis, team: payments, url: 'redis://a'"


def alerts_of(folder: Path, services: str) -> str:
    """Return the rules of the shards named ``carts`` beside *services*."""
    catalog = catalog_of(folder, TEAMS + services)
    return {each.path: each.content.decode() for each in render(catalog, PACKS)}["prometheus/rules/carts.yml"]


def test_every_kind_of_member_has_a_pack_and_all_measures() -> None:
    """No kind is known that a catalog cannot name."""
    assert set() == PACKS.measures.keys() - set(PACKS.kinds)
    assert {frozenset(MEASURES)} == {frozenset(each) for each in PACKS.measures.values()}


def test_several_members_are_told_apart_by_their_job(tmp_path: Path) -> None:
    """And narrowed as they are."""
    rules = alerts_of(
        tmp_path,
        f"  a: {{{REDIS}, match: {{region: eu}}}}\n  b: {{{REDIS}, match: {{region: eu}}}}\n"
        "  carts: {kind: shards, team: payments, members: [a, b]}\n",
    )

    assert 'sum by (job) (redis_memory_used_bytes{job=~"a|b",region="eu"})' in rules


def test_the_targets_of_one_member_are_told_apart_by_their_instance(tmp_path: Path) -> None:
    """It is the store whose targets share the keys."""
    rules = alerts_of(
        tmp_path,
        "  a: {kind: postgres, team: payments, targets: ['x:1', 'y:1']}\n"
        "  carts: {kind: shards, team: payments, members: [a]}\n",
    )

    assert 'sum by (instance) (pg_database_size_bytes{job="a"})' in rules


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("kind: postgres, team: payments", "b is a postgres and a a redis; compare services of one kind"),
        (f"{REDIS}, match: {{region: us}}", "b and a differ in match; write the same for all members"),
    ],
)
def test_members_that_cannot_be_compared_are_refused(second: str, said: str, tmp_path: Path) -> None:
    """At their place, with the mend."""
    services = f"  a: {{{REDIS}}}\n  b: {{{second}}}\n  carts: {{kind: shards, team: payments, members: [a, b]}}\n"
    with pytest.raises(Exception, match=re.escape(said)):
        alerts_of(tmp_path, services)


@pytest.mark.parametrize("kind", ["kafka", "cassandra", "celery"])
def test_members_whose_load_is_not_known_are_refused(kind: str, tmp_path: Path) -> None:
    """With the kinds whose is."""
    services = f"  a: {{kind: {kind}, team: payments, targets: ['a:1']}}\n"
    said = f"a is a {kind}, of which no load is known; name services of {', '.join(PACKS.measures)} alone"
    with pytest.raises(Exception, match=re.escape(said)):
        alerts_of(tmp_path, services + "  carts: {kind: shards, team: payments, members: [a]}\n")


def test_the_page_says_which_alerts_are_silent_where_no_bytes_are_told(tmp_path: Path) -> None:
    """All that compare members, or their past."""
    rules = yaml.safe_load(
        alerts_of(tmp_path, f"  a: {{{REDIS}}}\n  carts: {{kind: shards, team: payments, members: [a]}}\n")
    )
    found = [rule for group in rules["groups"] for rule in group["rules"] if rule["alert"].startswith("Shards")]
    silent = [rule["alert"] for rule in found if 'redis_memory_used_bytes{job="a"} offset 1h' in rule["expr"]]
    said = PAGE.read_text().partition("these never fire: ")[2].partition(".")[0]

    assert silent == re.findall(r"`(Shards\w+)`", said)
    assert len(found) > len(silent)


def put(folder: Path, text: str) -> Sources:
    """Return sources in which *text* is the file of measures."""
    (folder / FILE).parent.mkdir()
    (folder / FILE).write_text(text)
    return Sources(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\nkinds: {redis: {writes: {exprs: ['a'], series: a}}}", "lacks 'bytes'"),
        ("title: x\nkinds: {redis: {speed: {}}}", "unknown key 'speed'"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(text: str, said: str, tmp_path: Path) -> None:
    """With its place."""
    with pytest.raises(PackError, match=rf"alerts/measures\.yaml:2:.*{said}"):
        load_measures(put(tmp_path, text))


def test_a_measure_without_an_expression_is_refused(tmp_path: Path) -> None:
    """There is nothing to ask."""
    measures = ", ".join(f"{name}: {{exprs: [], series: a}}" for name in MEASURES)
    with pytest.raises(PackError, match="has at least one expression"):
        load_measures(put(tmp_path, f"title: x\nkinds: {{redis: {{{measures}}}}}"))
