"""What the runtime tells of itself: collections, loops that are late, workers that are busy, the process' own use."""

import http.client
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from applications import clean_environment, run_python
from opentelemetry.semconv._incubating.metrics import cpython_metrics, process_metrics
from servers import connects, eventually, free_port

from seawall.instrumentation.aggregation import UpDownCounter
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.runtime import RuntimeMetrics
from seawall.instrumentation.runtime.garbage import GarbageMetrics
from seawall.instrumentation.runtime.process import ProcessMetrics

pytestmark = pytest.mark.e2e

BEGIN = """
import asyncio, gc, os, threading, time
from seawall.instrumentation.aggregation import UpDownCounter
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.runtime import RuntimeMetrics
active = UpDownCounter("http.server.active_requests", "", ("http.request.method",))
registry = Registry()
runtime = RuntimeMetrics(active)
registry.add(active, *runtime.families)
runtime.hook()
def tell(*beginnings):
    for line in registry.render().decode().splitlines():
        if line.startswith(beginnings): print(line)
"""
LATE = """
async def main():
    await asyncio.sleep(0.8)
    time.sleep(0.6)
    await asyncio.sleep(0.1)
"""


def told(code: str) -> dict[str, float]:
    """Run *code* with the metrics of the runtime; return the samples that it tells."""
    done = run_python(BEGIN + code)
    assert (0, "") == (done.returncode, done.stderr)
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in done.stdout.splitlines())}


def values(registry: Registry, *beginning: str) -> dict[str, float]:
    """Return the samples of *registry* whose names begin with one of these."""
    lines = [line.rpartition(" ") for line in registry.render().decode().splitlines() if line.startswith(beginning)]
    return {name: float(value) for name, _, value in lines}


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
def test_a_loop_that_is_blocked_is_late(module: str) -> None:
    """Its timer of a second comes when the call that blocks it has ended; a loop that is idle meanwhile is on time."""
    code = f"import {module}\n{LATE}\n{module}.run(main())\ntell('seawall_eventloop_lag_seconds')"
    found = told(code)
    label = f'seawall_eventloop_type="{module}"'

    assert 1 == found[f"seawall_eventloop_lag_seconds_count{{{label}}}"]
    assert 0 == found[f'seawall_eventloop_lag_seconds_bucket{{{label},le="0.25"}}']
    assert 1 == found[f'seawall_eventloop_lag_seconds_bucket{{{label},le="2.5"}}']


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
def test_the_time_between_two_runs_of_a_loop_is_no_lag(module: str) -> None:
    """A loop that stops takes its timer with it, is not kept alive by it, and can be closed with it."""
    code = f"""
import weakref, {module}
loop = {module}.new_event_loop()
loop.run_until_complete(asyncio.sleep(0.01))
time.sleep(1.3)
loop.run_until_complete(asyncio.sleep(0.01))
loop.close()
gone = weakref.ref(loop)
del loop
gc.collect()
assert gone() is None
tell("seawall_eventloop_lag_seconds")
"""
    assert {} == told(code)


def test_the_threads_of_loops_are_pools() -> None:
    """Those of asyncio.to_thread and those of Starlette's plain endpoints: how many there are, and how many are busy."""
    code = """
import anyio.to_thread
async def main():
    release, begun = threading.Event(), threading.Barrier(3)
    def block():
        begun.wait(10)
        release.wait(10)
    tasks = [asyncio.create_task(asyncio.to_thread(block)), asyncio.create_task(anyio.to_thread.run_sync(block))]
    await asyncio.get_running_loop().run_in_executor(threading_pool, begun.wait, 10)
    tell("seawall_worker_pool")
    release.set()
    await asyncio.gather(*tasks)
from concurrent.futures import ThreadPoolExecutor
threading_pool = ThreadPoolExecutor(1, "own")
asyncio.run(main())
"""
    found = told(code)
    names = {name.partition("{")[2] for name in found}

    assert {'seawall_worker_pool_name="asyncio"}', 'seawall_worker_pool_name="anyio"}'} == names
    assert 40 == found['seawall_worker_pool_slots{seawall_worker_pool_name="anyio"}']
    for pool in ("asyncio", "anyio"):
        assert 1 == found[f'seawall_worker_pool_slots_busy{{seawall_worker_pool_name="{pool}"}}']
        assert 0 == found[f'seawall_worker_pool_waiting{{seawall_worker_pool_name="{pool}"}}']


def test_the_threads_of_waitress_are_a_pool() -> None:
    """The dispatcher's own numbers."""
    code = """
from waitress.task import ThreadedTaskDispatcher
dispatcher = ThreadedTaskDispatcher()
dispatcher.set_thread_count(3)
while dispatcher.active_count:  # a thread counts as busy until it waits for its first task
    time.sleep(0.01)
tell("seawall_worker_pool_slots{", "seawall_worker_pool_slots_busy{")
dispatcher.shutdown()
"""
    found = told(code)

    assert {
        'seawall_worker_pool_slots{seawall_worker_pool_name="waitress"}': 3,
        'seawall_worker_pool_slots_busy{seawall_worker_pool_name="waitress"}': 0,
    } == found


@pytest.mark.parametrize(("options", "slots"), [((), "1"), (("--threads", "4"), "4")])
def test_a_worker_of_gunicorn_tells_its_slots(tmp_path: Path, options: tuple[str, ...], slots: str) -> None:
    """It is found by its heartbeat, though it was there before the application imported anything."""
    (tmp_path / "pool_app.py").write_text(
        BEGIN
        + """
def app(environ, start_response):
    active.add(("GET",), 1)
    page = registry.render()
    active.add(("GET",), -1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [page]
"""
    )
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", *options, "pool_app:app"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(command, cwd=tmp_path, env=clean_environment({}), stdout=log, stderr=log)
    try:
        eventually(lambda: connects(port), 60)

        def page() -> list[str]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                connection.request("GET", "/")
                return connection.getresponse().read().decode().splitlines()
            finally:
                connection.close()

        label = 'seawall_worker_pool_name="gunicorn"'
        eventually(lambda: f"seawall_worker_pool_slots{{{label}}} {slots}" in page())
        assert f"seawall_worker_pool_slots_busy{{{label}}} 1" in page()
    finally:
        running.terminate()
        running.wait(30)


def test_each_generation_is_counted_and_timed() -> None:
    """A full collection is one of the oldest: the interpreter's own count, and a pause beside it."""
    import gc

    registry, metrics = Registry(), GarbageMetrics()
    registry.add(*metrics.families)
    metrics.hook()
    try:
        gc.collect()
        before = values(registry, "cpython_gc", "seawall_gc")
        gc.collect()
        after = values(registry, "cpython_gc", "seawall_gc")
    finally:
        gc.callbacks.remove(metrics._notice)
    oldest = 'cpython_gc_generation="2"'
    for name in ("cpython_gc_collections_total", "seawall_gc_duration_seconds_count"):
        assert 1 == after[f"{name}{{{oldest}}}"] - before[f"{name}{{{oldest}}}"]
    assert (
        after[f"seawall_gc_duration_seconds_sum{{{oldest}}}"] > before[f"seawall_gc_duration_seconds_sum{{{oldest}}}"]
    )


def test_a_forked_child_counts_from_its_fork() -> None:
    """What its parent collected is the parent's, and a collection begins nothing in a child that nobody scrapes."""
    code = """
for _ in range(50): gc.collect()
registry.render()
begun = []
read, write = os.pipe()
if os.fork() == 0:
    registry.reset(lambda: begun.append(True))
    gc.collect()
    quiet = not begun
    page = registry.render().decode()
    os.write(write, repr((quiet, [l for l in page.splitlines() if l.startswith('cpython_gc_collections_total') and '"2"' in l])).encode())
    os._exit(0)
os.wait()
quiet, [line] = eval(os.read(read, 10000))
assert quiet
print(line)
"""

    [(_, value)] = told(code).items()

    assert 1 <= value <= 3


def test_the_names_are_opentelemetrys_where_it_has_them() -> None:
    """Of collections and of the process; a dashboard's classic names stand beside them and are not pushed."""
    families = list(RuntimeMetrics(UpDownCounter("a", "", ())).families)
    pushed = {family.metric for family in families if family.collect()}
    known = {
        value for module in (cpython_metrics, process_metrics) for value in vars(module).values() if type(value) is str
    }

    assert set() == {name for name in pushed if not name.startswith("seawall.")} - known
    assert {"cpython.gc.collections", "process.cpu.time", "process.context_switches"} <= pushed
    assert {"process_open_fds", "process_resident_memory_bytes"} <= {family.name for family in families}


def test_a_process_knows_what_it_uses() -> None:
    """On Linux every family has its value, and both names tell the same."""
    registry = Registry()
    registry.add(*ProcessMetrics().families)
    found = values(registry, "process_")

    assert 17 == len(found)
    assert found["process_memory_usage_bytes"] == found["process_resident_memory_bytes"] > 1e6
    assert found["process_start_time_seconds"] > 1e9
    assert 0 < found["process_open_fds"] < found["process_max_fds"]
    assert found["process_thread_count"] >= 1


def test_threads_and_files_are_those_of_now() -> None:
    """One more of each is told as one more."""
    metrics = ProcessMetrics()
    before = metrics.values()
    thread = Thread(target=lambda: os.read(read, 1))
    read, write = os.pipe()
    thread.start()
    metrics._read = (0, 0.0, {})
    after = metrics.values()
    os.write(write, b".")
    thread.join()
    os.close(read)
    os.close(write)

    assert (1, 2) == (after["threads"] - before["threads"], after["files"] - before["files"])


def test_a_process_without_proc_says_what_it_knows(tmp_path: Path) -> None:
    """Where the system has no /proc, what the kernel's calls tell alone."""
    registry = Registry()
    registry.add(*ProcessMetrics(tmp_path).families)
    names = {name.partition("{")[0] for name in values(registry, "process_")}

    assert {
        "process_cpu_seconds_total",
        "process_cpu_time_seconds_total",
        "process_context_switches_total",
        "process_paging_faults_total",
    } == names
