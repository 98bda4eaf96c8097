"""HTTP clients against a real server: each request over the wire counts once, whichever library makes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import Application, Ports, application
from client_calls import Calls, told
from servers import free_port

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
HOST = "127.0.0.1"

# How each library asks for a URL: its text and the redirects that it follows.
ASK = {
    "httpx": """
import httpx
def get(url, timeout=20, **headers):
    with httpx.Client(follow_redirects=True, trust_env=False) as client:
        return client.get(url, timeout=timeout, headers=headers).text
""",
    "httpx async": """
import httpx
def get(url, timeout=20, **headers):
    async def ask():
        async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
            return (await client.get(url, timeout=timeout, headers=headers)).text
    return asyncio.run(ask())
""",
    "requests": """
import requests
client = requests.Session()
client.trust_env = False
def get(url, timeout=20, **headers):
    return client.get(url, timeout=timeout, headers=headers).text
""",
    "urllib3": """
import urllib3
client = urllib3.PoolManager(retries=urllib3.Retry(3, connect=0, read=0))
def get(url, timeout=20, **headers):
    return client.request("GET", url, timeout=timeout, headers=headers).data.decode()
""",
    "aiohttp": """
import aiohttp
def get(url, timeout=20, **headers):
    async def ask():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=timeout)) as client:
            async with client.get(url, headers=headers) as response:
                return await response.text()
    return asyncio.run(ask())
""",
    "urllib": """
import urllib.request, urllib.error
def get(url, timeout=20, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()
""",
}
# What each calls a refused connection, a name that nobody knows, and an answer that does not come.
FAILURES = {
    "httpx": ("ConnectError", "ConnectError", "ReadTimeout"),
    "httpx async": ("ConnectError", "ConnectError", "ReadTimeout"),
    "requests": ("NewConnectionError", "NameResolutionError", "ReadTimeoutError"),
    "urllib3": ("NewConnectionError", "NameResolutionError", "ReadTimeoutError"),
    "aiohttp": ("ClientConnectorError", "ClientConnectorDNSError", "SocketTimeoutError"),
    "urllib": ("ConnectionRefusedError", "gaierror", "TimeoutError"),
}
STEPS = """
base, closed = "http://127.0.0.1:{port}", "http://127.0.0.1:{closed}"
get(base + "/ok")
tell("ok")
get(base + "/missing")
get(base + "/boom")
tell("failed")
get(base + "/redirect")
tell("redirected")
for url, timeout in ((closed, 20), ("http://nowhere.invalid", 20), (base + "/slow", 0.05)):
    failure(get, url, timeout)
tell("unknown")
for url, timeout in ((closed, 20), ("http://nowhere.invalid", 20), (base + "/slow", 0.05)):
    failure(get, url, timeout)
tell("known")
with suppress_instrumentation():
    assert get(base + "/ok") == "-"
with suppress_http_instrumentation():
    assert get(base + "/ok") == "-"
tell("suppressed")
assert get(base + "/ok") == "-"
with trace.get_tracer("shop").start_as_current_span("order") as span:
    trace_id, span_id = span.get_span_context().trace_id, span.get_span_context().span_id
    for path in ("/ok", "/redirect"):
        assert get(base + path).startswith(f"00-{{trace_id:032x}}-{{span_id:016x}}-"), get(base + path)
    theirs = f"00-{{7:032x}}-{{8:016x}}-01"
    assert get(base + "/ok", traceparent=theirs) == theirs
assert get(base + "/ok") == "-"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """What is called, under uvicorn."""
    ports = Ports()
    options = ("--host", HOST, "--port", str(ports.own), "--no-access-log", "--lifespan", "off")
    command = ("-m", "uvicorn", "called_app:app", "--app-dir", str(APPS), *options)
    with application(*command, folder=tmp_path_factory.mktemp("called"), ports=ports) as running:
        yield running


def calls(server: Application, code: str, closed: int = 0) -> dict[str, Calls]:
    """Run *code*; return its calls by method, server, status and error; the server's two ports have names."""
    names = {f"{HOST} {server.port}": "server", f"{HOST} {closed}": "closed", "nowhere.invalid 80": "nowhere"}
    found: dict[str, Calls] = {}
    for step, counts in told(code.format(port=server.port, closed=closed)).items():
        found[step] = {}
        for call, count in counts.items():
            for address, name in names.items():
                call = call.replace(address, name)
            found[step][call.removeprefix("GET ")] = count
    return found


@pytest.mark.parametrize("library", ASK)
def test_each_request_counts_once(library: str, server: Application) -> None:
    """By server and status; each redirect is one; exceptions are counted by class; exporters' own are not.

    The trace of the current span is carried on, unless the request carries one; where there is none, none is begun.
    """
    ask = ASK[library].replace("{", "{{").replace("}", "}}")
    refused, unknown, slow = FAILURES[library]

    assert {
        "ok": {"server 200 -": 1},
        "failed": {"server 404 404": 1, "server 503 503": 1},
        "redirected": {"server 302 -": 1, "server 200 -": 1},
        "unknown": {"closed - _OTHER": 1, "nowhere - _OTHER": 1, "server - _OTHER": 1},
        "known": {f"closed - {refused}": 1, f"nowhere - {unknown}": 1, f"server - {slow}": 1},
        "suppressed": {},
    } == calls(server, ask + STEPS, free_port())


STREAMS = {
    "httpx": """
with httpx.Client() as client, client.stream("GET", base + "/stream") as response:
    tell("headers")
    parts = response.iter_bytes()
    assert next(parts) == b"first"
    client.get(base + "/release")
    assert b"".join(parts) == b"last"
""",
    "httpx async": """
async def ask():
    async with httpx.AsyncClient() as client, client.stream("GET", base + "/stream") as response:
        tell("headers")
        parts = response.aiter_bytes()
        assert await anext(parts) == b"first"
        await client.get(base + "/release")
        assert [part async for part in parts] == [b"last"]
asyncio.run(ask())
""",
    "requests": """
with requests.get(base + "/stream", stream=True) as response:
    tell("headers")
    parts = response.iter_content(5)
    assert next(parts) == b"first"
    requests.get(base + "/release")
    assert b"".join(parts) == b"last"
""",
    "aiohttp": """
async def ask():
    async with aiohttp.ClientSession() as client, client.get(base + "/stream") as response:
        tell("headers")
        assert await response.content.readany() == b"first"
        async with client.get(base + "/release"):
            pass
        assert [part async for part in response.content] == [b"last"]
asyncio.run(ask())
""",
    "urllib": """
with urllib.request.urlopen(base + "/stream") as response:
    tell("headers")
    assert response.read1() == b"first"
    urllib.request.urlopen(base + "/release").close()
    assert response.read() == b"last"
""",
}


@pytest.mark.parametrize("library", STREAMS)
def test_a_stream_is_counted_at_its_headers(library: str, server: Application) -> None:
    """How long the body takes is the application's own matter; it comes whole, piece by piece."""
    imports = ASK[library].strip().splitlines()[0]
    found = calls(server, f'{imports}\nbase = "http://127.0.0.1:{{port}}"\n{STREAMS[library]}\ntell("body")')

    assert {"headers": {"server 200 -": 1}, "body": {"server 200 -": 1}} == found  # the second is the release


def test_each_retry_counts(server: Application) -> None:
    """A library's own retries are calls over the wire, too."""
    found = calls(
        server,
        """
import requests, urllib3
client = requests.Session()
retries = urllib3.Retry(5, status_forcelist=[503], backoff_factor=0)
client.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
assert client.get("http://127.0.0.1:{port}/flaky").status_code == 200
tell("flaky")
""",
    )

    assert {"flaky": {"server 503 503": 2, "server 200 -": 1}} == found


def test_a_call_that_is_given_up_is_counted(server: Application) -> None:
    """Cancelled by its task, and by its limit of time: the class is what the application sees."""
    found = calls(
        server,
        """
import aiohttp, httpx
base = "http://127.0.0.1:{port}"

async def cancel(call):
    with suppress_instrumentation():
        before = (await client.get(base + "/slows")).text
    task = asyncio.ensure_future(call)
    with suppress_instrumentation():
        while (await client.get(base + "/slows")).text == before:
            await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("it was not cancelled")

async def main():
    global client
    async with httpx.AsyncClient() as client, aiohttp.ClientSession() as session:
        for step in ("unknown", "known"):
            await cancel(client.get(base + "/slow"))
            await cancel(session.get(base + "/slow"))
            try:
                await session.get(base + "/slow", timeout=aiohttp.ClientTimeout(total=0.05))
            except TimeoutError as error:
                assert type(error) is TimeoutError
            tell(step)

asyncio.run(main())
""",
    )

    assert {"server - CancelledError": 2, "server - TimeoutError": 1} == found["known"]


def test_a_transport_of_ones_own_is_counted(server: Application) -> None:
    """Mounted or wrapped, it counts once; so does a request that the client sends again, under another trace."""
    found = calls(
        server,
        """
import httpx

class Wrapping(httpx.BaseTransport):
    def __init__(self):
        self.inner = httpx.HTTPTransport(retries=2)
    def handle_request(self, request):
        return self.inner.handle_request(request)
    def close(self):
        self.inner.close()

base = "http://127.0.0.1:{port}"
with httpx.Client(mounts={{"http://": Wrapping()}}) as client:
    client.get(base + "/ok")
    tell("mounted")
    request = client.build_request("GET", base + "/ok")
    before = list(request.headers.raw)
    seen = set()
    for _ in range(2):
        with trace.get_tracer("shop").start_as_current_span("order"):
            seen.add(client.send(request).text)
    assert len(seen) == 2 and "-" not in seen and list(request.headers.raw) == before
with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(201))) as client:
    client.get(base)
tell("others")
""",
    )

    assert {"mounted": {"server 200 -": 1}, "others": {"server 200 -": 2, "server 201 -": 1}} == found


def test_proxies_and_bare_connections(server: Application) -> None:
    """A tunnel that the proxy refuses is a failed CONNECT to where it should lead; http.client counts by itself."""
    found = calls(
        server,
        """
import http.client, urllib3
proxied = urllib3.ProxyManager("http://127.0.0.1:{closed}", retries=False)
for step in ("unknown", "known"):
    failure(proxied.request, "GET", "https://nowhere.invalid:80/")
    tell(step)
connection = http.client.HTTPConnection("127.0.0.1", {port})
for path in ("/ok", "/missing"):
    connection.putrequest("GET", path)
    connection.putheader("X-Own", "yes")
    connection.endheaders()
    assert connection.getresponse().read() == b"-"
assert failure(connection.getresponse) == "ResponseNotReady"
connection.close()
tell("bare")
""",
        closed=free_port(),
    )

    assert {"CONNECT nowhere - NewConnectionError": 1} == found["known"]
    assert {"server 200 -": 1, "server 404 404": 1} == found["bare"]


def test_a_libraries_methods_stay_what_they_are() -> None:
    """Coroutine functions are still that, and names and signatures stand."""
    code = """
import inspect
import aiohttp, httpx, http.client, urllib3
assert inspect.iscoroutinefunction(httpx.AsyncClient._send_single_request)
assert not inspect.iscoroutinefunction(httpx.Client._send_single_request)
for function in (aiohttp.BaseConnector.connect, aiohttp.ClientRequest.send, aiohttp.ClientResponse.start):
    assert inspect.iscoroutinefunction(function)
for function in (http.client.HTTPConnection.putrequest, urllib3.HTTPConnectionPool._make_request):
    assert inspect.signature(function) == inspect.signature(function.__wrapped__)
    assert function.__qualname__ == function.__wrapped__.__qualname__
"""
    assert {} == told(code)
