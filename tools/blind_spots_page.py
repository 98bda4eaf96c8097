"""Write docs/reference/blind-spots.md anew: the scenarios of the example's services, played by promtool."""

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from seawall.catalog import load
from seawall.generator import find_tool, load_packs
from seawall.generator.blind_spots import HOURS, Sighting, Table, blind_spots
from seawall.generator.blind_spots_text import blind, caveats, cell
from seawall.generator.packs import COMMON, STACK_KIND, Packs

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/reference/blind-spots.md"
CATALOG: Final = ROOT / "examples/shop/catalog.yaml"
_TODAY: Final = date(2026, 11, 1)
_FILES: Final = {COMMON: "every-service", STACK_KIND: "seawall"}
_INTRODUCTION: Final = f"""\
<!-- Made by tools/blind_spots_page.py from the packs and the example; `make golden` measures it anew. -->

# Blind spots

Which alert tells of a fault, how soon, and which fault none tells of: here for the services of
[the example](../../examples/shop/catalog.yaml), and for yours by

<!-- not run: it takes a second or two for each scenario -->
```sh
seawall explain blind-spots catalog.yaml --service checkout
```

Nothing in these tables is declared. The packs say what a fault looks like to those who measure
([`scenarios`](templates.md#scenarios)), and promtool plays each through the rules that are rendered for the service,
with its objectives, thresholds and overrides. So a table changes with the catalog: an alert that is switched off leaves
a `nothing` behind, and an SLO that is added fills one.

How to read them:

- A service is well, then the fault begins and lasts for {HOURS} hours. `nothing` means that nothing fires in them.
- The time is from the beginning of the fault to the alert that fires, to the minute; windows beyond an hour are told to
  five minutes, and to ten where time is judged, as by probes. Scrapes and evaluations add up to 45 seconds, the
  grouping of notifications ten.
- Traffic is what the catalog says under `traffic`, else that of a busy service. A month of history would only bring
  pages of a surge forward, so there is none. Alerts that judge whole days (what is left of a budget, the traffic of
  a week ago) take no part.
- Where nothing pages, the lines below a table say what would.
"""


def page(tables: Sequence[Table], packs: Packs) -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *(section(table, packs) for table in tables)])


def section(table: Table, packs: Packs) -> str:
    """Return what the page says of one service."""
    service = table.service
    lines = [f"## {service.name}\n", f"`kind: {service.kind}`, tier {service.tier}. {service.description}\n"]
    lines += ["| scenario | what happens | first page | first ticket |\n|---|---|---|---|"]
    for row in table.rows:
        page_, ticket = (_linked(table, packs, each) for each in (row.page, row.ticket))
        lines.append(f"| {row.scenario} | {row.what} | {page_ if row.page else f'**{page_}**'} | {ticket} |")
    lines.append("")
    lines += [f"{text}\n" for text in caveats(table)]
    found = list(_mends(table))
    if found:
        lines += [f"Nothing {'pages' if table.pages else 'fires'}, and what to do about it:\n", *found, ""]
    return "\n".join(lines)


def _mends(table: Table) -> Iterator[str]:
    yield from (f"- **{row.scenario}**: {row.mend or 'nothing is known.'}" for row in blind(table))


def _linked(table: Table, packs: Packs, seen: Sighting | None) -> str:
    text = cell(table, seen)
    if seen is None:
        return text
    names = (*packs.of(table.service.kind), packs.by_kind[STACK_KIND])
    kind = next(pack.kind for pack in names if seen.alert in pack.alert_names)
    address = f"alerts/{_FILES.get(kind, kind)}.md#{seen.alert.lower()}"
    return f"{seen.after}: {text.replace(seen.alert, f'[{seen.alert}]({address})', 1)}"


def measured(*names: str) -> tuple[list[Table], Packs]:
    """Return the tables of the example's services, or of those in *names*."""
    promtool = find_tool("promtool")
    if promtool is None:
        sys.exit("promtool is not on PATH; run tools/install-test-servers")
    catalog, packs = load(CATALOG, today=_TODAY), load_packs()
    return blind_spots(catalog, packs, names or sorted(catalog.services), promtool), packs


if __name__ == "__main__":
    tables, known = measured()
    PAGE.write_text(page(tables, known), encoding="utf-8")
    print(f"docs/reference/blind-spots.md: {len(tables)} services")
