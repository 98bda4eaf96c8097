"""Clients that are slow, many or rude, and a machine that gives the exporter next to nothing: it goes on, and tells no traceback."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psutil
import pytest
from outside import hang, tcp
from servers import (
    RunningExporter,
    StartExporter,
    answers,
    catalog_of,
    connects,
    eventually,
    free_port,
    get,
    process,
    serving,
)

from seawall.exporters import listener
from seawall.exporters.kinds import Kind, kinds
from seawall.exporters.probe import Prober
from seawall.exporters.watch import CatalogWatch

LIMIT: Final = 4  # requests at a time


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter) -> RunningExporter:
    """Return an exporter that answers few at a time."""
    return start_exporter({"cache": "redis://127.0.0.1:1"}, max_requests=LIMIT)


def knock(exporter: RunningExporter) -> socket.socket:
    """Return a connection."""
    address = urllib.parse.urlsplit(exporter.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def said(client: socket.socket) -> bytes:
    """Return all that comes until the other side ends."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65536):
            found += piece
    return found


def test_clients_that_send_a_byte_at_a_time_are_cut_off(
    exporter: RunningExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are answered at a time, each with a byte now and then for ever: others are served soon."""
    monkeypatch.setattr(listener, "_PATIENCE", 1.0)
    stop = Event()

    def drip(client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /health HTTP/1.1\r\nX: ")
            while not stop.wait(0.2):
                client.sendall(b"x")

    with ExitStack() as stack:
        clients = [stack.enter_context(knock(exporter)) for _ in range(LIMIT)]
        threads = [Thread(target=drip, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        assert [b""] * LIMIT == [said(client) for client in clients]
        eventually(lambda: answers(f"{exporter.url}health"), 60)
        stop.set()
        for thread in threads:
            thread.join(60)


def test_of_requests_in_a_row_the_first_is_answered(exporter: RunningExporter) -> None:
    """The exporter says that it closes, and does; whoever sent more sends it again."""
    with knock(exporter) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        found = said(client)
    assert [1, 1] == [found.count(b"HTTP/1.1 200"), found.count(b"Connection: close")]


def test_a_body_that_nobody_wants_is_not_waited_for(exporter: RunningExporter) -> None:
    """Neither of a GET, whose answer comes, nor of a POST, which is refused."""
    for method, status in ((b"GET", b"200"), (b"POST", b"405")):
        with knock(exporter) as client:
            client.sendall(method + b" /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx")
            assert said(client).startswith(b"HTTP/1.1 " + status)


def test_a_flood_of_unknown_services_leaves_nothing_behind(exporter: RunningExporter) -> None:
    """No thread, no connection, and no series: names are the clients'."""
    for at in range(50):
        assert exporter.status(f"/probe?service=unknown-{at}") == 404
    assert "unknown-" not in get(f"{exporter.url}metrics")
    eventually(lambda: not [each for each in threading.enumerate() if each.name.startswith("probe ")], 60)


def test_probes_of_one_hung_service_leave_room_for_the_others(tmp_path: Path) -> None:
    """However many come at a time: a few wait for it, the rest is told at once that it does not answer."""
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}
    let_go = Event()
    with ExitStack() as stack:
        port = stack.enter_context(tcp(lambda _client, _stop: (let_go.wait(60), None)[1]))
        catalog = tmp_path / "catalog.yaml"
        catalog.write_text(catalog_of({"hung": f"redis://127.0.0.1:{port}", "other": "redis://127.0.0.1:1"}))
        exporter = stack.enter_context(serving(catalog, max_requests=20))
        pool = stack.enter_context(ThreadPoolExecutor(15))
        stack.callback(let_go.set)
        asked = [pool.submit(exporter.scrape, "/probe?service=hung", headers) for _ in range(15)]
        eventually(lambda: sum(each.done() for each in asked) == 10, 30)
        assert {0.0} == {each.result()["redis_up"].samples["redis_up", frozenset()] for each in asked if each.done()}
        assert "redis_up" in exporter.scrape("/probe?service=other")
        assert 10 == sum(each.done() for each in asked)


def no_thread(*_: object) -> None:
    """Do as a machine does that gives no more threads."""
    raise RuntimeError("can't start new thread")


def test_without_threads_clients_are_turned_away_and_let_in_again(
    exporter: RunningExporter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More often than there is room for: none of it is lost."""
    with monkeypatch.context() as scarce:
        scarce.setattr("socketserver.threading.Thread.start", no_thread)
        for _ in range(2 * LIMIT):
            with knock(exporter) as client:
                client.sendall(b"GET /health HTTP/1.1\r\n\r\n")
                assert b"" == said(client)
    assert ["no client can be taken: can't start new thread"] == caplog.messages
    eventually(lambda: answers(f"{exporter.url}health"), 60)


def test_without_a_thread_a_probe_fails_and_the_next_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service is not held for busy for ever."""
    (tmp_path / "catalog.yaml").write_text(catalog_of({"cache": "redis://127.0.0.1:1"}))
    service = CatalogWatch(tmp_path / "catalog.yaml").catalog.services["cache"]
    prober, kind = Prober({}), kinds()["redis"]
    with monkeypatch.context() as scarce:
        scarce.setattr("threading.Thread.start", no_thread)
        assert (False, {"can't start new thread"}) == failed(prober, service, kind)
    success, reasons = failed(prober, service, kind)
    assert not success
    assert "Connection refused" in str(reasons)


def failed(prober: Prober, service: object, kind: Kind) -> tuple[bool, set[str | None]]:
    """Probe, and return whether it succeeded, and why not."""
    success, _ = prober.probe(service, kind, 5)  # type: ignore[arg-type]
    return success, {slot.failure for slot in prober._slots.values()}


def test_a_catalog_that_becomes_a_folder_serves_on(tmp_path: Path) -> None:
    """First an empty one, which is broken; then with files, among them a pipe; then without the pipe."""
    catalog = tmp_path / "catalog"
    catalog.write_text(catalog_of({"cache": "redis://127.0.0.1:1"}))
    with serving(catalog) as exporter:
        catalog.unlink()
        catalog.mkdir()
        eventually(lambda: "catalog_load_success 0.0" in get(f"{exporter.url}metrics"), 60)
        assert 200 == exporter.status("/probe?service=cache")
        (catalog / "all.yaml").write_text(catalog_of({"other": "redis://127.0.0.1:1"}))
        eventually(lambda: 404 == exporter.status("/probe?service=cache"), 60)
        assert 200 == exporter.status("/probe?service=other")


def test_whatever_befalls_the_reading_of_a_catalog_the_look_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its thread would end without a word, and no change would be seen any more."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(catalog_of({}))
    watch = CatalogWatch(catalog)
    catalog.write_text(catalog_of({"cache": "redis://127.0.0.1:1"}))
    good, watch._read = watch._read, lambda _path: 1 // 0  # type: ignore[assignment,return-value]
    assert [False, False] == [watch.refresh(), watch.is_current]
    assert "the last good one serves on: ZeroDivisionError" in caplog.text
    watch._read = good
    catalog.write_text(catalog_of({"cache": "redis://127.0.0.1:2"}))
    assert [True, True] == [watch.refresh(), watch.is_current]


FILES: Final = 40  # that the process may have open


@contextmanager
def poor(folder: Path, url: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run the command with few files and without /proc; yield its port and its process."""
    (folder / "catalog.yaml").write_text(catalog_of({"cache": url}))
    (folder / "no-proc").mkdir()
    port = free_port()
    words = f"ulimit -n {FILES}; exec {sys.executable} -m seawall.cli exporter --catalog catalog.yaml"
    command = ["sh", "-c", f"{words} --listen 127.0.0.1:{port} --proc {folder}/no-proc --timeout 60"]
    with process(*command, cwd=folder) as running:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
        yield port, running


@pytest.mark.e2e
def test_a_process_that_is_poor_goes_on_and_stops_when_it_is_told_to(tmp_path: Path) -> None:
    """Without /proc it tells the rest; without files it waits, and is at rest; told to end in a probe, it ends."""
    with tcp(hang) as hung, poor(tmp_path, f"redis://127.0.0.1:{hung}") as (port, running):
        url = f"http://127.0.0.1:{port}"
        assert "seawall_exporter_build_info" in get(f"{url}/metrics")
        with ExitStack() as stack:
            for _ in range(2 * FILES):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            eventually(
                lambda: "no client can be taken: Too many open files" in (tmp_path / "output.log").read_text(), 60
            )
            spent = psutil.Process(running.pid)
            before = sum(spent.cpu_times()[:2])
            Event().wait(1)
            assert sum(spent.cpu_times()[:2]) - before < 0.5
        eventually(lambda: answers(f"{url}/health"), 60)

        second = [sys.executable, "-m", "seawall.cli", "exporter", "--catalog", "catalog.yaml", "--listen", url[7:]]
        done = subprocess.run(second, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert 1 == done.returncode
        assert f"cannot listen on {url[7:]}: Address already in use; choose another address" in done.stderr

        asking = http.client.HTTPConnection(url[7:], timeout=60)
        asking.request("GET", "/probe?service=cache")
        eventually(lambda: "requests_in_flight 2.0" in get(f"{url}/metrics"), 60)
        running.send_signal(signal.SIGTERM)
        assert 0 == running.wait(60)
        asking.close()
        eventually(lambda: not connects(port), 60)
    assert not re.search(r"Traceback|Exception in thread", (tmp_path / "output.log").read_text())
