"""`seawall explain`: every alert of every service of the examples, and what is not there."""

from datetime import date
from pathlib import Path
from typing import Final

import pytest
from pipeline import SHOP, run

from seawall.catalog import load
from seawall.generator import load_packs, view
from seawall.generator.explain import explanation

ROOT: Final = Path(__file__).parents[2]
PACKS: Final = load_packs()


@pytest.mark.parametrize("example", ["shop", "online-boutique"])
def test_every_alert_of_every_service_is_explained(example: str) -> None:
    """What it means first; then its numbers, or why the service does not have it."""
    catalog = load(ROOT / "examples" / example / "catalog.yaml", today=date(2026, 11, 1))
    for name, service in {**catalog.services, "seawall": None}.items():
        rendered = {alert.name: alert for alert in view(catalog, PACKS, name).alerts}
        for alert in PACKS.alert_names(service.kind if service else "seawall"):
            text = explanation(catalog, PACKS, name, alert)
            lines = text.splitlines()

            assert f"{alert}: {name}" == lines[0]
            assert lines[2], (name, alert)
            assert "{{" not in text.replace("{{ $", "").replace("{{ ", ""), (name, alert)
            if alert in rendered:
                assert rendered[alert].runbook in text
                assert "  severity   " in text
            else:
                assert "It does not apply" in text or "It is switched off" in text, (name, alert)


def test_an_override_is_told(tmp_path: Path) -> None:
    """Its number, and that the catalog says so."""
    path = tmp_path / "catalog.yaml"
    path.write_text(SHOP.replace("tier: 2", "tier: 2\n    alerts: {HttpErrorsHigh: {above: 0.25, reason: a bet}}"))
    shown = run("explain", "HttpErrorsHigh", path, "--service", "checkout").stdout

    assert "threshold  above 0.25 ratio" in shown
    assert "override   above: 0.25, reason: a bet" in shown


def test_what_is_switched_off_says_why_and_until_when(tmp_path: Path) -> None:
    """The reason is the catalog's."""
    path = tmp_path / "catalog.yaml"
    override = "{HttpErrorsHigh: {disabled: a rewrite, until: 2026-12-31}}"
    path.write_text(SHOP.replace("tier: 2", f"tier: 2\n    alerts: {override}"))
    shown = run("explain", "HttpErrorsHigh", path, "--service", "checkout", "--today", "2026-12-31").stdout

    assert "It is switched off until 2026-12-31: a rewrite" in shown


@pytest.mark.parametrize(
    ("alert", "service", "said"),
    [
        ("HttpErorsHigh", "checkout", "has no alert 'HttpErorsHigh'; did you mean 'HttpErrorsHigh'?"),
        ("HttpErrorsHigh", "chekout", "there is no service 'chekout' in "),
        ("HttpErrorsHigh", "chekout", "did you mean 'checkout'?"),
        ("Zzz", "checkout", "there are HttpBackpressure, "),
        ("HttpErrorsHigh", "zzz", "there are checkout"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(alert: str, service: str, said: str, tmp_path: Path) -> None:
    """A guess, or the whole list; exit code 1."""
    (tmp_path / "catalog.yaml").write_text(SHOP)
    result = run("explain", alert, tmp_path / "catalog.yaml", "--service", service)

    assert 1 == result.exit_code
    assert said in result.stderr
