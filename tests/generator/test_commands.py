"""The generator's commands as a user meets them: exit codes, messages, colours and hostile arguments."""

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from pipeline import SHOP, run, seawall, served

COMMANDS: Final = {
    "render": ("CATALOG", "--out", "OUT"),
    "check": ("CATALOG",),
    "diff": ("CATALOG", "--against", "OUT"),
    "explain": ("HttpErrorsHigh", "CATALOG", "--service", "checkout"),
}


def arguments(command: str, catalog: Path, out: Path) -> list[str]:
    """Return a command's arguments with these places."""
    return [{"CATALOG": str(catalog), "OUT": str(out)}.get(each, each) for each in (command, *COMMANDS[command])]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog that is rendered to the folder ``out`` beside it."""
    path = tmp_path / "catalog.yaml"
    path.write_text(SHOP)
    run("render", path, "--out", tmp_path / "out")
    return path


def test_render_counts_what_it_did(tmp_path: Path) -> None:
    """New, changed and gone; the second time it says that nothing changed."""
    path, out = tmp_path / "catalog.yaml", tmp_path / "out"
    path.write_text(SHOP)
    first, second = (run("render", path, "--out", out) for _ in range(2))
    path.write_text(SHOP.replace("tier: 2", "tier: 1"))
    third = run("render", path, "--out", out)
    files = len(served(out))

    assert f"{out}: {files} files ({files} new, 0 changed, 0 gone)\n" == first.stdout
    assert f"{out}: unchanged, {files} files\n" == second.stdout
    assert third.stdout.startswith(f"{out}: {files} files (0 new, ")
    assert [0, 0, 0] == [each.exit_code for each in (first, second, third)]


def test_render_only_holds_these_parts_alone(catalog: Path, tmp_path: Path) -> None:
    """Each part is its own files; together they are a whole render and the fragment."""
    parts = ["rules", "tests", "dashboards", "runbooks", "targets", "services", "prometheus", "alertmanager", "routes"]
    found: list[str] = []
    for part in parts:
        assert 0 == run("render", catalog, "--out", tmp_path / part, "--only", part).exit_code
        assert served(tmp_path / part), part
        found += served(tmp_path / part)

    assert len(found) == len(set(found))
    assert {*served(tmp_path / "out"), "alertmanager/routes.yml"} == set(found)


def test_an_unknown_part_is_told_with_those_that_are(catalog: Path, tmp_path: Path) -> None:
    """And nothing is written."""
    result = run("render", catalog, "--out", tmp_path / "new", "--only", "rules,panels")

    assert 1 == result.exit_code
    assert result.stderr.startswith("--only: there is no part 'panels'; the parts are rules, tests, ")
    assert not (tmp_path / "new").exists()


def test_a_broken_catalog_leaves_the_folder_as_it_was(catalog: Path, tmp_path: Path) -> None:
    """Every problem on a line of its own with file, line and column; exit code 1."""
    before = served(tmp_path / "out")
    catalog.write_text(SHOP.replace("kind: http", "kind: htp").replace("tier: 2", "tier: 9\n    teir: 1"))
    result = run("render", catalog, "--out", tmp_path / "out")

    assert 1 == result.exit_code
    assert all(line.startswith(f"{catalog}:") for line in result.stderr.splitlines())
    assert 2 <= len(result.stderr.splitlines())
    assert before == served(tmp_path / "out")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["nowhere.yaml", "empty-folder", "binary", "unreadable", "pipe-free"])
def test_a_hostile_catalog_is_a_message_and_no_traceback(command: str, place: str, tmp_path: Path) -> None:
    """A file that is not there, an empty folder, noise, a file that the system withholds, and a loop of links."""
    (tmp_path / "catalog.yaml").write_text(SHOP)
    run("render", tmp_path / "catalog.yaml", "--out", tmp_path / "out")
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "pipe-free").symlink_to("pipe-free")
    path = Path("/proc/self/mem") if place == "unreadable" else tmp_path / place
    result = run(*arguments(command, path, tmp_path / "out"))

    assert (2 if command == "diff" else 1) == result.exit_code
    assert str(path) in result.stderr
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_misspelt_option_or_day_ends_with_2(command: str, catalog: Path, tmp_path: Path) -> None:
    """As click says it for every command."""
    given = arguments(command, catalog, tmp_path / "out")

    assert 2 == run(*given, "--todya", "2026-12-01").exit_code
    assert 2 == run(*given, "--today", "yesterday").exit_code


@pytest.mark.parametrize("command", COMMANDS)
def test_templates_that_are_not_there_end_the_command(command: str, catalog: Path, tmp_path: Path) -> None:
    """The message says what such a folder holds."""
    result = run(*arguments(command, catalog, tmp_path / "out"), "--templates", tmp_path / "none")

    assert (2 if command == "diff" else 1) == result.exit_code
    assert (
        f"{tmp_path}/none: no such folder of templates; it holds alerts/, dashboards/ and runbooks/\n" == result.stderr
    )


def on_a_terminal(*command: str | Path, env: dict[str, str]) -> str:
    """Return what a command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seawall.cli", *map(str, command)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**{key: value for key, value in os.environ.items() if key != "NO_COLOR"}, "TERM": "xterm", **env},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(ours)
    process.wait()
    return shown.decode()


def test_colours_are_for_terminals_alone(catalog: Path, tmp_path: Path) -> None:
    """A warning is yellow there; in a pipe, and with NO_COLOR, it is plain."""
    catalog.write_text(SHOP.replace("tier: 2", "tier: 2\n    alerts: {ServiceDown: {for: 9m, until: 2026-01-01}}"))
    command = ("render", catalog, "--out", tmp_path / "out", "--today", "2026-12-01")
    piped = seawall(*command).communicate()[1]

    assert "ServiceDown" in piped
    assert "\x1b[" not in piped
    assert "\x1b[33m" in on_a_terminal(*command, env={})
    assert "\x1b[" not in on_a_terminal(*command, env={"NO_COLOR": "1"})


def test_a_reader_that_leaves_is_no_traceback(catalog: Path, tmp_path: Path) -> None:
    """`seawall diff | head -1`."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.seawall-output").touch()
    process = seawall("diff", catalog, "--against", tmp_path / "empty")
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()

    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()
