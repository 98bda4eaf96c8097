"""Tables of blind spots in plain text, as a terminal shows them."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from .blind_spots import HOURS, Row, Sighting, Table

NOTHING: Final = "nothing"
_HEAD: Final = ("scenario", "first page", "first ticket")
_WIDTH: Final = 100


def as_text(tables: Sequence[Table]) -> str:
    """Return *tables*, each with what nothing pages for, and what would."""
    return "\n\n\n".join("\n".join(_lines(table)) for table in tables)


def cell(table: Table, seen: Sighting | None) -> str:
    """Return how soon which alert sees a fault, its SLO and window with it."""
    if seen is None:
        return NOTHING
    of = [] if seen.service == table.service.name else [f"of {seen.service}"]
    more = ", ".join(each for each in (seen.slo, seen.window, *of) if each)
    return f"{seen.alert} ({more})" if more else seen.alert


def blind(table: Table) -> list[Row]:
    """Return the scenarios for which nothing pages; of a tier that never pages, those that nothing sees at all."""
    return [row for row in table.rows if row.page is None and (table.pages or row.ticket is None)]


def caveats(table: Table) -> Iterator[str]:
    """Yield what the table does not say."""
    if not table.pages:
        yield "Tier 3 never pages: its pages are tickets."
    if table.service.mode == "shadow":
        yield "It is in shadow mode: all its alerts go to the inbox alone."
    for alert, hours in table.limited:
        yield f"Outside of {hours} nobody is told of {alert}."
    for alert in table.early:
        yield f"{alert} fires while all is well, too, and is left out where it did."
    for slo in table.unseen:
        yield f"The SLO {slo} took no part: no scenario knows what its PromQL reads."


def _lines(table: Table) -> Iterator[str]:
    service = table.service
    yield f"{service.name} ({service.kind}, tier {service.tier})"
    yield ""
    rows = [_HEAD, *([row.scenario, *(_timed(table, each) for each in (row.page, row.ticket))] for row in table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for scenario, page, ticket in rows:
        yield f"  {scenario:{widths[0]}}  {page:{widths[1]}}  {ticket}"
    for text in caveats(table):
        yield from ("", *_wrapped(text, "  "))
    found = blind(table)
    if found:
        yield from ("", f"  {'Nothing pages' if table.pages else 'Nothing fires'} within {HOURS} hours:")
    for row in found:
        yield from ("", f"  {row.scenario}")
        yield from (line for text in (row.what, row.mend) if text for line in _wrapped(text, "    "))


def _timed(table: Table, seen: Sighting | None) -> str:
    return f"{seen.after}: {cell(table, seen)}" if seen else NOTHING


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
