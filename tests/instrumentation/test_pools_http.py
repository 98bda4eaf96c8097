"""The pools of HTTP clients against a real server: active, idle, waited for, in vain."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pool_pages import Page, pages

pytestmark = pytest.mark.e2e


class Slow(BaseHTTPRequestHandler):
    """Answer /slow once /release was asked for, and anything else at once, on connections that stay."""

    protocol_version = "HTTP/1.1"
    released = threading.Event()

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/release":
            self.released.set()
        elif self.path == "/slow":
            self.released.wait(20)
        self.send_response(200)
        if self.path == "/last":
            self.send_header("Connection", "close")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server whose slow answer was not released yet."""
    Slow.released.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running.server_address[1]
        finally:
            Slow.released.set()
            running.shutdown()
            thread.join()


def http(page: Page) -> dict[str, float]:
    """Return what *page* tells of HTTP clients: connections by state, and the rest by its metric's end."""
    found = {}
    for sample, value in page.items():
        metric, _, labels = sample.partition("{")
        if "http_client" in metric:
            state = labels.partition('http_connection_state="')[2].partition('"')[0]
            found[state or metric.partition("http_client_connection_")[2]] = value
    return found


THREADS = """
import httpx
url = "http://127.0.0.1:{port}"
client = httpx.Client(limits=httpx.Limits(max_connections=1), timeout=20)
tell("made")
client.get(url)
tell("idle")
slow = threading.Thread(target=client.get, args=(url + "/slow",))
slow.start()
core = client._transport._pool
until(lambda: core._requests and not core._requests[0].is_queued())
queued = threading.Thread(target=client.get, args=(url,))
queued.start()
until(lambda: len(core._requests) == 2)
tell("exhausted")
try:
    client.get(url, timeout=httpx.Timeout(20, pool=0.05))
except httpx.PoolTimeout:
    tell("timed out")
httpx.get(url + "/release")
slow.join()
queued.join()
tell("released")
client.close()
tell("closed")
gone = weakref.ref(core)
del client, core, slow, queued
gc.collect()
assert gone() is None
"""
TASKS = """
import httpx
url = "http://127.0.0.1:{port}"
async def main():
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1), timeout=20) as client:
        tell("made")
        await client.get(url)
        tell("idle")
        slow = asyncio.create_task(client.get(url + "/slow"))
        core = client._transport._pool
        await until_async(lambda: core._requests and not core._requests[0].is_queued())
        queued = asyncio.create_task(client.get(url))
        await until_async(lambda: len(core._requests) == 2)
        tell("exhausted")
        try:
            await client.get(url, timeout=httpx.Timeout(20, pool=0.05))
        except httpx.PoolTimeout:
            tell("timed out")
        await asyncio.to_thread(httpx.get, url + "/release")
        await asyncio.gather(slow, queued)
        tell("released")
    tell("closed")
asyncio.run(main())
"""


@pytest.mark.parametrize("code", [THREADS, TASKS], ids=["threads", "tasks"])
def test_a_clients_pool_is_told(server: int, code: str) -> None:
    """Each connection by its server, what waits for one, what waited in vain, and how many there may be."""
    told = pages(code.replace("{port}", str(server)))
    found = {step: http(page) for step, page in told.items()}
    counted = {"max": 1, "timeouts_total": 0}

    assert {} == found["made"]
    assert {"active": 0, "idle": 1, "pending_requests": 0, **counted} == found["idle"]
    assert {"active": 1, "idle": 0, "pending_requests": 1, **counted} == found["exhausted"]
    assert {"active": 1, "idle": 0, "pending_requests": 1, "max": 1, "timeouts_total": 1} == found["timed out"]
    assert {"active": 0, "idle": 1, "pending_requests": 0, "max": 1, "timeouts_total": 1} == found["released"]
    assert {"timeouts_total": 1} == found["closed"]
    sample = f'http_client_open_connections{{http_connection_state="idle",server_address="127.0.0.1",server_port="{server}"}}'
    assert 1 == told["idle"][sample]


def test_a_clients_servers_are_bounded() -> None:
    """Who calls every shop of a market makes two hundred series a state at most, and one for all others."""
    code = """
import httpcore
core = httpcore.ConnectionPool(max_connections=None)
core._connections = [core.create_connection(httpcore.Origin(b"https", b"shop-%d" % number, 443)) for number in range(250)]
tell("market")
"""
    told = {sample: value for sample, value in pages(code)["market"].items() if sample.startswith("http_client_open")}

    assert 2 * 201 == len(told)
    assert (
        50
        == told['http_client_open_connections{http_connection_state="active",server_address="_OTHER",server_port=""}']
    )
    assert (
        1
        == told[
            'http_client_open_connections{http_connection_state="active",server_address="shop-7",server_port="443"}'
        ]
    )


URLLIB3 = """
import requests, urllib3
url = "http://127.0.0.1:{port}"
pool = urllib3.HTTPConnectionPool("127.0.0.1", {port}, maxsize=1, block=True)
tell("made")
pool.request("GET", "/")
tell("idle")
slow = threading.Thread(target=pool.request, args=("GET", "/slow"))
slow.start()
until(lambda: not pool.pool.qsize())
waiting = threading.Thread(target=pool.request, args=("GET", "/"))
waiting.start()
until(lambda: pool.pool.not_empty._waiters)
tell("exhausted")
try:
    pool.request("GET", "/", pool_timeout=0.05)
except urllib3.exceptions.EmptyPoolError:
    tell("timed out")
requests.get(url + "/release")
slow.join()
waiting.join()
tell("released")
pool.request("GET", "/last")
tell("closed by the server")
gone = weakref.ref(pool)
pool.close()
tell("closed")
del pool, slow, waiting
gc.collect()
assert gone() is None
"""
AIOHTTP = """
import aiohttp
url = "http://127.0.0.1:{port}"
async def get(session, path):
    async with session.get(url + path) as response:
        await response.read()
async def main():
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        tell("made")
        await get(session, "/")
        tell("idle")
        slow = asyncio.create_task(get(session, "/slow"))
        await until_async(lambda: connector._acquired)
        waiting = asyncio.create_task(get(session, "/"))
        await until_async(lambda: connector._waiters)
        tell("exhausted")
        async with aiohttp.ClientSession() as other:
            await get(other, "/release")
        await asyncio.gather(slow, waiting)
        tell("released")
    tell("closed")
    gone = weakref.ref(connector)
    del connector, session, other, slow, waiting
    gc.collect()
    assert gone() is None
asyncio.run(main())
"""


def test_urllib3s_pool_is_told(server: int) -> None:
    """One that makes threads wait; requests stands on the same, and has no bound."""
    found = {step: http(page) for step, page in pages(URLLIB3.replace("{port}", str(server))).items()}
    now = {"max": 1, "pending_requests": 0, "timeouts_total": 0}

    assert {} == found["made"]
    assert {"active": 0, "idle": 1, **now} == found["idle"]
    assert {"active": 1, "idle": 0, **now, "pending_requests": 1} == found["exhausted"]
    assert {"active": 1, "idle": 0, "max": 1, "pending_requests": 1, "timeouts_total": 1} == found["timed out"]
    assert {"active": 0, "idle": 1, "max": 1, "pending_requests": 0, "timeouts_total": 1} == found["released"]
    gone = found["closed by the server"]
    assert (0, 0) == (gone["active"], gone["idle"])
    assert {"timeouts_total": 1} == found["closed"]


def test_connections_beyond_what_a_pool_keeps_are_told(server: int) -> None:
    """A session of requests makes as many as are asked for at once, and closes those that it has no room for."""
    code = f"""
import logging, requests
logging.disable()
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=1))
url = "http://127.0.0.1:{server}"
threads = [threading.Thread(target=session.get, args=(url + "/slow",)) for _ in range(3)]
for thread in threads: thread.start()
def busy(): return sum(value for name, value in page().items() if 'open_connections{{http_connection_state="active"' in name)
until(lambda: busy() == 3)
tell("busy")
requests.get(url + "/release")
for thread in threads: thread.join()
tell("released")
"""
    found = {step: http(page) for step, page in pages(code).items()}

    assert (3, 0) == (found["busy"]["active"], found["busy"]["idle"])
    assert (0, 1) == (found["released"]["active"], found["released"]["idle"])
    assert "max" not in found["busy"]


def test_aiohttps_connector_is_told(server: int) -> None:
    """What is active of it, idle and waited for, until it is closed."""
    found = {step: http(page) for step, page in pages(AIOHTTP.replace("{port}", str(server))).items()}
    now = {"max": 1, "pending_requests": 0, "timeouts_total": 0}

    assert {} == found["made"]
    assert {"active": 0, "idle": 1, **now} == found["idle"]
    assert {"active": 1, "idle": 0, **now, "pending_requests": 1} == found["exhausted"]
    assert {"active": 0, "idle": 1, **now} == found["released"]
    assert {"timeouts_total": 0} == found["closed"]


def test_behind_a_proxy_the_server_counts(server: int) -> None:
    """The connection is to the proxy, but what is called is the server; the proxy's password is not seen."""
    code = f"""
import httpx
with httpx.Client(proxy="http://me:hunter2@127.0.0.1:{server}") as client:
    client.get("http://shop.example/")
    tell("idle")
"""
    told = pages(code)["idle"]

    assert (
        1
        == told[
            'http_client_open_connections{http_connection_state="idle",server_address="shop.example",server_port="80"}'
        ]
    )


def test_a_child_tells_its_own_connections(server: int) -> None:
    """Those of its parent's clients are the parent's."""
    code = f"""
import httpx
client = httpx.Client()
client.get("http://127.0.0.1:{server}")
if (child := os.fork()) == 0:
    registry.reset(lambda: None)
    tell("child, begun")
    own = httpx.Client()
    own.get("http://127.0.0.1:{server}")
    tell("child")
    os._exit(0)
os.waitpid(child, 0)
tell("parent")
"""
    found = {step: http(page) for step, page in pages(code).items()}

    assert {} == found["child, begun"]
    assert (1, 100) == (found["child"]["idle"], found["child"]["max"])
    assert (1, 100) == (found["parent"]["idle"], found["parent"]["max"])
