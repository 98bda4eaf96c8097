"""RQ: each attempt at a job counts once, in the worker, which outlives the process that it forks for each."""

from functools import wraps
from typing import Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry
from .tasks import begin, carried, end, failure, inject, observe_slots

_SYSTEM: Final = "rq"


def hook_queues(module: Any, _: Telemetry) -> None:
    """Carry the trace of the producer on, in the job's meta."""
    original = module.Queue.create_job

    @wraps(original)
    def create_job(self: Any, *args: Any, **kwargs: Any) -> Any:
        job = original(self, *args, **kwargs)
        inject(job.meta)
        return job

    replace(module.Queue, "create_job", create_job)


def hook_workers(module: Any, telemetry: Telemetry) -> None:
    """Count the jobs of workers that fork and of those that do not."""
    _hook_execution(module.Worker, telemetry)
    _hook_execution(module.SimpleWorker, telemetry)


def hook_births(module: Any, telemetry: Telemetry) -> None:
    """Expose that a worker takes one job at once, and whether it has one."""
    original = module.BaseWorker.register_birth

    @wraps(original)
    def register_birth(self: Any) -> Any:
        observe_slots(telemetry, self.queue_names(), lambda: 1, lambda: getattr(self, "_seawall_busy", 0))
        return original(self)

    replace(module.BaseWorker, "register_birth", register_birth)


def _hook_execution(worker: Any, telemetry: Telemetry) -> None:
    original = worker.execute_job

    @wraps(original)
    def execute_job(self: Any, job: Any, queue: Any) -> Any:
        task = begin(telemetry, _SYSTEM, job.func_name, queue.name, carried(job.meta.get))
        self._seawall_busy = 1
        error: BaseException | None = None
        try:
            return original(self, job, queue)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._seawall_busy = 0
            if task is not None:
                end(task, error or _failure(job))

    replace(worker, "execute_job", execute_job)


@guarded("read what became of a job")
def _failure(job: Any) -> BaseException | None:
    """Return an exception of the class that failed *job*: the process that saw it is gone, its text is in Redis."""
    from rq.exceptions import InvalidJobOperation, NoSuchJobError

    try:
        status = job.get_status()
    except (InvalidJobOperation, NoSuchJobError):
        return None  # a job that succeeded and whose result nobody wanted
    if status is None or status.value == "finished":
        return None
    result = job.latest_result()
    text = (getattr(result, "exc_string", None) or "").strip().rpartition("\n")[2]
    return failure(text.partition(":")[0].rpartition(".")[2])
