"""The shop on real stores, which are configured and made as in Docker: orders, pages, mails, and the stores' own faults."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pika
import psycopg
import pytest
from applications import Application
from postgres import PostgresServer, running_postgres
from rabbitmq import RabbitmqNode, StartRabbitmq, start_rabbitmq
from redis import Redis
from servers import RunningExporter, connects, eventually, free_port, get, process, serving
from shop import Shop, read_processes, start

from seawall.stack import faults

pytestmark = pytest.mark.e2e

__all__ = ["start_rabbitmq"]
DEMO = Path(__file__).parents[2] / "compose/demo"
TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = {"Content-Type": "application/json"}


@dataclass
class Stores:
    """The stores that run, and the folders of secrets that setup.py made: the shop's, and the exporter's."""

    secrets: Path
    exporter: Path
    postgres: PostgresServer
    redis: int
    rabbitmq: RabbitmqNode

    def environ(self) -> dict[str, str]:
        """Return what the shop's processes are told, as in compose/demo.yaml."""
        return {
            "SHOP_DATABASE_URL": f"postgresql://shop@127.0.0.1:{self.postgres.port}/shop",
            "SHOP_DATABASE_PASSWORD_FILE": str(self.secrets / "database-shop"),
            "SHOP_CACHE_URL": f"redis://shop@127.0.0.1:{self.redis}",
            "SHOP_CACHE_PASSWORD_FILE": str(self.secrets / "cache-shop"),
            "SHOP_BROKER_URL": f"amqp://shop@127.0.0.1:{self.rabbitmq.amqp}//",
            "SHOP_BROKER_PASSWORD_FILE": str(self.secrets / "broker-shop"),
        }


def set_up(secrets: Path, exporter: Path, *shared: Path) -> None:
    """Run the one-shot of the demo."""
    folders = [secrets, exporter, *shared]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    subprocess.run([sys.executable, DEMO / "setup/setup.py", *folders], check=True)


def placed(text: str, secrets: Path, etc: Path) -> str:
    """Return a configuration with the folders of this test in place of the container's."""
    return text.replace("/run/secrets", str(secrets)).replace("/etc/shop", str(etc))


def prepare(server: PostgresServer, secrets: Path) -> None:
    """Run what PostgreSQL's image runs when its volume is new."""
    server.run("CREATE DATABASE shop")
    sql = placed((DEMO / "postgres/init/10-shop.sql").read_text(), secrets, DEMO / "postgres")
    command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", server.url_of(server.user, "shop")]
    subprocess.run(command, input=sql, text=True, check=True, capture_output=True, timeout=30)
    # The address comes last: from here on the file says who may come, and how.
    hba = (DEMO / "postgres/pg_hba.conf").read_text().replace("postgres          peer", f"{server.user} trust")
    admin = f"host all {server.user} 127.0.0.1/32 trust\n"  # the tests' own way in
    (server.folder / "data/pg_hba.conf").write_text(admin + hba)
    server.run("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, start_rabbitmq: StartRabbitmq) -> Iterator[Stores]:
    """PostgreSQL, Redis and RabbitMQ with the demo's users, rights and settings."""
    folder = tmp_path_factory.mktemp("stores")
    secrets, exporter = folder / "secrets", folder / "exporter"
    set_up(secrets, exporter)
    etc = folder / "etc"
    etc.mkdir()
    (etc / "redis.conf").write_text(placed((DEMO / "redis/redis.conf").read_text(), secrets, etc))
    options = [line.replace(" = ", "=").replace("'", "") for line in settings("postgres/postgresql.conf", "max_connections", "shared_preload_libraries")]  # fmt: skip
    broker = [*(secrets / "broker.conf").read_text().splitlines(), *settings("rabbitmq/rabbitmq.conf", "vm_memory", "disk_free")]  # fmt: skip
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres(*options))
        prepare(postgres, secrets)
        port = free_port()
        stack.enter_context(process("redis-server", str(etc / "redis.conf"), "--port", str(port), "--bind", "127.0.0.1", cwd=folder))  # fmt: skip
        rabbitmq = start_rabbitmq("shop", *broker)
        eventually(lambda: connects(port))
        yield Stores(secrets, exporter, postgres, port, rabbitmq)


def settings(file: str, *names: str) -> list[str]:
    """Return the lines of a configuration that begin with one of *names*."""
    return [line for line in (DEMO / file).read_text().splitlines() if line.startswith(names)]


@pytest.fixture(scope="module")
def shop(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Storefront, checkout and mailer on the stores."""
    folder = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        made = Shop(folder / "state")
        described = read_processes(made.state)
        extra = {**stores.environ(), "SHOP_FAULTS": str(made.faults)}
        for name in ("checkout", "storefront", "mailer"):
            made.running[name] = start(stack, name, described[name], folder, **extra)
        yield made


@pytest.fixture
def heal(shop: Shop) -> Iterator[Callable[[], None]]:
    """Return a function that heals all faults; they are healed after the test too."""

    def healed() -> None:
        faults.switch(shop.faults, "heal")

    yield healed
    healed()


def order(storefront: Application, **headers: str) -> int:
    """Order a product; return the status."""
    return storefront.request("/orders", "POST", {**JSON, **headers}, json.dumps({"product": 1}).encode())[0]


def outbox(shop: Shop) -> int:
    """Return how many mails were sent."""
    return len(list((shop.state / "outbox").glob("*.eml")))


def connections(stores: Stores) -> int:
    """Return how many connections the shop has to PostgreSQL."""
    return int(stores.postgres.ask("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'"))


def test_the_one_shot_changes_no_password(stores: Stores) -> None:
    """Run again it writes the same; each file may be read by whoever has its folder, and written by nobody."""
    before = {path.name: path.read_text() for path in stores.secrets.iterdir()}
    set_up(stores.secrets, stores.exporter)

    assert before == {path.name: path.read_text() for path in stores.secrets.iterdir()}
    assert {0o444} == {path.stat().st_mode & 0o777 for path in stores.secrets.iterdir()}
    assert before["database-seawall"] == (stores.exporter / "shop-db").read_text()
    assert {"shop-db", "shop-cache"} == {path.name for path in stores.exporter.iterdir()}
    passwords = [text for name, text in before.items() if "." not in name]
    assert len(passwords) == len({*passwords}) == 6
    assert {48} == {len(password) for password in passwords}


def test_an_order_is_written_down_and_mailed(shop: Shop, stores: Stores) -> None:
    """Its row in PostgreSQL, its mail out of RabbitMQ, and every call and pool in the metrics of the checkout."""
    assert 201 == order(shop["storefront"])
    eventually(lambda: outbox(shop) == 1, 60)

    assert [(12.5, "customer@shop.example")] == stores.postgres.run("SELECT amount::float, email FROM orders", database="shop")  # fmt: skip
    page = get(shop["checkout"].metrics_url)
    assert re.search(r'db_client_operation_duration_seconds_count\{.*db_operation_name="INSERT".*\} 1', page)
    assert re.search(r'db_client_connection_max\{.*db_client_connection_pool_name="orders".*\} 4', page)
    assert "seawall_worker_slots{" in get(shop["mailer"].metrics_url)


def test_a_page_is_made_once_and_then_comes_from_redis(shop: Shop, stores: Stores) -> None:
    """The second look finds what the first one kept; the calls are counted."""
    pages = [shop["storefront"].request("/products/2") for _ in range(2)]

    assert [(200, {"name": "storm lantern", "price": 39.0})] * 2 == [
        (status, json.loads(body)) for status, body in pages
    ]
    page = get(shop["storefront"].metrics_url)
    assert re.search(r'db_client_operation_duration_seconds_count\{.*db_operation_name="GET".*\} 2', page)
    assert re.search(r'db_client_operation_duration_seconds_count\{.*db_operation_name="PIPELINE".*\} 1', page)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("shop", "flushall"),
        ("shop", "get other"),
        ("seawall", "get page:1"),
        ("health", "get page:1"),
        ("default", "ping"),
    ],
)
def test_nobody_may_more_in_redis_than_they_need(stores: Stores, user: str, words: str) -> None:
    """The shop has its pages, Seawall its questions, the health check its ping; who does not say who he is has nothing."""
    file = stores.secrets / f"cache-{user}"
    who = [] if user == "default" else ["--no-auth-warning", "--user", user, "--pass", file.read_text() if file.exists() else "none"]  # fmt: skip
    command = ["redis-cli", "-p", str(stores.redis), *who, *words.split()]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout

    assert said.startswith("NOAUTH" if user == "default" else "NOPERM")


def test_the_shop_may_not_change_the_books_nor_make_a_queue(stores: Stores) -> None:
    """It writes and forgets orders; of the broker it has the one queue."""
    shop = f"shop:{(stores.secrets / 'database-shop').read_text()}"
    with psycopg.connect(stores.postgres.url_of(shop, "shop")) as connection:
        for statement in ("UPDATE orders SET amount = 0", "DROP TABLE orders", "CREATE TABLE more ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba[.]conf entry"):
        psycopg.connect(stores.postgres.url_of("shop", "postgres"))

    assert ["shop ^order-mails$"] == [line[: len("shop ^order-mails$")] for line in stores.rabbitmq.ctl("list_permissions", "--no-table-headers").replace("\t", " ").splitlines()]  # fmt: skip


def test_the_exporter_reads_all_three_with_the_passwords_of_files(stores: Stores, tmp_path: Path) -> None:
    """With exactly the rights that the documents name: no query is refused."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        f"""
seawall: 1
teams: {{ops: {{}}}}
services:
  db: {{kind: postgres, team: ops, url: "postgresql://seawall:${{file:{stores.exporter}/shop-db}}@127.0.0.1:{stores.postgres.port}/shop"}}
  cache: {{kind: redis, team: ops, url: "redis://seawall:${{file:{stores.exporter}/shop-cache}}@127.0.0.1:{stores.redis}"}}
  broker: {{kind: rabbitmq, team: ops, url: "{stores.rabbitmq.url}"}}
"""
    )
    with serving(catalog) as exporter:
        found = {name: refused(exporter, name) for name in ("db", "cache", "broker")}

    assert {"db": set(), "cache": set(), "broker": set()} == found


def refused(exporter: RunningExporter, name: str) -> set[str]:
    """Return the queries that a service refuses; ``down`` where it does not answer."""
    scrape = exporter.scrape(f"/probe?service={name}")
    if 1.0 not in scrape["seawall_probe_success"].samples.values():
        return {"down"}
    assert len(scrape["seawall_probe_query_success"].samples) > 0
    return {dict(labels)["query"] for (_, labels), value in scrape["seawall_probe_query_success"].samples.items() if not value}  # fmt: skip


def test_connections_that_were_cut_fail_no_order(shop: Shop, stores: Stores) -> None:
    """After a restart of database and broker the pools of the shop hold connections that are dead, and notice."""
    assert 201 == order(shop["storefront"])
    stores.postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")
    stores.rabbitmq.ctl("close_all_user_connections", "shop", "cut")
    sent = outbox(shop)

    assert 201 == order(shop["storefront"])
    eventually(lambda: outbox(shop) > sent, 60)


def test_connections_leak_until_healed(shop: Shop, stores: Stores, heal: Callable[[], None]) -> None:
    """Each order takes one more, and still comes through; the first order after the fault gives all of them back."""
    before = connections(stores)
    faults.switch(shop.faults, "connections")

    def leaks() -> bool:
        assert 201 == order(shop["storefront"])
        return connections(stores) >= before + 5

    eventually(leaks, 60, every=0.2)
    heal()
    eventually(lambda: order(shop["storefront"]) == 201 and connections(stores) <= 4, 60, every=0.2)


def test_a_stopped_mailer_leaves_its_queue_without_consumers(
    shop: Shop, stores: Stores, heal: Callable[[], None]
) -> None:
    """What is ordered meanwhile waits in RabbitMQ, on its disk, with the trace of its order, and is sent afterwards."""

    def queue() -> list[str]:
        return stores.rabbitmq.ctl("list_queues", "--no-table-headers", "consumers", "messages_ready").split()

    eventually(lambda: queue()[0] == "2", 60, every=1)
    faults.switch(shop.faults, "consumers")
    eventually(lambda: queue()[0] == "0", 60, every=1)
    sent = outbox(shop)
    assert [201, 201] == [order(shop["storefront"], traceparent=f"00-{TRACE}-b7ad6b7169203331-01") for _ in range(2)]
    eventually(lambda: queue() == ["0", "2"], 60, every=1)
    found = first_waiting(stores)
    assert (2, TRACE) == (found.delivery_mode, found.headers["traceparent"].split("-")[1])
    heal()
    eventually(lambda: outbox(shop) >= sent + 2 and queue() == ["2", "0"], 60, every=1)


def first_waiting(stores: Stores) -> pika.BasicProperties:
    """Return the properties of the first mail that waits, and leave it where it is."""
    who = pika.PlainCredentials("shop", (stores.secrets / "broker-shop").read_text())
    where = pika.ConnectionParameters("127.0.0.1", stores.rabbitmq.amqp, credentials=who)
    with pika.BlockingConnection(where) as connection, connection.channel() as channel:
        method, properties, _ = channel.basic_get("order-mails")
        channel.basic_nack(method.delivery_tag)
    return properties


def test_scattered_pages_fill_redis_and_find_nothing(shop: Shop, stores: Stores, heal: Callable[[], None]) -> None:
    """Each look makes fifty keys that are never asked for again."""
    password = (stores.secrets / "cache-seawall").read_text()
    client = Redis(port=stores.redis, username="seawall", password=password)

    def keys() -> int:
        return int(client.info("keyspace").get("db0", {}).get("keys", 0))  # type: ignore[union-attr]

    faults.switch(shop.faults, "eviction")
    before = keys()
    eventually(lambda: shop["storefront"].request("/products/3")[0] == 200 and keys() >= before + 100, 60, every=0.2)
