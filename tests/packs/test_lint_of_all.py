"""Seawall's own linters find nothing in what is rendered of all kinds together."""

from pathlib import Path

from seawall.catalog import load
from seawall.generator import load_packs, render
from seawall.generator.lint import CHECKS, lint, read

from .conftest import CATALOG


def test_the_rules_of_every_kind_are_clean(tmp_path: Path) -> None:
    """By every check that runs by default, and by the one that asks for a runbook."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG)
    files = []
    for artifact in render(load(catalog), load_packs()):
        if artifact.path.startswith("prometheus/rules/"):
            path = tmp_path / Path(artifact.path).name
            path.write_bytes(artifact.content)
            files.append(read(str(path)))
    checks = [each for each in CHECKS.values() if not each.is_optional or each.name == "no-runbook"]

    assert len(files) > 30
    assert [] == [str(each) for each in lint(files, checks)]
