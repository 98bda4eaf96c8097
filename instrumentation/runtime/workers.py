"""How many of the slots that answer requests are taken: worker processes, their threads, and a loop's threads."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final
from weakref import WeakSet, ref

from wrapt import register_post_import_hook

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.asked import Ask, AskedGauge
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels
from seawall.instrumentation.wrapping import wrap

# A pool's slots, those that are busy, and what waits for one.
State = tuple[float, float, float]

_NAME: Final = ("seawall.worker_pool.name",)
# The executors that loops make for ``run_in_executor`` and ``asyncio.to_thread``, by the names of their threads.
_LOOPS_OWN: Final = frozenset({"asyncio", "uvloop"})
_GREEN: Final = frozenset({"gevent", "eventlet"})


class WorkerPools:
    """Know the pools of this process, without keeping any alive; *active* counts the requests that are open."""

    def __init__(self, active: Family) -> None:
        self._active = active
        self._pools: dict[Callable[[Any], State], WeakSet[Any]] = {}
        self._names: dict[Callable[[Any], State], Callable[[Any], str]] = {}
        self._gunicorn: Callable[[], Any] = lambda: None

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        meaning = (
            ("slots", "Requests or calls that the pool can work on at once."),
            ("slots_busy", "Requests or calls that the pool works on."),
            ("waiting", "Requests or calls that wait for a slot."),
        )
        for index, (name, help) in enumerate(meaning):  # noqa: A001
            yield AskedGauge(f"seawall.worker_pool.{name}", help, _NAME, self._part(index))

    def hook(self) -> None:
        """Wait for each pool's library."""
        hooks: Mapping[str, Callable[[ModuleType], object]] = {
            "concurrent.futures.thread": self._watch_executors,
            "anyio._backends._asyncio": self._watch_anyio,
            "waitress.task": self._watch_waitress,
            "gunicorn.workers.base": self._watch_gunicorn,
        }
        for module, hook in hooks.items():
            register_post_import_hook(guarded(f"watch {module}")(hook), module)

    def states(self) -> Iterator[tuple[str, State]]:
        """Return each pool's name and state."""
        for read, pools in self._pools.items():
            for pool in list(pools):
                yield self._names[read](pool), read(pool)
        worker = self._gunicorn()
        if worker is not None and (slots := gunicorn_slots(worker)):
            yield "gunicorn", (slots, self._open(), 0)
        uwsgi: Any = sys.modules.get("uwsgi")
        if hasattr(uwsgi, "worker_id"):
            yield "uwsgi", (uwsgi.cores, self._open(), 0)

    def _open(self) -> float:
        # Neither server tells how many of its slots are busy: each open request takes one.
        return sum(cells[0] for _, cells in self._active.collect())

    def _part(self, index: int) -> Ask:
        def ask() -> Iterator[tuple[Labels, float]]:
            for name, state in self.states():
                yield (name,), state[index]

        return ask

    def _note(self, pool: Any, read: Callable[[Any], State], name: Callable[[Any], str]) -> None:
        self._names[read] = name
        self._pools.setdefault(read, WeakSet()).add(pool)

    def _watch_executors(self, module: ModuleType) -> None:
        def around(init: Callable[..., None]) -> Callable[..., None]:
            def __init__(executor: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
                init(executor, *args, **kwargs)
                if getattr(executor, "_thread_name_prefix", "") in _LOOPS_OWN:
                    self._note(executor, executor_state, lambda executor: str(executor._thread_name_prefix))

            return __init__

        wrap(module.ThreadPoolExecutor, "__init__", around)

    def _watch_anyio(self, module: ModuleType) -> None:
        # Starlette's and FastAPI's endpoints without "async" take a token of the default limiter each.
        def around(current: Callable[..., Any]) -> Callable[..., Any]:
            def current_default_thread_limiter(backend: Any) -> Any:
                limiter = current(backend)
                if limiter not in self._pools.get(limiter_state, ()):
                    self._note(limiter, limiter_state, lambda _: "anyio")
                return limiter

            return current_default_thread_limiter

        wrap(module.AsyncIOBackend, "current_default_thread_limiter", around)

    def _watch_waitress(self, module: ModuleType) -> None:
        def around(init: Callable[..., None]) -> Callable[..., None]:
            def __init__(dispatcher: Any) -> None:  # noqa: N807
                init(dispatcher)
                self._note(dispatcher, waitress_state, lambda _: "waitress")

            return __init__

        wrap(module.ThreadedTaskDispatcher, "__init__", around)

    def _watch_gunicorn(self, module: ModuleType) -> None:
        # The worker is there before the application that imports this; its heartbeat tells which it is.
        def around(notify: Callable[..., None]) -> Callable[..., None]:
            def notify_and_note(worker: Any) -> None:
                self._gunicorn = ref(worker)
                notify(worker)

            return notify_and_note

        wrap(module.Worker, "notify", around)


def executor_state(executor: Any) -> State:
    """Return the state of a ThreadPoolExecutor."""
    busy = len(executor._threads) - executor._idle_semaphore._value
    return executor._max_workers, max(0, busy), executor._work_queue.qsize()


def limiter_state(limiter: Any) -> State:
    """Return the state of anyio's limiter of threads."""
    return limiter.total_tokens, limiter.borrowed_tokens, limiter.statistics().tasks_waiting


def waitress_state(dispatcher: Any) -> State:
    """Return the state of waitress' threads."""
    return len(dispatcher.threads), dispatcher.active_count, len(dispatcher.queue)


def gunicorn_slots(worker: Any) -> int:
    """Return how many requests this worker of gunicorn takes at once; 0 where it sets no bound."""
    kind = type(worker).__module__.rpartition(".")[2]
    if kind == "sync":
        return 1
    if kind == "gthread":
        return int(worker.cfg.threads)
    return int(worker.cfg.worker_connections) if kind.removeprefix("g") in _GREEN else 0
