"""Every check finds its own example, for its own reason, and nothing in the mended one; the page says the same."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from lint_rules import rule

from seawall.generator.lint import CHECKS, Check, Finding, Settings, lint, read

ROOT = Path(__file__).parents[2]
EXPOSED = Settings(types={"redis_up": "gauge"})


def judged(check: Check, lines: str, folder: Path) -> list[Finding]:
    """Return what *check* finds in the sound alert with *lines* laid over it."""
    twin = [rule(alert="Twice")] if check.name == "duplicate" else []
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "test", "rules": [rule(**yaml.safe_load(lines)), *twin]}]}))
    return lint([read(str(file))], [check], EXPOSED if check.name == "unknown-metric" else None)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_finds_its_own_example(check: Check, tmp_path: Path) -> None:
    """Which is what its page shows."""
    assert {check.name} == {each.check for each in judged(check, check.bad, tmp_path)}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_mended_example_is_found_by_no_check(check: Check, tmp_path: Path) -> None:
    """Neither by this one nor by any other that runs by default."""
    others = [each for each in CHECKS.values() if not each.is_optional and each.name != "unknown-metric"]
    assert [] == [str(each) for one in (check, *others) for each in judged(one, check.good, tmp_path)]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_says_what_it_finds_why_and_how_to_mend_it(check: Check) -> None:
    """In sentences."""
    assert all(text.endswith(".") for text in (check.reason, check.mend))
    assert check.finds
    assert (check.of_rule is None) != (check.of_files is None)


def test_the_page_is_what_the_checks_say() -> None:
    """After a change of a check: make golden."""
    spec = importlib.util.spec_from_file_location("lint_page", ROOT / "tools/lint_page.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.page() == tool.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("example", ["shop", "shop-on-docker", "online-boutique"])
def test_what_seawall_renders_is_clean(example: str) -> None:
    """By every check that runs by default, and by those that ask for a job and a runbook."""
    files = [read(str(path)) for path in sorted((ROOT / f"examples/{example}/rendered/prometheus/rules").glob("*.yml"))]
    checks = [each for each in CHECKS.values() if not each.is_optional or each.name == "no-runbook"]
    assert len(files) > 5
    assert [] == [str(each) for each in lint(files, checks)]
