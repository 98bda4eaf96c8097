"""Run every case against one application in this process: ``matrix_driver.py MODULE KIND HOSTS PATHS [PATH…]``.

It prints what was seen, as JSON. Each case runs twice, and the second run is told: by then the series of its failure has been published at zero.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from matrix_clients import CLIENTS, HOST, SECONDS
from matrix_sockets import AiohttpClient
from prometheus_client.parser import text_string_to_metric_families

from seawall.instrumentation import start

ROUTES = 200
NAMES = ("http_request_method", "http_route", "http_response_status_code", "error_type")

SIMPLE = {
    "200": ("GET", "/items/7"),
    "a post": ("POST", "/items/7"),
    "a head": ("HEAD", "/items/7"),
    "404": ("GET", "/missing/7"),
    "404 below a route": ("GET", "/items/7/nothing"),
    "404 of the application": ("GET", "/answers/404"),
    "405": ("DELETE", "/items/7"),
    "an unknown method": ("PROPFIND", "/items/7"),
    "an exception": ("GET", "/boom"),
    "503": ("GET", "/answers/503"),
    "418": ("GET", "/answers/418"),
    "a stream that breaks": ("GET", "/breaks"),
    "includes": ("GET", "/v1/api/things/7"),
    "a prefix with a parameter": ("GET", "/tenants/acme/things/7"),
}


@dataclass
class Seen:
    """What one case showed: what the client got, and what was counted, by method, route, status and error."""

    status: int
    body: str = ""
    failure: str = ""
    first: dict[str, int] = field(default_factory=dict)  # the growth of the first run
    held: dict[str, int] = field(default_factory=dict)  # the growth while the request was held
    open: float = 0  # the requests that were active meanwhile
    grown: dict[str, int] = field(default_factory=dict)
    left: float = 0  # the requests that are active at the end
    series: int = 0


class Driver:
    """Drive one application through the cases."""

    def __init__(self, module: Any, kind: str) -> None:
        self._gate = module.gate
        self._client = {**CLIENTS, "aiohttp": AiohttpClient}[kind](module.app)
        self._kind = kind

    def run(self, hosts: int, paths: int, further: Iterable[str]) -> dict[str, Seen]:
        """Run every case, a plain request to each path of *further*, and the floods."""
        plain = {**SIMPLE, **{path: ("GET", path) for path in further}}
        seen = {name: self._twice(lambda request=request: self._simple(*request)) for name, request in plain.items()}
        for name, case in self._cases():
            seen[name] = self._twice(case)
        random = Random(7)
        for name, requests in (
            ("many routes", [(f"/r{number}/{number}", HOST) for number in range(ROUTES)]),
            ("before the flood", [("/items/7", HOST), ("/nothing", HOST)]),
            ("many hosts", [("/items/7", f"{random.getrandbits(64):x}.example") for _ in range(hosts)]),
            ("many paths", [(f"/{random.getrandbits(64):x}", HOST) for _ in range(paths)]),
        ):
            seen[name] = self._flood(requests)
        self._client.close()
        return seen

    def _cases(self) -> Iterator[tuple[str, Callable[[], Seen]]]:
        yield "a stream", lambda: self._held("/stream")
        yield "an event stream", lambda: self._held("/events")
        yield "a slow upstream", lambda: self._held("/slow", at_gate=True)
        yield "a client that leaves", self._leaves
        if self._kind != "wsgi":
            yield "a client that leaves before the answer", lambda: self._given_up("leave")
            yield "a websocket", self._websocket
        if self._kind == "asgi":
            yield "a cancelled request", lambda: self._given_up("cancel")
            yield "a background task", self._background

    def _twice(self, case: Callable[[], Seen]) -> Seen:
        before = counts()
        case()
        first = settled(before)
        before = counts()
        seen = case()
        seen.first, seen.grown, seen.left = first, settled(before), active()
        return seen

    def _simple(self, method: str, path: str) -> Seen:
        exchange = self._client.begin(path, method)
        exchange.finish()
        return told(exchange)

    def _held(self, path: str, *, at_gate: bool = False) -> Seen:
        self._gate.shut()
        before = counts()
        exchange = self._client.begin(path)
        self._gate.await_entry()
        if not at_gate:
            exchange.await_begin()
        held, busy = growth(before), active()
        self._gate.open()
        exchange.finish()
        seen = told(exchange)
        seen.held, seen.open = held, busy
        return seen

    def _leaves(self) -> Seen:
        self._gate.shut()
        exchange = self._client.begin("/stream")
        exchange.await_begin()
        self._gate.await_entry()
        exchange.leave()
        self._gate.open()
        exchange.finish()
        return told(exchange)

    def _given_up(self, how: str) -> Seen:
        self._gate.shut()
        exchange = self._client.begin("/slow")
        self._gate.await_entry()
        getattr(exchange, how)()
        self._gate.open()
        exchange.finish()
        return told(exchange)

    def _background(self) -> Seen:
        self._gate.shut()
        before = counts()
        exchange = self._client.begin("/background")
        exchange.await_end()
        if exchange.status == 200:
            self._gate.await_entry()
        held, busy = growth(before), active()
        self._gate.open()
        exchange.finish()
        seen = told(exchange)
        seen.held, seen.open = held, busy
        return seen

    def _websocket(self) -> Seen:
        try:
            return Seen(0, " ".join(map(str, self._client.talk("/socket", "hello"))))
        except Exception as error:  # noqa: BLE001 - what the server sees
            return Seen(0, failure=type(error).__name__)

    def _flood(self, requests: list[tuple[str, str]]) -> Seen:
        before = counts()
        self._client.flood(requests)
        return Seen(
            0, grown=settled(before), left=active(), series=len(samples("http_server_request_duration_seconds_count"))
        )


def told(exchange: Any) -> Seen:
    """Return what the client got."""
    return Seen(exchange.status, exchange.body.decode(errors="replace")[:200], exchange.failure)


def samples(name: str) -> list[tuple[dict[str, str], float]]:
    """Return the samples of *name* on this process' page."""
    running = start()
    assert running is not None
    # Only the lines of that name are parsed: the page is read at every step, and parsing all of it is most of the time.
    lines = [
        line for line in running.registry.render().decode().splitlines() if line.startswith((f"{name}{{", f"{name} "))
    ]
    families = text_string_to_metric_families("\n".join([*lines, ""]))
    return [(s.labels, s.value) for family in families for s in family.samples if s.name == name]


def counts() -> Counter[str]:
    """Return the requests that were counted so far."""
    found: Counter[str] = Counter()
    for labels, value in samples("http_server_request_duration_seconds_count"):
        found[" ".join(labels[name] or "-" for name in NAMES)] += int(value)
    return found


def growth(before: Counter[str]) -> dict[str, int]:
    """Return what was counted since *before*."""
    return dict(counts() - before)


def settled(before: Counter[str]) -> dict[str, int]:
    """Return what was counted since *before* once no request is open: a client has its last byte before it counts."""
    end = monotonic() + SECONDS
    while active() and monotonic() < end:
        sleep(0.002)
    return growth(before)


def active() -> float:
    """Return how many requests are open."""
    return sum(value for _, value in samples("http_server_active_requests"))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent / "apps"))
    logging.getLogger("seawall").addHandler(logging.StreamHandler())
    for noisy in ("django", "litestar", "falcon", "aiohttp", "quart", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    seen = Driver(import_module(sys.argv[1]), sys.argv[2]).run(int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
    sys.stdout.write(json.dumps({name: asdict(one) for name, one in seen.items()}))
