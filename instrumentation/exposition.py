"""Prometheus' text formats: the classic one, and OpenMetrics where the scraper asks for it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Final

from .aggregation import OVERFLOW, OVERFLOW_LABEL, Cells, Family, Histogram, Labels
from .diagnostics import say_once

CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_OVERFLOW_NAME: Final = "seawall_metric_overflow"
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
    """Render one family. The text before each number never changes, so it is made once a series."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._prefixes: dict[Labels, list[str]] = {}

    def lines(self, openmetrics: bool) -> list[str]:
        """Return the family's header and samples; nothing where it has no series yet."""
        family = self.family
        series = family.collect()
        if not series:
            return []
        lines = header(family.name, family.kind, family.help, family.suffix, openmetrics)
        add = self._add_histogram if isinstance(family, Histogram) else self._add_value
        for labels, cells in series:
            add(lines, self._prefixes.get(labels) or self._prepare(labels), cells)
        return lines

    @staticmethod
    def _add_histogram(lines: list[str], prefixes: list[str], cells: Cells) -> None:
        total = cells.pop()
        counts = [int(count) for count in accumulate(cells)]
        lines.extend([f"{prefix}{count}" for prefix, count in zip(prefixes, counts, strict=False)])
        lines.append(f"{prefixes[-2]}{total!r}")
        lines.append(f"{prefixes[-1]}{counts[-1]}")

    @staticmethod
    def _add_value(lines: list[str], prefixes: list[str], cells: Cells) -> None:
        lines.append(f"{prefixes[0]}{number(cells[0])}")

    def _prepare(self, labels: Labels) -> list[str]:
        family = self.family
        text = f'{OVERFLOW_LABEL}="true"' if labels is OVERFLOW else label_text(family.labels, labels)
        if isinstance(family, Histogram):
            bounds = [*(repr(boundary) for boundary in family.boundaries), "+Inf"]
            prefixes = [f'{family.name}_bucket{{{text},le="{bound}"}} ' for bound in bounds]
            prefixes += [f"{family.name}_sum{{{text}}} ", f"{family.name}_count{{{text}}} "]
        else:
            prefixes = [f"{family.name}{{{text}}} "]
        self._prefixes[labels] = prefixes
        return prefixes


class Registry:
    """Know every family and every other source of lines, and render them all."""

    def __init__(self) -> None:
        self.families: list[Family] = []
        self._texts: list[FamilyText] = []
        self._sources: list[Source] = []
        self._reserved = {_OVERFLOW_NAME}

    def add(self, *families: Family) -> None:
        """Expose *families* from now on."""
        for family in families:
            self.families.append(family)
            self._texts.append(FamilyText(family))

    def add_source(self, source: Source, names: Iterable[str] = ()) -> None:
        """Expose the lines of *source* too, of the families *names*; one that raises is left out of that scrape."""
        self._sources.append(source)
        self._reserved.update(names)

    def names(self) -> set[str]:
        """Return the names that are Seawall's own, which nothing else may use on the page."""
        return {family.name for family in self.families} | self._reserved

    def reset(self, on_first: Callable[[], object]) -> None:
        """Forget every count; call *on_first* when a family counts again."""
        for family in self.families:
            family.reset()
            family.on_first = on_first

    def render(self, content_type: str = CLASSIC) -> bytes:
        """Return the whole exposition."""
        openmetrics = content_type == OPENMETRICS
        lines: list[str] = []
        for text in list(self._texts):
            lines += text.lines(openmetrics)
        lines += self._overflow(openmetrics)
        for source in self._sources:
            lines += _lines_of(source, openmetrics)
        if openmetrics:
            lines.append("# EOF")
        lines.append("")
        # A name from the environment or the file system may hold what UTF-8 cannot; the page is worth more than it.
        return "\n".join(lines).encode(errors="replace")

    def _overflow(self, openmetrics: bool) -> list[str]:
        help = "Observations whose label set came after the limit and went into the overflow series."  # noqa: A001
        lines = header(_OVERFLOW_NAME, "counter", help, "", openmetrics)
        return lines + [
            f'{_OVERFLOW_NAME}_total{{metric="{family.name}"}} {family.overflowed}' for family in self.families
        ]


def _lines_of(source: Source, openmetrics: bool) -> list[str]:
    try:
        return list(source(openmetrics))
    except Exception as problem:  # noqa: BLE001 - half a page is better than none
        say_once(f"Seawall leaves metrics out of /metrics: {type(problem).__name__}: {problem}")
        return []
