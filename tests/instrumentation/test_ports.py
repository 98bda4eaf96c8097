"""A port that is somebody else's: a catalogued service waits for it, and never moves."""

import json
import socket
from pathlib import Path

import pytest
from applications import DURATION, Ports, application, run_python
from servers import connects, eventually

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"


def test_a_catalogued_service_takes_its_port_once_it_is_free(tmp_path: Path) -> None:
    """It says once, as an error, that another process has it; what was counted meanwhile is on the page."""
    ports = Ports()
    service = tmp_path / "shop.json"
    service.write_text(json.dumps({"name": "shop", "team": "shop", "tier": "2", "latency_thresholds": []}))
    command = ("-m", "uvicorn", "ends_app:asgi", "--app-dir", str(APPS), "--port", str(ports.own), "--no-access-log")
    with (
        socket.create_server(("127.0.0.1", ports.metrics)) as taken,
        application(*command, folder=tmp_path, ports=ports, environ={"SEAWALL_SERVICE": str(service)}) as running,
    ):
        assert 200 == running.request("/items/1")[0]
        taken.settimeout(0.05)
        eventually(lambda: "cannot serve /metrics" in running.output())
        taken.close()
        eventually(lambda: connects(ports.metrics))

        assert [1] == [
            value for _, value in running.samples(f"{DURATION}_count", http_response_status_code="200") if value
        ]
        assert 1 == running.output().count("Seawall")
        assert f"Seawall cannot serve /metrics on localhost:{ports.metrics}" in running.output()
        assert "A catalogued service keeps its port" in running.output()


def test_a_worker_takes_the_port_over_though_somebody_cleared_the_shared_folder(tmp_path: Path) -> None:
    """systemd does so at a user's logout: it waits on, says so once, and serves as soon as the port is free."""
    code = """
import os, shutil, time
import seawall.auto
from seawall.instrumentation import process_message, start
from seawall.instrumentation.diagnostics import said

def until(check):
    end = time.monotonic() + 30
    while not check() and time.monotonic() < end:
        time.sleep(0.02)

begun, (reads, writes) = start(), os.pipe()
if os.fork():
    os.read(reads, 1)
    begun.endpoint.close()
    os.wait()
else:
    with process_message("send", destination="mails"):  # who counts wants to be asked
        pass
    until(lambda: begun.endpoint is not None)
    shutil.rmtree(begun.registry.memory.folder)
    until(said)
    os.write(writes, b"1")
    until(lambda: begun.server is not None)
    print(*said(), begun.server.port if begun.server else None, flush=True)
    os._exit(0)
"""
    port = Ports().metrics
    environ = {"OTEL_EXPORTER_PROMETHEUS_PORT": str(port), "SEAWALL_SHARED_MEMORY": str(tmp_path / "shared")}
    done = run_python(code, {**environ, "PYTHONWARNINGS": "default"})

    assert done.stdout.startswith("Seawall cannot lock the port of /metrics ([Errno 2] No such file or directory")
    assert done.stdout.endswith(f" {port}\n")
    assert 1 == done.stderr.count("Seawall")
