"""Tools are run so that nothing of them is left: no process, no file, and no trace of a crash where a line says it."""

import errno
import importlib.util
import os
import signal
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import pytest
from pipeline import SHOP, TEAMS, catalog_of, run, seawall

from seawall.catalog import SeawallError
from seawall.generator import check, iterate, load_packs, runs, write
from seawall.generator.endings import ends_tidily
from seawall.generator.runs import RunError, Runs, complaint, scratch

HANGS: Final = 'exec 3>"{pipe}"; echo up >&3; sleep 600; true'
TRACE: Final = (
    "panic: runtime error: invalid memory address or nil pointer dereference\n\ngoroutine 1 [running]:\nmain.go:3"
)


def fake(folder: Path, script: str) -> Path:
    """Return a folder to be put on PATH whose promtool does what *script* says."""
    tool = folder / "bin/promtool"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return tool.parent


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of one service."""
    path = tmp_path / "catalog.yaml"
    path.write_text(SHOP)
    return path


def as_at_first() -> None:
    """Listen to every signal, whatever the tests were started by."""
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)


@pytest.mark.parametrize("command", [("check",), ("explain", "blind-spots")], ids=lambda each: each[0])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 1)])
def test_a_command_that_is_told_to_end_leaves_nothing(
    number: signal.Signals, code: int, command: tuple[str, ...], catalog: Path, tmp_path: Path
) -> None:
    """Neither its folders nor a promtool that hangs, nor what that one has started."""
    pipe, temporary = tmp_path / "pipe", tmp_path / "temporary"
    os.mkfifo(pipe)
    temporary.mkdir()
    path = f"{fake(tmp_path, HANGS.format(pipe=pipe))}:{os.environ['PATH']}"
    process = seawall(*command, catalog, env={"PATH": path, "TMPDIR": str(temporary)}, preexec_fn=as_at_first)
    with pipe.open() as told:
        assert "up\n" == told.readline()
        assert list(temporary.iterdir())
        process.send_signal(number)
        assert "" == told.read()  # until the last process that could write there has ended
    _, said = process.communicate(timeout=60)

    assert code == process.returncode, said
    assert [] == list(temporary.iterdir())
    assert "Traceback" not in said


def test_a_signal_is_heard_that_does_not_wake_the_main_thread() -> None:
    """The system gives it to any thread of the process: here to the one that is about to run a tool."""

    def told(command: list[str]) -> object:
        time.sleep(0.5)  # the main thread waits by then; were it late, this test would be less sharp, and no redder
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        return made.run(command)

    def waits() -> None:
        list(made.each(told, [["sleep", "600"]]))

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with runs.runs() as made, pytest.raises(SystemExit):
            ends_tidily(waits)()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_so(catalog: Path, tmp_path: Path) -> None:
    """As with nohup; and afterwards each is as it was."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert 0 == run("render", catalog, "--out", tmp_path / "out").exit_code
        assert signal.SIG_IGN is signal.getsignal(signal.SIGHUP)
        assert signal.SIG_DFL is signal.getsignal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_commands_are_there_where_no_terminal_says_that_it_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no such signal; what tells a command to end is the other one alone."""
    monkeypatch.delattr(signal, "SIGHUP")
    endings = importlib.util.module_from_spec(importlib.util.find_spec("seawall.generator.endings"))
    endings.__spec__.loader.exec_module(endings)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended:
            endings.ends_tidily(lambda: signal.raise_signal(signal.SIGTERM))()
        assert 128 + signal.SIGTERM == ended.value.code
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_temporary_folder_that_is_not_there_is_not_needed(catalog: Path, tmp_path: Path) -> None:
    """Tools get one that is, and would otherwise crash."""
    process = seawall("check", catalog, "--require-tools", env={"TMPDIR": str(tmp_path / "none")})
    said, told = process.communicate(timeout=600)

    assert 0 == process.returncode, told
    assert "all proofs hold" in said


def test_no_place_for_temporary_files_is_one_line(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do about it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    for command in (("check",), ("explain", "blind-spots")):
        result = run(*command, catalog)
        mend = "set TMPDIR to a folder that can be written to and has room"
        assert (1, f"there is no place for temporary files (No such file or directory); {mend}\n") == (
            result.exit_code,
            result.stderr,
        )


def test_a_full_disk_is_told_and_any_other_error_stays_what_it_is() -> None:
    """The folder is gone in both cases."""
    with pytest.raises(SeawallError, match=r"/seawall-proof-\w+: is full; set TMPDIR") as full, scratch("proof"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(BrokenPipeError), scratch("proof"):
        raise BrokenPipeError
    assert not Path(str(full.value).partition(":")[0]).exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            f"echo '{TRACE}' >&2; exit 2",
            "crashed: runtime error: invalid memory address or nil pointer dereference; see",
        ),
        (
            "echo 'fatal error: runtime: out of memory' >&2; exit 2",
            "crashed: runtime: out of memory; see that there are",
        ),
        ("kill -KILL $$", "was killed by SIGKILL; see that there is memory"),
        ("exit 3", "ended with 3, and said nothing"),
        ("echo group a: wrong; exit 1", "group a: wrong"),
    ],
)
def test_a_tool_that_fails_says_why_in_a_line(
    script: str, said: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it crashed, was killed or found something; the trace of a program helps nobody."""
    monkeypatch.setenv("PATH", f"{fake(tmp_path, script)}:{os.environ['PATH']}")
    checked, explained = run("check", catalog), run("explain", "blind-spots", catalog)

    assert (1, 1) == (checked.exit_code, explained.exit_code)
    assert f"error: promtool test rules checkout.yml: {said}" in checked.stderr
    assert f"could not be played: {said}" in explained.stderr
    assert "goroutine" not in checked.stderr + explained.stderr


def test_a_tool_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time that it was waited for; one that is no program is told, too."""
    monkeypatch.setattr(runs, "_TIMEOUT", 0.1)
    tool = fake(tmp_path, "sleep 600; true") / "promtool"
    with pytest.raises(RunError, match="did not end within 100ms, and was stopped"):
        Runs(tmp_path).run([str(tool)])
    with pytest.raises(RunError, match="cannot be started: No such file"):
        Runs(tmp_path).run([str(tmp_path / "none")])


def test_nothing_is_started_once_all_is_stopped(tmp_path: Path) -> None:
    """What still waits for its turn then does so in vain."""
    made = Runs(tmp_path)
    made.stop()
    with pytest.raises(RunError, match="was stopped"):
        made.run(["true"])


def test_an_error_stops_what_runs_beside_it(tmp_path: Path) -> None:
    """The other one would have taken ten minutes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    tool = fake(tmp_path, HANGS.format(pipe=pipe)) / "promtool"
    made = Runs(tmp_path)

    def work(job: str) -> None:
        if job == "hangs":
            made.run([str(tool)])
        else:
            assert "up\n" == told.readline()
            raise KeyError(job)

    # Both ends, so that to open it waits for nobody; what is written there can be read as long as it is open.
    with os.fdopen(os.open(pipe, os.O_RDWR), "r") as told, pytest.raises(KeyError):
        list(made.each(work, ["fails", "hangs"]))


def test_it_is_said_how_many_proofs_have_run(tmp_path: Path) -> None:
    """Nine times, however many they are: they may take minutes."""
    services = "".join(f"  cache-{at}: {{kind: redis, team: payments, url: 'redis://a'}}\n" for at in range(25))
    catalog, packs, said = catalog_of(tmp_path, TEAMS + services), load_packs(), list[str]()
    write(iterate(catalog, packs), tmp_path / "out")
    tools = {"promtool": fake(tmp_path, "exit 0") / "promtool", "amtool": None}
    check(catalog, packs, tmp_path / "out", tools=tools, every_proof=True, progress=said.append)
    done = [each for each in said if each.endswith(" done")]
    files = len([*(tmp_path / "out/prometheus/tests").iterdir()])

    assert 9 == len(done)
    assert f"promtool test rules on {files} files: {-(-files // 10)} done" == done[0]


def test_what_a_tool_said_of_a_crash_needs_no_more_than_its_reason() -> None:
    """A word such as panic within a line is none."""
    done = subprocess.CompletedProcess(["promtool"], 1, "expected: panic: at the disco", "")
    assert "expected: panic: at the disco" == complaint(done)
