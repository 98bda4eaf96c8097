"""Hits and misses of Django's caches and of aiocache's: each look-up once, under the name that the application gave."""

import json

import pytest
from applications import run_python
from servers import RedisServer, StartRedis, start_redis  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e

BEGIN = """
import asyncio, json, os, sys
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.caches import watch_caches
registry = Registry()
watch_caches(registry)
def tell(step):
    found = {}
    for line in registry.render().decode().splitlines():
        if line.startswith("seawall_cache_requests_total{"):
            labels, _, value = line.rpartition(" ")
            library, name, result = [each.split('"')[1] for each in labels.partition("{")[2].split(",")]
            found.setdefault(f"{library} {name}", {})[result] = float(value)
    print(json.dumps([step, found]), flush=True)
"""
DJANGO = """
import django
from django.conf import settings
settings.configure(CACHES={
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "files": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": LOCATION},
    "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://:hunter2@127.0.0.1:PORT"},
    "gone": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://:hunter2@127.0.0.1:1"},
    "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    "own": {"BACKEND": "__main__.Own", "LOCATION": "own"},
    "native": {"BACKEND": "__main__.Native", "LOCATION": "native"},
})
from django.core.cache import cache, caches
from django.core.cache.backends.locmem import LocMemCache
class Own(LocMemCache):
    # It asks the class that it is made of, without a word of the default.
    def get(self, key, default=None, version=None):
        value = super().get(key, version=version)
        return default if value is None else value
class Native(LocMemCache):
    async def aget(self, key, default=None, version=None):
        return self.get(key, default, version)
"""
Step = dict[str, dict[str, float]]


def told(code: str, begin: str = BEGIN) -> dict[str, Step]:
    """Run *code*; return the look-ups that were told at each step, by library and name."""
    done = run_python(begin + code)
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    assert "hunter2" not in done.stdout
    return dict(map(json.loads, done.stdout.splitlines()))


def django(code: str, location: object = "", port: int = 1) -> dict[str, Step]:
    """Run *code* with Django's caches."""
    return told(DJANGO.replace("LOCATION}", f"{str(location)!r}}}").replace("PORT", str(port)) + code)


LOOKUPS = """
for name in NAMES:
    cache = caches[name]
    cache.clear()
    tell(f"{name} made")
    assert cache.get("a") is None and cache.get("a", 7) == 7 and cache.get(key="a", default=8) == 8
    cache.set("a", None)
    cache.set("b", 2, version=5)
    assert cache.get("a", 7) is None and cache.get("b", version=5) == 2 and cache.get("b", 9, 5) == 2
    tell(f"{name} get")
    assert {"a": None} == cache.get_many(["a", "c", "d"]) and {"a": None} == cache.get_many(k for k in ("a", "c"))
    assert {} == cache.get_many([])
    tell(f"{name} get_many")
    assert 3 == cache.get_or_set("e", 3) == cache.get_or_set("e", 4) == cache.get_or_set("e", default=lambda: 5)
    assert 6 == cache.get_or_set("f", lambda: cache.get("e") + 3)
    tell(f"{name} get_or_set")
    assert "e" in cache and cache.has_key("e") and 4 == cache.incr("e") and not cache.add("e", 1) and cache.touch("e")
    assert 2 == cache.incr_version("e") and "z" not in cache
    tell(f"{name} no look-ups")
"""


def test_each_look_up_counts_once(start_redis: StartRedis, tmp_path: object) -> None:  # noqa: F811
    """Whatever the backend makes of it: a key after another, all at once, or through the one that it is made of.

    What is found is found although it is None; what the application gets is what it would get.
    """
    server: RedisServer = start_redis(password="hunter2")
    found = django(LOOKUPS.replace("NAMES", "('default', 'files', 'redis')"), tmp_path, server.port)

    for name in ("default", "files", "redis"):
        steps = {
            step.removeprefix(f"{name} "): tuple(each[f"django {name}"].values())
            for step, each in found.items()
            if step.startswith(f"{name} ")
        }
        assert {
            "made": (0, 0),
            "get": (3, 3),
            "get_many": (5, 6),
            "get_or_set": (8, 8),  # 3 and 4 of the first line; of the second one miss, and a hit within
            "no look-ups": (8, 8),
        } == steps


def test_a_backend_that_asks_another_counts_once() -> None:
    """The class of the application's own, which asks Django's for itself; one without any memory only misses."""
    found = django("""
own = caches["own"]
assert own.get("a", 3) == 3
own.set("a", 4)
assert own.get("a") == 4 and own.get_or_set("a", 5) == 4 and own.get_or_set("b", 6) == 6
caches["dummy"].get_or_set("a", 1)
caches["dummy"].get("a")
tell("asked")
""")

    assert {"django own": {"hit": 2, "miss": 2}, "django dummy": {"hit": 0, "miss": 2}} == found["asked"]


def test_coroutines_count_as_functions_do() -> None:
    """Those that ask in a thread, and those of a backend with coroutines of its own; many at once do not mix."""
    found = django("""
from inspect import iscoroutinefunction
async def main():
    for name in ("default", "native"):
        cache = caches[name]
        for method in ("aget", "aget_many", "aget_or_set"):
            assert iscoroutinefunction(getattr(cache, method)), method
        assert await cache.aget("a") is None
        await cache.aset("a", 1)
        assert 1 == await cache.aget("a", 2)
        assert {"a": 1} == await cache.aget_many(k for k in ("a", "b"))
        assert 3 == await cache.aget_or_set("c", lambda: 3) == await cache.aget_or_set("c", 4)
        assert not await cache.ahas_key("z")
        tell(name)
        await asyncio.gather(*(cache.aget_or_set(f"many-{n % 5}", n) for n in range(5)), *(cache.aget("a") for n in range(20)))
        tell(f"{name}, at once")
asyncio.run(main())
""")

    for name in ("default", "native"):
        assert {"hit": 3, "miss": 3} == found[name][f"django {name}"]
        assert {"hit": 23, "miss": 8} == found[f"{name}, at once"][f"django {name}"]


def test_a_look_up_that_fails_is_neither() -> None:
    """A server that is gone, a key that is no key, a default that raises: the exception is the application's own."""
    found = django("""
import redis
for call in (lambda c: c.get("a"), lambda c: c.get_many(["a"]), lambda c: c.get_or_set("a", 1)):
    try: call(caches["gone"])
    except redis.exceptions.ConnectionError: pass
    else: raise AssertionError
for call, error in (
    (lambda: cache.get(), TypeError),
    (lambda: cache.get_many(), TypeError),
    (lambda: cache.get_many(5), TypeError),
    (lambda: cache.get_or_set("a"), TypeError),
    (lambda: cache.get_or_set("a", lambda: 1 / 0), ZeroDivisionError),
):
    try: call()
    except error: pass
    else: raise AssertionError
cache.get("a")
tell("failed")
""")

    assert {"hit": 0, "miss": 0} == found["failed"]["django gone"]
    # The default was asked for, so that there was a miss; then one more that answered.
    assert {"hit": 0, "miss": 2} == found["failed"]["django default"]


def test_what_has_no_alias_is_not_counted_and_what_was_made_before_neither() -> None:
    """A backend that the application makes itself works as ever, also one whose class is counted elsewhere."""
    code = """
from django.core.cache import caches
early = caches["default"]
early.set("a", 1)
""" + BEGIN.replace("import asyncio, json, os, sys\n", "import threading\n")
    begin = "import asyncio, json, os, sys\n" + DJANGO.replace("LOCATION}", "''}") + code
    found = told(
        """
assert 1 == early.get("a") == LocMemCache("", {}).get("a")
tell("unnamed")
thread = threading.Thread(target=lambda: caches["default"].get("a"))
thread.start()
thread.join()
assert 1 == early.get("a")
tell("named")
""",
        begin,
    )

    assert {} == found["unnamed"]
    assert {"django default": {"hit": 1, "miss": 0}} == found["named"]


def test_a_forked_child_counts_from_its_fork() -> None:
    """The cache is its parent's, with what is in it; the look-ups are its own."""
    found = django("""
cache.get("a")
if (child := os.fork()) == 0:
    registry.reset(lambda: None)
    cache.get("a", 1)
    cache.get("a", 1)
    tell("child")
    os._exit(0)
os.waitpid(child, 0)
tell("parent")
""")

    assert {"django default": {"miss": 2}} == found["child"]
    assert {"django default": {"hit": 0, "miss": 1}} == found["parent"]


def test_aiocaches_caches_count_under_what_the_application_calls_them(start_redis: StartRedis) -> None:  # noqa: F811
    """An alias, a namespace, or what it is made of; a decorator's look-ups too. What is None is not there."""
    server: RedisServer = start_redis(password="hunter2")
    found = told(f"""
import aiocache
from inspect import iscoroutinefunction
from aiocache import Cache, cached, caches, multi_cached
from aiocache.plugins import HitMissRatioPlugin
caches.set_config({{"default": {{"cache": "aiocache.SimpleMemoryCache", "plugins": [{{"class": HitMissRatioPlugin}}]}}}})
@cached(alias="default")
async def double(number):
    return 2 * number
@multi_cached("keys", namespace="many", cache=Cache.MEMORY)
async def many(keys):
    return {{key: 1 for key in keys}}
async def main():
    cache = caches.get("default")
    assert iscoroutinefunction(cache.get)
    assert await cache.get("a") is None and await cache.get("a", default=3) == 3 == await cache.get("a", default=3)
    await cache.set("a", 5)
    assert await cache.get("a", default=3) == 5 and await cache.multi_get(["a", "b"]) == [5, None]
    assert 4 == await double(2) == await double(2)
    tell("alias")
    assert 5 == cache.hit_miss_ratio["hits"]  # the plugin sees what it would, and takes a default for a hit
    await many(keys=["x", "y"])
    await many(keys=["x", "z"])
    tell("namespace")
    redis = Cache(Cache.REDIS, endpoint="127.0.0.1", port={server.port}, password="hunter2")
    assert 3 == await redis.get("a", 3)
    tell("kind")
    await redis.client.aclose()
    gone = Cache(Cache.REDIS, endpoint="127.0.0.1", port=1, namespace="gone")
    try: await gone.get("a")
    except Exception as error: assert type(error).__module__.startswith("redis"), error
    else: raise AssertionError
    tell("gone")
asyncio.run(main())
""")

    assert {"aiocache default": {"hit": 3, "miss": 5}} == found["alias"]
    assert {"hit": 1, "miss": 3} == found["namespace"]["aiocache many"]
    assert {"hit": 0, "miss": 1} == found["kind"]["aiocache redis"]
    assert found["kind"] == found["gone"]


def test_what_is_not_imported_is_not_paid_for() -> None:
    """The one import takes neither library with it."""
    found = told("""
import seawall.auto
assert not {"django", "aiocache"} & {each.split(".")[0] for each in sys.modules}
tell("nothing")
""")

    assert {} == found["nothing"]
