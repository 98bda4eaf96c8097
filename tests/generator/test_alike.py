"""Proofs that differ in names alone are run once; those that differ in anything else are not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from scenarios import catalog, loaded, rendered

from seawall.catalog import Catalog
from seawall.generator.alike import alike

TEST = "tests: [{name: 'NAME: fires', input_series: [{series: 'up{job=\"NAME\"}', values: 1x9}], team: TEAM}]\n"
RULE = {"alert": "Down", "expr": 'up{job="NAME"} == 0', "labels": {"service": "NAME", "team": "TEAM"}}


def put(folder: Path, services: dict[str, tuple[str, dict[str, Any]]]) -> list[Path]:
    """Write each service's test and its one rule, with its names in them; return the tests."""
    tests = []
    for name, (test, rule) in services.items():
        text = yaml.safe_dump({"groups": [{"name": name, "rules": [rule]}]})
        for place, content in (("rules", text), ("tests", test)):
            file = folder / f"prometheus/{place}/{name}.yml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content.replace("NAME", name).replace("TEAM", "a"))
        tests.append(folder / f"prometheus/tests/{name}.yml")
    return tests


def of(folder: Path, *names: str) -> Catalog:
    """Return a catalog of such services, all of team ``a``."""
    return loaded(catalog({name: {} for name in names}), folder)


def groups(folder: Path, services: dict[str, tuple[str, dict[str, Any]]]) -> list[list[str]]:
    """Return the names of the tests that are run as one."""
    found = alike(folder, of(folder, *services), put(folder, services))
    return sorted(sorted(file.stem for file in group) for group in found)


def test_proofs_that_differ_in_names_alone_are_one(tmp_path: Path) -> None:
    """Of services of any names, as long as tests and rules are equal otherwise."""
    assert [["cart", "shop"]] == groups(tmp_path, {"shop": (TEST, RULE), "cart": (TEST, RULE)})


@pytest.mark.parametrize(
    ("test", "rule"),
    [
        (TEST, RULE | {"expr": 'up{job="NAME"} < 1'}),
        (TEST, RULE | {"for": "1m"}),
        (TEST, RULE | {"labels": {"service": "NAME", "team": "b"}}),
        (TEST.replace("1x9", "1x8"), RULE),
        (TEST.replace("NAME: fires", "other: fires"), RULE),
        (TEST, RULE | {"expr": 'up{job="shop"} == 0'}),
    ],
    ids=["threshold", "for", "team", "input", "name-of-another", "anothers-name"],
)
def test_what_differs_in_more_than_names_is_run_by_itself(test: str, rule: dict[str, Any], tmp_path: Path) -> None:
    """A threshold, a time, an input, and the name of another one."""
    assert [["cart"], ["shop"]] == groups(tmp_path, {"shop": (TEST, RULE), "cart": (test, rule)})


@pytest.mark.parametrize("longer", ["NAME-1", "NAME_1", "NAMEs", "my-NAME", "xNAME", "9NAME"])
def test_a_name_within_a_longer_one_is_none(longer: str, tmp_path: Path) -> None:
    """It is another name: two services need not have the same part in what they watch."""
    rule = RULE | {"expr": f'up{{job="{longer}"}} == 0'}
    assert [["cart"], ["shop"]] == groups(tmp_path, {"shop": (TEST, rule), "cart": (TEST, rule)})


@pytest.mark.parametrize("name", ["alert", "expr", "tests", "up", "job"])
def test_a_name_that_is_a_word_of_the_file_is_run_by_itself(name: str, tmp_path: Path) -> None:
    """There it is replaced where no other one's name stands, and the texts differ."""
    assert sorted([[name], ["cart", "shop"]]) == groups(tmp_path, dict.fromkeys(("shop", "cart", name), (TEST, RULE)))


def test_annotations_decide_nothing(tmp_path: Path) -> None:
    """What is told of an alert does not change whether it fires."""
    said = RULE | {"annotations": {"summary": "Two days"}}
    assert [["cart", "shop"]] == groups(tmp_path, {"shop": (TEST, RULE), "cart": (TEST, said)})


def test_the_largest_comes_first(tmp_path: Path) -> None:
    """Nothing waits for it alone in the end."""
    services = {"cart": (TEST, RULE), "shop": (TEST * 3, RULE), "till": (TEST * 2, RULE)}
    found = alike(tmp_path, of(tmp_path, *services), put(tmp_path, services))
    assert ["shop", "till", "cart"] == [file.stem for [file] in found]


def test_a_file_of_no_service_is_a_group_too(tmp_path: Path) -> None:
    """The stack's own rules have a test, and no service of the catalog."""
    tests = put(tmp_path, {"seawall": (TEST, RULE), "shop": (TEST, RULE)})
    found = alike(tmp_path, of(tmp_path, "shop"), tests)
    assert [["seawall"], ["shop"]] == sorted([file.stem for file in group] for group in found)


def test_services_with_the_same_slos_are_run_as_one(tmp_path: Path) -> None:
    """As they are rendered, groups of rules and all."""
    text = catalog({name: {"availability": {"objective": 99}} for name in ("shop", "cart", "till")})
    folder = rendered(text, tmp_path)
    tests = sorted((folder / "prometheus/tests").glob("*.slos*.yml"))
    found = alike(folder, loaded(text, tmp_path), tests)
    assert len(tests) == 3 * len(found)
