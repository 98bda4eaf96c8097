"""Real HTTP caches for the tests of whoever watches one: NGINX and Varnish in folders of their own, before an origin."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import psutil
from servers import answers, connects, eventually, free_port, process

HOW_TO: Final = Path(__file__).parents[1] / "docs/how-to/watch-an-http-cache.md"
_NGINX: Final = """
daemon off; {user}
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections {connections}; }}
http {{
  {temporary}
  {log_format}
  proxy_cache_path {folder}/cache keys_zone=shop:1m;
  server {{
    listen 127.0.0.1:{port};
    access_log {folder}/cache.json cache_json;
    location /stub_status {{ stub_status; access_log off; }}
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_cache shop; proxy_cache_valid 200 1m;
      proxy_cache_use_stale {stale}; proxy_cache_bypass $cookie_session; proxy_no_cache $cookie_session;
    }}
  }}
}}
"""
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_VCL: Final = """vcl 4.1;
backend origin {{
  .host = "127.0.0.1"; .port = "{origin}";
  .probe = {{ .url = "/health"; .interval = 1s; .timeout = 1s; .window = 3; .threshold = 2; .initial = 3; }}
}}
"""


@dataclass
class Origin:
    """What the caches stand in front of: *headers* go with every answer, *delay* in seconds before each."""

    port: int = field(default_factory=free_port)
    headers: dict[str, str] = field(default_factory=lambda: {"Cache-Control": "max-age=60", "ETag": '"1"'})
    delay: float = 0
    size: int = 3
    status: int = 200

    @contextmanager
    def running(self) -> Iterator["Origin"]:
        """Serve until the end of the block."""
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_page = self.path != "/health"
                time.sleep(origin.delay if is_page else 0)
                self.send_response(origin.status)
                for name, value in origin.headers.items():
                    self.send_header(name, value)
                size = origin.size if is_page else 0
                self.send_header("Content-Length", str(size))
                self.end_headers()
                self.wfile.write(b"x" * size)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            thread = Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@dataclass(frozen=True)
class Cache:
    """A cache on loopback."""

    port: int
    folder: Path
    url: str

    @property
    def log(self) -> Path:
        """Where it writes what it answered."""
        return self.folder / "cache.json"

    @property
    def watched(self) -> str:
        """Its url in a catalog, with its log."""
        return f"{self.url}?log={self.log}"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> int:
        """Return the status of a page."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def lines(self) -> int:
        """Return how many lines its log has."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def signal(self, name: str) -> None:
        """Send NGINX's master a signal."""
        os.kill(int((self.folder / "nginx.pid").read_text()), signal.Signals[f"SIG{name}"])

    def kill_child(self) -> None:
        """Kill Varnish's child process."""
        (manager,) = (each for each in psutil.process_iter(["cmdline"]) if _is_manager(each, self.folder))
        for child in manager.children():
            child.kill()

    def admin(self, *words: str) -> str:
        """Return what Varnish's manager says."""
        command = ["varnishadm", "-n", str(self.folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def snippet(language: str) -> str:
    """Return the first block of *language* of the how-to, which is what users are told to write."""
    return HOW_TO.read_text().partition(f"```{language}\n")[2].partition("```")[0]


@contextmanager
def nginx(origin: Origin, *, stale: str = "off", connections: int = 200, port: int = 0) -> Iterator[Cache]:
    """Run NGINX before *origin* until the end of the block, with the log that the how-to tells of."""
    port = port or free_port()
    with _open_folder() as folder, ExitStack() as stack:
        temporary = " ".join(f"{each}_temp_path {folder}/temp_{each};" for each in _TEMPORARY)
        (folder / "nginx.conf").write_text(
            _NGINX.format(
                user="user nobody nogroup;" if os.geteuid() == 0 else "",
                folder=folder,
                connections=connections,
                temporary=temporary,
                log_format=snippet("text"),
                port=port,
                origin=origin.port,
                stale=stale,
            )
        )
        command = ("nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf")
        running = stack.enter_context(process(*command, cwd=folder))
        stack.callback(_end, running)  # a killed master would leave its workers
        eventually(lambda: answers(f"http://127.0.0.1:{port}/stub_status"), 60)
        yield Cache(port, folder, f"nginx://127.0.0.1:{port}/stub_status")


@contextmanager
def varnish(origin: Origin, *options: str) -> Iterator[Cache]:
    """Run Varnish before *origin* until the end of the block, with varnishncsa as the how-to tells of it."""
    port = free_port()
    with _open_folder() as folder, ExitStack() as stack:
        (folder / "shop.vcl").write_text(_VCL.format(origin=origin.port))
        command = ("varnishd", "-F", "-n", str(folder), "-a", f"127.0.0.1:{port}", "-f", str(folder / "shop.vcl"))
        few = ("-p", "thread_pools=1", "-p", "thread_pool_min=5", "-T", "127.0.0.1:0")
        running = stack.enter_context(process(*command, *few, *options, cwd=folder))
        stack.callback(_end, running)
        eventually(lambda: connects(port), 60)
        cache = Cache(port, folder, f"varnish://localhost{folder}")
        logs = subprocess.run(
            ["sh", "-c", f"printf %s {snippet('sh').partition('-F ')[2]}"], capture_output=True, text=True, check=True
        )
        stack.enter_context(process("varnishncsa", "-n", str(folder), "-w", str(cache.log), "-F", logs.stdout, cwd=folder))  # fmt: skip
        eventually(lambda: _is_logged(cache), 60)
        yield cache


def _is_manager(running: psutil.Process, folder: Path) -> bool:
    words = running.info["cmdline"] or []
    parent = running.parent()
    return str(folder) in words and "varnishd" in words[0] and (parent is None or "varnishd" not in parent.name())


def _is_logged(cache: Cache) -> bool:
    """Ask something, and return whether the log has a line."""
    cache.get("/health")
    return cache.lines() > 0


def _end(running: "subprocess.Popen[bytes]") -> None:
    running.send_signal(signal.SIGTERM)
    running.wait(30)


@contextmanager
def _open_folder() -> Iterator[Path]:
    """Yield a folder that the servers may read as whoever they run; pytest's own folders are open to nobody else."""
    folder = Path(tempfile.mkdtemp(prefix="seawall-cache-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
