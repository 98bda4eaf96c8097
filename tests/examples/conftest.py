"""The shop, running."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from shop import Shop, read_processes, start


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Storefront, checkout and mailer, without the load."""
    folder = tmp_path_factory.mktemp("shop")
    with ExitStack() as stack:
        made = Shop(folder / "state")
        described = read_processes(made.state)
        for name in ("checkout", "storefront", "mailer"):
            made.running[name] = start(stack, name, described[name], folder)
        yield made
