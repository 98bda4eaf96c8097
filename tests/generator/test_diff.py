"""`seawall diff`: what a render would change, and exit codes that a pipeline can tell apart."""

import subprocess
from pathlib import Path

import pytest
from pipeline import SHOP, run

from seawall.generator import Artifact
from seawall.generator.diff import compare, unified


@pytest.fixture
def rendered(tmp_path: Path) -> tuple[Path, Path]:
    """A catalog and the folder that it is rendered to."""
    catalog, out = tmp_path / "catalog.yaml", tmp_path / "out"
    catalog.write_text(SHOP)
    run("render", catalog, "--out", out)
    return catalog, out


def test_nothing_to_change_ends_with_0(rendered: tuple[Path, Path]) -> None:
    """And says so."""
    catalog, out = rendered
    result = run("diff", catalog, "--against", out)

    assert (0, f"{out}: nothing would change\n") == (result.exit_code, result.output)


def test_a_change_ends_with_1_and_is_a_patch(rendered: tuple[Path, Path]) -> None:
    """patch makes of the old folder what render would write; diff itself writes nothing."""
    catalog, out = rendered
    catalog.write_text(SHOP.replace("tier: 2", "tier: 1"))
    result = run("diff", catalog, "--against", out)
    still = run("diff", catalog, "--against", out)
    subprocess.run(["patch", "-p1", "-s", "--follow-symlinks", "-d", out / ".current"], input=result.stdout, text=True, check=True)  # fmt: skip

    assert (1, 1) == (result.exit_code, still.exit_code)
    assert '-          tier: "2"\n+          tier: "1"\n' in result.stdout
    assert 0 == run("diff", catalog, "--against", out).exit_code


def test_stat_names_the_files_alone(rendered: tuple[Path, Path]) -> None:
    """New, changed and gone, sorted by path."""
    catalog, out = rendered
    catalog.write_text(SHOP.replace("checkout", "basket"))
    lines = run("diff", catalog, "--against", out, "--stat").stdout.splitlines()

    assert "new: prometheus/rules/basket.yml" in lines
    assert "gone: prometheus/rules/checkout.yml" in lines
    assert sorted(line.split(": ")[1] for line in lines) == [line.split(": ")[1] for line in lines]


def test_parts_that_were_left_out_of_the_render_are_left_out_here(tmp_path: Path) -> None:
    """Whoever renders rules alone compares rules alone."""
    (tmp_path / "catalog.yaml").write_text(SHOP)
    run("render", tmp_path / "catalog.yaml", "--out", tmp_path / "out", "--only", "rules,routes")
    arguments = ("diff", tmp_path / "catalog.yaml", "--against", tmp_path / "out")

    assert 0 == run(*arguments, "--only", "routes, rules").exit_code
    assert 1 == run(*arguments, "--stat").exit_code


def test_what_cannot_be_compared_ends_with_2(rendered: tuple[Path, Path], tmp_path: Path) -> None:
    """A broken catalog, a folder that is not Seawall's, and one that is not there are no difference."""
    catalog, out = rendered
    (tmp_path / "broken.yaml").write_text(SHOP.replace("kind:", "knd:"))
    (tmp_path / "theirs").mkdir()
    broken = run("diff", tmp_path / "broken.yaml", "--against", out)
    theirs = run("diff", catalog, "--against", tmp_path / "theirs")
    nowhere = run("diff", catalog, "--against", tmp_path / "nowhere")
    part = run("diff", catalog, "--against", out, "--only", "ruls")

    assert [2, 2, 2, 2] == [each.exit_code for each in (broken, theirs, nowhere, part)]
    assert "broken.yaml:5:5: " in broken.stderr
    assert f"{tmp_path}/theirs: is not a folder that seawall render wrote" in theirs.stderr
    assert "" == broken.stdout + theirs.stdout


def test_a_file_without_a_last_newline_is_still_a_patch() -> None:
    """No two lines run into one."""
    changes = compare({"a": b"one\ntwo"}, [Artifact("a", b"one\nthree"), Artifact("b", b"new\n")])

    assert ["changed", "new"] == [change.kind for change in changes]
    assert "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n" == unified(changes[0])
    assert "--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+new\n" == unified(changes[1])
