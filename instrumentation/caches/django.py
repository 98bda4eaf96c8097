"""Django's caches, by their alias: what the application asks for, once, however the backend answers it.

``get_or_set`` asks once more for what it just set, ``get_many`` may ask for one key after another, and a backend may
ask the one that it is made of: only the outermost call counts. What needs no value is no look-up: ``add``, ``incr`` or
``in``.
"""

from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from seawall.instrumentation.aggregation import Counter
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels
from seawall.instrumentation.wrapping import wrap

if TYPE_CHECKING:
    from . import CacheMetrics

_LABELS: Final = "_seawall_labels"
_MISSING: Final = object()
_is_inner: Final[ContextVar[bool]] = ContextVar("seawall_cache_is_inner", default=False)

Function = Callable[..., Any]


def hook(module: Any, metrics: "CacheMetrics") -> None:
    """Count the look-ups of whatever backend an alias is made of."""
    lookups = Lookups(metrics.requests, module.BaseCache)

    @guarded("watch a cache")
    def note(cache: Any, alias: str) -> None:
        cache.__dict__[_LABELS] = metrics.labels("django", alias)
        lookups.watch(type(cache))

    def around(create: Function) -> Function:
        def create_connection(handler: Any, alias: str) -> Any:
            cache = create(handler, alias)
            note(cache, alias)
            return cache

        return create_connection

    wrap(module.CacheHandler, "create_connection", around)


class Lookups:
    """Count in *requests* what the methods of backends find; *base* is the class that they are made of."""

    def __init__(self, requests: Counter, base: Any) -> None:
        self._add = requests.add
        self._watched: set[type] = set()
        # What Django gives for a default where it asks for itself: for ``incr`` and ``in``, or on the way to another.
        self._asks_itself = base._missing_key

    def watch(self, backend: type) -> None:
        """Count what instances of *backend* are asked, by whichever of its classes answers; once each."""
        if backend in self._watched:
            return
        self._watched.add(backend)
        methods = {
            "get": self._around_get,
            "aget": self._around_get_coroutine,
            "get_many": self._around_many,
            "aget_many": self._around_many_coroutine,
            "get_or_set": self._around_or_set,
            "aget_or_set": self._around_or_set_coroutine,
        }
        for owner in backend.__mro__:
            for name, around in methods.items():
                if isinstance(owner.__dict__.get(name), FunctionType):
                    wrap(owner, name, around)

    def _around_get(self, get: Function) -> Function:
        add, asks_itself, is_inner = self._add, self._asks_itself, _is_inner

        def counted(cache: Any, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
            labels = cache.__dict__.get(_LABELS)
            if labels is None or default is asks_itself or is_inner.get():
                return get(cache, key, default, *args, **kwargs)
            is_inner.set(True)
            try:
                value = get(cache, key, _MISSING, *args, **kwargs)
            finally:
                is_inner.set(False)
            if value is _MISSING:
                add(labels[1], 1)
                return default
            add(labels[0], 1)
            return value

        return counted

    def _around_get_coroutine(self, get: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(cache: Any, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
            labels = self._labels(cache)
            if labels is None or default is self._asks_itself:
                return await get(cache, key, default, *args, **kwargs)
            _is_inner.set(True)
            try:
                value = await get(cache, key, _MISSING, *args, **kwargs)
            finally:
                _is_inner.set(False)
            is_missing = value is _MISSING
            self._add(labels[is_missing], 1)
            return default if is_missing else value

        return counted

    def _around_many(self, get_many: Function) -> Function:
        def counted(cache: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
            labels = self._labels(cache)
            if labels is None:
                return get_many(cache, keys, *args, **kwargs)
            keys = list(keys)  # it may be one that can be gone through once
            _is_inner.set(True)
            try:
                found = get_many(cache, keys, *args, **kwargs)
            finally:
                _is_inner.set(False)
            self._count_many(labels, keys, found)
            return found

        return counted

    def _around_many_coroutine(self, get_many: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(cache: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
            labels = self._labels(cache)
            if labels is None:
                return await get_many(cache, keys, *args, **kwargs)
            keys = list(keys)
            _is_inner.set(True)
            try:
                found = await get_many(cache, keys, *args, **kwargs)
            finally:
                _is_inner.set(False)
            self._count_many(labels, keys, found)
            return found

        return counted

    def _around_or_set(self, get_or_set: Function) -> Function:
        def counted(cache: Any, key: Any, default: Any, *args: Any, **kwargs: Any) -> Any:
            labels = self._labels(cache)
            if labels is None:
                return get_or_set(cache, key, default, *args, **kwargs)
            asked: list[bool] = []
            _is_inner.set(True)
            try:
                value = get_or_set(cache, key, _noting(default, asked), *args, **kwargs)
            finally:
                _is_inner.set(False)
                if asked:
                    self._add(labels[1], 1)
            if not asked:
                self._add(labels[0], 1)
            return value

        return counted

    def _around_or_set_coroutine(self, get_or_set: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(cache: Any, key: Any, default: Any, *args: Any, **kwargs: Any) -> Any:
            labels = self._labels(cache)
            if labels is None:
                return await get_or_set(cache, key, default, *args, **kwargs)
            asked: list[bool] = []
            _is_inner.set(True)
            try:
                value = await get_or_set(cache, key, _noting(default, asked), *args, **kwargs)
            finally:
                _is_inner.set(False)
                if asked:
                    self._add(labels[1], 1)
            if not asked:
                self._add(labels[0], 1)
            return value

        return counted

    def _labels(self, cache: Any) -> tuple[Labels, Labels] | None:
        return None if _is_inner.get() else cache.__dict__.get(_LABELS)

    @guarded("count a cache's look-ups")
    def _count_many(self, labels: tuple[Labels, Labels], keys: Collection[Any], found: Any) -> None:
        misses = sum(key not in found for key in keys)
        self._add(labels[0], len(keys) - misses)
        self._add(labels[1], misses)


def _noting(default: Any, asked: list[bool]) -> Callable[[], Any]:
    """Return what stands for the *default* of ``get_or_set``: it tells *asked*, and what it looks up itself counts."""

    def made() -> Any:
        asked.append(True)
        if not callable(default):
            return default
        _is_inner.set(False)
        try:
            return default()
        finally:
            _is_inner.set(True)

    return made
