"""Proofs of one fixture are one test: promtool builds a database for each."""

from collections.abc import Mapping
from typing import Any


def merged(tests: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the tests by evaluation interval, those of one fixture as one.

    What is recorded of one SLO changes nothing of another one, so fixtures that differ there alone are one, too.
    """
    by_pace: dict[str, dict[tuple[tuple[str, str], ...], list[_Fixture]]] = {}
    for test in tests:
        series = {each["series"]: each["values"] for each in test["input_series"]}
        recorded = {name: text for name, text in series.items() if ":" in name.partition("{")[0]}
        raw = tuple((name, text) for name, text in series.items() if name not in recorded)
        same = by_pace.setdefault(test.get("every", ""), {}).setdefault(raw, [])
        fitting = next((each for each in same if each.takes(recorded)), None)
        if fitting is None:
            fitting = _Fixture(dict(raw))
            same.append(fitting)
        fitting.add(test, recorded)
    return {pace: [each.test for group in raws.values() for each in group] for pace, raws in by_pace.items()}


class _Fixture:
    """Tests that share their input: *series* from the service, and what is recorded of SLOs."""

    def __init__(self, series: dict[str, str]) -> None:
        self._series = series
        self.test: dict[str, Any] = {}

    def takes(self, recorded: Mapping[str, str]) -> bool:
        """Whether nothing else is recorded under the same names."""
        return all(self._series.get(name, text) == text for name, text in recorded.items())

    def add(self, test: Mapping[str, Any], recorded: Mapping[str, str]) -> None:
        """Add the expectations of *test*."""
        self._series |= recorded
        if not self.test:
            self.test = {key: value for key, value in test.items() if key != "every"} | {"promql_expr_test": []}
        elif self.test["name"] != test["name"]:
            self.test["name"] += f"; {test['name'].partition(': ')[2]}"
        self.test["input_series"] = [{"series": key, "values": self._series[key]} for key in sorted(self._series)]
        known = self.test["promql_expr_test"]
        known += [each for each in test["promql_expr_test"] if each not in known]
