"""The folder that Seawall writes: all or nothing, only what changed, and whatever happens, something whole serves."""

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipeline import SHOP, TEAMS, artifacts, run, seawall, served

from seawall.catalog import SeawallError
from seawall.generator import Artifact, Written, current, write

OLD = artifacts(rules__a="old a", rules__b="old b", gone__c="c")
NEW = artifacts(rules__a="new a", rules__b="old b", fresh__d="d")
TEXTS = {name: {each.path: each.content.decode() for each in of} for name, of in (("old", OLD), ("new", NEW))}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that serves OLD."""
    folder = tmp_path / "out"
    write(OLD, folder)
    return folder


def test_a_write_says_what_it_added_changed_and_removed(out: Path) -> None:
    """Paths by their fate, and how many files there are now."""
    written = write(NEW, out)

    assert Written(("fresh/d",), ("rules/a",), ("gone/c",), 3) == written
    assert TEXTS["new"] == served(out)


def test_what_is_gone_leaves_no_entry(out: Path) -> None:
    """Neither its link, nor the set before, nor anything temporary stays."""
    write(NEW, out)

    assert {".current", ".lock", ".seawall-output", "fresh", "rules"} == {
        entry.name for entry in out.iterdir() if not entry.name.startswith(".set-")
    }
    assert 1 == len(list(out.glob(".set-*")))


def test_an_unchanged_write_touches_nothing(out: Path) -> None:
    """The same set serves by the same link, inode and time."""
    before = {path: path.lstat() for path in [out, out / ".current", *out.rglob("*")] if path.name != ".lock"}
    written = write(OLD, out)

    assert written.is_unchanged
    for path, status in before.items():
        if path != out:
            assert (status.st_ino, status.st_mtime_ns) == (path.lstat().st_ino, path.lstat().st_mtime_ns)


def test_an_unchanged_file_keeps_its_inode_when_others_change(out: Path) -> None:
    """Whoever watches a file hears only of those that changed."""
    before = (out / "rules/b").stat()
    write(NEW, out)

    assert before.st_ino == (out / "rules/b").stat().st_ino
    assert before.st_mtime_ns == (out / "rules/b").stat().st_mtime_ns


def test_a_file_that_somebody_holds_is_never_written_into(out: Path, tmp_path: Path) -> None:
    """A hard link of the old file, and an open handle on it, go on showing the old text."""
    os.link(out / "rules/a", tmp_path / "kept")
    with (out / "rules/a").open() as held:
        write(NEW, out)

        assert "old a" == held.read() == (tmp_path / "kept").read_text()


def test_a_file_that_somebody_edited_is_rendered_anew(out: Path) -> None:
    """What is on disk is compared, not what was written once."""
    (out / "rules/a").write_text("by hand")
    written = write(OLD, out)

    assert ("rules/a",) == written.changed
    assert TEXTS["old"] == served(out)


def test_the_new_set_is_verified_before_it_serves(out: Path) -> None:
    """The check sees the whole new set while the old one serves; what it raises leaves the old one."""
    seen = {}

    def verify(candidate: Path) -> None:
        seen.update(
            {str(file.relative_to(candidate)): file.read_text() for file in candidate.rglob("*") if file.is_file()}
        )
        assert TEXTS["old"] == served(out)
        raise SeawallError("no")

    with pytest.raises(SeawallError, match="no"):
        write(NEW, out, verify)
    assert TEXTS["new"] == seen
    assert TEXTS["old"] == served(out)
    assert 1 == len(list(out.glob(".set-*")))


def test_a_render_that_fails_half_way_leaves_what_served(out: Path) -> None:
    """The artifacts come one by one; an error among them is an error of all."""

    def broken() -> Iterator[Artifact]:
        yield NEW[0]
        raise SeawallError("service 2 cannot be rendered")

    with pytest.raises(SeawallError, match="service 2"):
        write(broken(), out)
    assert TEXTS["old"] == served(out)


def test_a_second_writer_is_turned_away(out: Path) -> None:
    """Two renders at once: one writes, the other says why it does not."""
    refused = []

    def meanwhile(_: Path) -> None:
        with pytest.raises(SeawallError) as error:
            write(OLD, out)
        refused.append(str(error.value))

    write(NEW, out, meanwhile)

    assert [f"{out}: another render is writing here; wait for it to end"] == refused
    assert TEXTS["new"] == served(out)


def test_two_processes_render_at_once_and_the_folder_is_whole(tmp_path: Path) -> None:
    """Each ends with 0 or says that another one is writing; into a new folder too."""
    (tmp_path / "catalog.yaml").write_text(SHOP)
    out = tmp_path / "out"
    renders = [seawall("render", tmp_path / "catalog.yaml", "--out", out) for _ in range(4)]
    results = [(process.communicate()[1], process.returncode) for process in renders]

    assert any(code == 0 for _, code in results)
    assert all(code == 0 or "another render is writing here" in said for said, code in results)
    assert "unchanged" in run("render", tmp_path / "catalog.yaml", "--out", out).output


FOREIGN: dict[str, Callable[[Path], object]] = {
    "holds files that Seawall did not write; name an empty or a new folder": lambda path: (
        path.mkdir(),
        (path / "mine").write_text("1"),
    ),
    "is a file; name a folder": lambda path: path.write_text("mine"),
    "is a link to": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize(("said", "make"), FOREIGN.items(), ids=["filled", "file", "dangling"])
def test_a_place_that_is_not_seawalls_is_refused_untouched(
    said: str, make: Callable[[Path], object], tmp_path: Path
) -> None:
    """The message names it and the mend; nothing in it changes."""
    place = tmp_path / "place"
    make(place)
    before = sorted(str(path) for path in tmp_path.rglob("*"))

    with pytest.raises(SeawallError, match=said) as error:
        write(OLD, place)
    assert str(error.value).startswith(str(place))
    assert before == sorted(str(path) for path in tmp_path.rglob("*"))


def test_a_link_to_a_foreign_folder_is_refused_and_one_to_an_empty_folder_is_written_through(tmp_path: Path) -> None:
    """The link itself stays a link."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("1")
    (tmp_path / "empty").mkdir()
    link = tmp_path / "link"
    link.symlink_to("theirs")
    with pytest.raises(SeawallError, match="did not write"):
        write(OLD, link)
    link.unlink()
    link.symlink_to("empty")
    write(OLD, link)

    assert link.is_symlink()
    assert TEXTS["old"] == served(tmp_path / "empty")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("mine")], ids=["folder", "file"])
def test_what_a_user_put_beside_the_links_is_not_replaced(make: Callable[[Path], object], out: Path) -> None:
    """An entry of the new set whose name is taken stops the flip, and says which."""
    make(out / "fresh")
    with pytest.raises(SeawallError, match=r"fresh: is not Seawall's link .*; move it away"):
        write(NEW, out)

    assert TEXTS["old"] == {path: text for path, text in served(out).items() if path != "fresh"}
    assert (out / "fresh").exists()
    assert not (out / "fresh").is_symlink()


def test_a_place_that_cannot_be_written_is_an_error_with_its_reason() -> None:
    """No traceback: the folder, and what the system says."""
    result = run("render", "examples/shop/catalog.yaml", "--out", "/proc/seawall/build")

    assert 1 == result.exit_code
    assert result.output.startswith("/proc/seawall/build: cannot be written: ")


def test_a_read_only_file_system_keeps_serving(out: Path) -> None:
    """The message says so, and what was there is there."""
    mount("--bind", str(out), str(out))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(out)], check=True)
        with pytest.raises(SeawallError, match="cannot be written: Read-only file system; what it held still serves"):
            write(NEW, out)
        assert TEXTS["old"] == served(out)
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_a_full_disk_keeps_serving_and_says_so(tmp_path: Path) -> None:
    """The new set does not fit beside the old one: the old one serves, and nothing of the new one is left."""
    mount("-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path))
    try:
        write(OLD, tmp_path / "out")
        large = [*NEW, Artifact("rules/large", random.Random(1).randbytes(300_000))]
        with pytest.raises(SeawallError, match="cannot be written: No space left on device; what it held still serves"):
            write(large, tmp_path / "out")
        assert TEXTS["old"] == served(tmp_path / "out")
        assert 1 == len(list((tmp_path / "out").glob(".set-*")))
        assert not write(NEW, tmp_path / "out").is_unchanged
        assert TEXTS["new"] == served(tmp_path / "out")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_limit_on_the_size_of_files_keeps_serving(tmp_path: Path) -> None:
    """The same without root: a render that may write a few bytes only fails with a message and changes nothing."""
    catalog, out = tmp_path / "catalog.yaml", tmp_path / "out"
    catalog.write_text(SHOP)
    run("render", catalog, "--out", out)
    before = served(out)
    catalog.write_text(SHOP.replace("tier: 2", "tier: 1"))
    process = seawall(
        "render", catalog, "--out", out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    )
    said = process.communicate()[1]

    assert 1 == process.returncode
    assert f"{out}: cannot be written: File too large; what it held still serves\n" == said
    assert before == served(out)


def test_who_holds_the_folder_sees_the_new_set(out: Path) -> None:
    """The folder itself is never replaced, so a handle on it and a mount of it follow the flip."""
    mirror = out.with_name("mirror")
    mirror.mkdir()
    held = os.open(out, os.O_DIRECTORY)
    mount("--bind", str(out), str(mirror))
    try:
        write(NEW, out)
        with os.fdopen(os.open("rules/a", os.O_RDONLY, dir_fd=held)) as file:
            assert "new a" == file.read()
        assert TEXTS["new"] == served(mirror)
    finally:
        os.close(held)
        subprocess.run(["umount", str(mirror)], check=True)


def test_a_copy_of_the_folder_in_another_place_serves(out: Path, tmp_path: Path) -> None:
    """Every link is relative."""
    shutil.copytree(out, tmp_path / "elsewhere", symlinks=True)
    shutil.rmtree(out)

    assert TEXTS["old"] == served(tmp_path / "elsewhere")


# Kills itself at the n-th operation on the file system below the folder, for every n, and says how often that was.
KILLS = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_writer import NEW, OLD, TEXTS
from pipeline import served
from seawall.generator import write

CALLS = {"open", "os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir"}
out = Path(sys.argv[1])

def killed_at(n):
    pid = os.fork()
    if pid:
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    count = 0
    def hook(event, arguments):
        nonlocal count
        if event in CALLS:
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    write(NEW, out)
    os._exit(0)

n = 1
while True:
    write(OLD, out)
    assert TEXTS["old"] == served(out), n
    killed = killed_at(n)
    found = served(out)
    both = {path: found.get(path) for path in ("rules/a", "rules/b")}
    assert both in [{path: TEXTS[which][path] for path in both} for which in TEXTS], (n, found)
    write(NEW, out)
    assert TEXTS["new"] == served(out), n
    assert {".set-a", ".set-b"} >= {each.name for each in out.glob(".set-*")} and len(list(out.glob(".set-*"))) == 1, n
    assert not list(out.glob(".new-*")), n
    if not killed:
        break
    n += 1
print(n)
"""


def test_a_kill_at_any_operation_leaves_a_whole_set_and_the_next_render_works(tmp_path: Path) -> None:
    """kill -9 before every single mkdir, open, link, rename and removal of a render."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", KILLS, str(tmp_path / "out"), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert (0, "") == (done.returncode, done.stderr)
    assert int(done.stdout) > 15


def test_a_kill_at_a_random_moment_of_seawall_render_leaves_a_whole_set(tmp_path: Path) -> None:
    """A real process with two hundred services, killed while its new set grows: the old output serves as it was."""
    catalog, out = tmp_path / "catalog.yaml", tmp_path / "out"
    catalog.write_text(SHOP)
    run("render", catalog, "--out", out)
    before = served(out)
    catalog.write_text(TEAMS + "".join(f"  s{n}: {{kind: http, team: payments}}\n" for n in range(200)))
    choice = random.Random(7)
    for _ in range(3):
        process = seawall("render", catalog, "--out", out)
        wanted = choice.randint(1, 150)
        while process.poll() is None and len(list(out.glob(".set-*/prometheus/rules/s*"))) < wanted:
            pass
        process.kill()
        process.communicate()

        assert process.returncode == -9
        assert before == served(out)
    catalog.write_text(SHOP.replace("tier: 2", "tier: 1"))
    run("render", catalog, "--out", out)

    assert before.keys() == served(out).keys()
    assert 1 == len(list(out.glob(".set-*")))


def test_only_a_rendered_folder_has_content(out: Path, tmp_path: Path) -> None:
    """What serves, by path; a folder that is not Seawall's is an error and not an empty set."""
    assert {path: text.encode() for path, text in TEXTS["old"].items()} == current(out)
    with pytest.raises(SeawallError, match="is not a folder that seawall render wrote"):
        current(tmp_path)


def mount(*arguments: str) -> None:
    """Mount, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
