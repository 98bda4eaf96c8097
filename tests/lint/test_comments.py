"""A comment switches a check off for a rule or a file, and says why; one that does not is told."""

from pathlib import Path
from typing import Final

import pytest
from lint_rules import found_in, places

RULES: Final = """{top}groups:
  - name: test
    rules:
      {first}- alert: First
        expr: irate(a_total[5m]) > 1{line}
        for: 5m
        labels: {{severity: ticket}}
        annotations: {{summary: It fails.}}
      {second}- alert: Second
        expr: |
          irate(b_total[5m]) > 1  {promql}
        for: 5m
        labels: {{severity: ticket}}
        annotations:
          summary: It fails.
"""
IGNORE: Final = "# seawall: ignore irate it must be quick\n"


def lines(folder: Path, **comments: str) -> list[int]:
    """Return the lines in which irate is still found with these comments."""
    names = ("top", "first", "line", "second", "promql")
    text = RULES.format(**{name: comments.get(name, "") for name in names})
    return [line for check, line, _ in places(found_in(folder, text)) if check == "irate"]


def test_without_a_comment_both_are_found(tmp_path: Path) -> None:
    """Which the other tests compare with."""
    assert [5, 11] == lines(tmp_path)


@pytest.mark.parametrize(
    ("place", "comment", "left"),
    [
        ("first", IGNORE + "      ", [12]),
        ("line", "  " + IGNORE.strip(), [11]),
        ("second", IGNORE + "      ", [5]),
        ("promql", IGNORE.strip(), [5]),
        ("top", IGNORE, []),
        ("line", "  # seawall: ignore no-for,irate it must be quick", [11]),
    ],
    ids=["above a rule", "beside it", "above the next", "in PromQL", "above the groups", "with others"],
)
def test_a_comment_is_for_its_rule(place: str, comment: str, left: list[int], tmp_path: Path) -> None:
    """Above it, within it, or for all where it stands above the groups."""
    assert left == lines(tmp_path, **{place: comment})


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# seawall: ignore irate", "say why irate is ignored: # seawall: ignore irate reason"),
        ("# seawall: ignore irat it is quick", "there is no check irat: did you mean 'irate'?"),
        ("# seawall: disable irate it is quick", "write # seawall: ignore CHECK reason"),
        ("# seawall: ignore", "write # seawall: ignore CHECK reason"),
    ],
)
def test_a_comment_that_switches_nothing_off_is_told(comment: str, said: str, tmp_path: Path) -> None:
    """And what it is about is found as before."""
    text = RULES.format(top="", first="", line=f"  {comment}", second="", promql="")
    found = found_in(tmp_path, text)
    assert [("irate", 5), ("comment", 5), ("irate", 11)] == [(each.check, each.position.line) for each in found]
    assert said == found[1].message
