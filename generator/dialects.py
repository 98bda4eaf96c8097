"""Dialects: which metrics and labels say how many requests came, failed and were slow. Data, one file each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from seawall.catalog import SeawallError

from .guesses import guess
from .sources import Node, Sources

_FOLDER: Final = "alerts/dialects"
_KEYS: Final = frozenset(
    {
        "events",
        "buckets",
        "seconds_per_unit",
        "active",
        "labels",
        "ignore",
        "counted",
        "bad",
        "throttled",
        "shed",
        "example",
    }
)


@dataclass(frozen=True, eq=False)
class Dialect:
    """What one software writes for services of one kind.

    *events* counts them, *buckets* is the classic histogram's series; *counted* and *bad* are lists of matchers that do
    not overlap; *example* holds label values of a good, bad, slow, … event, from which the proofs are made.
    """

    name: str
    events: str
    buckets: str = ""
    seconds_per_unit: float = 1.0
    active: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    ignore: str = ""
    counted: tuple[str, ...] = ("",)
    bad: tuple[str, ...] = ()
    throttled: str = ""
    shed: str = ""
    example: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def slis(self) -> tuple[str, ...]:
        """The SLIs that can be formed from it."""
        return (("availability",) if self.bad else ()) + (("latency",) if self.buckets else ())

    def rate(
        self, metric: str, matchers: tuple[str, ...], common: str, window: str, by: str = "job", offset: str = ""
    ) -> str:
        """Return PromQL for the events a second of *metric* that match any of *matchers*, summed *by* labels."""
        past = f" offset {offset}" if offset else ""
        rates = [f"rate({metric}{{{_join(common, self.ignore, each)}}}[{window}]{past})" for each in matchers]
        return f"sum by ({by}) ({' or '.join(rates)})"


def load_dialects(sources: Sources) -> dict[tuple[str, str], Dialect]:
    """Return every dialect by (kind, name)."""
    found = {}
    for stem in sources.stems(_FOLDER, ".yaml"):
        source = sources.read(f"{_FOLDER}/{stem}.yaml")
        assert source is not None
        root = Node.parse(source).fields(frozenset({"title", "kinds"}), frozenset({"title", "kinds"}))
        for kind, node in root["kinds"].items():
            found[kind, stem] = _read(stem, node)
    return found


def find_dialect(dialects: Mapping[tuple[str, str], Dialect], kind: str, name: str) -> Dialect | None:
    """Return the dialect of *kind*, or None where the kind has none; an unknown name is an error with a guess."""
    if (kind, name) in dialects:
        return dialects[kind, name]
    names = [each for of, each in dialects if of == kind]
    if not names:
        return None
    hint = guess(name, names, otherwise=f"known for {kind} are")
    raise SeawallError(f"unknown dialect {name!r}; {hint}")


def _read(name: str, node: Node) -> Dialect:
    fields = node.fields(_KEYS, frozenset({"events", "bad"}))
    texts = {
        key: fields[key].text for key in ("events", "buckets", "active", "ignore", "throttled", "shed") if key in fields
    }
    lists = {key: tuple(entry.text for entry in fields[key].list()) for key in ("counted", "bad") if key in fields}
    example = {
        group: {label: value.text for label, value in labels.items()}
        for group, labels in (fields["example"].items() if "example" in fields else ())
    }
    return Dialect(
        name,
        **texts,
        counted=lists.get("counted", ("",)),
        bad=lists["bad"],
        seconds_per_unit=fields["seconds_per_unit"].number("seconds_per_unit") if "seconds_per_unit" in fields else 1.0,
        labels={key: value.text for key, value in fields["labels"].items()} if "labels" in fields else {},
        example=example,
    )


def _join(*matchers: str) -> str:
    return ",".join(matcher for matcher in matchers if matcher)
