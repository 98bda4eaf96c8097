"""The house is in order: who imports whom, how long things are, and that the wheel holds what the folders hold."""

import ast
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("catalog", "exporters", "generator", "instrumentation", "portal", "stack")
TEMPLATES = ("alerts", "dashboards", "runbooks")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def tracked(*folders: str) -> list[str]:
    """Return the paths of what git knows below *folders*."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({path for path in done.stdout.splitlines() if (ROOT / path).exists()})


def sources() -> list[str]:
    """Return the Python files of the house."""
    return [path for path in tracked(*ROOMS, "seawall", "tools", "examples", "tests") if path.endswith(".py")]


def imports(path: str) -> Iterator[str]:
    """Yield the absolute modules that a file imports."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_imported_by_one_name(room: str) -> None:
    """Relatively from within, its sub-packages aside: the folder and the package are never two copies of a module."""
    for path in (each for each in tracked(room) if each.endswith(".py")):
        own = f"seawall.{room}" if path.count("/") == 1 else "never"
        found = [name for name in imports(path) if name.split(".")[0] in ROOMS or name.startswith(own)]
        assert (path, []) == (path, found)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_linked_relatively(room: str) -> None:
    """A clone works wherever it is put."""
    assert f"../{room}" == str((ROOT / "seawall" / room).readlink())


@pytest.mark.parametrize("path", sources())
def test_no_file_and_no_function_is_too_long(path: str) -> None:
    """What is longer is two things."""
    text = (ROOT / path).read_text()
    long = [
        (node.name, lines)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert [] == long
    assert text.count("\n") <= MOST_LINES


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_table_of_contents(room: str) -> None:
    """What is not in it is the room's own; ruff keeps it sorted."""
    assert "__all__ = [" in (ROOT / room / "__init__.py").read_text()


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    """Folders that are links are dropped silently by other build backends."""
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    rooms = {f"seawall/{path}" for path in tracked(*ROOMS)}
    templates = {f"seawall/templates/{path}" for path in tracked(*TEMPLATES)}
    face = {path for path in tracked("seawall") if (ROOT / path).is_file() and not (ROOT / path).is_symlink()}
    assert sorted(rooms | templates | face) == sorted(packed)


def test_the_installed_wheel_renders(wheel: Path, tmp_path: Path) -> None:
    """With the packs that it carries, far from the clone."""
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")
    (tmp_path / "catalog.yaml").write_text("seawall: 1\nteams: {web: {}}\nservices: {shop: {kind: http, team: web}}\n")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "seawall.cli", "render", "catalog.yaml", "--out", "build"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "new" in done.stdout
    assert (tmp_path / "build/prometheus/rules/shop.yml").is_file()
