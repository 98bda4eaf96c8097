"""Which worker runs which tests: those that compute beside those that wait, so that neither the one nor the other is idle."""

from collections.abc import Iterable
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

COMPUTES: Final = (
    "tests/catalog/",
    "tests/cli/",
    "tests/docs/",
    "tests/generator/",
    "tests/lint/",
    "tests/test_house.py",
)
"""Where tests compute; the others have servers, and mostly wait for them."""


ONE: Final = ("tests/docker/",)
"""Whose files are one unit: they share an engine, which is a worker's."""


class Lanes(LoadScopeScheduling):
    """Files of tests as units, of which every second worker takes those first that compute, the others those that wait."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in ONE if nodeid.startswith(folder)), super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(picked(node.gateway.id, self.workqueue), last=False)
        super()._assign_work_unit(node)


def picked(worker: str, scopes: Iterable[str]) -> str:
    """Return the scope that *worker*, such as ``gw1``, runs next: the first of its own, or of all where it has none."""
    first, *others = scopes
    computes = int(worker.removeprefix("gw")) % 2 == 1
    return next((scope for scope in (first, *others) if scope.startswith(COMPUTES) == computes), first)
