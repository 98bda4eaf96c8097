"""Render an example anew into its committed output: tools/golden.py examples/shop."""

import shutil
import sys
from datetime import date
from pathlib import Path

from seawall.catalog import load
from seawall.generator import load_packs, render

TODAY = date(2026, 11, 1)  # a fixed day: past overrides and maintenance would otherwise leave the output by themselves


def catalog_of(example: Path) -> Path:
    """Return the catalog of *example*: its file, or the folder itself."""
    file = example / "catalog.yaml"
    return file if file.exists() else example


def main(example: Path) -> None:
    """Make the folder ``rendered`` of *example* hold exactly what its catalog renders to, as plain files."""
    folder = example / "rendered"
    made = render(load(catalog_of(example), today=TODAY), load_packs())  # before anything is removed: it may fail
    shutil.rmtree(folder, ignore_errors=True)
    for artifact in made:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
    print(f"{folder}: {sum(file.is_file() for file in folder.rglob('*'))} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
