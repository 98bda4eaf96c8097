"""`seawall check` with the real tools: what is broken is found and named, and what is missing is said."""

import os
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
from pipeline import SHOP, TEAMS, put, run

ROOT: Final = Path(__file__).parents[2]
HOST: Final = f"{TEAMS}  machine: {{kind: host, team: payments, tier: 2, targets: ['a:1']}}\n"
REDIS: Final = f"{TEAMS}  cache: {{kind: redis, team: payments, tier: 2, url: 'redis://a:6379'}}\n"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tool that was fetched on this machine is found."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of one Redis."""
    path = tmp_path / "catalog.yaml"
    path.write_text(REDIS)
    return path


def lying(folder: Path, old: str, new: str, *, path: str = "alerts/redis.yaml.j2") -> Path:
    """Return a folder of templates in which Seawall's own file says *new* in place of *old*."""
    text = (ROOT / path).read_text()
    assert old in text
    put(folder / "templates", {path: text.replace(old, new, 1)})
    return folder / "templates"


def test_a_sound_catalog_passes(catalog: Path) -> None:
    """One line on standard output, and what it counted."""
    result = run("check", catalog, "--require-tools")

    assert 0 == result.exit_code, result.output
    assert result.stdout.startswith(f"{catalog}: 1 service, ")
    assert "all proofs hold" in result.stdout


def test_a_rule_that_its_own_proof_refutes_is_found_and_named(catalog: Path, tmp_path: Path) -> None:
    """A template that asks for the opposite: promtool runs its proof, and the finding names alert and file."""
    folder = lying(tmp_path, "redis_latest_fork_seconds{ {{", "0 * redis_latest_fork_seconds{ {{")
    result = run("check", catalog, "--templates", folder)

    assert 1 == result.exit_code
    assert "promtool test rules cache.yml" in result.stderr
    assert "RedisForkSlow" in result.stderr
    assert "/prometheus/tests/cache.yml" in result.stderr
    assert "seawall-proofs-" not in result.stderr  # what was played for it is gone by then
    assert "all proofs hold" not in result.output


def test_what_promtool_says_of_the_rules_that_it_played_names_the_proofs_they_are_of(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake promtool says what no rule can be made to: every path that it is given is gone by then."""
    tool = tmp_path / "bin/promtool"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\n[ "$1" != test ] || { echo "$(dirname "$3")/rules.yml: strange" >&2; exit 1; }\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    result = run("check", catalog)

    assert 1 == result.exit_code
    assert re.search(r"the rules of \S+/prometheus/tests/cache\.yml: strange", result.stderr)
    assert "seawall-proofs-" not in result.stderr


def test_an_expression_that_is_no_promql_is_found_without_any_tool(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert and the expression are named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = lying(tmp_path, "'redis_latest_fork_seconds{ {{ sel }}}'", "'rate(redis_latest_fork_seconds{ {{ sel }}})'")
    result = run("check", catalog, "--templates", folder)

    assert 1 == result.exit_code
    assert "cache: alert RedisForkSlow: is not PromQL: " in result.stderr


@pytest.mark.parametrize("path", ["alerts", "dashboards"])
def test_an_expression_that_would_end_its_readers_is_found_and_they_go_on(
    catalog: Path, tmp_path: Path, path: str
) -> None:
    """Ten thousand parentheses are counted, not read: neither for the runbook's query nor by a tool."""
    deep = f"{'(' * 10_000}1{')' * 10_000}"
    old = "redis_latest_fork_seconds{ {{ sel }}}" if path == "alerts" else "redis_memory_used_bytes{"
    folder = lying(tmp_path, old, f"{deep} + {old}", path=f"{path}/redis.yaml.j2")
    result = run("check", catalog, "--templates", folder)

    assert 1 == result.exit_code
    where = "alert RedisForkSlow" if path == "alerts" else "panel memory"
    said = f"cache: {where}: has 10001 operators and parentheses, which is more than can be read; record parts of it"
    assert said in result.stderr
    assert "promtool and amtool were not run" in result.stderr
    assert max(map(len, result.stderr.splitlines())) < 1000


def test_a_panel_that_is_no_promql_is_found(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels are never read by promtool, so Seawall reads them itself."""
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = lying(
        tmp_path, "redis_memory_used_bytes{", "sum(redis_memory_used_bytes{", path="dashboards/redis.yaml.j2"
    )
    result = run("check", catalog, "--templates", folder)

    assert 1 == result.exit_code
    assert "cache: panel memory: is not PromQL: " in result.stderr


def test_a_missing_tool_is_said_plainly(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, what went unchecked and how to get it; the verdict does not claim what was not run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("check", catalog)

    assert 0 == result.exit_code
    for tool, package in (("promtool", "prometheus"), ("amtool", "prometheus-alertmanager")):
        said = f"warning: {tool}: is not on PATH, so its checks were left out; install it (Debian: {package})"
        assert said in result.stderr
    assert "all proofs hold" not in result.stdout
    assert "no proof was run" in result.stdout


def test_what_up_has_fetched_is_found(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which only `seawall up` brought the tools can check with them."""
    folder = tmp_path / "cache/seawall/tools/debian/usr/bin"
    folder.mkdir(parents=True)
    for tool in ("promtool", "amtool"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("check", catalog, "--require-tools")

    assert (0, True) == (result.exit_code, "all proofs hold" in result.stdout)


@pytest.mark.parametrize("missing", ["promtool", "amtool"])
def test_a_missing_tool_is_an_error_where_it_is_required(
    missing: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --require-tools each of the two is needed; the other one's checks run nevertheless."""
    other = {"promtool": "amtool", "amtool": "promtool"}[missing]
    found = shutil.which(other)
    assert found
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / other).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    result = run("check", catalog, "--require-tools")

    assert 1 == result.exit_code
    assert f"error: {missing}: is not on PATH" in result.stderr
    assert f"{other}: is not on PATH" not in result.stderr


def test_a_tool_that_cannot_be_run_is_a_finding(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken download on PATH is no traceback."""
    for name in ("promtool", "amtool"):
        (tmp_path / name).write_bytes(b"\x7fELF")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("check", catalog)

    assert 1 == result.exit_code
    assert "promtool check rules: cannot be started: Exec format error" in result.stderr


def test_a_tool_that_writes_no_utf_8_is_a_finding(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote is told as far as it is text."""
    for name in ("promtool", "amtool"):
        tool = tmp_path / name
        tool.write_text("#!/bin/sh\nprintf '\\377 broken'\nexit 1\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = run("check", catalog)

    assert 1 == result.exit_code
    assert "promtool check rules: \ufffd broken" in result.stderr


def test_a_tier_one_service_without_a_mitigation_of_its_own_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning with its line; --strict makes it an error; a mitigation ends it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "catalog.yaml"
    path.write_text(SHOP.replace("tier: 2", "tier: 1"))
    lax, strict = run("check", path), run("check", path, "--strict")
    path.write_text(SHOP.replace("tier: 2", "tier: 1\n    runbook: {mitigations: [{when: it is slow, do: scale}]}"))
    mended = run("check", path)

    said = 'catalog.yaml:4:3: service "checkout": a tier-1 runbook needs a mitigation of its own'
    assert (0, 1) == (lax.exit_code, strict.exit_code)
    assert said in lax.stderr
    assert "findings must be mended" in strict.stderr
    assert said not in mended.stderr


def test_a_lapsed_override_is_a_warning_and_strictly_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--today is the clock."""
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "catalog.yaml"
    override = "alerts: {HttpErrorsHigh: {disabled: a rewrite, until: 2026-12-31}}"
    path.write_text(SHOP.replace("tier: 2", f"tier: 2\n    {override}"))
    before, after = (run("check", path, "--today", day) for day in ("2026-12-31", "2027-01-01"))

    assert "HttpErrorsHigh" not in before.stderr
    assert "HttpErrorsHigh" in after.stderr
    assert 0 == after.exit_code
    assert 1 == run("check", path, "--today", "2027-01-01", "--strict").exit_code
