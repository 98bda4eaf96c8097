"""The page of dialects lists those that there are, and the keys that their files may have."""

import re

import yaml

from seawall.generator import load_packs
from seawall.generator.dialects import _KEYS

from .pages import ROOT

PAGE = (ROOT / "docs/reference/dialects.md").read_text(encoding="utf-8")
FILES = sorted((ROOT / "alerts/dialects").glob("*.yaml"), key=lambda file: file.stem)


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose header begins with *heading*."""
    table = PAGE.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_the_table_of_dialects_is_the_folder() -> None:
    """Each with its title, its kinds, its SLIs, and the label that holds the service's name."""
    dialects = load_packs().dialects
    expected = []
    for file in FILES:
        own = {kind: each for (kind, name), each in sorted(dialects.items()) if name == file.stem}
        kinds = ", ".join(f"`{kind}`" for kind in own)
        title = yaml.safe_load(file.read_text(encoding="utf-8"))["title"]
        ((slis, label),) = {(each.slis, each.service.label) for each in own.values()}
        expected.append([f"`{file.stem}`", title, kinds, ", ".join(slis), f"`{label}`"])
    assert expected == rows("dialect | software")


def test_every_dialect_has_something_to_be_aware_of() -> None:
    """And no row speaks of one that is not there."""
    named = {name for cells in rows("dialect | mind") for name in re.findall(r"`([^`]+)`", cells[0])}
    assert {file.stem for file in FILES} == named


def test_the_keys_of_a_dialect_are_those_that_are_read() -> None:
    """One row each."""
    said = [name for cells in rows("key | means") for name in re.findall(r"`([^`]+)`", cells[0])]
    assert sorted(_KEYS) == sorted(said)
