"""What targets expose, read from their pages of metrics: the types, and the labels of each name."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from seawall.catalog import Duration, SeawallError

from .check import Settings

_TYPE: Final = re.compile(r"#\s*TYPE\s+([a-zA-Z_:][\w:]*)\s+(\w+)\s*")
_SAMPLE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+\S+.*")
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"')


def settings_of(pages: Iterable[str], interval: str) -> Settings:
    """Return the settings of a run: *pages* are files as `/metrics` answers, *interval* such as 30s."""
    types: dict[str, str] = {}
    labels: dict[str, frozenset[str]] = {}
    for page in pages:
        _read(page, types, labels)
    return Settings(_seconds(interval), types, labels)


def _read(page: str, types: dict[str, str], labels: dict[str, frozenset[str]]) -> None:
    for number, line in enumerate(_text(page).splitlines(), 1):
        kind, sample = _TYPE.fullmatch(line), _SAMPLE.fullmatch(line)
        if kind:
            types[kind[1]] = kind[2]
        elif sample:
            labels[sample[1]] = labels.get(sample[1], frozenset()) | set(_LABEL.findall(sample[2] or ""))
        elif line.strip() and not line.startswith("#"):
            raise SeawallError(f"{page}:{number}: this is no page of metrics; save what /metrics answers")


def _text(page: str) -> str:
    try:
        return Path(page).read_text(encoding="utf-8")
    except OSError as error:
        raise SeawallError(f"{page}: it cannot be read: {error.strerror}") from None
    except ValueError:
        raise SeawallError(f"{page}: this is no page of metrics; save what /metrics answers") from None


def _seconds(interval: str) -> float:
    try:
        return Duration.parse(interval).seconds
    except ValueError as error:
        raise SeawallError(f"--scrape-interval: {error}") from None
