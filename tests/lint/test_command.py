"""The command: exit codes, formats, which checks run, and what it says of what it cannot read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner, Result
from lint_rules import rule

from seawall.cli import main
from seawall.generator.lint import CHECKS

CLEAN: Final = {"groups": [{"name": "test", "rules": [rule()]}]}
BAD: Final = {"groups": [{"name": "a", "rules": [rule(alert="Odd,%: name", expr="irate(a_total[1m]) > 1")]}]}
DEEP: Final = 10_000


def lint(*words: str, piped: str | bytes | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["lint", *words], input=piped)


@pytest.fixture
def clean(tmp_path: Path) -> str:
    """A file in which nothing is found."""
    (tmp_path / "clean.yml").write_text(yaml.safe_dump(CLEAN))
    return str(tmp_path / "clean.yml")


@pytest.fixture
def bad(tmp_path: Path) -> str:
    """A file with two findings."""
    (tmp_path / "bad.yml").write_text(yaml.safe_dump(BAD, sort_keys=False))
    return str(tmp_path / "bad.yml")


def test_nothing_found_is_0(clean: str) -> None:
    """Said on standard error, so that a program reads nothing."""
    done = lint(clean)
    assert (0, "", "1 file, 1 rule: nothing found\n") == (done.exit_code, done.stdout, done.stderr)


def test_findings_are_1_a_line_each(bad: str) -> None:
    """With file, line, column, rule, message and check; no colours where there is no terminal."""
    done = lint(bad)
    expected = (
        f"{bad}:5:11: Odd,%: name: irate sees two samples alone; use rate [irate]\n"
        f"{bad}:5:11: Odd,%: name: irate over 60s needs at least 120s to outlive a missed scrape [short-window]\n"
    )
    assert (1, expected) == (done.exit_code, done.stdout)


def test_json_is_a_list_of_findings(bad: str, clean: str) -> None:
    """An empty one where there are none."""
    first = {
        "file": bad,
        "line": 5,
        "column": 11,
        "check": "irate",
        "rule": "Odd,%: name",
        "message": "irate sees two samples alone; use rate",
    }
    assert first == json.loads(lint("--format", "json", bad).stdout)[0]
    assert [] == json.loads(lint("--format", "json", clean).stdout)


def test_github_shows_them_at_their_lines(bad: str) -> None:
    """What would end a property is escaped."""
    first = lint("--format", "github", bad).stdout.splitlines()[0]
    expected = f"::warning file={bad},line=5,col=11,title=seawall lint%3A irate::Odd,%25: name: irate sees"
    assert first.startswith(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--select", "irate"), {"irate"}),
        (("--ignore", "irate"), {"short-window"}),
        (("--select", "irate,no-job", "--ignore", "irate"), {"no-job"}),
        (("--select", "all"), {"irate", "short-window", "no-job", "no-runbook", "silent-when-gone"}),
        (("--scrape-interval", "15s", "--ignore", "irate"), {"short-window"}),
    ],
    ids=["one", "all but one", "an optional one", "all", "an interval"],
)
def test_options_choose_the_checks(words: tuple[str, ...], expected: set[str], bad: str) -> None:
    """By name, with commas between."""
    found = json.loads(lint("--format", "json", *words, bad).stdout)
    assert expected == {each["check"] for each in found}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--select", "irat"), "there is no check 'irat'; did you mean 'irate'?"),
        (("--ignore", "nothing-like-it"), "there is no check 'nothing-like-it'; known are absent-bare"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--scrape-interval", "soon"), '--scrape-interval: "soon" is not a duration'),
        (("--metrics", "nowhere.prom"), "nowhere.prom: it cannot be read: No such file or directory"),
        ((), "Missing argument 'FILE...'"),
    ],
)
def test_wrong_use_is_2(words: tuple[str, ...], said: str, clean: str) -> None:
    """With what would be right."""
    done = lint(*words, *([clean] if words else []))
    assert (2, True) == (done.exit_code, said in done.stderr)


def test_metrics_are_read_from_a_page(tmp_path: Path, bad: str) -> None:
    """And a file that is none is refused at its line."""
    page = tmp_path / "page.prom"
    page.write_text('# HELP b x\n# TYPE b_total counter\nb_total{x="}"} 1\n')
    found = json.loads(lint("--format", "json", "--select", "unknown-metric", "--metrics", str(page), bad).stdout)
    assert ['there is no metric a_total; did you mean "b_total"?'] == [each["message"] for each in found]
    page.write_text("<html>\n")
    assert (
        f"{page}:1: this is no page of metrics; save what /metrics answers\n"
        == lint("--metrics", str(page), bad).stderr
    )


def test_the_list_has_every_check(tmp_path: Path) -> None:
    """With why and how to mend it; no file is needed."""
    shown = lint("--list")
    assert 0 == shown.exit_code
    for name, check in CHECKS.items():
        assert f"{name}{' (where --select names it)' if check.is_optional else ''}\n  {check.finds}.\n" in shown.stdout
        assert f"  {check.reason}\n  {check.mend}\n" in shown.stdout


def test_the_shell_completes_checks() -> None:
    """After a comma too."""
    words = {"_SEAWALL_COMPLETE": "bash_complete", "COMP_WORDS": "seawall lint --select irate,no-f", "COMP_CWORD": "3"}
    done = CliRunner().invoke(main, env=words, prog_name="seawall")
    assert ["plain,irate,no-for", "plain,irate,no-floor"] == done.output.splitlines()


def test_what_is_piped_in_is_called_a_dash(bad: str) -> None:
    """As other tools do."""
    done = lint("-", piped=Path(bad).read_text())
    assert (1, True) == (done.exit_code, done.stdout.startswith("-:5:11: "))


UNREADABLE: Final[dict[str, tuple[bytes, str]]] = {
    "no YAML": (b"groups: [\n", "2:1: this is not YAML (did not find expected node content)"),
    "a tab": (b"groups:\n\t- name: x\n", "2:1: this is not YAML"),
    "binary": (b"\x7fELF\0\0", "1:1: it is binary, and no file of rules"),
    "Latin-1": (b"# \n# caf\xe9\ngroups: []\n", "2:1: it is not UTF-8 (byte 0xe9)"),
    "a control character": (b"groups: [\x07]\n", "1:10: this is not YAML"),
    "a list": (b"- 1\n", "1:1: this is no file of rules: it has no groups"),
    "a catalog": (b"seawall: 1\n", "1:1: this is no file of rules: it has no groups"),
    "nested deeply": (b"groups: " + b"[" * DEEP, "1:"),
    "an alias of itself": (b"groups: &a [*a]\n", "1:13: this is not YAML (alias *a names nothing that ends before it)"),
    "a key that is a list": (
        b"groups:\n  ? [a]\n  : b\n",
        "2:5: this is not YAML (a mapping or a list cannot be a key)",
    ),
}


@pytest.mark.parametrize(("content", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_2_and_one_line(content: bytes, said: str, tmp_path: Path, bad: str) -> None:
    """The other files are judged all the same."""
    path = tmp_path / "broken.yml"
    path.write_bytes(content)
    done = lint(str(path), bad)
    assert (2, 2) == (done.exit_code, len(done.stdout.splitlines()))
    assert done.stderr.startswith(f"{path}:{said}")
    assert 2 == len(done.stderr.splitlines())  # it, and how many were read


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """A folder, nothing, links in a circle, a device, a file that is too large."""
    loop, large = tmp_path / "loop.yml", tmp_path / "large.yml"
    loop.symlink_to(loop)
    with large.open("wb") as file:
        file.truncate(33 * 1024**2)
    said = lint(str(tmp_path), str(tmp_path / "none.yml"), str(loop), "/dev/zero", str(large))
    assert 2 == said.exit_code
    assert [
        f"{tmp_path}:1:1: this is a folder; name its files, such as {tmp_path}/*.yml",
        f"{tmp_path}/none.yml:1:1: it cannot be read: No such file or directory",
        f"{loop}:1:1: it cannot be read: Too many levels of symbolic links",
        "/dev/zero:1:1: this is no regular file; pipe it in, and name it -",
        f"{large}:1:1: it is larger than 32 MiB; split it",
    ] == said.stderr.splitlines()


HOSTILE: Final = {
    "parentheses": "(" * DEEP + "x" + ")" * DEEP,
    "a chain": "x" + " + x" * DEEP,
    "signs": "-" * DEEP + "x",
    "parentheses behind a quote in a comment": "# '\n" + "(" * DEEP + "x" + ")" * DEEP + "\n# '",
    "parentheses between braces in comments": "# {\n" + "(" * DEEP + "x" + ")" * DEEP + "\n# }",
    "functions": "abs(" * DEEP + "x" + ")" * DEEP,
}


@pytest.mark.parametrize("expr", HOSTILE.values(), ids=HOSTILE)
def test_no_expression_ends_the_process(expr: str, tmp_path: Path) -> None:
    """What the parser would go down into is counted before; in a process of its own, as it would take this one along."""
    path = tmp_path / "deep.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule(expr=expr)]}]}))
    command = [sys.executable, "-m", "seawall.cli", "lint", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=60)
    assert (1, True) == (done.returncode, "operators and parentheses, which is more than can be read" in done.stdout)


@pytest.mark.parametrize("expr", ["x" + " + x" * 900, "-" * 900 + "x", "abs(" * 900 + "x" + ")" * 900])
def test_what_is_nested_too_deeply_is_told(expr: str, tmp_path: Path) -> None:
    """Though the parser itself would read it."""
    path = tmp_path / "deep.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule(expr=expr)]}]}))
    done = lint(str(path))
    assert (1, True) == (done.exit_code, "it is nested deeper than 150 levels; record parts of it" in done.stdout)


def test_a_long_expression_that_is_not_deep_is_read(tmp_path: Path) -> None:
    """Such as Seawall renders of long ones that an SLO brings."""
    sums = " + ".join(["(" + " + ".join(["irate(x[5m])"] * 20) + ")"] * 20)
    (tmp_path / "long.yml").write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule(expr=f"{sums} > 1")]}]}))
    done = lint("--select", "irate,promql", str(tmp_path / "long.yml"))
    assert (1, 400) == (done.exit_code, done.stdout.count("[irate]"))


def test_what_repeats_itself_by_aliases_is_read_once(tmp_path: Path) -> None:
    """A file of a few lines cannot stand for millions of rules."""
    rules = ", ".join(["*r"] * 2000)
    groups = ", ".join(["*g"] * 2000)
    text = f"x: &r {{alert: A, expr: up}}\ny: &g {{name: a, rules: [{rules}]}}\ngroups: [{groups}]\n"
    (tmp_path / "many.yml").write_text(text)
    done = lint("--select", "severity", str(tmp_path / "many.yml"))
    assert "1 file, 1 rule: 1 finding\n" == done.stderr


SHAPES: Final = {
    "groups: {a: 1}": "groups is a list",
    "groups: [{rules: []}]": "a group needs a name",
    "groups: [{name: a}, {name: a}]": "the group a stands twice in this file; rename one, or join them",
    "groups: [{name: a, rules: {}}]": "rules is a list",
    "groups: [{name: a, intervall: 1m}]": 'a group has no intervall; did you mean "interval"?',
    "groups: [{name: a, interval: soon}]": "interval is no duration: write such as 5m",
    "groups: [{name: a, rules: [up]}]": "a rule is a mapping with expr, and alert or record",
    "groups: [{name: a, rules: [{alert: A}]}]": "a rule needs an expr",
    "groups: [{name: a, rules: [{expr: up}]}]": "a rule has either alert or record",
    "groups: [{name: a, rules: [{expr: up, record: a-b}]}]": "a-b is no name of a metric",
    "groups: [{name: a, rules: [{expr: up, record: a, for: 5m}]}]": "a recording rule has no for",
    "groups: [{name: a, rules: [{expr: up, record: a, labels: [b]}]}]": "labels is a mapping",
    "groups: [{name: a, rules: [{expr: up, record: a, labels: {b: [c]}}]}]": "b is a text",
    "groups: [{name: a, rules: [{expr: up, expr: up, record: a}]}]": "expr stands twice",
}


@pytest.mark.parametrize(("text", "said"), SHAPES.items())
def test_what_prometheus_would_refuse_is_found(text: str, said: str, tmp_path: Path) -> None:
    """With its place."""
    (tmp_path / "rules.yml").write_text(text)
    found = json.loads(lint("--format", "json", "--select", "shape", str(tmp_path / "rules.yml")).stdout)
    assert said in [each["message"] for each in found]
