"""Catalogs written for one test."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from seawall.catalog import Catalog, load

Write = Callable[[str], Path]
Load = Callable[[str], Catalog]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a text as catalog.yaml of the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("catalog.yaml").write_text(text)
        return Path("catalog.yaml")

    return write


@pytest.fixture
def loaded(write: Write) -> Load:
    """Load a text as catalog.yaml on 24 November 2026."""
    return lambda text: load(write(text), today=date(2026, 11, 24))
