"""The http-cache collector on real servers, beside the exporters that Debian has of Varnish and of NGINX."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest
from caches import Cache, Origin, nginx, varnish
from servers import RunningExporter, Scrape, answers, catalog_of, eventually, free_port, get, parse, process, serving

from seawall.exporters import inventory

pytestmark = pytest.mark.e2e

# What the page of the reference says of each.
LEFT_OUT: Final = (
    *("varnish_lock_", "varnish_lck_", "varnish_mempool_", "varnish_main_sc_", "varnish_main_shm_"),
    *("varnish_main_hcb_", "varnish_main_ws_", "varnish_main_bans_", "varnish_main_s_pipe_", "varnish_main_exp_"),
    *("varnish_main_pipe_", "varnish_main_n_pipe", "varnish_main_n_test_gunzip", "varnish_main_n_vampireobject"),
    *("varnish_main_n_vcl_", "varnish_main_n_objecthead", "varnish_main_vmods", "varnish_main_summs"),
    *("varnish_main_esi_warnings", "varnish_backend_pipe_", "varnish_backend_fail_", "varnish_smf_g_smf"),
)
KEPT: Final = {"varnish_main_bans_added", "varnish_main_bans_obj_killed"}
OUR_OWN: Final = {
    *("seawall_probe_success", "seawall_probe_duration_seconds", "seawall_probe_query_success"),
    *("seawall_probe_query_folded_rows", "http_cache_up"),
}
# What goes on by itself, or counts those who look.
MOVING: Final = ("uptime", "backend_happy", "threads_created", "main_threads", "sessions", "n_lru_moved", "smf_")


@dataclass(frozen=True)
class Caches:
    """One of either, that answered the same questions, and the exporter of both."""

    exporter: RunningExporter
    nginx: Cache
    varnish: Cache


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caches]:
    """Ask each two pages twice, one of them again as a browser does that has it, and one with a login."""
    with ExitStack() as stack:
        origin = stack.enter_context(Origin().running())
        folder = tmp_path_factory.mktemp("catalog")
        one = stack.enter_context(nginx(origin))
        two = stack.enter_context(varnish(origin, "-s", "malloc,4m", "-s", f"file,{folder}/store,10m"))
        catalog = folder / "catalog.yaml"
        gone = f"nginx://127.0.0.1:{free_port()}?log={one.log}"
        catalog.write_text(catalog_of({"nginx": one.watched, "varnish": two.watched, "bare": one.url, "gone": gone}))
        exporter = stack.enter_context(serving(catalog))
        for name, cache in (("nginx", one), ("varnish", two)):
            exporter.scrape(f"/probe?service={name}")  # from here on the log is read
            before = cache.lines()
            ask(cache)
            eventually(lambda cache=cache, before=before: cache.lines() >= before + 6, 60)  # type: ignore[misc]
        yield Caches(exporter, one, two)


def ask(cache: Cache) -> None:
    """Two misses, two hits, one 304, and one that is passed."""
    assert [200] * 4 == [cache.get(path) for path in ("/a", "/a", "/b", "/b")]
    assert 304 == cache.get("/a", {"If-None-Match": '"1"'})
    assert 200 == cache.get("/a", {"Cookie": "session=1"})


@pytest.fixture(scope="module")
def peers(caches: Caches, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scrape]]:
    """Return what Debian's exporters tell of the same two."""
    with ExitStack() as stack:
        found = {}
        for name, words in {
            "varnish": ("prometheus-varnish-exporter", "-n", str(caches.varnish.folder), "-web.listen-address"),
            "nginx": ("prometheus-nginx-exporter", f"-nginx.scrape-uri={caches.nginx.url.replace('nginx:', 'http:')}", "-web.listen-address"),
        }.items():  # fmt: skip
            if not shutil.which(words[0]):
                pytest.skip(f"there is no {words[0]} here")
            address = f"127.0.0.1:{free_port()}"
            stack.enter_context(process(*words, address, cwd=tmp_path_factory.mktemp(name)))
            eventually(lambda address=address: answers(f"http://{address}/metrics"), 60)  # type: ignore[misc]
            found[name] = parse(get(f"http://{address}/metrics"))
        yield found


def value(scrape: Scrape, name: str, **labels: str) -> float:
    """Return one sample of a family."""
    return scrape[name].samples[(name, frozenset(labels.items()))]


@pytest.mark.parametrize("name", ["varnish", "nginx"])
def test_names_types_labels_and_values_are_those_of_its_exporter(
    caches: Caches, peers: dict[str, Scrape], name: str
) -> None:
    """All that it says, but for what is left out with a reason; values where they are still."""
    theirs, ours = peers[name], caches.exporter.scrape(f"/probe?service={name}")
    shared = {
        each for each in theirs if each.startswith(f"{name}_") and (each in KEPT or not each.startswith(LEFT_OUT))
    }

    own = {each for each in ours if not each.startswith("http_cache_") and each not in OUR_OWN}
    assert sorted(shared) == sorted(own)
    assert {each: theirs[each].type for each in shared} == {each: ours[each].type for each in shared}
    assert {each: theirs[each].label_sets for each in shared} == {each: ours[each].label_sets for each in shared}
    still = {each for each in shared if name == "varnish" and not any(word in each for word in MOVING)}
    assert {each: theirs[each].samples for each in still} == {each: ours[each].samples for each in still}
    assert len(still) > 60 or name == "nginx"


def test_all_that_is_declared_is_seen(caches: Caches) -> None:
    """Of the two together, and nothing else."""
    seen = {each for name in ("nginx", "varnish") for each in caches.exporter.scrape(f"/probe?service={name}")}
    assert {info.name for info in inventory()["http-cache"]} == seen - (OUR_OWN - {"http_cache_up"})


@pytest.mark.parametrize("name", ["nginx", "varnish"])
def test_the_log_tells_hits_304_and_headers(caches: Caches, name: str) -> None:
    """The same questions are counted alike, whoever answered them."""
    scrape = caches.exporter.scrape(f"/probe?service={name}")
    counted = {
        (dict(labels)["cache"], dict(labels)["status"]): found
        for (_, labels), found in scrape["http_cache_responses_total"].samples.items()
        if found
    }

    assert {("miss", "200"): 2, ("hit", "200"): 2, ("hit", "304"): 1, ("bypass", "200"): 1} == counted
    assert [5, 5, 0] == [
        value(scrape, "http_cache_response_headers_total", header=header)
        for header in ("cache-control", "etag", "set-cookie")
    ]
    assert [6, 0] == [value(scrape, "http_cache_log_lines_total", result=word) for word in ("read", "malformed")]
    assert 0 < value(scrape, "http_cache_origin_seconds_total", cache="miss") < 60
    assert value(scrape, "http_cache_response_bytes_total", cache="hit") > 300


def test_varnish_tells_a_pass_from_a_miss(caches: Caches) -> None:
    """Both go to the origin, and only one of them is looked up."""
    scrape = caches.exporter.scrape("/probe?service=varnish")
    assert 1 == value(scrape, "varnish_main_s_pass")
    missed, fetched = (value(scrape, f"varnish_main_{name}") for name in ("cache_miss", "fetch_total"))
    assert missed + 1 == fetched
    assert 1 == value(scrape, "varnish_backend_up", backend="origin", server="unknown")


def test_without_a_log_there_is_nothing_of_it(caches: Caches) -> None:
    """The page alone is the exporter of NGINX."""
    scrape = caches.exporter.scrape("/probe?service=bare")
    assert 1 == value(scrape, "nginx_up")
    assert {"http_cache_up"} == {name for name in scrape if name.startswith("http_cache_")}


def test_a_cache_that_is_gone_is_down_and_its_log_is_still_told(caches: Caches) -> None:
    """It was counted before; two services that name one log share its counters."""
    scrape = caches.exporter.scrape("/probe?service=gone")
    assert [0, 0] == [value(scrape, name) for name in ("http_cache_up", "nginx_up")]
    assert 6 == value(scrape, "http_cache_log_lines_total", result="read")


def test_instances_are_named_without_the_path(caches: Caches) -> None:
    """As every service's."""
    found = get(caches.exporter.url + "targets")
    assert f'"instance": "127.0.0.1:{caches.nginx.port}"' in found
    assert '"instance": "localhost"' in found
