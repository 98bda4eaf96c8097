"""What goes wrong with caches for real, in a real Prometheus: the right alerts fire, nothing else pages, they resolve.

Falls are seen against a yesterday: where Varnish's is to be a good one, NGINX's faults come first, as it takes its time.
"""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from threading import Event, Thread
from typing import Final

import pytest
from caches import Cache, Origin, nginx, varnish
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .watching import AT_ONCE, EVERY, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# Windows and yesterdays of seconds, for counters that a test moves for as long.
YESTERDAY: Final = "offset 20s"
QUICK: Final = {"[5m]": "[8s]", "[15m]": "[8s]", "[30m]": "[8s]", "offset 1d": YESTERDAY}
MOVED: Final = {"HttpCacheEvicting": "above: 0.5", "HttpCacheHitRatioLow": "below: 0.05"}
# Each is another view of the same fall.
OF_THE_ORIGIN: Final = {"HttpCacheHitRatioFell", "HttpCacheOriginLoadHigh", "HttpCacheHitRatioLow"}
PAGES: Final = 20


def visit(cache: Cache, path: str, headers: Mapping[str, str] | None = None) -> None:
    """Ask for a page; to be dropped is the point of some faults."""
    with suppress(OSError, HTTPException):
        cache.get(path, headers)


@dataclass
class Visitors:
    """Who asks both caches for the same pages, twenty times a second, as a browser does that has half of them."""

    caches: list[Cache]
    cookies: bool = False
    _stop: Event = field(default_factory=Event)

    def run(self) -> None:
        """Go on until the end."""
        for at in count():
            headers = {"If-None-Match": '"1"'} if at % 2 else {}
            if self.cookies:
                headers["Cookie"] = f"session={at}"
            for cache in self.caches:
                visit(cache, f"/page-{at % PAGES}", headers)
            if self._stop.wait(0.04):
                return

    def leave(self) -> None:
        """Stop asking."""
        self._stop.set()


@dataclass(frozen=True)
class Watched:
    """What is watched: one of either before one origin; *again* starts the origin after it went."""

    prometheus: Prometheus
    origin: Origin
    nginx: Cache
    varnish: Cache
    visitors: Visitors
    stop_origin: Callable[[], None]
    start_origin: Callable[[], None]

    def firing(self) -> set[tuple[str, str]]:
        """Return (service, alert) of what fires, asked a few times a second."""
        Event().wait(0.2)
        return self.prometheus.firing()

    def fires(self, *wanted: tuple[str, str]) -> float:
        """Wait until all of *wanted* fire; return the seconds."""
        start = time.monotonic()
        eventually(lambda: set(wanted) <= self.firing(), 60)
        return time.monotonic() - start

    def pages(self) -> set[str]:
        """Return the alerts that page."""
        return {alert for _, alert in self.prometheus.firing("page")}

    def is_quiet(self) -> None:
        """Wait until nothing fires."""
        eventually(lambda: not self.firing(), 120)

    def front_has_a_good_yesterday(self) -> None:
        """Wait until Varnish's fault before is not within what is compared with: a fall from what was low already is none."""
        hits, all_of_them = (
            f'sum(rate(http_cache_responses_total{{job="front",cache{which}}}[8s] {YESTERDAY}))'
            for which in ('="hit"', '!="none"')
        )
        eventually(lambda: self.prometheus.value(f"{hits} / {all_of_them}") > 0.9, 60, EVERY)


def catalog_of(caches: dict[str, Cache]) -> str:
    """Return the catalog: every alert of the services fires at once."""
    names = [name for name in load_packs().alert_names("http-cache") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = ", ".join(
        f"{name}: {{{', '.join(filter(None, (MOVED.get(name), AT_ONCE, 'reason: a test')))}}}" for name in names
    )
    lines = [f"  {name}: {{kind: http-cache, team: ops, url: '{each.watched}', alerts: {{{moved}}}}}" for name, each in caches.items()]  # fmt: skip
    return "\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Return both, asked steadily for as long as their yesterday lasts, and Prometheus over them."""
    folder = tmp_path_factory.mktemp("caches")
    with ExitStack() as stack:
        origin, serves = Origin(), ExitStack()
        stack.enter_context(serves)
        serves.enter_context(origin.running())
        edge = stack.enter_context(nginx(origin, stale="error timeout http_500", connections=64))
        front = stack.enter_context(varnish(origin, "-s", "malloc,2m", "-p", "thread_pool_max=20"))
        catalog, port = folder / "catalog.yaml", free_port()
        catalog.write_text(catalog_of({"edge": edge, "front": front}))
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=address))
        for rules in (folder / "prometheus/rules").glob("*.yml"):
            text = rules.read_text()
            for usual, quick in QUICK.items():
                text = text.replace(usual, quick)
            rules.write_text(text)
        visitors = Visitors([edge, front])
        asking = Thread(target=visitors.run)
        asking.start()
        stack.callback(asking.join)
        stack.callback(visitors.leave)
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 60)
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        yield Watched(
            prometheus, origin, edge, front, visitors, serves.close, lambda: serves.enter_context(origin.running()) and None  # type: ignore[func-returns-value]
        )  # fmt: skip


def test_all_is_quiet_while_all_is_well(watched: Watched) -> None:
    """Every rule is evaluated without an error, and no alert fires, before and after there is a yesterday."""
    prometheus = watched.prometheus
    yesterday = 'count(rate(http_cache_responses_total{cache="hit",status="200"}[8s] ' + YESTERDAY + ") > 1)"
    eventually(lambda: prometheus.value(yesterday) == 2, 90)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 60)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(http_cache_up == 1)")
    assert set() == watched.firing()


def test_cookies_that_defeat_caching_are_tickets_of_both(watched: Watched) -> None:
    """Visitors carry a session to every page, and both pass each to the origin; it is over when they no longer do."""
    watched.visitors.cookies = True
    fell = {
        (name, alert) for name in ("edge", "front") for alert in ("HttpCacheHitRatioFell", "HttpCacheOriginLoadHigh")
    }
    watched.fires(*fell)
    assert set() == watched.pages()
    assert {alert for _, alert in watched.firing()} <= OF_THE_ORIGIN
    watched.visitors.cookies = False
    watched.is_quiet()


def test_a_log_that_is_not_written_is_a_ticket(watched: Watched) -> None:
    """It was renamed, and nobody told NGINX; it is over when somebody does."""
    watched.nginx.log.rename(watched.nginx.log.with_suffix(".old"))
    watched.fires(("edge", "HttpCacheLogUnread"))
    assert set() == watched.pages()
    watched.nginx.signal("USR1")
    watched.is_quiet()


def test_connections_beyond_the_limit_of_nginx_page(watched: Watched) -> None:
    """A slow origin holds them; it takes further ones and closes them, the exporter's and its own to the origin too."""
    watched.origin.delay = 1
    pages = count()
    with ThreadPoolExecutor(80) as crowd:

        def press() -> bool:
            list(crowd.map(lambda at: visit(watched.nginx, f"/slow-{at}"), [next(pages) for _ in range(80)]))
            return ("edge", "HttpCacheConnectionsDropped") in watched.firing()

        eventually(press, 60)
    watched.origin.delay = 0
    assert watched.pages() <= {"HttpCacheConnectionsDropped", "HttpCacheOriginFailing", "ServiceDown"}
    watched.is_quiet()


def test_a_cache_that_is_emptied_again_and_again_asks_the_origin(watched: Watched) -> None:
    """By a ban of everything, as a release does that empties the cache too eagerly."""

    def empty() -> bool:
        watched.varnish.admin("ban", "req.url ~ .")
        return ("front", "HttpCacheHitRatioFell") in watched.firing()

    watched.front_has_a_good_yesterday()
    eventually(empty, 60)
    assert set() == watched.pages()
    assert {"front"} == {service for service, _ in watched.firing()}
    watched.is_quiet()


def test_headers_that_are_lost_are_tickets(watched: Watched) -> None:
    """A release sends neither; what is in the caches already has them still, so that they are emptied."""
    watched.front_has_a_good_yesterday()
    was = watched.origin.headers
    watched.origin.headers = {"Expires": "Fri, 01 Jan 2038 00:00:00 GMT"}

    watched.varnish.admin("ban", "req.url ~ .")
    watched.fires(("front", "HttpCacheHeadersMissing"), ("front", "HttpCacheNotModifiedFell"))
    assert set() == watched.pages()
    watched.origin.headers = was
    watched.varnish.admin("ban", "req.url ~ .")
    watched.is_quiet()


def test_objects_that_do_not_fit_are_evicted(watched: Watched) -> None:
    """Pages of a hundred kilobytes, more than the store has room for."""
    watched.origin.size = 100_000
    pages = count()

    def fill() -> bool:
        for at in (next(pages) for _ in range(10)):
            assert 200 == watched.varnish.get(f"/large-{at}")
        return ("front", "HttpCacheEvicting") in watched.firing()

    eventually(fill, 60)
    watched.origin.size = 3
    assert set() == watched.pages()
    watched.is_quiet()


def test_an_origin_that_is_gone_pages_for_both_and_the_rest_are_tickets(watched: Watched) -> None:
    """Varnish holds it for sick; NGINX has old pages of some and serves them."""
    watched.stop_origin()
    strangers = count()

    def ask() -> bool:
        for at in (next(strangers) for _ in range(3)):
            assert {502, 503} == {watched.nginx.get(f"/new-{at}"), watched.varnish.get(f"/new-{at}")}
        return {(name, "HttpCacheOriginFailing") for name in ("edge", "front")} <= watched.firing()

    eventually(ask, 60)
    watched.fires(("front", "HttpCacheBackendSick"))
    assert {"HttpCacheOriginFailing"} == watched.pages()
    watched.start_origin()
    watched.is_quiet()


def test_a_cache_without_threads_pages(watched: Watched) -> None:
    """A slow origin holds them all; who comes then waits, or is dropped."""
    watched.origin.delay = 1
    pages = count()
    with ThreadPoolExecutor(40) as crowd:

        def press() -> bool:
            list(crowd.map(lambda at: visit(watched.varnish, f"/slow-{at}"), [next(pages) for _ in range(40)]))
            return ("front", "HttpCacheThreadsExhausted") in watched.firing()

        eventually(press, 60)
    watched.origin.delay = 0
    assert watched.pages() <= {"HttpCacheThreadsExhausted", "HttpCacheConnectionsDropped"}
    watched.is_quiet()


def test_a_child_that_dies_is_a_ticket(watched: Watched) -> None:
    """Its manager starts another at once."""
    watched.varnish.kill_child()
    watched.fires(("front", "HttpCacheChildDied"))
    assert watched.pages() <= {"ServiceDown"}
