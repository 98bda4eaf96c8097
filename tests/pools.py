"""A real application whose connection pools can be made to run out, and the other side that it calls."""

import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from servers import answers, eventually, free_port, process

APPLICATION: Final = Path(__file__).parent / "pool_app.py"


@dataclass(frozen=True)
class PoolApplication:
    """The application: where its metrics are, the file that says what goes wrong in it, and how it is started."""

    port: int
    fault: Path
    command: tuple[str, ...]
    running: ExitStack

    @property
    def metrics(self) -> str:
        """The page of its metrics."""
        return f"http://127.0.0.1:{self.port}/metrics"

    def suffers(self, fault: str) -> None:
        """Let *fault* begin; ``well`` ends any."""
        new = self.fault.with_suffix(".new")
        new.write_text(fault)
        new.replace(self.fault)

    def start(self) -> None:
        """Start it, again where it runs."""
        self.running.close()
        self.running.enter_context(process(*self.command, cwd=self.fault.parent))
        eventually(lambda: answers(self.metrics), 60)


class _OtherSide(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        time.sleep(float(asked["seconds"][0]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def pool_application(folder: Path, database: str) -> Iterator[PoolApplication]:
    """Run the application in *folder*, with pools of two connections to *database* and of one to another service."""
    port, fault = free_port(), folder / "fault"
    with ThreadingHTTPServer(("127.0.0.1", 0), _OtherSide) as server, ExitStack() as running:
        server.daemon_threads = True
        server.block_on_close = False
        thread = Thread(target=server.serve_forever)
        thread.start()
        own = {
            "FAULT": fault,
            "DATABASE": database.replace("postgresql://", "postgresql+psycopg://"),
            "OTHER_SIDE": f"http://127.0.0.1:{server.server_port}/",
            "OTEL_EXPORTER_PROMETHEUS_PORT": port,
        }
        command = ("env", *(f"{key}={value}" for key, value in own.items()), sys.executable, str(APPLICATION))
        application = PoolApplication(port, fault, command, running)
        application.suffers("well")
        try:
            application.start()
            yield application
        finally:
            server.shutdown()
            thread.join()
