"""Proofs with the rules that they ask of alone: promtool evaluates each rule that it loads, for each fixture anew."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from .rule_files import read, silent
from .yaml_out import dump

RULES: Final = "rules.yml"  # the name of each file of rules that is written

Rule = dict[str, Any]
_ALERTS: Final = re.compile(r"\bALERTS(?:_FOR_STATE)?\b")
_ASKED: Final = re.compile(r"\bALERTS\{([^{}]*)\}")
_EQUAL: Final = re.compile(r'(\w+)="([^"\\]*)"')
_STRING: Final = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"""
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_SELECTOR: Final = re.compile(rf"([A-Za-z_:][\w:]*)(?:\s*\{{((?:[^{{}}\"'`]|{_STRING})*)\}})?", re.DOTALL)
_WINDOW: Final = re.compile(r"""\bwindow\s*=\s*["'`](\w+)["'`]""")
_NAMELESS: Final = re.compile(r"(?:^|[^\w:\s]|\b(?:and|or|unless|bool|atan2|group_left|group_right))\s*\{|\b__name__\b")


@dataclass(frozen=True)
class _Rules:
    """The rules of *groups*, without annotations, each under its place among all."""

    groups: tuple[dict[str, Any], ...]

    @cached_property
    def by_place(self) -> dict[int, Rule]:
        return dict(enumerate(rule for group in self.groups for rule in group["rules"]))

    @cached_property
    def by_record(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, rule in self.by_place.items():
            if "record" in rule:
                found.setdefault(rule["record"], []).append(place)
        return found

    def only(self, places: frozenset[int]) -> list[dict[str, Any]]:
        """Return the groups with the rules at *places*, as far as they have any."""
        left = iter(self.by_place.items())
        groups = []
        for group in self.groups:
            rules = [rule for place, rule in islice(left, len(group["rules"])) if place in places]
            groups += [group | {"rules": rules}] if rules else []
        return groups

    def needed(self, test: Mapping[str, Any]) -> frozenset[int]:
        """Return the places of what *test* asks of, and of what is recorded for it."""
        exprs = [each["expr"] for each in test["promql_expr_test"]]
        asked = [each for expr in exprs for each in _asked(expr) or [{}]]
        return self.read_by(exprs) if all("alertname" in each for each in asked) else frozenset(self.by_place)

    def read_by(self, exprs: Sequence[str]) -> frozenset[int]:
        """Return the places of the rules that *exprs* read, through each other too."""
        asked = [each for expr in exprs for each in _asked(expr)]
        alerts = {place for place, rule in self.by_place.items() if any(_is_asked(rule, each) for each in asked)}
        found = alerts | self._recorded_for([*exprs, *(self.by_place[place]["expr"] for place in alerts)])
        reads_alerts = any(_ALERTS.search(self.by_place[place]["expr"]) for place in found)
        return frozenset(self.by_place if reads_alerts else found)

    def _recorded_for(self, exprs: Iterable[str]) -> set[int]:
        found: set[int] = set()
        waiting = list(exprs)
        while waiting:
            new = self._read_by(waiting.pop()) - found
            found |= new
            waiting += [self.by_place[place]["expr"] for place in new]
        return found

    def _read_by(self, expr: str) -> set[int]:
        """Return the recording rules that *expr* may read: by each selector's name, and its window if it has one."""
        if _NAMELESS.search(_STRINGS.sub('""', expr)):
            return set(self.by_place)
        return {
            place
            for name, inside in _SELECTOR.findall(expr)
            for place in self.by_record.get(name, ())
            if not (windows := _WINDOW.findall(inside)) or _window(self.by_place[place]) in {None, *windows}
        }


def lean(tests: Path, folder: Path) -> list[Path]:
    """Write what *tests*, a file of promtool's, asks into *folder*; return files of tests that say the same.

    A test whose expectations name alerts keeps these, what is recorded for them, and no annotations, which decide
    nothing. Where any may fire, all are kept.
    """
    content = read(tests)
    groups = [group for name in content["rule_files"] for group in read(tests.parent / name)["groups"]]
    rules = _rules(groups)
    by_rules: dict[frozenset[int], list[Any]] = {}
    for test in content["tests"]:
        by_rules.setdefault(rules.needed(test), []).append(test)
    return [
        _written(folder / str(n), content | {"tests": own}, rules.only(places))
        for n, (places, own) in enumerate(by_rules.items())
    ]


def read_by(exprs: Sequence[str], groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *groups* with those of their rules that *exprs* read, through each other too, without annotations."""
    rules = _rules(groups)
    return rules.only(rules.read_by(exprs))


def _rules(groups: Iterable[Mapping[str, Any]]) -> _Rules:
    return _Rules(tuple({**group, "rules": [silent(rule) for rule in group["rules"]]} for group in groups))


def _written(folder: Path, tests: dict[str, Any], groups: Sequence[Mapping[str, Any]]) -> Path:
    folder.mkdir(parents=True)
    (folder / RULES).write_bytes(dump({"groups": groups}))
    names = {group["name"] for group in groups}
    order = [name for name in tests.get("group_eval_order", ()) if name in names]
    (folder / "tests.yml").write_bytes(dump(tests | {"rule_files": [RULES], "group_eval_order": order}))
    return folder / "tests.yml"


def _asked(expr: str) -> list[dict[str, str]]:
    """Return the labels of the alerts that *expr* asks of, with no labels where it may be any."""
    found = _ASKED.findall(expr)
    asked = [dict(_EQUAL.findall(inside)) for inside in found]
    return asked if len(found) == len(_ALERTS.findall(expr)) else [*asked, {}]


def _is_asked(rule: Rule, asked: Mapping[str, str]) -> bool:
    if "alert" not in rule:
        return False
    labels = {key: text for key, text in rule.get("labels", {}).items() if "{{" not in text}
    fixed = labels | {"alertname": rule["alert"]}
    return all(fixed.get(key, text) == text for key, text in asked.items())


def _window(rule: Rule) -> str | None:
    text = rule.get("labels", {}).get("window")
    return str(text) if text is not None else None
