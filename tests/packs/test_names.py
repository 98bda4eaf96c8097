"""Every metric and label that a pack names is one that the real software exposes."""

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from caches import Origin, nginx, varnish
from memcached import StartMemcached
from mysql import MysqlServer, told_by_mysqld_exporter
from outside import authority, dns_answer, page, tcp, udp
from pgbouncer import ENVIRON, StartPgbouncer
from pools import pool_application
from postgres import PostgresServer
from rabbitmq import RabbitmqNode
from servers import (
    Exposed,
    RedisServer,
    RunningExporter,
    StartExporter,
    StartRedis,
    answers,
    eventually,
    exposed,
    free_port,
    get,
    parse,
    process,
    serving,
)

from seawall.exporters import inventory

from .conftest import Rendered
from .contract import Contract

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def servers(start_redis: StartRedis) -> list[RedisServer]:
    """Return a master that was used, its replica, and a cluster's node."""
    master, member = start_redis("--appendonly", "yes"), start_redis("--cluster-enabled", "yes")
    replica = start_redis("--replicaof", f"127.0.0.1 {master.port}")
    master.cli("set", "key", "value", "ex", "1000")
    eventually(lambda: "state=online" in master.cli("info", "replication"))
    return [master, replica, member]


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, servers: list[RedisServer]) -> RunningExporter:
    """Return Seawall's exporter of the three."""
    return start_exporter({f"redis-{at}": f"redis://127.0.0.1:{each.port}" for at, each in enumerate(servers)})


@pytest.fixture(scope="module")
def host_by_seawall(exporter: RunningExporter) -> Exposed:
    """Return what Seawall's exporter tells of this machine."""
    return exposed([exporter.scrape("/metrics")])


@pytest.fixture(scope="module")
def host_by_node_exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Return what node_exporter, as Debian has it, tells of this machine."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = ("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}")
    with process(*command, cwd=tmp_path_factory.mktemp("node_exporter")):
        eventually(lambda: answers(url))
        yield exposed([parse(get(url))])


@pytest.fixture(scope="module")
def redis_by_seawall(exporter: RunningExporter) -> Exposed:
    """Return what Seawall's exporter tells of the three servers."""
    return exposed(exporter.scrape(f"/probe?service=redis-{at}") for at in range(3))


@pytest.fixture(scope="module")
def redis_by_redis_exporter(tmp_path_factory: pytest.TempPathFactory, servers: list[RedisServer]) -> Iterator[Exposed]:
    """Return what redis_exporter, as Debian has it, tells of them."""
    port = free_port()
    command = ("prometheus-redis-exporter", "-web.listen-address", f"127.0.0.1:{port}", "-is-cluster")
    with process(*command, cwd=tmp_path_factory.mktemp("redis_exporter")):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/"))
        scrape = f"http://127.0.0.1:{port}/scrape?target=redis://127.0.0.1:"
        yield exposed(parse(get(f"{scrape}{each.port}")) for each in servers)


@pytest.fixture(scope="module")
def memcached_by_seawall(start_exporter: StartExporter, start_memcached: StartMemcached) -> Exposed:
    """Return what Seawall's exporter tells of a server that was used."""
    server = start_memcached()
    with server.client() as client:
        client.set("key", b"value")
    return exposed([start_exporter({"cache": server.url}).scrape("/probe?service=cache")])


@pytest.fixture(scope="module")
def memcached_by_memcached_exporter() -> Exposed:
    """Return what memcached_exporter told of one, as it was recorded: Debian has no package of it."""
    return exposed([parse((Path(__file__).parents[1] / "exporters/recordings/memcached_exporter.txt").read_text())])


@pytest.fixture(scope="module")
def pool_by_application(
    tmp_path_factory: pytest.TempPathFactory,
    cluster: tuple[PostgresServer, PostgresServer],
    postgres_by_seawall: Exposed,
) -> Iterator[Exposed]:
    """Return what an application with pools tells of them, and the exporter of the database that it uses."""
    with pool_application(tmp_path_factory.mktemp("pools"), cluster[0].url) as application:
        eventually(lambda: "http_client_open_connections{" in get(application.metrics), 30)
        yield postgres_by_seawall | exposed([parse(get(application.metrics))])


@pytest.fixture(scope="module")
def rabbitmq_by_seawall(start_exporter: StartExporter, rabbitmq_node: RabbitmqNode) -> Exposed:
    """Return what Seawall's exporter tells of it."""
    return exposed([start_exporter({"mq": rabbitmq_node.url}).scrape("/probe?service=mq")])


@pytest.fixture(scope="module")
def rabbitmq_by_plugin(rabbitmq_node: RabbitmqNode) -> Exposed:
    """Return what its plugin tells of it, in each of the ways in which Prometheus may read it."""
    pages = ("", "/per-object", "/detailed?family=queue_coarse_metrics&family=queue_consumer_count")
    return exposed(parse(get(rabbitmq_node.metrics + page)) for page in pages)


@pytest.fixture(scope="module")
def pgbouncer_by_seawall(start_exporter: StartExporter, start_pgbouncer: StartPgbouncer) -> Exposed:
    """Return what Seawall's exporter tells of a server that was used."""
    server = start_pgbouncer()
    with server.client() as client:
        client.execute("SELECT 1")
    return exposed([start_exporter({"bouncer": server.url}, ENVIRON).scrape("/probe?service=bouncer")])


@pytest.fixture(scope="module")
def pgbouncer_by_pgbouncer_exporter() -> Exposed:
    """Return what pgbouncer_exporter told of one, as it was recorded: Debian's is another program, with other names."""
    return exposed([parse((Path(__file__).parents[1] / "exporters/recordings/pgbouncer_exporter.txt").read_text())])


@pytest.fixture(scope="module", name="http-cache_by_seawall")
def http_cache_by_seawall(start_exporter: StartExporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Return what Seawall's exporter tells of an NGINX and of a Varnish that keeps some in a file."""
    store = tmp_path_factory.mktemp("store") / "file"
    with Origin().running() as origin, nginx(origin) as one, varnish(origin, "-s", f"file,{store},10m") as two:
        exporter = start_exporter({"nginx": one.watched, "varnish": two.watched})
        yield exposed(exporter.scrape(f"/probe?service={name}") for name in ("nginx", "varnish"))


def status(url: str, order: bool = False) -> int:
    """Return the status of a page of the shop, or of an order."""
    body = json.dumps({"product": 1}).encode() if order else None
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="module")
def shop_by_seawall(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[dict[str, Exposed]]:
    """Return what the shop under ``seawall.auto`` tells, by kind, once it sold, failed, and lost its checkout."""
    state = tmp_path_factory.mktemp("shop")
    pages = {name: free_port() for name in ("storefront", "checkout")}
    metrics = {name: free_port() for name in ("storefront", "checkout", "mailer")}
    faults = state / "faults.json"
    common = {"SHOP_FAULTS": faults, "SHOP_STATE": state, "SHOP_CHECKOUT_PORT": pages["checkout"]}
    common["SHOP_CHECKOUT_URL"] = f"http://127.0.0.1:{pages['checkout']}"
    uvicorn = ("-m", "uvicorn", "storefront:app", "--port", str(pages["storefront"]), "--app-dir", str(shop))
    commands = {"storefront": uvicorn, **{name: (str(shop / f"{name}.py"),) for name in ("checkout", "mailer")}}
    with ExitStack() as stack:
        running = {}
        for name, words in commands.items():
            own = {**common, "OTEL_EXPORTER_PROMETHEUS_PORT": metrics[name]}
            own["SEAWALL_SERVICE"] = shop / f"rendered/services/{name}.json"
            line = ("env", *(f"{key}={value}" for key, value in own.items()), sys.executable, *words)
            running[name] = stack.enter_context(process(*line, cwd=state))
        urls = {name: f"http://127.0.0.1:{port}/" for name, port in pages.items()}
        eventually(lambda: all(answers(f"{url}health") for url in urls.values()), 60)
        scrape = {name: f"http://127.0.0.1:{port}/metrics" for name, port in metrics.items()}
        front = urls["storefront"]
        assert [200, 200, 404, 201] == [
            status(front),
            *(status(f"{front}products/{at}") for at in (1, 99)),
            status(f"{front}orders", True),
        ]
        eventually(lambda: "messaging_process_duration_seconds_count" in get(scrape["mailer"]), 30)
        running["checkout"].kill()
        running["checkout"].wait()
        assert 503 == status(f"{front}orders", True)
        faults.write_text('{"errors": 1}')
        eventually(lambda: status(front) == 500)
        yield {"http": exposed([parse(get(scrape["storefront"]))]), "worker": exposed([parse(get(scrape["mailer"]))])}


@pytest.fixture(scope="module")
def http_by_shop(shop_by_seawall: dict[str, Exposed]) -> Exposed:
    """Return what the storefront tells."""
    return shop_by_seawall["http"]


@pytest.fixture(scope="module")
def worker_by_shop(shop_by_seawall: dict[str, Exposed]) -> Exposed:
    """Return what the mailer tells."""
    return shop_by_seawall["worker"]


@pytest.fixture(scope="module")
def mysql_by_seawall(start_exporter: StartExporter, mysqls: list[MysqlServer]) -> Exposed:
    """Return what Seawall's exporter tells of all three."""
    exporter = start_exporter({f"mysql-{at}": each.url for at, each in enumerate(mysqls)})
    return exposed(exporter.scrape(f"/probe?service=mysql-{at}") for at in range(3))


@pytest.fixture(scope="module")
def mysql_by_mysqld_exporter(mysqls: list[MysqlServer], tmp_path_factory: pytest.TempPathFactory) -> Exposed:
    """Return what mysqld_exporter, as Debian has it, tells of the same."""
    folder = tmp_path_factory.mktemp("mysqld_exporter")
    return exposed(told_by_mysqld_exporter(each, folder) for each in mysqls)


@pytest.fixture(scope="module")
def probe_by_seawall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Return what Seawall's exporter tells of a page, of one under TLS that it does not trust, of a nameserver and of no name."""
    folder = tmp_path_factory.mktemp("outside")
    with (
        tcp(page("200 OK")) as plain,
        tcp(page("200 OK"), authority(folder).issue("own", days=9)) as sealed,
        udp(dns_answer) as names,
    ):
        urls = {
            "plain": f"http://127.0.0.1:{plain}",
            "sealed": f"https://127.0.0.1:{sealed}",
            "names": f"dns://127.0.0.1:{names}",
            "nowhere": "http://no-such-name.invalid",
        }
        lines = [f"  {name}: {{kind: probe, team: ops, url: '{url}', probe: {{}}}}" for name, url in urls.items()]
        asked = lines[2].replace("{}}", "{dns: {name: shop.test}}}")
        catalog = folder / "catalog.yaml"
        catalog.write_text("\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines[:2], asked, *lines[3:]]))
        with serving(catalog) as running:
            yield exposed(running.scrape(f"/probe?service={name}") for name in urls)


def is_recent(exporter: str, least: tuple[int, int]) -> bool:
    """Whether *exporter* is installed, and of a version whose names the pack has: older ones had others."""
    if not shutil.which(exporter):
        return False
    done = subprocess.run([exporter, "--version"], capture_output=True, text=True)
    found = re.search(r"version (\d+)\.(\d+)", done.stdout + done.stderr)
    return found is not None and (int(found[1]), int(found[2])) >= least


SOURCES: Final = [
    ("probe", "seawall"),
    ("postgres", "seawall"),
    *([("postgres", "postgres_exporter")] if is_recent("prometheus-postgres-exporter", (0, 15)) else []),
    ("pool", "application"),
    ("mongodb", "seawall"),
    ("shards", "members"),
    ("mysql", "seawall"),
    *([("mysql", "mysqld_exporter")] if shutil.which("prometheus-mysqld-exporter") else []),
    ("celery", "seawall"),
    ("celery", "celery_exporter"),
    ("http-cache", "seawall"),
    ("memcached", "seawall"),
    ("memcached", "memcached_exporter"),
    ("rabbitmq", "seawall"),
    ("rabbitmq", "plugin"),
    ("kafka", "seawall"),
    ("kafka", "kafka_exporter"),
    ("pgbouncer", "seawall"),
    ("pgbouncer", "pgbouncer_exporter"),
    ("host", "seawall"),
    ("host", "node_exporter"),
    ("redis", "seawall"),
    ("redis", "redis_exporter"),
    ("http", "shop"),
    ("worker", "shop"),
    ("seawall", "stack"),
]


@pytest.mark.parametrize(("kind", "source"), SOURCES)
def test_every_name_of_a_pack_is_exposed(
    rendered: Rendered, kind: str, source: str, request: pytest.FixtureRequest
) -> None:
    """Metrics, labels, the values that matchers ask for, both sides of every match, and what the texts show."""
    has: dict[str, Exposed] = {each: request.getfixturevalue(f"{kind}_by_{each}") for of, each in SOURCES if of == kind}
    # What the kernel at hand lacks neither exporter has; that both know it is another test's (test_host_contract.py).
    lacking = frozenset(info.name for info in inventory().get(kind, ())) - {
        name for one in has.values() for name in one
    }
    contract = Contract(rendered, kind, source, has[source])
    assert [] == sorted(set(contract.breaches(lacking if len(has) > 1 else frozenset())))
    assert len(rendered.uses[kind]) > 10
