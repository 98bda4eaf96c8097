"""Real servers on free ports, and what the tests read of an exposition: shared by the rooms' tests."""

import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from seawall.exporters.server import Settings, serve

LabelSet = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Family:
    """A family as it was scraped: its type, and the value of each label set, by sample name."""

    type: str
    samples: dict[tuple[str, LabelSet], float]

    @property
    def label_sets(self) -> set[LabelSet]:
        return {labels for _, labels in self.samples}


Scrape = dict[str, Family]


def parse(text: str) -> Scrape:
    """Return the families of an exposition, by the names that its TYPE lines have."""
    found: Scrape = {}
    named = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    for family in text_string_to_metric_families(text):
        # The parser puts the suffix on each counter's samples, also where the exporter has none, or has both names.
        name = next((each for each in named if each in (family.name, f"{family.name}_total")), family.name)
        named = [each for each in named if each != name]
        is_plain = family.type == "counter" and name == family.name
        samples = {
            (
                sample.name.removesuffix("_total") if is_plain else sample.name,
                frozenset(sample.labels.items()),
            ): sample.value
            for sample in family.samples
        }
        found[name] = Family(family.type, samples)
    return found


def get(url: str, headers: Mapping[str, str] | None = None, timeout: float = 30) -> str:
    """Return the body of a page that answers 200."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return str(response.read().decode())


def eventually(check: Callable[[], bool], seconds: float = 15, every: float = 0.02) -> None:
    """Wait until *check* holds, which is asked again and again, seconds apart; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"it did not come true within {seconds} s"
        time.sleep(every)


def free_port() -> int:
    """Return a port of loopback that nothing listens on, nor on the one ten thousand above, which Redis' clusters use.

    Any of twenty thousand below those that the system gives to clients: a server may take seconds until it listens.
    """
    while True:
        port = 12_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            with socket.socket() as bus:
                bus.bind(("127.0.0.1", port + 10_000))
            return port


@contextmanager
def process(*command: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real server until the end of the block."""
    with (cwd / "output.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def answers(url: str) -> bool:
    """Return whether *url* answers 200."""
    try:
        get(url, timeout=2)
    except OSError:
        return False
    return True


def connects(port: int) -> bool:
    """Return whether something listens on *port*."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class RedisServer:
    """A real redis-server."""

    port: int
    password: str = ""

    def cli(self, *words: str) -> str:
        """Return what redis-cli prints."""
        secret = ["--no-auth-warning", "-a", self.password] if self.password else []
        command = ["redis-cli", "-p", str(self.port), *secret, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


StartRedis = Callable[..., RedisServer]


@pytest.fixture(scope="module")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """Return a function that starts a redis-server with further options and a password, or a Sentinel of a file."""
    with ExitStack() as stack:

        def start(*options: str, password: str = "", sentinel: Path | None = None, port: int = 0) -> RedisServer:
            server = RedisServer(port or free_port(), password)
            secret = ("--requirepass", password) if password else ()
            command = (
                "redis-server",
                *((str(sentinel), "--sentinel") if sentinel else ("--save", "")),
                "--port",
                str(server.port),
                "--bind",
                "127.0.0.1",
                *secret,
                *options,
            )
            stack.enter_context(process(*command, cwd=tmp_path_factory.mktemp("redis")))
            eventually(lambda: connects(server.port) and server.cli("ping") == "PONG", 60)
            return server

        yield start


@dataclass
class RunningExporter:
    """The exporter under test, in this process."""

    url: str
    catalog: Path

    def scrape(self, path: str, headers: Mapping[str, str] | None = None) -> Scrape:
        """Return the families of a page."""
        return parse(get(self.url + path.lstrip("/"), headers))

    def status(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> int:
        """Return the status of a page."""
        request = urllib.request.Request(self.url + path.lstrip("/"), method=method, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


StartExporter = Callable[..., RunningExporter]


_KINDS: Final = {
    **{
        kind: kind
        for kind in (
            "cassandra",
            "celery",
            "kafka",
            "memcached",
            "mongodb",
            "mysql",
            "pgbouncer",
            "postgres",
            "rabbitmq",
        )
    },
    **dict.fromkeys(("nginx", "varnish"), "http-cache"),
}


def catalog_of(services: Mapping[str, str]) -> str:
    """Return a catalog of services, by name and url, whose scheme says what each is."""
    kinds = {
        name: next(
            (kind for scheme, kind in _KINDS.items() if url.startswith(scheme)),
            "redis",
        )
        for name, url in services.items()
    }
    lines = [f"  {name}: {{kind: {kinds[name]}, team: ops, url: '{url}'}}" for name, url in services.items()]
    return "\n".join(["seawall: 1", "teams: {ops: {}}", "services:" if lines else "services: {}", *lines, ""])


@contextmanager
def serving(
    catalog: Path,
    environ: Mapping[str, str] | None = None,
    max_requests: int = 50,
    web_config: Path | None = None,
    collectors: Path | None = None,
    textfiles: Path | None = None,
    port: int = 0,
) -> Iterator[RunningExporter]:
    """Run the exporter of *catalog* in this process, on a free port or on *port*, until the end of the block."""
    settings = Settings(
        catalog,
        port=port,
        reload_interval=0.05,
        max_requests=max_requests,
        web_config=web_config,
        collectors=collectors,
        textfiles=textfiles,
    )
    addresses: list[str] = []
    stop = Event()
    thread = Thread(target=serve, args=(settings, dict(environ or {}), stop, addresses.append))
    thread.start()
    try:
        eventually(lambda: bool(addresses))
        yield RunningExporter(addresses[0], catalog)
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def start_exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartExporter]:
    """Return a function that serves a catalog of services, by name and url, on a free port."""
    with ExitStack() as stack:

        def start(
            services: Mapping[str, str], environ: Mapping[str, str] | None = None, max_requests: int = 50
        ) -> RunningExporter:
            catalog = tmp_path_factory.mktemp("catalog") / "catalog.yaml"
            catalog.write_text(catalog_of(services))
            return stack.enter_context(serving(catalog, environ, max_requests))

        yield start


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return the path of the real promtool."""
    found = shutil.which("promtool")
    assert found, "install promtool: it comes with Prometheus (Debian: apt install prometheus)"
    return found


Exposed = dict[str, set[LabelSet]]


def exposed(scrapes: Iterable[Scrape]) -> Exposed:
    """Return the label sets of every sample, by its name."""
    found: Exposed = {}
    for name, labels in (key for scrape in scrapes for family in scrape.values() for key in family.samples):
        found.setdefault(name, set()).add(labels)
    return found
