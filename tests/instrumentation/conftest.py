"""The two applications of ``apps``, served by real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import Application, Ports, application
from collector import Collector, collecting

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The FastAPI application under uvicorn."""
    ports = Ports()
    options = ("--host", "127.0.0.1", "--port", str(ports.own), "--no-access-log")
    options += ("--http", "h11")  # httptools refuses unknown methods by itself; test_protocols.py has it
    command = ("-m", "uvicorn", "asgi_app:app", "--app-dir", str(APPS), *options)
    with application(*command, folder=tmp_path_factory.mktemp("asgi"), ports=ports) as running:
        yield running


@pytest.fixture(scope="module")
def wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The Flask application under waitress."""
    ports = Ports()
    folder = tmp_path_factory.mktemp("wsgi")
    with application(str(APPS / "wsgi_app.py"), str(ports.own), folder=folder, ports=ports) as running:
        yield running


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver of OTLP over HTTP."""
    with collecting() as receiver:
        yield receiver
