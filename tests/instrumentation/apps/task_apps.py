"""The same tasks in four task queues: ``task_apps.py LIBRARY REDIS_PORT`` is each one's worker.

The test sends the messages; each task does what its message tells it.
"""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

import asyncio
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from opentelemetry import propagate

REDIS = os.environ["TASKS_REDIS"]
FOLDER = Path(os.environ["TASKS_FOLDER"])


def work(what: str) -> None:
    """Do it, and tell in a file that it was done and in which trace."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    (FOLDER / f"{what}-{time.time_ns()}").write_text(json.dumps(carrier))
    if what == "fail":
        raise LookupError("as it was told")
    if what == "log":
        logging.getLogger("shop").error("did %s", what)
    if what == "die":
        os._exit(3)
    if what == "hold":
        while not (FOLDER / "released").exists():
            time.sleep(0.005)


def celery_app() -> object:
    from celery import Celery

    app = Celery("shop", broker=REDIS, backend=REDIS)
    app.conf.update(
        task_default_queue="mails", worker_hijack_root_logger=False, broker_connection_retry_on_startup=True
    )

    @app.task(name="shop.work")
    def do(what: str) -> None:
        work(what)

    @app.task(name="shop.retry", bind=True, max_retries=1, default_retry_delay=0)
    def again(self: object) -> None:
        try:
            raise TimeoutError("try again")
        except TimeoutError as error:
            raise self.retry(exc=error) from error  # type: ignore[attr-defined]

    return app


def dramatiq_broker() -> object:
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=REDIS)
    dramatiq.set_broker(broker)
    dramatiq.actor(work, queue_name="mails", actor_name="work", max_retries=0)
    return broker


async def send_arq(function: str, what: str) -> None:
    from arq import create_pool
    from arq.connections import RedisSettings

    warnings.simplefilter("ignore", DeprecationWarning)  # arq was written for an older redis
    pool = await create_pool(RedisSettings.from_dsn(REDIS), default_queue_name="mails")
    await pool.enqueue_job(function, what)
    await pool.aclose()


def run_arq() -> None:
    from arq import Retry, func
    from arq.connections import RedisSettings
    from arq.worker import Worker

    async def do(_: object, what: str) -> None:
        work(what)

    async def again(context: dict[str, Any], _: str) -> None:
        try:
            raise TimeoutError("try again")
        except TimeoutError as error:
            if context["job_try"] == 1:
                raise Retry(defer=0) from error
            raise

    async def slow(*_: object) -> None:
        await asyncio.Event().wait()

    jobs = [func(do, name="work"), func(again, name="again"), func(slow, name="slow", timeout=0.01)]
    redis = RedisSettings.from_dsn(REDIS)
    Worker(jobs, queue_name="mails", redis_settings=redis, max_jobs=2, poll_delay=0.01).run()


def run_celery() -> None:
    celery_app().worker_main(["worker", "--pool", sys.argv[2], "--concurrency", "2", "-l", "warning"])  # type: ignore[attr-defined]


def run_dramatiq() -> None:
    from dramatiq import Worker

    Worker(dramatiq_broker(), worker_threads=2, worker_timeout=100).start()  # type: ignore[arg-type]
    while True:
        time.sleep(1)


def run_rq() -> None:
    from redis import Redis
    from rq import SimpleWorker, Worker

    kind = SimpleWorker if sys.argv[2] == "simple" else Worker
    kind(["mails"], connection=Redis.from_url(REDIS)).work(logging_level="WARNING")


if __name__ == "__main__":
    {"arq": run_arq, "celery": run_celery, "dramatiq": run_dramatiq, "rq": run_rq}[sys.argv[1]]()
