"""Rendered runbooks: found by name, never by path, and turned into HTML that can do nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from seawall.catalog import SeawallError
from seawall.conventions import RUNBOOKS_DIR

_SERVICE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_ALERT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_COMMENT: Final = re.compile(r"\A\s*<!--.*?-->", re.DOTALL)  # what made the file
_SIZE_LIMIT: Final = 1024 * 1024  # bytes


class RunbookMissingError(SeawallError):
    """There is no runbook of that name."""


@dataclass(frozen=True)
class Block:
    """A piece of a runbook: HTML, or the text of a ``promql`` fence that evidence is drawn for."""

    html: str = ""
    promql: str = ""


@dataclass(frozen=True)
class Runbook:
    """One rendered runbook."""

    service: str
    alert: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def queries(self) -> tuple[str, ...]:
        """The first-look queries, in the order of the text."""
        return tuple(block.promql for block in self.blocks if block.promql)


class Runbooks:
    """The runbooks beneath the rendered output at *build*."""

    def __init__(self, build: Path) -> None:
        self._folder = build / RUNBOOKS_DIR
        self._markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])

    def names(self) -> dict[str, list[str]]:
        """Return the alerts that have a runbook, by service, both sorted."""
        found: dict[str, list[str]] = {}
        for file in sorted(self._folder.glob("*/*.md")):
            if _SERVICE.fullmatch(file.parent.name) and _ALERT.fullmatch(file.stem):
                found.setdefault(file.parent.name, []).append(file.stem)
        return found

    def read(self, service: str, alert: str) -> Runbook:
        """Return the runbook of *alert* for *service*; raise RunbookMissingError."""
        if not _SERVICE.fullmatch(service) or not _ALERT.fullmatch(alert):
            raise RunbookMissingError("that is not the name of a runbook; see the list of all")
        try:
            text = self._text(self._folder / service / f"{alert}.md")
        except OSError:
            message = f"there is no runbook of {alert} for {service}; run seawall render, or see the list of all"
            raise RunbookMissingError(message) from None
        return self.render(service, alert, text)

    def render(self, service: str, alert: str, text: str) -> Runbook:
        """Return *text*, Markdown, as a runbook; HTML in it is shown, not obeyed."""
        tokens = self._markdown.parse(_COMMENT.sub("", text, count=1))
        title, tokens = _take_title(tokens, alert)
        return Runbook(service, alert, title, tuple(self._blocks(tokens)))

    def _text(self, file: Path) -> str:
        real = file.resolve(strict=True)
        if not real.is_relative_to(self._folder.resolve()):
            raise FileNotFoundError(file)
        with real.open("rb") as stream:
            return stream.read(_SIZE_LIMIT).decode("utf-8", "replace")

    def _blocks(self, tokens: Sequence[Token]) -> list[Block]:
        blocks, pending = [], list[Token]()
        for token in tokens:
            # A fence inside a list stays text: cutting there would break the list in two.
            if token.type == "fence" and token.info.strip().split(" ")[0] == "promql" and token.level == 0:
                blocks += [Block(html=self._html(pending)), Block(promql=token.content.strip())]
                pending = []
            else:
                pending.append(token)
        return [block for block in [*blocks, Block(html=self._html(pending))] if block.html or block.promql]

    def _html(self, tokens: Sequence[Token]) -> str:
        _shield(tokens)
        return str(self._markdown.renderer.render(tokens, self._markdown.options, {}))


def _take_title(tokens: list[Token], default: str) -> tuple[str, list[Token]]:
    if len(tokens) >= 3 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return tokens[1].content, tokens[3:]
    return default, tokens


def _shield(tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "noreferrer")
        if token.type == "image":  # nothing is fetched from elsewhere when a runbook opens
            token.type, token.tag = "text", ""
        _shield(token.children or [])
