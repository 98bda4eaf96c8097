"""aiocache's caches, by their alias, or else their namespace, or what they are made of."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from seawall.instrumentation.diagnostics import guarded, say_once
from seawall.instrumentation.memory import Labels
from seawall.instrumentation.wrapping import wrap

if TYPE_CHECKING:
    from . import CacheMetrics

_ALIAS: Final = "_seawall_alias"
_LABELS: Final = "_seawall_labels"


def hook_aliases(module: Any, _: "CacheMetrics") -> None:
    """Remember under which alias a cache was made."""

    def around(get: Callable[..., Any]) -> Callable[..., Any]:
        def get_and_note(handler: Any, alias: str, *args: Any, **kwargs: Any) -> Any:
            cache = get(handler, alias, *args, **kwargs)
            note(cache, alias)
            return cache

        return get_and_note

    @guarded("note a cache's alias")
    def note(cache: Any, alias: str) -> None:
        cache.__dict__.setdefault(_ALIAS, alias)

    wrap(module.CacheHandler, "get", around)
    wrap(module.CacheHandler, "create", around)


def hook_caches(module: Any, metrics: "CacheMetrics") -> None:
    """Count what every cache is asked; for aiocache, too, what is None is not there."""

    add = metrics.requests.add

    def labels_of(cache: Any) -> tuple[Labels, Labels]:
        found: tuple[Labels, Labels] | None = cache.__dict__.get(_LABELS)
        if found is None:
            name = cache.__dict__.get(_ALIAS) or cache.namespace or cache.NAME
            found = cache.__dict__[_LABELS] = metrics.labels("aiocache", str(name))
        return found

    def around_get(get: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(cache: Any, *args: Any, **kwargs: Any) -> Any:
            value = await get(cache, *args, **kwargs)
            try:  # a decorator would cost as much again
                default = args[1] if len(args) > 1 else kwargs.get("default")
                add(labels_of(cache)[value is None or value is default], 1)
            except Exception as error:  # noqa: BLE001 - the application has its value
                say_once(f"Seawall could not count a cache's look-up: {type(error).__name__}")
            return value

        return counted

    @guarded("count a cache's look-ups")
    def count_many(cache: Any, values: list[Any]) -> None:
        misses = sum(value is None for value in values)
        hit, miss = labels_of(cache)
        add(hit, len(values) - misses)
        add(miss, misses)

    def around_many(get: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(cache: Any, *args: Any, **kwargs: Any) -> Any:
            values = await get(cache, *args, **kwargs)
            count_many(cache, values)
            return values

        return counted

    wrap(module.BaseCache, "get", around_get)
    wrap(module.BaseCache, "multi_get", around_many)
