"""The examples' committed output is what their catalogs render to, and the real tools accept it."""

from datetime import date
from pathlib import Path

import pytest

from seawall.catalog import load
from seawall.generator import load_packs, render, view
from seawall.generator.writer import write

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("shop", "online-boutique")
FOLDERS = ("shop-on-docker",)  # whose files are one catalog


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The headers name the catalog as `make golden` does: from the repository's root."""
    monkeypatch.chdir(EXAMPLES.parent)


@pytest.mark.parametrize("name", NAMES + FOLDERS)
def test_the_committed_output_is_what_the_catalog_renders_to(name: str) -> None:
    """No file differs, none is missing, none is left over; `make golden` writes them anew."""
    example = Path("examples") / name
    catalog = example if name in FOLDERS else example / "catalog.yaml"
    expected = {each.path: each.content for each in render(load(catalog, today=date(2026, 11, 1)), load_packs())}
    folder = example / "rendered"
    actual = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    assert expected.keys() == actual.keys()
    assert [path for path in expected if expected[path] != actual[path]] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_second_render_rewrites_no_file(name: str, tmp_path: Path) -> None:
    """Inode and time of every file stay, and the flip does not happen."""
    catalog = load(Path("examples") / name / "catalog.yaml")
    write(render(catalog, load_packs()), tmp_path / "out")
    before = {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in (tmp_path / "out").rglob("*.yml")}
    written = write(render(catalog, load_packs()), tmp_path / "out")

    assert written.is_unchanged
    assert before == {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in (tmp_path / "out").rglob("*.yml")}


def test_a_lapsed_override_is_on_again() -> None:
    """The Boutique's adservice has HttpLatencyHigh off until the end of 2030, and on from then."""
    path = Path("examples/online-boutique/catalog.yaml")
    off = view(load(path, today=date(2030, 12, 31)), load_packs(), "adservice")
    on = view(load(path, today=date(2031, 1, 1)), load_packs(), "adservice")

    assert "HttpLatencyHigh" not in {alert.name for alert in off.alerts}
    assert "HttpLatencyHigh" in {alert.name for alert in on.alerts}
