"""How custom collectors are found and loaded, and what is said of a file or an entry point that cannot be."""

import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from custom import collector, put

from seawall.exporters import kinds
from seawall.exporters.custom import GROUP, custom_kinds
from seawall.exporters.kinds import Target

BROKEN: Final = {
    "syntax": ("x = 1\ny = (\n", r"syntax\.py:2: SyntaxError: '\(' was never closed"),
    "missing": ("\nimport no_such_package\n", r"missing\.py:2: ModuleNotFoundError: No module named 'no_such_package'"),
    "empty": ("", r"empty\.py:1: it declares no KIND"),
    "other": ("\nKIND: int = 5\n", r"other\.py:2: it declares no KIND"),
    "exits": ("import sys; sys.exit(1)", r"exits\.py:1: SystemExit: 1"),
    "stuck": ("import threading; threading.Event().wait()", r"stuck\.py: it did not load within 8 s"),
    "nulls": ("\0", r"nulls\.py.*: (SyntaxError|ValueError): .*null bytes"),
    "renamed": (
        collector("renamed", kind="else"),
        r"renamed\.py:14: the kind is named 'else' and its file .* 'renamed'",
    ),
    "Upper": (collector("Upper"), r"Upper\.py:14: 'Upper' is no name of a kind"),
    "apart": (collector("apart", connect="None"), r"apart\.py:14: connect is missing"),
    "single": (collector("single", metrics="UP"), r"single\.py:14: metrics must be a tuple"),
    "words": (collector("words", metrics="UP, 'size'"), r"words\.py:14: metrics must be a tuple"),
    "upless": (collector("upless", metrics="SIZE, ASKED"), r"upless\.py:14: up must be a gauge without labels"),
    "double": (collector("double", metrics="UP, SIZE, SIZE"), r"double\.py:14: double_size is declared twice"),
    "seawall": (collector("seawall"), r"seawall\.py:14: seawall_up is a name of Prometheus' or Seawall's own"),
    "blank": (collector("blank", metrics="UP, gauge('a b', '', 'X.')"), r"blank\.py:14: 'a b' is no name of a metric"),
    "dumb": (collector("dumb", metrics="UP, gauge('a', '', ' ')"), r"dumb\.py:14: a has no meaning"),
    "jobs": (collector("jobs", metrics="UP, gauge('a', '', 'X.', 'job')"), r"jobs\.py:14: a has the label job"),
    "same": (collector("same", metrics="UP, gauge('a', '', 'X.', 'b', 'b')"), r"same\.py:14: the labels of a must be"),
    "redis": (collector("redis"), r"redis\.py: there is a collector of kind 'redis' already"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of every broken file, a good one, and what is no collector."""
    folder = tmp_path_factory.mktemp("collectors")
    put(folder, {name: text for name, (text, _) in BROKEN.items()} | {"z_last": collector("z_last", kind="z-last")})
    for name in ("_shared.py", "notes.txt", "test.py.orig"):
        (folder / name).write_text("raise SystemExit('executed')")
    return folder


def test_a_broken_file_is_told_with_its_line_and_the_good_one_serves(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each in a line; its kind fails with the reason, but one of Seawall's own stays Seawall's."""
    caplog.set_level(logging.DEBUG)
    found = custom_kinds(folder, kinds(), patience=8)
    said = [record.getMessage() for record in caplog.records]
    assert [] == [name for name, (_, pattern) in BROKEN.items() if not any(re.search(pattern, line) for line in said)]
    assert len(BROKEN) == len(said)
    assert "Traceback" not in caplog.text
    assert {str(folder / f"{name}.py"): name == "z_last" for name in (*BROKEN, "z_last")} == found.loaded
    assert {*BROKEN, "z-last"} - {"redis"} == found.kinds.keys()
    connect = found.kinds["renamed"].connect
    assert connect is not None
    with pytest.raises(Exception, match=r"renamed\.py:14"):
        connect(Target("x://a", 1))


def test_the_form_of_a_name_is_the_files_with_its_underscores(tmp_path: Path) -> None:
    """A kind's name has hyphens, and the good one yields through them."""
    put(tmp_path, {"z_last": collector("z_last", kind="z-last")})
    connect = custom_kinds(tmp_path, kinds()).kinds["z-last"].connect
    assert connect is not None
    (family,) = connect(Target("x://a", 1)).collect()
    assert ("z_last_size", {"part": "a"}, 1.0) == family.samples[0][:3]


def test_an_installed_package_brings_its_collectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By entry points; a folder's comes first, and a broken one is told by its own name."""
    put(tmp_path, {"ours": collector("ours"), "wrong": "\nKIND = 1 / 0\n"})
    info = tmp_path / "ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    points = "ours = ours:KIND\nwrong = wrong:KIND\ngone = ours:NONE\nabsent = no_such_module:KIND\n"
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = custom_kinds(put(tmp_path / "folder", {"gone": collector("gone")}))
    loaded = {source.rpartition("/")[2]: value for source, value in found.loaded.items()}
    assert loaded == {
        "gone.py": True,
        "entry point absent = no_such_module:KIND": False,
        "entry point gone = ours:NONE": False,
        "entry point ours = ours:KIND": True,
        "entry point wrong = wrong:KIND": False,
    }
    assert "wrong.py:2: ZeroDivisionError: division by zero" in caplog.text
    assert "there is a collector of kind 'gone' already" in caplog.text


def test_without_the_option_no_file_is_executed(tmp_path: Path) -> None:
    """Neither beside the catalog nor in the folder that it is started from; and a folder that is none is refused."""
    put(tmp_path / "collectors", {"bad": "open('executed', 'w')"})
    assert {} == custom_kinds(None).kinds
    command = [sys.executable, "-m", "seawall.cli", "exporter", "--catalog", "none.yaml"]
    done = subprocess.run([*command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert not (tmp_path / "executed").exists()
    refused = subprocess.run(
        [*command, "--collectors", "nowhere"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (2, True) == (refused.returncode, "--collectors" in refused.stderr)
