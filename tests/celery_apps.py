"""Real workers of Celery on real brokers, for the tests of whoever watches them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from celery import Celery
from prometheus_client import Metric
from servers import Exposed, RunningExporter, Scrape, StartExporter, StartRedis, eventually, exposed, parse

# What a worker runs; the tests send to it by name alone.
_APPLICATION: Final = """
import os, time
from celery import Celery
from celery.exceptions import Reject

app = Celery("shop", broker=os.environ["BROKER"])
app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)

@app.task(name="mail", bind=True, max_retries=1000, acks_late=True)
def mail(self, seconds=0, fails=False, retries=0, rejected=False):
    time.sleep(seconds)
    if self.request.retries < retries:
        raise self.retry(countdown=0.1)
    if rejected:
        raise Reject("nobody wants it", requeue=False)
    if fails:
        raise ValueError("no such address")
"""


@dataclass(frozen=True)
class CeleryShop:
    """An application of Celery's on a broker, whose workers are started one by one."""

    broker: str
    folder: Path

    @property
    def url(self) -> str:
        """How the exporter is to know it: a worker is lost after three seconds."""
        return f"celery+{self.broker}?queues=mails&silence=3"

    def send(
        self,
        count: int = 1,
        queue: str = "mails",
        expires: float | None = None,
        countdown: float | None = None,
        **options: Any,
    ) -> None:
        """Publish tasks, as an application does that tells of it."""
        with Celery("sender", broker=self.broker, set_as_current=False) as app:
            app.conf.task_send_sent_event = True
            for _ in range(count):
                app.send_task(
                    "mail", kwargs=options, queue=queue, expires=expires, countdown=countdown, ignore_result=True
                )

    def send_each(self) -> None:
        """Publish a task for each way in which one can end: two succeed at once, and one the second time."""
        self.send(2)
        self.send(fails=True)
        self.send(retries=1)
        self.send(rejected=True)
        self.send(expires=0.5, countdown=1)

    @contextmanager
    def worker(
        self, name: str, *options: str, queues: str = "mails", slots: int = 2
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker of threads, which can be killed as a whole, until the end of the block."""
        pool = ("--pool=threads", f"--concurrency={slots}", "--without-mingle", "--without-gossip")
        command = ("-m", "celery", "-A", "shop", "worker", f"--hostname={name}@host", f"--queues={queues}", *pool)
        environ = os.environ | {"BROKER": self.broker, "PYTHONPATH": str(self.folder), "PYTHONWARNINGS": "ignore"}
        with (self.folder / f"{name}.log").open("ab") as log:
            running = subprocess.Popen(
                [sys.executable, *command, *options],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                yield running
                running.terminate()  # it says goodbye, and is not missed by the next test
                with suppress(subprocess.TimeoutExpired):
                    running.wait(10)
            finally:
                running.kill()
                running.wait()


def scraped(exporter: RunningExporter, name: str = "jobs") -> Scrape:
    """Return a probe of the service *name*."""
    return exporter.scrape(f"/probe?service={name}")


def value(scrape: Scrape, name: str, /, **labels: str) -> float | None:
    """Return the sample of a family with *labels*, or None."""
    family = scrape.get(name)
    found = [each for (_, has), each in family.samples.items() if labels.items() <= set(has)] if family else []
    return found[0] if found else None


def total(scrape: Scrape, name: str, /, **labels: str) -> float:
    """Return the sum of a family's samples with *labels*; of a histogram, of its counts."""
    family = scrape.get(name)
    found = family.samples.items() if family is not None else ()
    wanted = labels.items()
    return sum(
        value for (sample, has), value in found if wanted <= set(has) and not sample.endswith(("_bucket", "_sum"))
    )


LabelValues = tuple[str, ...]


def told(families: Any) -> dict[str, dict[LabelValues, float]]:
    """Return the values of each sample by its name and the values of its labels, buckets left out."""
    found: dict[str, dict[LabelValues, float]] = {}
    metrics: list[Metric] = list(families)
    for sample in (sample for metric in metrics for sample in metric.samples):
        if not sample.name.endswith("_bucket"):
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def event(kind: str, at: float = 100.0, uuid: str = "1", host: str = "one@a", **more: Any) -> dict[str, Any]:
    """Return an event."""
    return {"type": kind, "timestamp": at, "uuid": uuid, "hostname": host, **more}


StartCelery = Callable[[str], CeleryShop]


@pytest.fixture(scope="module")
def celery_on(tmp_path_factory: pytest.TempPathFactory) -> StartCelery:
    """Return a function that gives the application on a broker, by the broker's url."""

    def shop(broker: str) -> CeleryShop:
        folder = tmp_path_factory.mktemp("celery")
        (folder / "shop.py").write_text(_APPLICATION)
        return CeleryShop(broker, folder)

    return shop


@pytest.fixture(scope="module")
def celery_by_seawall(start_exporter: StartExporter, start_redis: StartRedis, celery_on: StartCelery) -> Exposed:
    """Return what Seawall's exporter tells of a worker that did what the recorded one did, and of one without events."""
    shop = celery_on(f"redis://127.0.0.1:{start_redis().port}/0")
    exporter = start_exporter({"jobs": shop.url})
    page = "/probe?service=jobs"
    exporter.scrape(page)  # it listens from now on
    with shop.worker("one", "-E"):
        eventually(lambda: "celery_active_worker_count" in exporter.scrape(page), 60)
        shop.send_each()
        eventually(lambda: bool(exporter.scrape(page)["celery_task_revoked_total"].samples), 60)
        eventually(lambda: "seawall_celery_worker_processed_total" in exporter.scrape(page), 60)
        return exposed([exporter.scrape(page)])


@pytest.fixture(scope="module")
def celery_by_celery_exporter() -> Exposed:
    """Return what celery-exporter told of one, as it was recorded: it is in no package of Debian's."""
    return exposed([parse((Path(__file__).parent / "exporters/recordings/celery_exporter.txt").read_text())])
