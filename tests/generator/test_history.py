"""Proofs with a month behind them: they hold, and they notice a weight that is missing, that delays or that is too large."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from scenarios import played, rendered

from seawall.generator.fixtures import history_series, values
from seawall.generator.rule_files import read

SEL = 'job="shop",slo="availability"'
# A weight as the rules have it, and one that is broken; what the proofs then say of the pairs that a page or ticket waits for.
WEIGHT = re.compile(r"clamp\((slo:total|last_over_time\(slo:total)(.*?), 1, 50\)")
BREAKS = {
    "none": (r"clamp(\1\2, 1, 1)", {("fires", "1h"), ("fires", "6h"), ("fires", "1d")}),
    "delays": (r"clamp(\1\2, 0, 50)", {("fires", "1h"), ("fires", "6h")}),
    "fifty": (r"clamp(\1\2, 50, 50)", {("stays quiet", "1h"), ("stays quiet", "6h"), ("stays quiet", "1d")}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service whose budget is one in twenty: a total outage burns it twenty times too fast."""
    shop = {"kind": "http", "team": "a", "targets": ["shop:80"], "slos": {"availability": {"objective": 95}}}
    raw = json.dumps({"seawall": 1, "teams": {"a": {}}, "services": {"shop": shop}})
    return rendered(raw, tmp_path_factory.mktemp("history"))


def proofs(folder: Path, tool: Callable[[str], str]) -> str:
    """Return what promtool says of the proofs that have a month behind them."""
    return played(tool("promtool"), folder / "prometheus/tests/shop.slos.5m.yml", folder.parent)


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_the_proofs_hold(version: str, folder: Path, tools: Mapping[str, Callable[[str], str]]) -> None:
    """A surge pages, the same ratio at the usual traffic does not, and a campaign in the month delays nothing."""
    assert "" == proofs(folder, tools[version])


@pytest.mark.parametrize("broken", BREAKS)
def test_a_weight_that_is_broken_is_noticed(
    broken: str, folder: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """By the proofs of all the pairs whose alert it changes, and of no other."""
    file = (folder / "prometheus/rules/_shared.yml").resolve()
    whole = file.read_text()
    replacement, expected = BREAKS[broken]
    text, times = WEIGHT.subn(replacement, whole)
    assert 7 == times  # windows
    try:
        file.unlink()  # the served set shares its inodes
        file.write_text(text)
        told = proofs(folder, tools["installed"])
    finally:
        file.unlink()
        file.write_text(whole)
    failed = re.findall(r'window=\\?"(\w+)\\?".*?time: \w+,\s+exp: ?(nil)?', told)
    assert expected == {("stays quiet" if nothing else "fires", window) for window, nothing in failed}


def test_a_month_is_told_by_the_mean_of_its_samples() -> None:
    """600 events a minute are ten a second, and thirty days since they were first seen; nothing failed."""
    series = history_series(SEL, {"usual": "600"})
    total, bad, seen = (values(each, 3000) for each in series.values())
    assert [each.partition("{")[0] for each in series] == [
        "seawall:slo_total:rate30m_every10m",
        "seawall:slo_bad:rate30m_every10m",
        "seawall:slo_seen:timestamp_hourly",
    ]
    assert total.startswith("10")
    assert bad.startswith("0")
    assert seen.startswith("-2592000")


def test_a_campaign_is_an_eighth_of_the_month() -> None:
    """Four days of thirty, at as many times the traffic; the rest of the fixture is for what is recorded then."""
    phases = history_series(SEL, {"usual": "60", "campaign": "20"})[f"seawall:slo_total:rate30m_every10m{{{SEL}}}"]
    assert [{"for": "1250s", "value": "1"}, {"for": "190s", "value": "20"}, {"gone": "yes"}] == phases


def test_every_proof_with_a_month_is_in_a_file_of_its_own_pace(folder: Path) -> None:
    """Evaluations five minutes apart: a month and an hour take seconds."""
    content = read(folder / "prometheus/tests/shop.slos.5m.yml")
    assert "5m" == content["evaluation_interval"]
    assert {"10s", "1m"} == {test["interval"] for test in content["tests"]}
