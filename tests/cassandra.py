"""Real nodes of Apache Cassandra, from its own jars, for the tests of whoever asks one."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from cql import Session
from servers import eventually, free_port, process

from seawall.exporters.cassandra_cql import CqlClient, Row, rows
from seawall.exporters.errors import AnswerError
from seawall.exporters.kept_socket import Address
from seawall.exporters.probe_deadline import Deadline

JARS: Final = Path(__file__).parents[1] / ".cache/cassandra"
# What Cassandra 5.0 reaches into of a JDK 17.
_OPENED: Final = {
    "exports": (
        *("java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch", "java.base/java.lang.ref"),
        *("java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server"),
        *("java.sql/java.sql", "java.rmi/sun.rmi.transport.tcp"),
    ),
    "opens": (
        *("java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref", "java.base/java.io"),
        *("java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module"),
        *("java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal", "java.base/sun.nio.ch"),
        *("java.base/java.nio", "java.base/java.util.concurrent", "java.base/java.util", "java.base/java.lang"),
        "java.base/java.util.concurrent.atomic",
    ),
}  # fmt: skip
_JAVA: Final = (
    *("java", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xss512k"),
    *("-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote"),  # saves a part of a start's time
    *(f"--add-{how}={what}=ALL-UNNAMED" for how, modules in _OPENED.items() for what in modules),
)
_SETTINGS: Final = """
cluster_name: test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
commitlog_sync: periodic
commitlog_sync_period: 10s
commitlog_segment_size: 1MiB
concurrent_reads: 4
concurrent_writes: 4
listen_address: {address}
rpc_address: {address}
native_transport_port: {port}
storage_port: {storage}
seed_provider: [{{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{{seeds: "127.0.0.1:{storage}"}}]}}]
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
hints_directory: {folder}/hints
hints_flush_period: 1s
saved_caches_directory: {folder}/saved
cdc_raw_directory: {folder}/cdc
auto_snapshot: false
"""
ROLES: Final = (
    *("authenticator: PasswordAuthenticator", "authorizer: CassandraAuthorizer", "role_manager: CassandraRoleManager"),
    # Else a role's rights are known two seconds late.
    *("permissions_validity: 0ms", "roles_validity: 0ms", "credentials_validity: 0ms"),
)
"""Settings of a node that asks who comes; cassandra, with that password, may do everything."""
_QUIET: Final = '<configuration><appender name="o" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %p %c %m%n</pattern></encoder></appender><root level="INFO"><appender-ref ref="o"/></root></configuration>'


@dataclass(frozen=True)
class CassandraNode:
    """A node on loopback: clients' *port*, the cluster's *storage* port, and those of JMX and of an exporter in it."""

    folder: Path
    address: str = "127.0.0.1"
    storage: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    jmx: int = field(default_factory=free_port)
    agent: int = field(default_factory=free_port)
    user: str = ""

    @property
    def url(self) -> str:
        """Where it is, for whoever needs no password."""
        return f"cassandra://{self.address}:{self.port}"

    def ask(self, *queries: str) -> list[list[Row] | None]:
        """Return what it answers to whoever may do everything: nothing but rows or a refusal is understood."""
        client = CqlClient(Address(self.address, self.port), self.user, self.user)
        try:
            return [None if body is None else rows(body) for body in client.ask(queries, Deadline(60))]
        finally:
            client.close()

    def run(self, *statements: str) -> None:
        """Run statements that answer with no rows, one after the other."""
        session = self.session()
        try:
            assert [0] * len(statements) == [session.run(statement) for statement in statements]
        finally:
            session.close()

    def session(self) -> Session:
        """Return a connection of whoever may do everything."""
        return Session((self.address, self.port), self.user)

    def answers(self) -> bool:
        """Return whether it answers to whoever may do everything."""
        try:
            return self.ask("SELECT key FROM system.local") != [None]
        except (OSError, AnswerError):
            return False

    @contextmanager
    def running(self, *settings: str, rules: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Run it until the end of the block, with further lines of settings; with *rules*, jmx_exporter in it."""
        text = _SETTINGS.format(
            address=self.address, port=self.port, storage=self.storage, folder=self.folder
        ) + "".join(f"{line}\n" for line in settings)
        (self.folder / "cassandra.yaml").write_text(text)
        (self.folder / "logback.xml").write_text(_QUIET)
        jar = next(JARS.glob("jmx_prometheus_javaagent-*.jar"))
        options = {
            "cassandra.config": f"file://{self.folder}/cassandra.yaml",
            "cassandra.storagedir": self.folder,
            "cassandra.jmx.local.port": self.jmx,
            "cassandra-foreground": "yes",
            "cassandra.superuser_setup_delay_ms": 0,
            "cassandra.ring_delay_ms": 100
            if self.address == "127.0.0.1"
            else 60_000,  # how long it looks for the first
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "logback.configurationFile": self.folder / "logback.xml",
            "jdk.attach.allowAttachSelf": "true",
        }
        command = (
            *_JAVA,
            *([f"-javaagent:{jar}=127.0.0.1:{self.agent}:{rules}"] if rules else []),
            *(f"-D{key}={value}" for key, value in options.items()),
            *("-cp", f"{JARS}/*", "org.apache.cassandra.service.CassandraDaemon"),
        )
        with process(*command, cwd=self.folder) as running:
            eventually(lambda: running.poll() is not None or self.answers(), 180)
            assert running.poll() is None, (self.folder / "output.log").read_text()
            yield running

    def java(self, source: Path, *words: str, told: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program of one file beside Cassandra's own classes; each of *told* is a line of its input."""
        command = (*_JAVA, "-cp", f"{JARS}/*", str(source), *words)
        return subprocess.run(command, input="\n".join(told), cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)  # fmt: skip


def documented_rules(folder: Path) -> Path:
    """Return a file of the rules for jmx_exporter that the documents have."""
    text = (Path(__file__).parents[1] / "docs/how-to/watch-cassandra.md").read_text()
    file = folder / "rules.yaml"
    file.write_text(next(each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "pattern:" in each))
    return file


StartCassandra = Callable[..., CassandraNode]


@pytest.fixture(scope="module")
def start_cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCassandra]:
    """Return a function that starts a node with further lines of settings; or none of it, with ``run=False``."""
    if shutil.which("java") is None:
        pytest.skip("install a JVM (Debian: apt install default-jdk-headless)")
    assert JARS.is_dir(), "fetch Cassandra's jars: tools/fetch-jvm cassandra .cache"
    with ExitStack() as stack:

        def start(*settings: str, rules: Path | None = None, run: bool = True, **places: str | int) -> CassandraNode:
            user = "cassandra" if ROLES[0] in settings else ""
            node = CassandraNode(tmp_path_factory.mktemp("cassandra"), user=user, **places)  # type: ignore[arg-type]
            if run:
                stack.enter_context(node.running(*settings, rules=rules))
            return node

        yield start
