"""Write docs/reference/alerts/ anew from the packs: a page a kind with every alert, and an index of them all."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from seawall.catalog import Catalog, Duration, Service, load
from seawall.generator import Alert, Packs, load_packs, view
from seawall.generator.dialects import find_dialect
from seawall.generator.fixtures import CLASSES, render_tree, shorthand
from seawall.generator.packs import COMMON, STACK_KIND, AlertTemplate, Pack
from seawall.generator.proofs import evaluated, filled, proofs_of
from seawall.generator.render import STACK
from seawall.generator.text import evaluate, number
from seawall.generator.variables import variables

FOLDER: Final = Path(__file__).parents[1] / "docs/reference/alerts"
_FILES: Final = {COMMON: "every-service.md", STACK_KIND: "seawall.md"}
_MADE: Final = "<!-- Made by tools/alert_pages.py from the packs; `make golden` writes it anew. -->\n\n"
_TODAY: Final = date(2026, 11, 1)
_EXAMPLE, _BARE, _SECOND = "example", "example-without-slos", "example-of-tier-2"
_GROUPED, _PROBED = "example-of-regions", "example-that-is-probed"
_SCHEMES: Final = {"probe": "https"}  # a kind that is asked by another scheme than its name
_GUARD: Final = r" and (?=on \(|ignoring \(|slo:|last_over_time|avg_over_time)"
_SLIS: Final = ("availability", "latency")


def pages() -> dict[str, str]:
    """Return every page by its file name: one a pack, and the index."""
    packs = load_packs()
    names = [COMMON, *packs.kinds, STACK_KIND]
    made = {file_of(name): _page(packs, packs.by_kind[name]) for name in names}
    return {**made, "README.md": _index(packs, names)}


def file_of(kind: str) -> str:
    """Return the name of the page of *kind*'s alerts."""
    return _FILES.get(kind, f"{kind}.md")


def _page(packs: Packs, pack: Pack) -> str:
    subject = _Subject(packs, pack)
    title = f"Alerts of {pack.title[0].lower()}{pack.title[1:]}" if pack.kind == COMMON else f"Alerts: {pack.title}"
    parts = [f"{_MADE}# {title}\n", _introduction(packs, pack)]
    return "\n".join([*parts, *(_alert(subject, name) for name in pack.alert_names)])


def _introduction(packs: Packs, pack: Pack) -> str:
    if pack.kind == COMMON:
        who = f"Services of every kind ({', '.join(f'`{kind}`' for kind in packs.kinds)}) have these."
    elif pack.kind == STACK_KIND:
        who = 'The stack watches itself with these. They carry `service="seawall"`, `team="seawall"` and tier 1.'
    else:
        who = f"Services with `kind: {pack.kind}` have these, and [those of every service](every-service.md)."
    how = f"The expressions are those of a tier-1 service `{_EXAMPLE}`. " if pack.kind != STACK_KIND else ""
    change = (
        "They are in no catalog; [a folder of templates](../templates.md) changes them."
        if pack.kind == STACK_KIND
        else "[Override an alert](../../how-to/override-an-alert.md) says how to change threshold, `for` and severity."
    )
    return f"{who} {how}{change}\n"


_AROUND: Final = {
    "whole": {"kind": "http", "team": "team", "targets": ["localhost:9464"]},
    "database": {"kind": "postgres", "team": "team", "url": "postgresql://localhost"},
}
_MEMBERS: Final = {each: {"kind": "redis", "team": "team", "url": f"redis://{each}"} for each in ("first", "second")}


class _Subject:
    """Services of one kind that between them have every alert of its pack."""

    def __init__(self, packs: Packs, pack: Pack) -> None:
        self.packs, self.pack = packs, pack
        self.catalog = _catalog(packs, pack.kind)
        self.names = [STACK.name] if pack.kind == STACK_KIND else [_EXAMPLE, _BARE, _GROUPED, _PROBED]
        self._rendered = {name: view(self.catalog, packs, name).alerts for name in [*self.names, *self._second()]}

    def _second(self) -> list[str]:
        return [] if self.pack.kind == STACK_KIND else [_SECOND]

    def service(self, name: str) -> Service:
        return STACK if name == STACK.name else self.catalog.services[name]

    def alerts(self, alert: str) -> tuple[str, list[Alert]]:
        """Return the first of the services that has *alert*, and its rules."""
        for name in self.names:
            found = [each for each in self._rendered[name] if each.name == alert]
            if found:
                return name, found
        raise LookupError(f"no example has {alert}")

    def severities(self, alert: str) -> str:
        own = [each.severity for each in self.alerts(alert)[1]]
        second = [each.severity for name in self._second() for each in self._rendered[name] if each.name == alert]
        if second and second != own:
            return "page on tier 1, else ticket"
        return " or ".join(dict.fromkeys(own))


def _catalog(packs: Packs, kind: str) -> Catalog:
    kind = kind if kind in packs.kinds else next(of for of, _ in sorted(packs.dialects))
    dialect = find_dialect(packs.dialects, kind, "otel")
    slis = [sli for sli in _SLIS if dialect and sli in dialect.slis]
    slos = {sli: {"objective": 99.9 if sli == "availability" else 95} for sli in slis}
    if "latency" in slos:
        slos["latency"]["under"] = "300ms"  # type: ignore[assignment]
    capacity = {"requests_per_second": 100, "concurrent_requests": 50, "evidence": "a load test"}
    is_part = packs.by_kind[kind].is_part
    has_members = packs.by_kind[kind].has_members
    where: dict[str, Any] = {"targets": ["localhost:9464"]}
    if is_part:
        where = {"part_of": "whole", "depends_on": ["database"]}
    if has_members:
        where = {"members": ["first", "second"]}
    common = {"kind": kind, "team": "team", **where}
    services = {
        **(_AROUND if is_part else _MEMBERS if has_members else {}),
        _EXAMPLE: {**common, "tier": 1, "slos": slos, "capacity": capacity},
        _BARE: {**common, "tier": 1},
        _SECOND: {**common, "tier": 2, "slos": slos},
        _GROUPED: {**common, "tier": 1, "slos": {key: {**slo, "by": ["region"]} for key, slo in slos.items()}},
        _PROBED: {**common, "tier": 1, **({} if is_part else {"url": f"{_SCHEMES.get(kind, kind)}://localhost"})},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "catalog.yaml"
        file.write_text(yaml.safe_dump({"seawall": 1, "teams": {"team": {}}, "services": services}))
        return load(file, today=_TODAY)


def _alert(subject: _Subject, name: str) -> str:
    where, rules = subject.alerts(name)
    template = next(each for each in subject.pack.alerts if each.name == name)
    scope = _scope(subject, where, template)
    meaning = subject.pack.sections[name].parts["Meaning"].render(scope)
    first = rules[0]
    head = "| threshold | for | severity | class | panel |\n|---|---|---|---|---|\n"
    row = (
        f"| {_threshold(first)} | {_for(first)} | {subject.severities(name)} | {template.class_} | `{first.panel}` |\n"
    )
    lines = [f"## {name}\n", f"{meaning}\n", head + row, *_conditions(template, rules)]
    return "\n".join([*lines, f"```promql\n{_broken(first)}\n```\n", _proof(template, first, scope)])


def _threshold(alert: Alert) -> str:
    if alert.threshold is None:
        return "in the expression"
    return f"{'above' if alert.above else 'below'} {number(alert.threshold)} {alert.unit}"


def _for(alert: Alert) -> str:
    return str(Duration(alert.for_seconds)) if alert.for_seconds else "at once"


def _conditions(template: AlertTemplate, rules: Sequence[Alert]) -> Iterator[str]:
    if template.when:
        yield f"Only where `{template.when}` ([variables](../templates.md#variables)).\n"
    windows = [f"{each.labels['window']} ({each.severity})" for each in rules if "window" in each.labels]
    slo = rules[0].labels.get("slo")
    if windows:
        pairs = ", ".join(dict.fromkeys(windows))
        yield f"A rule for each SLO and each long window: {pairs}. The expression is that of the first.\n"
    elif slo:
        yield "A rule for each SLO.\n"


def _broken(alert: Alert) -> str:
    """Return the expression with its comparison, and each guard, on a line of its own."""
    rest = alert.expr.removeprefix(alert.query).strip()
    return "\n".join([alert.query, *([re.sub(_GUARD, "\nand ", rest)] if rest else [])])


def _scope(subject: _Subject, name: str, template: AlertTemplate) -> Mapping[str, Any]:
    scope = variables(subject.catalog, subject.packs, subject.service(name))
    items = evaluate(template.each, template.position, scope) if template.each else [None]
    scope |= {"item": items[0], "for": template.for_.seconds}
    if template.threshold is not None:
        scope["threshold"] = scope[template.bound] = float(template.threshold.render(scope))
    return scope


def _proof(template: AlertTemplate, alert: Alert, scope: Mapping[str, Any]) -> str:
    lines = []
    for outcome, tree in proofs_of(template):
        spec = render_tree(tree, scope)
        if spec.get("applies", "True") == "True":
            words = "It fires" if outcome == "fires" else "It stays quiet"
            lines.append(f"- {words} after {_length_of(spec, alert)} of {_story(spec, scope) or 'nothing at all'}.")
    if "quiet" not in template.proof:
        lines.append("- What must not fire it is shown by the test that nothing fires while all is well.")
    return "What the proof shows:\n\n" + "\n".join(lines) + "\n"


def _length_of(spec: Mapping[str, Any], alert: Alert) -> Duration:
    """Return how long the proof lasts; what happened before it does not count."""
    before = Duration.parse(spec["traffic"][0]["for"]).seconds if "history" in spec else 0
    return Duration(evaluated(spec, alert.for_seconds) - before)


def _story(spec: Mapping[str, Any], scope: Mapping[str, Any]) -> str:
    traffic = spec["traffic"][1:] if "history" in spec else spec.get("traffic")
    told = [_traffic(traffic)] if traffic else []
    if "buckets" in spec and "slow" in str(traffic):
        told.append(f"the slow ones take {_short(spec['buckets'][-1])} s or longer")
    if "history" in spec:
        told.append(_history(spec["history"]))
    inputs = {filled(series, scope): value for series, value in spec.get("input", {}).items()}
    return "; ".join([*told, *(f"`{series}` {_value(value)}" for series, value in inputs.items())])


def _history(spec: Mapping[str, str]) -> str:
    campaign = f", in four days of it {spec['campaign']} times as many" if "campaign" in spec else ""
    past = spec.get("window", "a month")
    return f"{past} of {_short(spec['usual'])} good events a minute is recorded before it{campaign}"


def _traffic(spec: Any) -> str:
    phases = spec if isinstance(spec, list) else [spec]
    return ", then ".join(f"{_events(phase)}{_length(phase)}" for phase in phases)


def _events(phase: Mapping[str, str]) -> str:
    if "gone" in phase:
        return "no series at all"
    return " and ".join(f"{_short(phase[name])} {name}" for name in CLASSES if name in phase) + " events a minute"


def _length(phase: Mapping[str, str]) -> str:
    return f" for {phase['for']}" if "for" in phase else ""


def _value(spec: Any) -> str:
    phases = spec if isinstance(spec, list) else [shorthand(str(spec))]
    return ", then ".join(f"{_level(phase)}{_length(phase)}" for phase in phases)


def _level(phase: Mapping[str, str]) -> str:
    if "gone" in phase:
        return "gone"
    growth = float(phase.get("per_minute", 0))
    start = f"at {_short(phase['value'])}" if "value" in phase else "as it was"
    return (
        f"{start}, {'growing' if growth > 0 else 'falling'} by {_short(str(abs(growth)))} a minute" if growth else start
    )


def _short(text: str) -> str:
    return number(round(float(text), 3))


def _index(packs: Packs, names: Sequence[str]) -> str:
    head = (
        f"{_MADE}# Alerts\n\nEvery alert of every pack, without overrides. What one means for a service of yours, "
        "with its query and its numbers: [`seawall explain`](../commands.md#seawall-explain).\n\n"
        "| alert | of | threshold | for | severity | class |\n|---|---|---|---|---|---|\n"
    )
    return head + "".join(_row(_Subject(packs, packs.by_kind[kind]), name)
                          for kind in names for name in packs.by_kind[kind].alert_names)  # fmt: skip


def _row(subject: _Subject, name: str) -> str:
    file = file_of(subject.pack.kind)
    first = subject.alerts(name)[1][0]
    cells = (
        f"[{name}]({file}#{name.lower()})",
        {COMMON: "every service", STACK_KIND: "the stack"}.get(subject.pack.kind, f"`{subject.pack.kind}`"),
        _threshold(first),
        _for(first),
        subject.severities(name),
        first.labels["class"],
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Make the folder hold exactly the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for stale in {file.name for file in FOLDER.glob("*.md")} - made.keys():
        (FOLDER / stale).unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"docs/reference/alerts: {len(made)} pages")


if __name__ == "__main__":
    main()
