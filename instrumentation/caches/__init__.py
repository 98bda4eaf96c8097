"""Caches: what was asked for and was there, or was not.

Only caches that have a name: it is what says which of them misses. There are no conventions for these yet.
"""

from collections.abc import Iterable
from typing import Final

from seawall.instrumentation.aggregation import Counter, Family
from seawall.instrumentation.bounds import Names
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.hook_table import HookTable
from seawall.instrumentation.memory import Labels

__all__ = ["HOOKS", "CacheMetrics", "watch_caches"]

HOOKS: Final = HookTable(
    __name__,
    "watch the caches of",
    {
        "django.core.cache": ("django", "hook"),
        "aiocache.base": ("aiocache", "hook_caches"),
        "aiocache.factory": ("aiocache", "hook_aliases"),
    },
)


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
        """Wait for each library's import."""
        HOOKS.hook(self)


def watch_caches(registry: Registry) -> None:
    """Tell of the named caches of this process in *registry* from now on."""
    metrics = CacheMetrics()
    registry.add(*metrics.families)
    metrics.hook()
