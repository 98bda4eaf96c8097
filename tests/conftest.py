"""What holds for every test: the programs that it starts, and the worker that runs it."""

import os

import pytest
from lanes import Lanes
from xdist.remote import Producer

# promtool and Prometheus spend a quarter of their time on collecting garbage, of which a test makes little at once.
os.environ.setdefault("GOGC", "400")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes | None:
    """Have files run in lanes where they are the units, as `make test` has them."""
    return Lanes(config, log) if config.getoption("dist") == "loadscope" else None
