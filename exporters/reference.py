"""The tables of the reference page, from what the collectors declare.

``python -m seawall.exporters.reference docs/reference/exporter.md`` writes them anew into the page.
"""

import re
import sys
from pathlib import Path
from typing import Final

from .declaration import MetricInfo
from .kinds import inventory

_TABLE: Final = re.compile(r"(<!-- metrics of ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD: Final = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"


def with_tables(page: str) -> str:
    """Return *page* with the table of each kind between ``<!-- metrics of KIND -->`` and ``<!-- end -->``."""
    tables = {kind: table(infos) for kind, infos in inventory().items()}
    return _TABLE.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n{found[3]}", page)


def table(infos: tuple[MetricInfo, ...]) -> str:
    """Return a Markdown table with a row for each of *infos*, by name."""
    return _HEAD + "".join(_row(info) for info in sorted(infos, key=lambda info: info.name))


def _row(info: MetricInfo) -> str:
    labels = ", ".join(f"`{label}`" for label in info.labels)
    cells = (f"`{info.name}`", info.type, info.unit, labels, info.meaning.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text()))
