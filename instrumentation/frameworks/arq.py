"""arq: each attempt at a job counts once, by the function that does it and the queue of its worker."""

from asyncio import CancelledError
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from functools import wraps
from time import monotonic
from typing import Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry
from .tasks import begin, carried, end, inject, observe_slots

_SYSTEM: Final = "arq"
_HEADERS: Final = "headers"  # beside the five keys of arq's own, which looks at no other
# With which headers the job of this context was sent, and when the worker took it up.
_taken_up: Final[ContextVar[tuple[Mapping[str, Any], float]]] = ContextVar("seawall_arq_job")


def hook_producers(module: Any, _: Telemetry) -> None:
    """Carry the trace of the producer on, among what is stored of the job."""
    from pickle import dumps

    original = module.serialize_job

    @wraps(original)
    def serialize_job(*args: Any, serializer: Any = None, **kwargs: Any) -> bytes:
        headers: dict[str, str] = {}
        inject(headers)
        write = serializer or dumps
        added = {_HEADERS: headers} if headers else {}
        return original(*args, serializer=lambda job: write({**job, **added}), **kwargs)  # type: ignore[no-any-return]

    replace(module, "serialize_job", serialize_job)


def hook_workers(module: Any, telemetry: Telemetry) -> None:
    """Count the jobs of each worker, and expose how many it takes at once."""
    _hook_reading(module)
    make, work = module.Worker.__init__, module.Worker.main

    @wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        make(self, *args, **kwargs)
        _observe(self, telemetry)

    @wraps(work)
    def main(self: Any) -> Any:
        observe_slots(telemetry, [self.queue_name], lambda: self.max_jobs, lambda: len(self.job_tasks))
        return work(self)

    replace(module.Worker, "__init__", __init__)
    replace(module.Worker, "main", main)


def _hook_reading(module: Any) -> None:
    from pickle import loads

    original = module.deserialize_job_raw

    @wraps(original)
    def deserialize_job_raw(stored: bytes, *, deserializer: Any = None) -> Any:
        read = deserializer or loads

        def reading(data: bytes) -> Any:
            job = read(data)
            _note(job)
            return job

        return original(stored, deserializer=reading)

    replace(module, "deserialize_job_raw", deserialize_job_raw)


@guarded("carry a trace on")
def _note(job: Any) -> None:
    # The worker reads a job in the context that it makes the job's own of.
    headers = job.get(_HEADERS)
    _taken_up.set((headers if isinstance(headers, dict) else {}, monotonic()))


@guarded("observe a worker")
def _observe(worker: Any, telemetry: Telemetry) -> None:
    for name, function in worker.functions.items():
        own = copy(function)  # the application may give the same one to another worker
        limit = worker.job_timeout_s if function.timeout_s is None else function.timeout_s
        own.coroutine = _counting(function.coroutine, telemetry, name, worker.queue_name, limit)
        worker.functions[name] = own


def _counting(original: Callable[..., Any], telemetry: Telemetry, name: str, queue: str, limit: float) -> Any:
    @wraps(original)
    async def work(*args: Any, **kwargs: Any) -> Any:
        headers, since = _taken_up.get(({}, monotonic()))
        task = begin(telemetry, _SYSTEM, name, queue, carried(headers.get))
        error: BaseException | None = None
        try:
            return await original(*args, **kwargs)
        except BaseException as raised:
            error = _cause(raised, monotonic() - since >= limit)
            raise
        finally:
            if task is not None:
                end(task, error)

    return work


def _cause(error: BaseException, is_over: bool) -> BaseException:
    if isinstance(error, CancelledError) and is_over:
        return TimeoutError("the job's time was over")
    # What an attempt is tried again for says more than that it is.
    return error.__cause__ or error if type(error).__name__ == "Retry" else error
