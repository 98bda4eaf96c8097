"""Prometheus and Alertmanager from the distribution's own archive, unpacked without root, as they really come."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seawall.stack.archive import FetchError, fetch, home_of

pytestmark = pytest.mark.e2e

CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's packages in a cache of their own; skipped where apt has no archive to ask (another system, none set)."""
    known = (
        shutil.which("apt-get") and subprocess.run(["apt-get", "indextargets"], capture_output=True, check=False).stdout
    )
    if not known:
        pytest.skip("apt knows no archive here")
    cache = tmp_path_factory.mktemp("cache") / "tools"
    fetch(cache, os.environ)
    return cache / "debian"


@pytest.fixture
def alertmanager(unpacked: Path, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., str]]:
    """A function that starts the unpacked Alertmanager in a folder and returns its answer, or how it failed."""
    running: list[subprocess.Popen[str]] = []
    (tmp_path / "alertmanager.yml").write_text(CONFIG)
    program, port = unpacked / "usr/bin/prometheus-alertmanager", free_port()

    def start(folder: Path) -> str:
        options = [f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data"]
        options += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        log = (tmp_path / "log").open("w+")
        running.append(subprocess.Popen([str(program), *options], cwd=folder, stdout=log, stderr=log, text=True))
        log.close()
        while running[-1].poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
                    return str(answer.status)
            except OSError:
                continue
        return (tmp_path / "log").read_text()

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_every_tool_is_there_and_says_its_version(unpacked: Path) -> None:
    """All four run from where they were unpacked."""
    for name in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        done = subprocess.run([unpacked / "usr/bin" / name, "--version"], capture_output=True, text=True, check=True)
        assert "version" in done.stdout + done.stderr


def test_alertmanager_starts_where_no_package_is_installed(
    unpacked: Path, alertmanager: Callable[[Path], str], tmp_path: Path
) -> None:
    """It reads its templates from its own folder: elsewhere it does not start, whatever the machine has installed."""
    assert "open usr/share/prometheus/alertmanager/default.tmpl" in alertmanager(tmp_path)
    home = home_of(unpacked / "usr/bin/prometheus-alertmanager")
    assert home == unpacked
    assert alertmanager(home) == "200"


@pytest.mark.parametrize("program", ["/usr/bin/prometheus-alertmanager", "/usr/local/bin/alertmanager", "alertmanager"])
def test_an_installed_tool_starts_anywhere(program: str) -> None:
    """Only what was unpacked needs its folder."""
    assert home_of(Path(program)) is None


def test_a_machine_without_apt_says_so(tmp_path: Path) -> None:
    """The next way to get the tools is tried then."""
    with pytest.raises(FetchError, match="apt-get is not here"):
        fetch(tmp_path / "tools", {"PATH": str(tmp_path)})


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the path and the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="Not a directory"):
        fetch(tmp_path / "file" / "tools", os.environ)


def test_two_fetches_replace_each_other(unpacked: Path) -> None:
    """A second one leaves whole programs, and no temporary folder."""
    fetch(unpacked.parent, os.environ)
    assert [each.name for each in unpacked.parent.iterdir()] == ["debian"]
    assert os.access(unpacked / "usr/bin/prometheus", os.X_OK)
