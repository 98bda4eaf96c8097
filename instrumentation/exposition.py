"""Prometheus' text formats: the classic one, and OpenMetrics where the scraper asks for it."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

from . import exemplars
from .aggregation import OVERFLOW, OVERFLOW_LABEL, Counter, Family
from .diagnostics import say_once
from .memory import Held, Labels, Memory, Table

CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_TOGETHER: Final[dict[str, Callable[[Iterable[float]], float]]] = {"sum": math.fsum, "min": min, "max": max}
# What adds lines of its own: it is asked with True for OpenMetrics.
Source = Callable[[bool], Iterable[str]]


def negotiate(accept: str) -> str:
    """Return the content type to answer a scraper's ``Accept`` header with."""
    return OPENMETRICS if "application/openmetrics-text" in accept else CLASSIC


def escape(value: str) -> str:
    """Return *value* as it stands between the quotes of a label."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """Return ``name="value",…`` without the braces."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in zip(names, values, strict=True))


def number(value: float) -> str:
    """Return *value* in the shortest form that reads back the same."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def header(name: str, kind: str, help: str, unit: str, openmetrics: bool) -> list[str]:  # noqa: A002
    """Return the lines that open a family. In the classic format a counter's family ends in ``_total``."""
    family = f"{name}_total" if kind == "counter" and not openmetrics else name
    if not openmetrics and kind in ("unknown", "info"):
        kind = "untyped" if kind == "unknown" else "gauge"
    text = help.replace("\\", r"\\").replace("\n", r"\n")
    lines = [
        f"# TYPE {family} {kind}",
        f"# HELP {family} {text.replace(chr(34), chr(92) + chr(34)) if openmetrics else text}",
    ]
    if openmetrics and unit and name.endswith(f"_{unit}"):
        lines.insert(1, f"# UNIT {family} {unit}")
    return lines


class FamilyText:
    """Render one family from its *definition*. The text around the numbers never changes: it is made once a series."""

    def __init__(self, definition: str) -> None:
        self._known: dict[str, Any] = json.loads(definition)
        self.name: str = self._known["name"]
        self._templates: dict[Labels, str] = {}
        self._together = _TOGETHER[self._known["aggregate"]]
        if self._known["kind"] == "histogram":
            bounds = self._known["boundaries"]
            self._bounds = [*map(repr, bounds), "+Inf"]
            self._sum_at = len(self._bounds)
            self._has_exemplars = self._known["exemplars"]

    def lines(self, table: Table, openmetrics: bool) -> list[str]:
        """Return the family's header and the samples of *table*; nothing where it has none."""
        known = self._known
        is_histogram = known["kind"] == "histogram"
        samples = self._histograms(table, openmetrics) if is_histogram else self._values(table)
        if samples:
            samples = [*header(self.name, known["kind"], known["help"], known["unit"], openmetrics), *samples]
        return samples

    def _histograms(self, table: Table, openmetrics: bool) -> list[str]:
        samples: list[str] = []
        templates, width = self._templates, self._sum_at + 1
        for labels, held in table.items():
            template = templates.get(labels) or self._histogram_template(labels)
            if len(held) == 1:
                cells = held[0].cells[:width].tolist()
            else:
                cells = list(map(sum, zip(*(each.cells[:width].tolist() for each in held), strict=True)))
            total = cells.pop()
            counts = list(accumulate(cells))
            text = template % (*counts, total, counts[-1])
            if openmetrics and self._has_exemplars:
                text = self._with_exemplars(text, held)
            samples.append(text)
        return samples

    def _with_exemplars(self, text: str, held: list[Held]) -> str:
        newest: dict[int, tuple[float, str]] = {}
        for each in held:
            for bucket, at, exemplar in exemplars.read(each.cells, self._sum_at + 1):
                newest[bucket] = max(newest.get(bucket, (0.0, "")), (at, exemplar))
        if not newest:
            return text
        lines = text.split("\n")
        for bucket, (_, exemplar) in newest.items():
            lines[bucket] += exemplar
        return "\n".join(lines)

    def _values(self, table: Table) -> list[str]:
        samples = []
        is_gauge = self._known["kind"] == "gauge"
        alive: dict[int, bool] = {}
        for labels, held in table.items():
            values = [each.cells[0] for each in held if not is_gauge or _is_alive(each, alive)]
            values = [value for value in values if value == value]
            if values:
                template = self._templates.get(labels) or self._value_template(labels)
                samples.append(f"{template}{number(self._together(values))}")
        return samples

    def _histogram_template(self, labels: Labels) -> str:
        text = self._text(labels).replace("%", "%%")
        lines = [f'{self.name}_bucket{{{text},le="{bound}"}} %d' for bound in self._bounds]
        lines += [f"{self.name}_sum{{{text}}} %r", f"{self.name}_count{{{text}}} %d"]
        template = self._templates[labels] = "\n".join(lines)
        return template

    def _value_template(self, labels: Labels) -> str:
        suffix, text = "_total" if self._known["kind"] == "counter" else "", self._text(labels)
        template = self._templates[labels] = f"{self.name}{suffix}{{{text}}} " if text else f"{self.name}{suffix} "
        return template

    def _text(self, labels: Labels) -> str:
        return f'{OVERFLOW_LABEL}="true"' if labels == OVERFLOW else label_text(self._known["labels"], labels)


def _is_alive(held: Held, known: dict[int, bool]) -> bool:
    if held.owner is None:
        return True
    if id(held.owner) not in known:
        known[id(held.owner)] = held.owner.is_owned()
    return known[id(held.owner)]


class Registry:
    """Know every family and every other source of lines, and render them all, of every worker of *memory*."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.families: list[Family] = []
        self._texts: dict[str, FamilyText] = {}
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

    def add_source(self, source: Source, names: Iterable[str] = ()) -> None:
        """Expose the lines of *source* too, of the families *names*; one that raises is left out of that scrape."""
        self._sources.append(source)
        self._reserved.update(names)

    def names(self) -> set[str]:
        """Return the names that are Seawall's own, which nothing else may use on the page."""
        return {family.name for family in self.families} | self._reserved | {self._overflow.name}

    def reset(self, on_first: Callable[[], object]) -> None:
        """Forget every count; call *on_first* when a family counts again."""
        self.memory.reset()
        self._overflow.reset()
        for family in self.families:
            family.reset()
            family.on_first = on_first

    def sample(self) -> None:
        """Write down, for siblings to read, what is told only when it is asked for."""
        for family in list(self.families):
            family.sample()

    def render(self, content_type: str = CLASSIC) -> bytes:
        """Return the whole exposition."""
        openmetrics = content_type == OPENMETRICS
        self.memory.note_scrape()
        self.sample()
        for family in self.families:
            self._overflow.add((family.name,), 0)
        tables = self.memory.tables()
        lines: list[str] = []
        for definition in self._in_order(tables):
            text = self._texts.get(definition) or self._texts.setdefault(definition, FamilyText(definition))
            lines += text.lines(tables[definition], openmetrics)
        for source in self._sources:
            lines += _lines_of(source, openmetrics)
        if openmetrics:
            lines.append("# EOF")
        lines.append("")
        # A name from the environment or the file system may hold what UTF-8 cannot; the page is worth more than it.
        return "\n".join(lines).encode(errors="replace")

    def _in_order(self, tables: Iterable[str]) -> list[str]:
        """Return the families to show: this process' own, and those that siblings alone have, each name once."""
        own = [family.definition for family in (*self.families, self._overflow)]
        names = self.names()
        shown = [each for each in own if each in tables]
        for definition in sorted(set(tables).difference(own)):
            name = json.loads(definition)["name"]
            if name not in names:  # else a sibling of another configuration, whose buckets do not add up with ours
                names.add(name)
                shown.append(definition)
        return shown


def _lines_of(source: Source, openmetrics: bool) -> list[str]:
    try:
        return list(source(openmetrics))
    except Exception as problem:  # noqa: BLE001 - half a page is better than none
        say_once(f"Seawall leaves metrics out of /metrics: {type(problem).__name__}: {problem}")
        return []
