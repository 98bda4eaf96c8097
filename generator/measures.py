"""Measures of load: what a member of a sharded store writes, reads, holds and has left. Data, in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from seawall.catalog import Service

from .naming import matchers
from .sources import Node, PackError, Sources
from .text import Raw, Template, number

FILE: Final = "alerts/measures.yaml"
MEASURES: Final = ("writes", "reads", "bytes", "connections", "saturation")
_KEYS: Final = frozenset({"exprs", "series", "per", "beside"})


@dataclass(frozen=True)
class Measure:
    """PromQL of one measure: *exprs* are summed up, or of saturation the largest is taken.

    For proofs: *series* holds one unit where its value is *per*, beside the series *beside*, whose value is the other.
    """

    exprs: tuple[Template, ...]
    series: str
    per: float
    beside: tuple[str, str]

    @property
    def is_counter(self) -> bool:
        """Whether a unit of it is so many a second."""
        return self.exprs[0].source.startswith("rate(")


def load_measures(sources: Sources) -> dict[str, dict[str, Measure]]:
    """Return the measures of each kind that can be a member; a kind has all of them. Raise PackError with the place."""
    source = sources.read(FILE)
    if source is None:
        return {}
    kinds = Node.parse(source).fields(frozenset({"title", "kinds"}), frozenset({"title", "kinds"}))["kinds"]
    known = frozenset(MEASURES)
    return {
        kind: {name: _measure(each) for name, each in node.fields(known, known).items()} for kind, node in kinds.items()
    }


def _measure(node: Node) -> Measure:
    fields = node.fields(_KEYS, frozenset({"exprs", "series"}))
    exprs = tuple(_template(each) for each in fields["exprs"].list())
    if not exprs:
        raise PackError(node.position, "a measure has at least one expression")
    beside = list(fields["beside"].items()) if "beside" in fields else []
    other = (beside[0][0], beside[0][1].text) if beside else ("", "")
    return Measure(exprs, fields["series"].text, fields["per"].number("per") if "per" in fields else 1.0, other)


def _template(node: Node) -> Template:
    return Template.compile(" ".join(node.text.split()), node.position, "promql", when_used=node.is_own)


def member_functions(measures: Mapping[str, Mapping[str, Measure]], members: Sequence[Service]) -> dict[str, Any]:
    """Return what templates may say of *members*, which are of one kind and narrowed alike.

    ``member`` is the label that tells one from another: the job, or of the targets of one service the instance.
    """
    first, names = members[0], [each.name for each in members]
    label = "job" if len(members) > 1 else "instance"
    narrowed = matchers(sorted(first.match.items()))
    jobs = f'job=~"{"|".join(names)}"' if len(members) > 1 else f'job="{first.name}"'
    sel = Raw(f"{jobs},{narrowed}" if narrowed else jobs)
    own = measures[first.kind]

    def measure(name: str, past: str = "") -> Raw:
        """Return PromQL for one measure of each member, now or some time ago."""
        scope = {"sel": sel, "past": Raw(f" offset {past}" if past else "")}
        texts = [each.render(scope) for each in own[name].exprs]
        if len(texts) > 1:  # told apart, as they may have the same labels, and some of them may be absent
            texts = [f'label_replace({text}, "limit", "{at}", "", "")' for at, text in enumerate(texts)]
        found = f"{'max' if name == 'saturation' else 'sum'} by ({label}) ({' or '.join(texts)})"
        # What was never counted has no series, and is none.
        return Raw(f"({found} or 0 * {measure('bytes', past)})" if own[name].is_counter else found)

    def established(name: str, since: str = "1h") -> Raw:
        """Return a measure of those members that held anything some time ago: who is new has not got its share yet."""
        return Raw(f"(({measure(name)}) and on ({label}) ({measure('bytes', since)}))")

    def others(expr: str) -> Raw:
        """Return the mean of all other members, for each."""
        return Raw(f"((sum({expr}) - on () group_right () {expr}) / on () group_left () (count({expr}) - 1))")

    def seen(name: str, at: int, series: str = "") -> str:
        """Return the series of a fixture that holds a measure of one of two members."""
        metric, _, inside = (series or own[name].series).rstrip("}").partition("{")
        job = names[at % len(names)]
        identity = matchers([("job", job), ("instance", f"m{at}:1"), *sorted(first.match.items())])
        return f"{metric}{{{','.join(each for each in (identity, inside) if each)}}}"

    def amount(name: str, value: float) -> str:
        """Return what that series is where the measure is *value*."""
        text = number(float(value) * own[name].per)
        return f"+{number(float(text) * 60)}" if own[name].is_counter else text

    def beside(name: str, at: int) -> str:
        """Return the series that a measure is divided by; its own, where there is none."""
        return seen(name, at, own[name].beside[0])

    return {
        "member": label,
        "sel": sel,
        "measure": measure,
        "established": established,
        "others": others,
        "seen": seen,
        "amount": amount,
        "beside": beside,
        "whole": {name: each.beside[1] for name, each in own.items()},
        "store": first.kind,
        "members": names,
    }
