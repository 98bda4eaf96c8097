"""Links in the folder that Seawall writes: none that is not its own is followed, and nothing behind one is removed."""

from pathlib import Path

import pytest
from pipeline import artifacts

from seawall.catalog import SeawallError
from seawall.generator import current, write

NEW = artifacts(rules__a="new a")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that serves one file."""
    folder = tmp_path / "out"
    write(artifacts(rules__a="old a"), folder)
    return folder


@pytest.mark.parametrize(
    "to", ["{}", "../foreign", ".", "..", "rules", ".set-c", ""], ids=lambda each: each or "folder"
)
def test_what_stands_for_the_serving_set_is_never_followed(to: str, out: Path, tmp_path: Path) -> None:
    """The set before is removed in the end: a link to anything else must not make that of somebody else's folder."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "precious").write_text("mine")
    (out / ".current").unlink()
    (out / ".current").symlink_to(to.format(foreign)) if to else (out / ".current").mkdir()
    for use in (lambda: write(NEW, out), lambda: current(out)):
        with pytest.raises(SeawallError, match=r"/\.current: is not the link that seawall render made; move it away"):
            use()

    assert "mine" == (foreign / "precious").read_text()
    assert "old a" == (out / ".set-a/rules/a").read_text()


def test_a_set_that_is_a_link_is_not_followed(out: Path, tmp_path: Path) -> None:
    """Its name alone says nothing of where it is."""
    (out / ".set-a").rename(tmp_path / "foreign")
    (out / ".set-a").symlink_to(tmp_path / "foreign")
    with pytest.raises(SeawallError, match=r"is not the link that seawall render made"):
        write(NEW, out)

    assert "old a" == (tmp_path / "foreign/rules/a").read_text()


def test_a_file_that_cannot_be_read_is_told(out: Path) -> None:
    """Such as a link to nothing, where a diff is asked for."""
    (out / ".set-a/rules/x").symlink_to("nothing")
    with pytest.raises(
        SeawallError, match=r"rules/x: cannot be read: No such file or directory; render the folder again"
    ):
        current(out)
