"""Every bad catalog is told what is wrong, where, and what to write instead: the last lines of each file say it."""

from datetime import date
from pathlib import Path

import pytest

from seawall.catalog import CatalogError, load

HERE = Path(__file__).parent
TODAY = date(2026, 11, 24)
BAD = sorted(path.stem for path in HERE.glob("bad/*.yaml"))
WARNED = sorted(path.stem for path in HERE.glob("warned/*.yaml"))


def said_in(file: Path) -> list[str]:
    """Return the messages that *file* says it is answered with."""
    return [line.removeprefix("#! ") for line in file.read_text().splitlines() if line.startswith("#! ")]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_catalog_is_told_every_problem(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages are those at the end of the file, no more and no fewer."""
    monkeypatch.chdir(HERE / "bad")
    with pytest.raises(CatalogError) as refused:
        load(Path(f"{name}.yaml"), today=TODAY)
    found = [str(problem).removeprefix(f"{name}.yaml:") for problem in refused.value.problems]
    assert said_in(HERE / "bad" / f"{name}.yaml") == found


@pytest.mark.parametrize("name", WARNED)
def test_a_doubtful_catalog_loads_with_warnings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warnings are those at the end of the file."""
    monkeypatch.chdir(HERE / "warned")
    catalog = load(Path(f"{name}.yaml"), today=TODAY)
    found = [str(problem).removeprefix(f"{name}.yaml:") for problem in catalog.warnings]
    assert said_in(HERE / "warned" / f"{name}.yaml") == found


def test_the_error_is_one_line_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line prints begins every line with file:line:column."""
    monkeypatch.chdir(HERE / "bad")
    with pytest.raises(CatalogError) as refused:
        load(Path("many-problems.yaml"), today=TODAY)
    lines = str(refused.value).splitlines()
    assert len(lines) == 9
    assert all(line.startswith("many-problems.yaml:") for line in lines)


def test_no_message_holds_a_literal_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal and a log of CI show what the message says: never the secret itself."""
    monkeypatch.chdir(HERE / "bad")
    for name in ("literal-password", "literal-password-elsewhere", "receivers"):
        with pytest.raises(CatalogError) as refused:
            load(Path(f"{name}.yaml"), today=TODAY)
        assert "hunter2" in Path(f"{name}.yaml").read_text()
        assert "hunter2" not in str(refused.value)
        assert "hunt/er2" not in str(refused.value)


def test_a_refused_tag_executes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the tag would have made does not exist."""
    monkeypatch.chdir(HERE / "bad")
    with pytest.raises(CatalogError):
        load(Path("tags.yaml"), today=TODAY)
    assert not Path("owned").exists()
