"""Every link, anchor and image of the documents leads somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from .pages import PAGES, ROOT, anchors, name_of, prose

LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<to>[^)\s]+)\)")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<to>[^)\s]+)\)")


def is_elsewhere(target: str) -> bool:
    """Whether a link leaves the repository."""
    return target.startswith(("http://", "https://", "mailto:"))


def broken(page: Path, target: str) -> str:
    """Return what is wrong with a link of *page*, or an empty text."""
    path, _, anchor = target.partition("#")
    file = (page.parent / unquote(path)).resolve() if path else page
    if not file.exists():
        return "no such file"
    if not file.is_relative_to(ROOT):
        return "outside of the repository"
    if anchor and (file.suffix != ".md" or anchor not in anchors(file)):
        return "no such anchor"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file_and_its_anchor_to_a_heading(page: Path) -> None:
    """As they are followed in the repository."""
    links = [link["to"] for link in LINK.finditer(prose(page)) if not is_elsewhere(link["to"])]
    assert [] == [(target, why) for target in links if (why := broken(page, target))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_image_exists_and_says_what_it_shows(page: Path) -> None:
    """For whoever cannot see it."""
    for image in IMAGE.finditer(prose(page)):
        assert (page.parent / image["to"]).is_file(), image["to"]
        assert len(image["alt"]) >= 10, image["to"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_is_left_to_do(page: Path) -> None:
    """A page is whole, or it is not there."""
    assert [] == re.findall(r"\b(?:TODO|TBD|FIXME|XXX)\b|\blorem ipsum\b", page.read_text(), re.IGNORECASE)


def test_every_page_is_reached_from_the_index() -> None:
    """Following links from docs/README.md, README.md and CONTRIBUTING.md."""
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in LINK.finditer(prose(page)):
            if not is_elsewhere(link["to"]):
                file = (page.parent / unquote(link["to"].partition("#")[0])).resolve()
                todo += [file] if file.suffix == ".md" and file.is_file() else []
                todo += sorted(file.glob("*.md")) if file.is_dir() else []
    assert [] == sorted(name_of(page) for page in PAGES if page not in reached)


def test_every_folder_of_docs_is_one_of_four_kinds_or_decisions_or_images() -> None:
    """Tutorial, how-to, reference, explanation."""
    known = {"how-to", "reference", "explanation", "decisions", "images"}
    assert known == {entry.name for entry in (ROOT / "docs").iterdir() if entry.is_dir()}
