"""The celery collector on real brokers and workers, beside what celery-exporter says of the same."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from celery_apps import CeleryShop, StartCelery, scraped, total, value
from outside import Authority, authority
from rabbitmq import StartRabbitmq
from servers import RunningExporter, Scrape, StartExporter, StartRedis, eventually, free_port, parse

from seawall.exporters import inventory

RECORDING: Final = Path(__file__).parent / "recordings/celery_exporter.txt"
PAGE: Final = Path(__file__).parents[2] / "docs/reference/exporter.md"
PATIENCE: Final = 60
EVERY: Final = 0.2  # seconds between two looks at what a worker does
OWN: Final = ("seawall_", "celery_up")
ENDED: Final = {"succeeded": 3, "failed": 2, "rejected": 1, "revoked": 1, "retried": 1}
SECRET: Final = "hunter2-secret"


def has_done(exporter: RunningExporter) -> bool:
    """Whether all that send_each() sends has ended, and the worker's heartbeat told of it."""
    scrape = scraped(exporter)
    told = all(total(scrape, f"celery_task_{state}_total") == count for state, count in ENDED.items())
    return told and value(scrape, "seawall_celery_worker_processed_total") == 6


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority of whom both brokers have a certificate, for 127.0.0.1."""
    found = authority(tmp_path_factory.mktemp("trusted"))
    found.issue("server", days=9)
    return found


@pytest.fixture(scope="module")
def redis(start_redis: StartRedis, trusted: Authority) -> dict[str, str]:
    """Return what follows the password in the urls of a Redis, by scheme."""
    port, folder = free_port(), trusted.folder
    files = ("--tls-cert-file", f"{folder}/server.pem", "--tls-key-file", f"{folder}/server.key")
    trusting = ("--tls-ca-cert-file", str(trusted.file), "--tls-auth-clients", "no")
    server = start_redis("--tls-port", str(port), *files, *trusting, password=SECRET)
    return {"redis": f"127.0.0.1:{server.port}/0", "rediss": f"127.0.0.1:{port}/0"}


@pytest.fixture(scope="module")
def rabbitmq(start_rabbitmq: StartRabbitmq, trusted: Authority) -> dict[str, str]:
    """Return the same of a RabbitMQ whose user has the rights of the page of the reference."""
    port, folder = free_port(), trusted.folder
    files = (f"certfile = {folder}/server.pem", f"keyfile = {folder}/server.key", f"cacertfile = {trusted.file}")
    node = start_rabbitmq(
        "one", f"listeners.ssl.default = 127.0.0.1:{port}", *(f"ssl_options.{line}" for line in files)
    )
    (rights,) = re.findall(
        r"^rabbitmqctl set_permissions -p VHOST seawall '(.*)' '(.*)' '(.*)'$", PAGE.read_text(), re.M
    )
    node.ctl("add_user", "seawall", SECRET)
    node.ctl("set_permissions", "seawall", *rights)
    return {"amqp": f"127.0.0.1:{node.amqp}//", "amqps": f"127.0.0.1:{port}//"}


@pytest.fixture(scope="module")
def on_redis(
    redis: dict[str, str], celery_on: StartCelery, start_exporter: StartExporter
) -> Iterator[tuple[str, CeleryShop, RunningExporter]]:
    """Return what `used` says of a Redis."""
    shop = celery_on(f"redis://:{SECRET}@{redis['redis']}")
    with having_done_each(
        shop, start_exporter({"jobs": shop.url.replace(SECRET, "${SECRET}")}, {"SECRET": SECRET})
    ) as exporter:
        yield "redis", shop, exporter


@pytest.fixture(scope="module")
def on_rabbitmq(
    rabbitmq: dict[str, str], celery_on: StartCelery, start_exporter: StartExporter
) -> Iterator[tuple[str, CeleryShop, RunningExporter]]:
    """Return what `used` says of a RabbitMQ, which workers enter as guests."""
    shop = celery_on(f"amqp://{rabbitmq['amqp']}")
    url = shop.url.replace("://", "://seawall:${SECRET}@")
    with having_done_each(shop, start_exporter({"jobs": url}, {"SECRET": SECRET})) as exporter:
        yield "amqp", shop, exporter


@contextmanager
def having_done_each(shop: CeleryShop, exporter: RunningExporter) -> Iterator[RunningExporter]:
    """Run a worker that does what the recorded one did, until the end of the block."""
    scraped(exporter)  # it listens from now on
    with shop.worker("one", "-E"):
        eventually(lambda: value(scraped(exporter), "celery_active_process_count") == 2, PATIENCE, EVERY)
        shop.send_each()
        eventually(lambda: has_done(exporter), PATIENCE, EVERY)
        yield exporter


@pytest.fixture(params=["on_redis", "on_rabbitmq"])
def used(request: pytest.FixtureRequest) -> tuple[str, CeleryShop, RunningExporter]:
    """Return a broker's sort, an application on it whose worker did what the recorded one did, and the exporter of it."""
    found: tuple[str, CeleryShop, RunningExporter] = request.getfixturevalue(request.param)
    return found


@pytest.mark.e2e
def test_names_types_labels_and_bounds_are_those_of_celery_exporter(
    used: tuple[str, CeleryShop, RunningExporter],
) -> None:
    """All that it tells; on Redis neither knows consumers."""
    broker, _, exporter = used
    ours, theirs = scraped(exporter), parse(RECORDING.read_text())
    if broker == "redis":
        del theirs["celery_active_consumer_count"]

    assert theirs.keys() == {name for name in ours if not name.startswith(OWN)}
    assert {name: family.type for name, family in theirs.items()} == {name: ours[name].type for name in theirs}

    def labels(scrape: Scrape, name: str) -> set[tuple[str, frozenset[str], str]]:
        return {(sample, frozenset(dict(has)), dict(has).get("le", "")) for sample, has in scrape[name].samples}

    assert {name: labels(theirs, name) for name in theirs} == {name: labels(ours, name) for name in theirs}


@pytest.mark.e2e
def test_values_are_those_of_celery_exporter_but_for_what_is_said_to_differ(
    used: tuple[str, CeleryShop, RunningExporter],
) -> None:
    """Sums over workers and queues: a worker is told by its whole name, and its slots where they are threads too."""
    _, _, exporter = used
    ours, theirs = scraped(exporter), parse(RECORDING.read_text())

    for state in (*ENDED, "received", "started"):
        assert total(theirs, f"celery_task_{state}_total") == total(ours, f"celery_task_{state}_total")
    for name in ("celery_task_runtime", "celery_queue_length", "celery_worker_up", "celery_active_worker_count"):
        assert total(theirs, name) == total(ours, name)
    assert [0, 2] == [total(each, "celery_active_process_count") for each in (theirs, ours)]
    assert 1 == value(ours, "celery_worker_up", hostname="one@host")
    assert 1 == value(ours, "celery_task_failed_total", exception="ValueError", queue_name="mails", name="mail")


@pytest.mark.e2e
def test_all_that_is_declared_is_seen(used: tuple[str, CeleryShop, RunningExporter]) -> None:
    """And nothing else."""
    broker, _, exporter = used
    seen = {name for name in scraped(exporter) if not name.startswith("seawall_probe_")}
    consumers = {"celery_active_consumer_count"} if broker == "redis" else set()
    assert {info.name for info in inventory()["celery"]} - consumers == seen


@pytest.mark.e2e
def test_a_worker_without_events_of_tasks_is_told_of_with_its_queue_and_it_is_said(
    on_redis: tuple[str, CeleryShop, RunningExporter],
) -> None:
    """It says goodbye then, and is not missed; one that is killed is."""
    _, shop, exporter = on_redis
    with shop.worker("two", queues="files") as quiet, shop.worker("three", "-E", queues="other") as killed:
        known = ("celery_active_process_count", "celery_active_worker_count")

        def has_both() -> bool:
            scrape = scraped(exporter)
            return all(value(scrape, name, queue_name=queue) for name in known for queue in ("files", "other"))

        def tells_nothing() -> bool:
            shop.send(queue="files")
            return value(scraped(exporter), "seawall_celery_worker_task_events", hostname="two@host") == 0

        eventually(has_both, PATIENCE, EVERY)
        killed.kill()
        eventually(tells_nothing, PATIENCE, 1)
        assert 0 == total(scraped(exporter), "celery_task_started_total", hostname="two@host")
        assert (value(scraped(exporter), "seawall_celery_worker_processed_total", hostname="two@host") or 0) > 1
        quiet.terminate()
        quiet.wait(PATIENCE)
        eventually(lambda: value(scraped(exporter), "celery_worker_up", hostname="three@host") == 0, PATIENCE, EVERY)
        shop.send(3, queue="files")
        eventually(lambda: (value(scraped(exporter), "celery_queue_length", queue_name="files") or 0) > 2, PATIENCE)
        scrape = scraped(exporter)
        assert value(scrape, "celery_worker_up", hostname="two@host") is None
        assert value(scrape, "celery_active_worker_count", queue_name="other") == 0


@pytest.mark.e2e
@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
def test_over_tls_the_broker_has_to_be_who_it_is_asked_to_be(
    request: pytest.FixtureRequest,
    start_exporter: StartExporter,
    trusted: Authority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    scheme: str,
) -> None:
    """One of another authority or of another name is down, and it is said why; no password is."""
    at = request.getfixturevalue("redis" if scheme == "rediss" else "rabbitmq")[scheme]
    user = "" if scheme == "rediss" else "seawall"
    url = f"celery+{scheme}://{user}:${{SECRET}}@{at}"
    wrong = {
        "unknown": (f"{url}?ca={authority(tmp_path).file}", "certificate verify failed: self-signed certificate"),
        "system": (url, "certificate verify failed: self-signed certificate"),
        "named": (f"{url.replace('127.0.0.1', 'localhost')}?ca={trusted.file}", "Hostname mismatch"),
        "nowhere": (f"{url}?ca={tmp_path}/none.pem", "No such file"),
    }
    urls = {"jobs": f"{url}?ca={trusted.file}"} | {name: each for name, (each, _) in wrong.items()}
    exporter = start_exporter(urls, {"SECRET": SECRET})

    assert dict.fromkeys(urls, 0) | {"jobs": 1} == {name: value(scraped(exporter, name), "celery_up") for name in urls}
    for name, (_, why) in wrong.items():
        assert [True] == [why in line for line in caplog.messages if f"probe of {name} failed" in line]
    assert SECRET not in caplog.text
