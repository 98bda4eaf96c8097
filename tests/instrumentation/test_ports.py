"""A port that is somebody else's: a catalogued service waits for it, and never moves."""

import json
import socket
from pathlib import Path

import pytest
from applications import DURATION, Ports, application
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
