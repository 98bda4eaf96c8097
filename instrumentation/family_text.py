"""The text of one family in Prometheus' formats, around numbers that change."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

from . import exemplars
from .aggregation import OVERFLOW, OVERFLOW_LABEL
from .memory import Held, Labels, Table

_TOGETHER: Final[dict[str, Callable[[Iterable[float]], float]]] = {"sum": math.fsum, "min": min, "max": max}


def escape(value: str) -> str:
    """Return *value* as it stands between the quotes of a label.

    A name from the environment or the file system may hold what UTF-8 cannot: it is written as its number, so that two
    of them stay two series.
    """
    if not value.isascii():
        value = value.encode(errors="backslashreplace").decode()
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

    @property
    def kind(self) -> str:
        """What Prometheus calls it."""
        return str(self._known["kind"])

    def header(self, openmetrics: bool) -> list[str]:
        """Return the lines that open the family."""
        known = self._known
        return header(self.name, known["kind"], known["help"], known["unit"], openmetrics)

    def samples(self, table: Table, openmetrics: bool) -> Iterator[str]:
        """Return the samples of *table*."""
        return self._histograms(table, openmetrics) if self.kind == "histogram" else self._values(table)

    def _histograms(self, table: Table, openmetrics: bool) -> Iterator[str]:
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
            yield text

    def _with_exemplars(self, text: str, held: list[Held]) -> str:
        newest: dict[int, tuple[float, str]] = {}
        for each in held:
            for one in exemplars.read(each.cells, self._sum_at + 1):
                newest[one.bucket] = max(newest.get(one.bucket, (0.0, "")), (one.at, exemplars.text(one)))
        if not newest:
            return text
        lines = text.split("\n")
        for bucket, (_, exemplar) in newest.items():
            lines[bucket] += exemplar
        return "\n".join(lines)

    def _values(self, table: Table) -> Iterator[str]:
        is_gauge = self._known["kind"] == "gauge"
        alive: dict[int, bool] = {}
        for labels, held in table.items():
            values = [each.cells[0] for each in held if not is_gauge or _is_alive(each, alive)]
            values = [value for value in values if value == value]
            if values:
                template = self._templates.get(labels) or self._value_template(labels)
                yield f"{template}{number(self._together(values))}"

    def _histogram_template(self, labels: Labels) -> str:
        text = self._text(labels).replace("%", "%%")
        lines = [f'{self.name}_bucket{{{text}{"," * bool(text)}le="{bound}"}} %d' for bound in self._bounds]
        lines += [f"{self.name}_sum{{{text}}} %r", f"{self.name}_count{{{text}}} %d"]
        template = self._templates[labels] = "\n".join(lines)
        return template

    def _value_template(self, labels: Labels) -> str:
        suffix, text = "_total" if self._known["kind"] == "counter" else "", self._text(labels)
        template = self._templates[labels] = f"{self.name}{suffix}{{{text}}} " if text else f"{self.name}{suffix} "
        return template

    def _text(self, labels: Labels) -> str:
        if labels == OVERFLOW:
            return f'{OVERFLOW_LABEL}="true"'
        names = self._known["labels"]
        # None: each series has names of its own, which stand before its values.
        return label_text(labels[::2], labels[1::2]) if names is None else label_text(names, labels)


def _is_alive(held: Held, known: dict[int, bool]) -> bool:
    if held.owner is None:
        return True
    if id(held.owner) not in known:
        known[id(held.owner)] = held.owner.is_owned()
    return known[id(held.owner)]
