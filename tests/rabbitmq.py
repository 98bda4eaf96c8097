"""Real nodes of RabbitMQ with its plugin rabbitmq_prometheus, for the tests of whoever asks one."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from servers import answers, connects, eventually, free_port, get, process

# Not those on PATH, which want to be root or rabbitmq.
_BIN: Final = Path("/usr/lib/rabbitmq/bin")
_SETTINGS: Final = """
listeners.tcp.default = 127.0.0.1:{amqp}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {port}
collect_statistics_interval = 1000
"""

# Labels that a metric has on one page of its exporter and not on the other, where it is the sum.
PER_OBJECT: Final = {
    f"rabbitmq_queue_{name}": frozenset({"vhost", "queue"})
    for name in ("messages_ready", "messages_unacked", "consumers")
}


@dataclass(frozen=True)
class RabbitmqNode:
    """A node on loopback: its plugin on *port*, publishers and consumers on *amqp*; *home* holds the cluster's cookie."""

    name: str
    home: Path
    epmd: int
    port: int = field(default_factory=free_port)
    amqp: int = field(default_factory=free_port)
    distribution: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where its plugin is."""
        return f"rabbitmq://127.0.0.1:{self.port}"

    @property
    def metrics(self) -> str:
        """The plugin's own page."""
        return f"http://127.0.0.1:{self.port}/metrics"

    def ctl(self, *words: str) -> str:
        """Return what rabbitmqctl prints."""
        command = (str(_BIN / "rabbitmqctl"), "-q", "-n", self.name, *words)
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """Yield a channel of a connection of its own."""
        with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.amqp)) as connection:
            yield connection.channel()

    @property
    def environ(self) -> dict[str, str]:
        """Return what its programs are run with: nothing of the machine's own RabbitMQ."""
        folder = self.home / self.name
        return os.environ | {
            "HOME": str(self.home),
            "ERL_EPMD_PORT": str(self.epmd),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
        }

    @contextmanager
    def running(self, *settings: str) -> Iterator[None]:
        """Run it until the end of the block."""
        folder = self.home / self.name
        folder.mkdir(exist_ok=True)
        text = _SETTINGS.format(amqp=self.amqp, port=self.port)
        (folder / "rabbitmq.conf").write_text(text + "".join(f"{line}\n" for line in settings))
        (folder / "plugins").write_text("[rabbitmq_prometheus].\n")
        with (folder / "output.log").open("ab") as log:
            server = subprocess.Popen(
                [_BIN / "rabbitmq-server"],
                cwd=folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                eventually(lambda: answers(self.metrics) and connects(self.amqp), 120)
                yield
            finally:
                os.killpg(server.pid, signal.SIGKILL)  # the node is a child of the script
                server.wait()


StartRabbitmq = Callable[..., RabbitmqNode]


@pytest.fixture(scope="module")
def start_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRabbitmq]:
    """Return a function that starts a node with further lines of settings; or none of it, with ``run=False``."""
    home, epmd = tmp_path_factory.mktemp("rabbitmq"), free_port()
    (home / ".erlang.cookie").write_text("A" * 20)
    (home / ".erlang.cookie").chmod(0o400)
    with ExitStack() as stack:
        stack.enter_context(process("epmd", "-port", str(epmd), "-address", "127.0.0.1", cwd=home))
        eventually(lambda: connects(epmd))

        def start(name: str, *settings: str, run: bool = True) -> RabbitmqNode:
            node = RabbitmqNode(f"{name}@localhost", home, epmd)
            if run:
                stack.enter_context(node.running(*settings))
            return node

        yield start


@pytest.fixture(scope="module")
def rabbitmq_node(start_rabbitmq: StartRabbitmq) -> RabbitmqNode:
    """Return a node with a queue."""
    node = start_rabbitmq("one")
    with node.channel() as channel:
        channel.queue_declare("orders")
    eventually(lambda: 'queue="orders"' in get(f"{node.metrics}/per-object"), 60)
    return node
