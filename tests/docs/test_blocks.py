"""Every fenced block of the documents is run, loaded or parsed."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import promql_parser
import pytest
import yaml

from seawall.catalog import load
from seawall.generator import iterate, load_packs, validate

from .pages import MARKS, PAGES, ROOT, Block, blocks, name_of

TODAY = date(2026, 11, 24)
TIMEOUT = 240  # seconds for one block; the longest is a check with every proof
BLOCKS = [block for page in PAGES for block in blocks(page)]
# A page is one session: what its blocks write is there for the next ones.
SESSIONS = [page for page in PAGES if any(block.language in ("sh", "python") for block in blocks(page))]
LANGUAGES = frozenset({"sh", "yaml", "promql", "python", "text", "jinja", "markdown"})


def of(language: str) -> list[Block]:
    """Return the blocks of a language; those in the generated pages of alerts too."""
    return [block for block in BLOCKS if block.language == language]


def is_catalog(block: Block) -> bool:
    """Whether a block of YAML is meant as a whole catalog."""
    return block.language == "yaml" and "part of" not in block.marks and not block.marks.get("file", "").endswith(".j2")


# A reader may have no Docker: what is shown here are local processes, whatever runs on this machine.
WITHOUT_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A reader's: the virtual environment first on PATH, a home of its own, and no port in common with anybody."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEAWALL_", "OTEL_"))}
    return {
        **kept,
        "PATH": path,
        "HOME": str(home),
        "NO_COLOR": "1",
        "OTEL_EXPORTER_PROMETHEUS_PORT": "0",
        **WITHOUT_ENGINE,
    }


def test_every_block_says_its_language() -> None:
    """A block of another language would not be looked at by any test."""
    assert [] == [(block.where, block.language) for block in BLOCKS if block.language not in LANGUAGES]


def test_every_mark_is_a_known_one_and_gives_its_reason() -> None:
    """A misspelt mark would let a block go unseen."""
    known = MARKS | {"end"}
    unknown = [(block.where, sorted(block.marks.keys() - known)) for block in BLOCKS if block.marks.keys() - known]
    assert [] == unknown
    assert [] == [block.where for block in BLOCKS if block.marks.get("not run", "why") == ""]


@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """In one folder, from top to bottom; outputs that the page shows are those of the commands above them."""
    folder = tmp_path / "session"
    folder.mkdir()
    said = ""
    for block in blocks(page):
        if "file" in block.marks:
            place = folder / block.marks["file"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text)
        if block.language in ("sh", "python") and "not run" not in block.marks:
            said = run(block, folder, environment)
        if "output" in block.marks:
            assert [] == missing_lines(block.text, said), f"{block.where} is not in:\n{said}"


def run(block: Block, folder: Path, environment: dict[str, str]) -> str:
    """Run a block and return what it prints; fail where its exit code is not the one that the page says."""
    words = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
    for command, expected in ((block.marks.get("setup", ""), 0), (block.text, int(block.marks.get("exit", "0")))):
        if not command:
            continue
        shell = words if command is block.text else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*shell, command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
        )
        assert expected == done.returncode, f"{block.where}\n{command}\n{done.stdout}"
    return done.stdout


def missing_lines(shown: str, printed: str) -> list[str]:
    """Return the lines that are shown and not printed, or not in this order; ``…`` stands for anything."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    wanted = [" ".join(line.split()) for line in shown.splitlines() if line.strip() not in ("", "…")]
    return [want for want in wanted if not any(matches(want, line) for line in lines)]


def matches(want: str, line: str) -> bool:
    """Whether *line* is what the page shows; a trailing ``…`` leaves its end open."""
    return line.startswith(want.removesuffix("…").rstrip()) if want.endswith("…") else want == line


@pytest.mark.parametrize("block", [block for block in BLOCKS if is_catalog(block)], ids=lambda block: block.where)
def test_a_catalog_of_the_documents_loads_and_renders(block: Block, tmp_path: Path) -> None:
    """Without an error, and with every artifact."""
    file = tmp_path / "catalog.yaml"
    file.write_text(block.text)
    catalog = load(file, today=TODAY)
    packs = load_packs(templates_of(block, tmp_path))
    assert [] == [str(problem) for problem in validate(catalog, packs) if problem.severity == "error"]
    assert sum(1 for _ in iterate(catalog, packs)) > len(catalog.services)


def templates_of(block: Block, folder: Path) -> Path | None:
    """Return where the templates lie that the page of *block* itself shows, or None where it shows none."""
    shown = {
        file: each
        for each in BLOCKS
        if each.page == block.page and (file := each.marks.get("file", "")).endswith(".j2")
    }
    for file, each in shown.items():
        place = folder / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(each.text)
    return folder / "templates" if shown else None


@pytest.mark.parametrize("block", of("yaml"), ids=lambda block: block.where)
def test_every_block_of_yaml_is_yaml(block: Block) -> None:
    """Also parts of catalogs, of Prometheus' configuration and of packs."""
    assert isinstance(yaml.safe_load(block.text), dict | list)


def test_every_block_of_promql_parses() -> None:
    """Those of the pages of alerts too."""
    assert len(of("promql")) > 70
    for block in of("promql"):
        try:
            promql_parser.parse(block.text)
        except ValueError as error:
            pytest.fail(f"{block.where}: {error}")


def test_the_pages_lie_in_the_repository() -> None:
    """The root is where the tests think it is."""
    assert (ROOT / "pyproject.toml").is_file()
    assert len(SESSIONS) >= 8
