"""Prometheus' text formats: the classic one, and OpenMetrics where the scraper asks for it."""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Final, Protocol

from .aggregation import Counter, Family
from .diagnostics import described, say_once
from .family_text import FamilyText
from .memory import Labels, Memory

CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# What adds lines of its own: it is asked with True for OpenMetrics.
Source = Callable[[bool], Iterable[str]]


class Mirror(Protocol):
    """What writes into the memory what something else counts."""

    def definitions(self) -> list[str]:
        """Return the families that it has written."""

    def sample(self) -> None:
        """Write down what is the case now."""

    def reset(self) -> None:
        """Forget what was written, as a forked child must."""


def negotiate(accept: str) -> str:
    """Return the content type to answer a scraper's ``Accept`` header with."""
    return OPENMETRICS if "application/openmetrics-text" in accept else CLASSIC


class Registry:
    """Know every family and every other source of lines, and render them all, of every worker of *memory*."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.families: list[Family] = []
        self._texts: dict[str, FamilyText] = {}
        self._mirrors: list[Mirror] = []
        self._sources: list[Source] = []
        self._reserved: set[str] = set()
        self._overflow = Counter(
            "seawall.metric.overflow",
            "Observations whose label set came after the limit and went into the overflow series.",
            ("metric",),
        )
        self._overflow.attach(self.memory)

    def add(self, *families: Family) -> None:
        """Expose *families* from now on."""
        for family in families:
            family.attach(self.memory)
            family.overflow = self._overflow
            self.families.append(family)

    def add_mirror(self, mirror: Mirror) -> None:
        """Expose what *mirror* writes into the memory."""
        self._mirrors.append(mirror)

    def add_source(self, source: Source, names: Iterable[str] = ()) -> None:
        """Expose the lines of *source* too, of the families *names*; one that raises is left out of that scrape."""
        self._sources.append(source)
        self._reserved.update(names)

    def kinds(self) -> dict[str, str]:
        """Return the kinds of the families that are Seawall's own, by their names; a source's have one of their own."""
        own = {family.name: family.kind for family in (*self.families, self._overflow)}
        return {**dict.fromkeys(self._reserved, "info"), **own}

    def reset(self, on_first: Callable[[], object]) -> None:
        """Forget every count; call *on_first* when a family counts again."""
        self.memory.reset()
        self._overflow.reset()
        for family in self.families:
            family.reset()
            family.on_first = on_first
        for mirror in self._mirrors:
            mirror.reset()

    def sample(self) -> None:
        """Write down, for siblings to read, what is told only when it is asked for."""
        sampled: list[Family | Mirror] = [*self.families, *self._mirrors]
        for each in sampled:
            try:
                each.sample()
            except Exception as problem:  # noqa: BLE001 - half a page is better than none
                say_once(f"Seawall leaves metrics out of /metrics: {described(problem)}")

    def render(self, content_type: str = CLASSIC) -> bytes:
        """Return the whole exposition."""
        openmetrics = content_type == OPENMETRICS
        self.memory.note_scrape()
        self.sample()
        for family in self.families:
            self._overflow.add((family.name,), 0)
        # A help text of the application's may hold what UTF-8 cannot; the page is worth more than it.
        # Each line is written as soon as it is made: a page of many megabytes is in memory once, not three times.
        page = BytesIO()
        for line in self._lines(openmetrics):
            page.write(f"{line}\n".encode(errors="replace"))
        return page.getvalue()

    def _lines(self, openmetrics: bool) -> Iterator[str]:
        yield from self._families(openmetrics)
        for source in self._sources:
            yield from _lines_of(source, openmetrics)
        if openmetrics:
            yield "# EOF"

    def _families(self, openmetrics: bool) -> Iterator[str]:
        tables = self.memory.tables()
        for texts in self._by_name(tables).values():
            shown: set[Labels] = set()
            is_open = False
            for definition, text in texts.items():
                # What differs in its buckets alone is one family; what has been shown does not add up with them.
                table = tables[definition]
                if shown:
                    table = {labels: held for labels, held in table.items() if labels not in shown}
                for sample in text.samples(table, openmetrics):
                    if not is_open:
                        yield from text.header(openmetrics)
                        is_open = True
                    yield sample
                if len(texts) > 1:
                    shown.update(table)

    def _by_name(self, tables: Iterable[str]) -> dict[str, dict[str, FamilyText]]:
        """Return the families of each name by their definitions: this process' own first, and all of one kind."""
        own = [family.definition for family in (*self.families, self._overflow)]
        own += [definition for mirror in self._mirrors for definition in mirror.definitions()]
        found: dict[str, dict[str, FamilyText]] = {}
        for definition in dict.fromkeys([each for each in own if each in tables] + sorted(tables)):
            text = self._texts.get(definition) or self._texts.setdefault(definition, FamilyText(definition))
            alike = found.setdefault(text.name, {})
            if not alike or text.kind == next(iter(alike.values())).kind:
                alike[definition] = text
        return found


def _lines_of(source: Source, openmetrics: bool) -> list[str]:
    try:
        return list(source(openmetrics))
    except Exception as problem:  # noqa: BLE001 - half a page is better than none
        say_once(f"Seawall leaves metrics out of /metrics: {described(problem)}")
        return []
