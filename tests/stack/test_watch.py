"""`seawall watch` as a process: what it answers, whom it tells, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import connects, eventually, free_port, process

from seawall.generator import Addresses, find_tool
from seawall.stack.following import Follower
from seawall.stack.reloads import Reloads
from seawall.stack.rendering import Source
from seawall.stack.watch import follow, seconds_behind
from seawall.stack.watch_server import ListenError, WatchStatus, serving

TOP: Final = "seawall: 1\nteams: {ops: {}}\nservices: {NAME: {kind: host, team: ops, tier: 2, targets: ['a:1']}}\n"
WATCH: Final = (sys.executable, "-m", "seawall.cli", "watch")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of one host."""
    path = tmp_path / "catalog.yaml"
    path.write_text(TOP.replace("NAME", "web"))
    return path


def once(catalog: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Look once, into ``out`` beside the catalog."""
    command = (*WATCH, str(catalog), "--out", str(catalog.parent / "out"), "--once", *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_once_ends_well_where_something_good_serves(catalog: Path) -> None:
    """The catalog, or the last good set; not where there is neither."""
    out = catalog.parent / "out"
    good = catalog.read_text()
    catalog.write_text("services: [")
    found = once(catalog, "--no-check")
    assert (1, f"{out}: serves nothing\n") == (found.returncode, found.stdout)
    assert f"{catalog}:2:1: this is not YAML" in found.stderr
    catalog.write_text(good)
    found = once(catalog, "--no-check")
    assert (0, f"{out}: serves the catalog\n") == (found.returncode, found.stdout)
    catalog.write_text("services: [")
    found = once(catalog, "--no-check")
    assert (0, f"{out}: serves the last good set\n") == (found.returncode, found.stdout)
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--address", "grafena=a:1"), "the names are prometheus, alertmanager"),
        (("--address", "portal=a"), "write such as prometheus=prometheus:9090"),
        (("--reload", "file:///etc/passwd"), "write an http:// or https:// address"),
        (("--reload", "http://a:x/-/reload"), "write an http:// or https:// address"),
        (("--reload", "http:///-/reload"), "write an http:// or https:// address"),
        (("--listen", "nowhere"), "is not HOST:PORT"),
    ],
)
def test_a_wrong_option_is_told_with_its_mend(catalog: Path, options: tuple[str, ...], said: str) -> None:
    """Before anything is rendered."""
    command = (*WATCH, str(catalog), "--out", str(catalog.parent / "out"), "--no-check", *options)
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert 2 == found.returncode
    assert said in " ".join(found.stderr.split())
    assert not (catalog.parent / "out").exists()


def get(url: str) -> tuple[int, str]:
    """Return status and text."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def gauges(address: str) -> dict[str, float]:
    """Return a watch's own gauges, those of its process aside, by the last words of their names."""
    families = text_string_to_metric_families(get(f"http://{address}/metrics")[1])
    own = {family.name.partition("seawall_watch_")[2]: family.samples[0].value for family in families}
    return {name: value for name, value in own.items() if name}


def test_a_watch_tells_how_it_is(catalog: Path) -> None:
    """Healthy once something serves, and no longer when nobody has looked for a quarter of an hour."""
    now = [1000.0]
    status = WatchStatus(lambda: 1000.0, lambda: now[0])
    follower = Follower(Source(catalog, None), catalog.parent / "out", Addresses(), None, lambda _: None)
    with serving(status, "127.0.0.1", 0) as address:
        assert (503, "nothing serves yet: the catalog is broken, and there is no older set\n") == get(
            f"http://{address}/health"
        )
        follow(follower, Reloads(()), status, lambda _: True, date.today, 1)
        assert (200, "ok\n") == get(f"http://{address}/health")
        found = gauges(address)
        assert found.pop("render_duration_seconds") > 0
        assert {
            "catalog_success": 1,
            "held_back_files": 0,
            "last_success_timestamp_seconds": 1000,
            "last_look_timestamp_seconds": 1000,
            "pending_reloads": 0,
        } == found
        now[0] += 901
        assert (503, "the files were not looked at for 901 seconds\n") == get(f"http://{address}/health")
        assert 404 == get(f"http://{address}/")[0]
        with (
            pytest.raises(ListenError, match="choose another address with --listen"),
            serving(status, "127.0.0.1", int(address.rpartition(":")[2])),
        ):
            pass


def test_slow_clients_do_not_hide_how_a_watch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold its few threads for a while, and then others are answered; clocks that are set change nothing."""
    monkeypatch.setattr("seawall.stack.watch_server._CLIENT", 1.0)
    status = WatchStatus(lambda: 0.0)
    status.serves = True
    before, threads = threading.active_count(), [0]
    with serving(status, "127.0.0.1", 0) as address, ExitStack() as stack:
        host, _, port = address.rpartition(":")
        slow = [stack.enter_context(socket.create_connection((host, int(port)), 60)) for _ in range(100)]

        def trickle() -> None:
            for client in slow:
                with suppress(OSError):
                    client.sendall(b"G")

        def is_well() -> bool:
            trickle()
            threads.append(threading.active_count() - before)
            try:
                return get(f"http://{address}/health") == (200, "ok\n")
            except OSError:
                return False
            finally:
                threads.append(threading.active_count() - before)

        eventually(is_well, 60)
    assert max(threads) <= 1 + 2 * 20  # of the server, and two of each client


def test_who_does_not_reload_is_told_again() -> None:
    """Each until it has, and no other one twice."""
    told: list[str] = []
    refuses = ["http://b/-/reload"] * 2

    def post(url: str) -> None:
        told.append(url)
        if url in refuses:
            refuses.remove(url)
            raise OSError("Connection refused")

    reloads = Reloads(("http://a/-/reload", "http://b/-/reload"), post)
    reloads.attempt()
    assert [] == told
    reloads.want()
    for _ in range(4):
        reloads.attempt()
    assert ["http://a/-/reload", *["http://b/-/reload"] * 3] == told
    assert not any(reloads.pending.values())


@contextmanager
def running_prometheus(folder: Path, out: Path) -> Iterator[str]:
    """Run a Prometheus of what was rendered; yield its url."""
    program = find_tool("prometheus")
    if program is None:
        pytest.skip("install Prometheus (Debian: apt install prometheus)")
    port = free_port()
    command = (
        *(str(program), f"--config.file={out}/prometheus/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle"),
    )
    with process(*command, cwd=folder):
        eventually(lambda: connects(port) and get(f"http://127.0.0.1:{port}/-/ready")[0] == 200, 60)
        yield f"http://127.0.0.1:{port}"


def jobs(url: str) -> set[str]:
    """Return the services that Prometheus has rules of."""
    groups = json.loads(get(f"{url}/api/v1/rules")[1])["data"]["groups"]
    return {Path(group["file"]).stem for group in groups} - {"_shared", "seawall"}


@pytest.mark.e2e
def test_prometheus_evaluates_what_was_changed_without_a_restart(catalog: Path, tmp_path: Path) -> None:
    """An edit is there within seconds; a broken one changes nothing and is told; SIGTERM ends the watch."""
    out, port = tmp_path / "out", free_port()
    assert 0 == once(catalog, "--no-check").returncode
    with running_prometheus(tmp_path, out) as url:
        command = (
            *(*WATCH, str(catalog), "--out", str(out), "--no-check", "--interval", "0.2"),
            *("--reload", f"{url}/-/reload", "--listen", f"127.0.0.1:{port}"),
        )
        watch = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            eventually(lambda: connects(port) and get(f"http://127.0.0.1:{port}/health")[0] == 200, 60)
            assert {"web"} == jobs(url)
            catalog.write_text(TOP.replace("NAME", "shop"))
            eventually(lambda: jobs(url) == {"shop"}, 60)
            catalog.write_text("services: [")
            eventually(lambda: gauges(f"127.0.0.1:{port}")["catalog_success"] == 0, 60)
            assert {"shop"} == jobs(url)
        finally:
            watch.send_signal(signal.SIGTERM)
            _, said = watch.communicate(timeout=60)
        assert 128 + signal.SIGTERM == watch.returncode
        assert "the last good set serves on" in said
        assert "Traceback" not in said


def test_a_clock_that_stands_before_what_was_written_is_told(tmp_path: Path) -> None:
    """As after a battery's end: Prometheus would refuse what it scrapes, and nothing would say why."""
    file = tmp_path / ".followed.json"
    assert 0 == seconds_behind(file, 1000)
    file.touch()
    os.utime(file, (5000, 5000))
    assert [4000, 60, 0, 0] == [seconds_behind(file, now) for now in (1000, 4940, 4941, 9000)]
