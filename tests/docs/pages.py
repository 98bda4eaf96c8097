"""The documents as the tests read them: pages, and the fenced blocks in them with their marks.

A mark is an HTML comment directly above a fence, so that readers do not see it:

- ``<!-- not run: REASON -->`` the block is shown and not run
- ``<!-- file: PATH -->`` the block is put there before the next command runs
- ``<!-- setup: COMMAND -->`` runs first, in the same folder
- ``<!-- exit: CODE -->`` the command ends with this code, not with 0
- ``<!-- output -->`` each line of the block is in the output of the block before it, in this order
- ``<!-- part of: WHAT -->`` YAML that is no catalog by itself
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")], key=lambda page: page.as_posix()
)
MARKS: Final = frozenset({"not run", "file", "setup", "exit", "output", "part of"})
_FENCE: Final = re.compile(
    r"(?P<marks>(?:^[ ]*<!--[^\n]*-->[ ]*\n)*)^(?P<indent>[ ]*)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_MARK: Final = re.compile(r"<!-- (?P<name>[a-z ]+?)(?:: (?P<value>.*?))? -->")


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, its text, and its marks by name."""

    page: str
    line: int
    language: str
    text: str
    marks: Mapping[str, str]

    @property
    def where(self) -> str:
        """The place of the fence, for messages."""
        return f"{self.page}:{self.line}"


def name_of(page: Path) -> str:
    """Return the page's path from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of *page* in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        marks = {mark["name"]: mark["value"] or "" for mark in _MARK.finditer(fence["marks"])}
        line = text.count("\n", 0, fence.start("indent")) + 1
        body = textwrap.dedent(fence["text"]) if fence["indent"] else fence["text"]
        found.append(Block(name_of(page), line, fence["language"].strip(), body, marks))
    return found


def prose(page: Path) -> str:
    """Return the text of *page* without its fenced blocks and code spans."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*, as GitHub forms them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        count = 0
        while (anchor := f"{plain}-{count}" if count else plain) in found:
            count += 1
        found.add(anchor)
    return found
