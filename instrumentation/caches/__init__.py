"""Caches: what was asked for and was there, or was not.

Only caches that have a name: it is what says which of them misses. There are no conventions for these yet.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final

from wrapt import register_post_import_hook

from seawall.instrumentation.aggregation import Counter, Family
from seawall.instrumentation.bounds import Names
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.memory import Labels

__all__ = ["HOOKS", "CacheMetrics", "watch_caches"]

# The library's module, and the file and function of this room that hook into it once it is imported.
HOOKS: Final[dict[str, tuple[str, str]]] = {
    "django.core.cache": ("django", "hook"),
    "aiocache.base": ("aiocache", "hook_caches"),
    "aiocache.factory": ("aiocache", "hook_aliases"),
}


class CacheMetrics:
    """Count the look-ups of this process' caches."""

    def __init__(self) -> None:
        self.requests = Counter(
            "seawall.cache.requests",
            "Look-ups in a cache, by whether it had what was asked for.",
            ("seawall.cache.library", "seawall.cache.name", "seawall.cache.result"),
            unit="{request}",
        )
        self._names = Names()

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return (self.requests,)

    def labels(self, library: str, name: str) -> tuple[Labels, Labels]:
        """Return the labels of a hit and of a miss; both stand at zero from now on: the first is an increase."""
        library, name = self._names.bounded((library, name))
        hit, miss = (library, name, "hit"), (library, name, "miss")
        self.requests.series(hit)
        self.requests.series(miss)
        return hit, miss

    def hook(self) -> None:
        """Wait for each library's import; what is not imported is not paid for."""
        for module in HOOKS:
            register_post_import_hook(guarded(f"watch the caches of {module}")(self._hook_of(module)), module)

    def _hook_of(self, name: str) -> Callable[[Any], None]:
        file, function = HOOKS[name]

        def hook(module: Any) -> None:
            getattr(import_module(f".{file}", __name__), function)(module, self)

        return hook


def watch_caches(registry: Registry) -> None:
    """Tell of the named caches of this process in *registry* from now on."""
    metrics = CacheMetrics()
    registry.add(*metrics.families)
    metrics.hook()
