"""Files and folders: one catalog, however it is divided."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seawall.catalog import Catalog, CatalogError, fingerprint, load

TEAM = "teams:\n  payments: {}\n"
SERVICE = "services:\n  checkout: {kind: http, team: payments}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folder(**files: str) -> Path:
    """Write *files* as catalog/<name>.yaml and return the folder; a double underscore divides folders."""
    root = Path("catalog")
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def refused(path: Path) -> list[str]:
    """Return the problems for which *path* is refused."""
    with pytest.raises(CatalogError) as error:
        load(path)
    return [str(problem) for problem in error.value.problems]


def names(catalog: Catalog) -> list[str]:
    """Return the services of *catalog*."""
    return list(catalog.services)


def test_a_folder_of_files_is_one_catalog() -> None:
    """Teams own files; what one declares, another names."""
    root = folder(
        main="seawall: 1\n" + TEAM,
        payments__checkout=SERVICE + "    \n",
        payments__mail="services:\n  mailer: {kind: worker, team: payments, depends_on: [checkout]}\n",
    )
    catalog = load(root)
    assert names(catalog) == ["checkout", "mailer"]
    assert catalog.source == "catalog"
    assert str(catalog.where("services", "mailer")) == "catalog/payments/mail.yaml:2:3"
    assert str(catalog.where("teams")) == "catalog/main.yaml:2:1"
    assert str(catalog.where()) == "catalog:1:1"


def test_yml_counts_and_hidden_files_do_not() -> None:
    """Editors' swap files and a version control's folders are no part of a catalog."""
    root = folder(**{"main": "seawall: 1\n" + TEAM + SERVICE, ".hidden": "[", ".git__config": "["})
    (root / "more.yml").write_text("services:\n  mailer: {kind: worker, team: payments}\n")
    (root / "notes.txt").write_text("[")
    assert names(load(root)) == ["checkout", "mailer"]


def test_what_seawall_rendered_below_the_folder_is_no_part_of_it() -> None:
    """As where a repository of a catalog renders into a folder of its own."""
    made = "# Made by seawall render from catalog. Do not edit: change the catalog and render again.\ngroups: []\n"
    root = folder(main="seawall: 1\n" + TEAM + SERVICE, build__prometheus__rules__checkout=made)
    assert names(load(root)) == ["checkout"]


def test_the_version_may_stand_in_every_file() -> None:
    """A file that works alone works in a folder."""
    assert names(load(folder(a="seawall: 1\n" + TEAM, b="seawall: 1\n" + SERVICE, c="# nothing yet\n"))) == ["checkout"]


def test_versions_that_differ_are_refused() -> None:
    """The second is told."""
    assert refused(folder(a="seawall: 1\n" + TEAM + SERVICE, b="seawall: 2\n")) == [
        "catalog/b.yaml:1:1: seawall: this name stands twice, the first time at catalog/a.yaml:1:1; keep one of them"
    ]


def test_the_version_must_stand_in_one_file() -> None:
    """The folder is named, for no file is to blame."""
    assert refused(folder(a=TEAM, b=SERVICE)) == [
        "catalog:1:1: the version of the format is missing; write seawall: 1 as the first line"
    ]


def test_a_service_in_two_files_is_named_with_both_places() -> None:
    """So are a team and a campaign."""
    campaign = "campaigns:\n  launch: {from: 2026-01-01T00:00, to: 2026-01-02T00:00}\n"
    found = refused(folder(a="seawall: 1\n" + TEAM + SERVICE + campaign, b=TEAM + SERVICE + campaign))
    again = "this name stands twice, the first time at catalog/a.yaml"
    assert [
        f'catalog/b.yaml:2:3: team "payments": {again}:3:3; keep one of them',
        f'catalog/b.yaml:4:3: service "checkout": {again}:5:3; keep one of them',
        f'catalog/b.yaml:6:3: campaign "launch": {again}:7:3; keep one of them',
    ] == found


def test_defaults_stand_in_one_file_alone() -> None:
    """Two files cannot both say what holds for all; nor whom the stack itself calls."""
    both = "defaults: {}\nnotify: {}\n"
    found = refused(folder(a="seawall: 1\n" + both + TEAM + SERVICE, b=both))
    assert found == [
        "catalog/b.yaml:1:1: defaults: this name stands twice, the first time at catalog/a.yaml:2:1; keep one of them",
        "catalog/b.yaml:2:1: notify: this name stands twice, the first time at catalog/a.yaml:3:1; keep one of them",
    ]


def test_a_broken_file_hides_no_problem_of_the_others() -> None:
    """What the broken file may declare is not missed; everything else is told."""
    root = folder(
        a="seawall: 1\n" + TEAM,
        b="services: [",
        c="services:\n  mailer: {kind: worker, team: payments, depends_on: [checkout], tier: 7}\n",
        d="- a list\n",
    )
    found = refused(root)
    assert [":".join(problem.split(":")[:3]) for problem in found] == [
        "catalog/b.yaml:2:1",
        "catalog/c.yaml:2:72",
        "catalog/d.yaml:1:1",
    ]


def test_a_file_that_is_not_utf_8_is_refused_at_its_byte() -> None:
    """The column counts bytes, for there are no characters."""
    Path("catalog.yaml").write_bytes(b"seawall: 1\nteams:\n  caf\xe9: {}\n")
    assert refused(Path("catalog.yaml")) == [
        "catalog.yaml:3:6: this file is not UTF-8 (byte 0xe9); save it again as UTF-8"
    ]


def test_utf_16_is_refused() -> None:
    """An editor's habit."""
    Path("catalog.yaml").write_bytes("seawall: 1".encode("utf-16"))
    assert refused(Path("catalog.yaml")) == [
        "catalog.yaml:1:1: this file is not UTF-8 (byte 0xff); save it again as UTF-8"
    ]


def test_a_mark_of_the_byte_order_is_harmless() -> None:
    """Some editors write one at the head of UTF-8."""
    Path("catalog.yaml").write_bytes(b"\xef\xbb\xbf" + ("seawall: 1\n" + TEAM + SERVICE).encode())
    assert names(load(Path("catalog.yaml"))) == ["checkout"]


def test_windows_line_ends_are_harmless() -> None:
    """A carriage return at the end of a line is part of the break."""
    Path("catalog.yaml").write_bytes(("seawall: 1\n" + TEAM + SERVICE).replace("\n", "\r\n").encode())
    assert names(load(Path("catalog.yaml"))) == ["checkout"]


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "---\n", "{}\n", "null\n"])
def test_an_empty_catalog_is_refused(text: str) -> None:
    """It says how to begin."""
    Path("catalog.yaml").write_text(text)
    said = "catalog.yaml:1:1: the catalog is empty; run `seawall init` to write a first one"
    assert [said] == refused(Path("catalog.yaml"))


def test_an_empty_folder_is_refused() -> None:
    """It says what is looked for."""
    Path("catalog").mkdir()
    said = "catalog:1:1: no *.yaml file stands in this folder; run `seawall init` to write a first one"
    assert [said] == refused(Path("catalog"))


def test_a_catalog_that_does_not_exist_is_refused() -> None:
    """It says what to do."""
    said = "there is no such file or folder; name the catalog, or run `seawall init` to write a first one"
    assert [f"shop.yaml:1:1: {said}"] == refused(Path("shop.yaml"))


def test_a_link_to_nowhere_in_a_folder_is_told() -> None:
    """The other files are read all the same."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE)
    (root / "broken.yaml").symlink_to("nowhere")
    said = "this file cannot be read (No such file or directory); mend its permissions or its link"
    assert [f"catalog/broken.yaml:1:1: {said}"] == refused(root)


NO_FILE = "this is no regular file; move it out of the catalog's folder, or give it another ending"


def test_what_is_no_file_is_refused_by_name_and_nobody_waits_for_it() -> None:
    """A pipe that nobody writes to, a socket, and a link to a device without an end."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE)
    os.mkfifo(root / "pipe.yaml")
    (root / "zero.yaml").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket.yml"))
        found = refused(root)
    assert [f"catalog/{name}:1:1: {NO_FILE}" for name in ("pipe.yaml", "socket.yml", "zero.yaml")] == found


def test_a_link_to_itself_is_refused_by_name() -> None:
    """Among good files, and as the catalog."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE)
    (root / "loop.yaml").symlink_to("loop.yaml")
    (root / "up").symlink_to(".", target_is_directory=True)
    said = "this file cannot be read (Too many levels of symbolic links); mend its permissions or its link"
    assert [f"catalog/loop.yaml:1:1: {said}"] == refused(root)
    assert ["there is no such file or folder"] == [
        each.split("1:1: ")[1].split(";")[0] for each in refused(root / "loop.yaml")
    ]


def test_a_file_without_an_end_is_refused() -> None:
    """No more of it is read than a catalog may have."""
    assert ["/dev/zero:1:1: this file has more than 32 MiB; divide it into several in a folder"] == refused(
        Path("/dev/zero")
    )


def test_a_pipe_that_is_the_catalog_is_read() -> None:
    """As where a shell writes ``seawall check <(…)``."""
    os.mkfifo("pipe")
    Path("text").write_text("seawall: 1\n" + TEAM + SERVICE)
    with Path("text").open() as text, subprocess.Popen(["sh", "-c", "cat > pipe"], stdin=text):
        assert ["checkout"] == names(load(Path("pipe")))


@contextmanager
def somebody(here: Path) -> Iterator[None]:
    """Be a user whom permissions bind until the end of the block, and who may come *here*."""
    here.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    """Its services would be gone from the catalog as if somebody had taken them out."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE, mail__more="services: {}\n")
    (root / "mail").chmod(0)
    with somebody(tmp_path):
        said = "this cannot be looked into (Permission denied); mend its permissions"
        assert [f"catalog/mail:1:1: {said}"] == refused(root)
        assert 2 == len(fingerprint(root))
    (root / "mail").chmod(0o755)
    with somebody(tmp_path):
        assert ["checkout"] == names(load(root))


def test_a_catalog_in_a_folder_that_nobody_may_enter_is_told(tmp_path: Path) -> None:
    """And to look whether it has changed raises nothing."""
    file = folder(main="seawall: 1\n" + TEAM + SERVICE) / "main.yaml"
    Path("catalog").chmod(0)
    with somebody(tmp_path):
        assert [f"{file}:1:1: this cannot be looked into (Permission denied); mend its permissions"] == refused(file)
        assert () == fingerprint(file)
    Path("catalog").chmod(0o755)


def test_what_a_volume_has_at_its_root_is_no_part_of_a_catalog(tmp_path: Path) -> None:
    """Only root may list it, and nobody who loads a catalog need be root."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE)
    (root / "lost+found").mkdir(mode=0o000)
    with somebody(tmp_path):
        assert ["checkout"] == names(load(root))


def test_an_edit_that_keeps_the_time_of_the_file_is_a_change() -> None:
    """As copies do that preserve it, and clocks that were set back; so are other permissions."""
    root = folder(main="seawall: 1\n" + TEAM + SERVICE)
    file = root / "main.yaml"
    before, old = fingerprint(root), file.stat()
    file.write_text("seawall: 1\n" + TEAM + SERVICE.replace("checkout", "checkers"))
    while file.stat().st_ctime_ns == old.st_ctime_ns:  # until the system's clock has ticked
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
    edited = fingerprint(root)
    assert before != edited
    changed = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == changed:
        file.chmod(0o600)
    assert edited != fingerprint(root)
