"""What held before is not proven again: and only what is the same in every byte that decides."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest
from pipeline import TEAMS, put, run

from seawall.generator.lean import RULES
from seawall.generator.passed import Passed

ROOT: Final = Path(__file__).parents[2]
REDIS: Final = f"{TEAMS}  cache: {{kind: redis, team: payments, tier: 2, url: 'redis://a:6379'ALERTS}}\n"
STRICTER: Final = ", alerts: {RedisForkSlow: {above: 0.7}}"


class Counting:
    """A catalog, and a promtool that is the real one and writes down what it is asked."""

    def __init__(self, folder: Path, real: str) -> None:
        self.catalog = folder / "catalog.yaml"
        self.write("")
        self._log = folder / "asked"
        self.tool = folder / "bin/promtool"
        self.tool.parent.mkdir()
        self.tool.write_text(f'#!/bin/sh\n[ "$1" = test ] && echo "$@" >> "{self._log}"\nexec {real} "$@"\n')
        self.tool.chmod(0o755)

    def write(self, alerts: str) -> None:
        """Write the catalog with these overrides."""
        self.catalog.write_text(REDIS.replace("ALERTS", alerts))

    def asked(self, *options: object, code: int = 0) -> int:
        """Check the catalog; return how many files of tests were played for it."""
        self._log.write_text("")
        result = run("check", self.catalog, "--require-tools", *options)
        assert code == result.exit_code, result.output
        return self._log.read_text().count("/tests.yml")


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Return a counting promtool, first on PATH, and a cache that is empty."""
    real = shutil.which("promtool")
    if real is None:
        pytest.skip("install promtool (Debian: apt install prometheus)")
    made = Counting(tmp_path, real)
    monkeypatch.setenv("PATH", str(made.tool.parent), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def test_what_held_is_not_played_again_until_something_that_decides_is_another(counting: Counting) -> None:
    """Nothing the second time; of an alert with another threshold its own proofs; all when they are asked for."""
    every = counting.asked()
    assert 0 == counting.asked()
    counting.write(STRICTER)
    assert 0 < counting.asked() < every / 2
    assert every == counting.asked("--every-proof")


def test_what_another_promtool_held_is_played(counting: Counting) -> None:
    """As after an upgrade: a rule may mean another thing to it."""
    every = counting.asked()
    counting.tool.write_text(counting.tool.read_text() + "# newer\n")
    assert every == counting.asked()


def test_a_proof_that_fails_is_played_until_it_holds(counting: Counting, tmp_path: Path) -> None:
    """A failure is told every time."""
    text = (ROOT / "alerts/redis.yaml.j2").read_text()
    put(tmp_path / "templates", {"alerts/redis.yaml.j2": text.replace("redis_latest_fork", "0 * redis_latest_fork", 1)})
    asked = [counting.asked("--templates", tmp_path / "templates", code=1) for _ in range(2)]
    assert 0 < asked[1] <= asked[0]


def test_a_cache_that_cannot_be_written_costs_time_alone(counting: Counting, tmp_path: Path) -> None:
    """A file stands where its folder should."""
    (tmp_path / "cache").write_text("")
    assert counting.asked() == counting.asked() > 0


def proofs(folder: Path, rules: str = "groups: []", tests: str = "tests: []") -> Path:
    """Return a file of tests with rules beside it."""
    put(folder, {RULES: rules, "tests.yml": tests})
    return folder / "tests.yml"


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """Return a file that stands for promtool."""
    (tmp_path / "promtool").write_text("v1")
    return tmp_path / "promtool"


Change = Callable[[Path, Path], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda tests, _: tests.write_text("tests: [{}]"),
        lambda tests, _: tests.with_name(RULES).write_text("groups: [{}]"),
        lambda _, tool: tool.write_text("version 2"),
    ],
    ids=["tests", "rules", "tool"],
)
def test_a_change_of_anything_that_decides_is_not_known(tmp_path: Path, tool: Path, change: Change) -> None:
    """Another expectation, another rule, another promtool."""
    tests = proofs(tmp_path / "proofs")
    Passed(tmp_path / "cache", tool).note(tests)
    assert Passed(tmp_path / "cache", tool).holds(tests)
    change(tests, tool)
    assert not Passed(tmp_path / "cache", tool).holds(tests)


def test_without_a_folder_nothing_is_known(tmp_path: Path, tool: Path) -> None:
    """Nor written."""
    passed, tests = Passed(None, tool), proofs(tmp_path / "proofs")
    passed.note(tests)
    passed.forget_the_oldest()
    assert not passed.holds(tests)


def test_the_oldest_are_forgotten(tmp_path: Path, tool: Path) -> None:
    """What was asked for lately is none of them."""
    passed = Passed(tmp_path / "cache", tool)
    files = [proofs(tmp_path / str(number), tests=f"tests: [{number}]") for number in range(5)]
    for file in files:
        passed.note(file)
    for age, entry in enumerate(sorted((tmp_path / "cache").iterdir())):
        os.utime(entry, (age, age))
    assert passed.holds(files[3])
    passed.forget_the_oldest(most=4)
    assert passed.holds(files[3])
    assert 2 == known(passed, files)
    passed.forget_the_oldest(most=4)
    assert 2 == known(passed, files)


def known(passed: Passed, files: Sequence[Path]) -> int:
    """Return how many of *files* are known to hold."""
    return sum(passed.holds(file) for file in files)
