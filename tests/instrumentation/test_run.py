"""``seawall run``: programs as they are, instrumented in them and in every Python that they start."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from applications import Ports, application, clean_environment
from servers import eventually

from seawall.run import environment

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
SEAWALL = ("-m", "seawall.cli", "run", "--")
LOADED = "import sys; print('seawall.auto' in sys.modules)"


def run(*command: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run ``seawall run -- *command`` to its end; return its exit code and what it wrote."""
    changes = {"OTEL_EXPORTER_PROMETHEUS_PORT": "0", **(environ or {})}
    done = subprocess.run(
        [sys.executable, *SEAWALL, *command],
        env=clean_environment(changes),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_path_of_the_user_stays_behind_our_folder() -> None:
    """Once however often it is nested; an empty entry means the working folder, and is kept."""
    startup = environment({})["PYTHONPATH"]
    assert (Path(startup) / "sitecustomize.py").is_file()
    assert f"{startup}:/a::/b" == environment({"PYTHONPATH": "/a::/b"})["PYTHONPATH"]
    assert f"{startup}:/a" == environment(environment({"PYTHONPATH": "/a", "X": "1"}))["PYTHONPATH"]


def test_a_program_is_instrumented_and_keeps_its_arguments() -> None:
    """With the two dashes or without; an option behind the program is the program's."""
    code = f"{LOADED}; print(sys.argv[1:])"
    expected = (0, "True\n['--help', '--', '-x']\n", "")

    assert expected == run(sys.executable, "-c", code, "--help", "--", "-x")
    done = subprocess.run(
        [sys.executable, "-m", "seawall.cli", "run", sys.executable, "-c", code, "--help", "--", "-x"],
        env=clean_environment({"OTEL_EXPORTER_PROMETHEUS_PORT": "0"}),
        capture_output=True,
        text=True,
    )
    assert expected == (done.returncode, done.stdout, done.stderr)


def test_exit_code_and_process_are_the_programs_own() -> None:
    """The command becomes the program: no process stands between it and its supervisor."""
    assert 3 == run(sys.executable, "-c", "raise SystemExit(3)")[0]
    code = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"
    command = [sys.executable, *SEAWALL, sys.executable, "-c", code]
    environ = clean_environment({"OTEL_EXPORTER_PROMETHEUS_PORT": "0"})
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.pid == int(running.stdout.readline())
        running.terminate()
        assert -signal.SIGTERM == running.wait(20)


def test_a_program_is_ended_by_a_broken_pipe_as_in_a_shell() -> None:
    """Python ignores SIGPIPE; what it becomes must not inherit that."""
    assert -signal.SIGPIPE == run("sh", "-c", "kill -PIPE $$")[0]


def test_a_program_that_is_not_there_is_127_and_one_that_cannot_run_126(tmp_path: Path) -> None:
    """One clear line each, with what was probably meant."""
    (tmp_path / "app.py").write_text("")
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "binary").write_bytes(b"\0nothing that a kernel runs")
    (tmp_path / "binary").chmod(0o755)
    hint = "; did you mean: seawall run -- python"

    said = {name: run(name, cwd=tmp_path) for name in ("nosuch", "./nosuch", "./app.py", "app.py", "./script")}
    expected = {
        "nosuch": (127, "", "seawall run: nosuch: there is no such program on PATH\n"),
        "./nosuch": (127, "", "seawall run: ./nosuch: there is no such file\n"),
        "./app.py": (126, "", f"seawall run: ./app.py: Permission denied{hint} ./app.py\n"),
        "app.py": (127, "", f"seawall run: app.py: there is no such program on PATH{hint} app.py\n"),
        "./script": (127, "", "seawall run: ./script: the interpreter that its first line names is not there\n"),
    }
    assert expected == said
    assert (126, "", "seawall run: ./binary: Exec format error\n") == run("./binary", cwd=tmp_path)
    assert (2, True) == ((done := run())[0], "Missing argument" in done[2])


@pytest.mark.parametrize(("own", "told"), [("print('own')", ""), ("print('own'); 1 / 0", "ZeroDivisionError")])
def test_a_sitecustomize_of_the_users_own_runs_as_ever(own: str, told: str, tmp_path: Path) -> None:
    """It is the module of that name, and its error is told in Python's own words."""
    (tmp_path / "sitecustomize.py").write_text(f"{own}\n")
    environ = {"PYTHONPATH": str(tmp_path)}
    code = f"{LOADED}; print(getattr(sys.modules.get('sitecustomize'), '__file__', None))"
    plain, ours = (
        subprocess.run([sys.executable, "-c", code], env=clean_environment(each), capture_output=True, text=True)
        for each in (environ, environment({**environ, "OTEL_EXPORTER_PROMETHEUS_PORT": "0"}))
    )

    assert f"own\nFalse\n{None if told else tmp_path / 'sitecustomize.py'}\n" == plain.stdout
    assert (0, plain.stdout.replace("False", "True"), plain.stderr) == (ours.returncode, ours.stdout, ours.stderr)
    assert told in plain.stderr


def test_a_python_without_seawall_says_so_and_runs(tmp_path: Path) -> None:
    """One line, and the program's own output and exit code."""
    (tmp_path / "seawall").mkdir()
    (tmp_path / "seawall" / "__init__.py").write_text("raise ImportError('not here')\n")
    program = f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); print('ran')"
    environ = environment({"PYTHONPATH": f"{tmp_path}"})
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(environ), capture_output=True, text=True
    )
    expected = f"seawall run: {sys.executable} runs without instrumentation (ImportError: not here)\n"
    assert (0, "ran\n", expected) == (done.returncode, done.stdout, done.stderr)


def test_python_children_are_instrumented_and_pythons_own_helpers_are_not(tmp_path: Path) -> None:
    """A process that multiprocessing spawns is; its resource tracker, which runs nothing of the application, is not."""
    program = tmp_path / "program.py"
    program.write_text(
        """
import multiprocessing, pathlib, sys
from multiprocessing.resource_tracker import _resource_tracker, ensure_running

def loaded():
    return "seawall.auto" in sys.modules

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(loaded(), pool.apply(loaded))
    ensure_running()
    maps = pathlib.Path(f"/proc/{_resource_tracker._pid}/cmdline").read_text()
    threads = len(list(pathlib.Path(f"/proc/{_resource_tracker._pid}/task").iterdir()))
    print("resource_tracker" in maps, threads)
"""
    )
    assert (0, "True True\nTrue 1\n", "") == run(sys.executable, str(program), environ={"PYTHONWARNINGS": "default"})


def gunicorn(port: int) -> tuple[str, ...]:
    """WSGI."""
    return ("gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "plain_app:wsgi")


def preloaded(port: int) -> tuple[str, ...]:
    """WSGI, imported before the workers are forked."""
    return ("gunicorn", "--preload", "--workers", "2", "--bind", f"127.0.0.1:{port}", "plain_app:wsgi")


def uvicorn(port: int) -> tuple[str, ...]:
    """ASGI, in spawned workers."""
    return ("uvicorn", "--workers", "2", "--host", "127.0.0.1", "--port", str(port), "plain_app:asgi")


def hypercorn(port: int) -> tuple[str, ...]:
    """ASGI, in spawned workers."""
    return ("hypercorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "plain_app:asgi")


@pytest.mark.parametrize("server", [gunicorn, preloaded, uvicorn, hypercorn])
def test_every_worker_of_a_server_counts(server: Callable[[int], tuple[str, ...]], tmp_path: Path) -> None:
    """The application names Seawall nowhere; each worker answers from a process of its own, and has counted."""
    ports = Ports()
    command = (*SEAWALL, sys.executable, "-W", "default", "-m", *server(ports.own))
    with application(*command, folder=tmp_path, ports=ports, cwd=APPS, environ=LENIENT) as running:
        counted: dict[int, float] = {}

        def all_count() -> bool:
            status, body = running.request("/who")
            assert 200 == status, running.output()
            answer = json.loads(body)
            counted[answer["pid"]] = answer["counted"]
            return len(counted) == 2 and all(counted.values())

        eventually(all_count)


def test_a_worker_that_is_reloaded_is_instrumented_again(tmp_path: Path) -> None:
    """``uvicorn --reload`` starts the application anew in a spawned process at each change of a file."""
    app = tmp_path / "reloaded.py"
    app.write_text((APPS / "plain_app.py").read_text())
    ports = Ports()
    options = ("--reload", "--reload-delay", "0.05", "--host", "127.0.0.1", "--port", str(ports.own))
    command = (*SEAWALL, sys.executable, "-m", "uvicorn", *options, "reloaded:asgi")
    with application(*command, folder=tmp_path, ports=ports, cwd=tmp_path, environ=LENIENT) as running:
        pids: set[int] = set()

        def counts() -> bool:
            status, body = running.request("/who")
            answer = json.loads(body) if status == 200 else {"pid": 0, "counted": 0}
            new = answer["pid"] not in pids
            if new and answer["counted"]:
                pids.add(answer["pid"])
            return new and bool(answer["counted"])

        eventually(counts)
        app.write_text(app.read_text() + "\n")
        os.utime(app, (2e9, 2e9))
        eventually(counts)


# What servers warn of when they are imported is their own affair.
LENIENT = {"PYTHONWARNINGS": "default"}
