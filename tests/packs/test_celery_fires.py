"""What goes wrong with Celery for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from celery_apps import CeleryShop, StartCelery
from servers import RedisServer, StartRedis

from .watching import PATIENCE, Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Rates and slopes are read over the seconds that a test goes on; a day and an hour are less than a minute.
QUICK: Final = {"[1d]": "[40s]", "[1h:1m]": "[40s:1s]", **dict.fromkeys(("[15m]", "[10m]", "[5m]"), "[10s]")}
MOVED: Final = {
    "CeleryQueueWaitHigh": {"above": 5},
    "CeleryBacklogGrowing": {"above": 60},
    "CeleryWorkersStalled": {"for": "30s"},  # as long a task as none of these is
    "CeleryTaskEventsOff": {"for": "1h"},
}


@dataclass(frozen=True)
class Watched:
    """A broker with an application, whose workers come and go, and Prometheus over it."""

    prometheus: Prometheus
    broker: RedisServer
    shop: CeleryShop

    def has(self, workers: int) -> None:
        """Wait until Prometheus knows as many workers of the queue."""
        self.prometheus.has("celery_active_worker_count", workers)

    def fires(self, alert: str, **options: bool | int) -> None:
        """Send tasks, few enough to be done at once, until *alert* fires."""
        self.prometheus.fires("jobs", alert, meanwhile=lambda: self.shop.send(**options))


@pytest.fixture(scope="module")
def watched(
    start_redis: StartRedis, celery_on: StartCelery, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """Return an application without a worker, and Prometheus over it."""
    broker = start_redis()
    shop = celery_on(f"redis://127.0.0.1:{broker.port}/0")
    catalog = catalog_of_kind("celery", {"jobs": shop.url}, MOVED)
    with watching(tmp_path_factory.mktemp("celery-watched"), catalog, QUICK) as prometheus:
        yield Watched(prometheus, broker, shop)


def test_a_deploy_is_no_loss_a_killed_worker_is_a_ticket_and_messages_that_nobody_takes_page(watched: Watched) -> None:
    """While all is well every rule is evaluated and no alert even begins; a worker that says goodbye is not missed."""
    prometheus, shop = watched.prometheus, watched.shop
    with shop.worker("one", "-E") as first, shop.worker("two", "-E") as second:
        watched.has(2)
        shop.send(10)
        prometheus.has("sum(celery_task_succeeded_total)", 10)
        prometheus.knows("celery_up", 1)
        first.terminate()
        first.wait(PATIENCE)
        watched.has(1)
        assert set() == prometheus.active()

        second.kill()
        prometheus.fires("jobs", "CeleryWorkerLost")
        assert {("jobs", "CeleryWorkerLost")} == prometheus.active()
        shop.send(3)
        prometheus.fires("jobs", "CeleryNoWorkers")
        assert {("jobs", "CeleryNoWorkers")} == prometheus.active("page")


@pytest.fixture(scope="module")
def repaired(watched: Watched) -> Iterator[Watched]:
    """Start one again, which does what waits, and wait until nothing is wrong any more."""
    with watched.shop.worker("one", "-E"):
        watched.has(1)
        watched.prometheus.is_quiet()
        yield watched


def test_slow_tasks_page_for_who_waits_and_are_a_ticket_for_the_slots(repaired: Watched) -> None:
    """Both slots are in tasks of a second and a half; many more come than two."""
    pages = {("jobs", "CeleryQueueWaitHigh"), ("jobs", "CeleryBacklogGrowing")}
    names = (*(name for _, name in pages), "CelerySlotsSaturated")
    repaired.prometheus.fires("jobs", *names, meanwhile=lambda: repaired.shop.send(5, seconds=1.5))
    assert pages == repaired.prometheus.active("page")
    repaired.broker.cli("del", "mails")
    repaired.prometheus.is_quiet()


def test_repeated_tasks_are_a_ticket(repaired: Watched) -> None:
    """They succeed in the end, and nobody is paged."""
    repaired.fires("CeleryRetriesHigh", retries=1)
    assert set() == repaired.prometheus.active("page")
    repaired.prometheus.is_quiet()


def test_failing_tasks_page(repaired: Watched) -> None:
    """Nothing else does."""
    repaired.fires("CeleryTaskFailuresHigh", fails=True)
    assert {("jobs", "CeleryTaskFailuresHigh")} == repaired.prometheus.active("page")
    repaired.prometheus.is_quiet()


def test_a_broker_that_hangs_pages_alone_until_it_goes_on(repaired: Watched) -> None:
    """That workers are silent meanwhile is not held against them."""
    repaired.broker.cli("client", "pause", "8000", "all")
    repaired.prometheus.fires("jobs", "ServiceDown")
    assert {("jobs", "ServiceDown")} == repaired.prometheus.firing("page")
    repaired.prometheus.is_quiet()
