"""Programs with connection pools, run in a Python of their own, and what their pages told at each of their steps."""

import json

from applications import run_python

BEGIN = """
import asyncio, gc, json, os, sys, threading, time, warnings, weakref
warnings.simplefilter("ignore", ResourceWarning)  # programs below drop what they should close
def page():
    return {name: float(value) for name, _, value in (
        line.rpartition(" ") for line in registry.render().decode().splitlines() if line[0] != "#")}
def tell(step):
    print(json.dumps([step, page()]), flush=True)
def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
async def until_async(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
"""
WATCH = """
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.pools import watch_pools
registry = Registry()
watch_pools(registry)
"""

Page = dict[str, float]


def pages(code: str, early: str = "") -> dict[str, Page]:
    """Run *code*, and before anything is watched *early*; return the samples that it told at each step."""
    return dict(_told(BEGIN + early + WATCH + code))


def steps(code: str) -> list[str]:
    """Run *code*; return what it called its steps."""
    return [step for step, _ in _told(BEGIN + WATCH + code)]


def _told(program: str) -> list[tuple[str, Page]]:
    done = run_python(program)
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    assert "hunter2" not in done.stdout
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def pool(page: Page, name: str) -> Page:
    """Return what *page* tells of the pool *name*: its connections by state, and the rest by its metric's end."""
    found = {}
    for sample, value in page.items():
        metric, _, labels = sample.partition("{")
        if f'db_client_connection_pool_name="{name}"' in labels and "le=" not in labels:
            state = labels.partition('db_client_connection_state="')[2].partition('"')[0]
            found[state or metric.removeprefix("db_client_connection_")] = value
    return found
