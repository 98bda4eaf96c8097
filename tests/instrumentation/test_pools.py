"""What every library's pools have in common: they are known without being kept, read while they change, and bounded."""

import gc
import threading
from typing import Any

import pytest
from applications import run_python
from pool_pages import pages, steps

from seawall.instrumentation.bounds import Names
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.pools import HOOKS
from seawall.instrumentation.pools.metrics import DatabasePools, PoolState
from seawall.instrumentation.pools.noting import Living, address, note_made, read_each, surround
from seawall.instrumentation.pools.timing import NamedPools, Timed
from seawall.instrumentation.wrapping import wrap


class Thing:
    """Something that can be referred to weakly."""


def test_things_are_known_while_they_live() -> None:
    """A thing that is gone is not there any more, nor is one that has its address now."""
    living, thing, other = Living(), Thing(), Thing()
    living.add(thing, "known")
    living.add(other)
    assert {thing, other} == set(living)
    assert "known" == living.known(thing)
    assert other in living

    address_of_thing = id(thing)
    del thing
    assert [other] == [*living]
    assert address_of_thing not in living._held
    assert living.known(Thing()) is None

    living.keep(lambda each: each is not other)
    assert [] == [*living]


def test_things_are_read_while_other_threads_add_and_drop() -> None:
    """No reader meets a change: what it reads is a copy, made in one step."""
    living, stop, failures = Living(), threading.Event(), []

    def churn() -> None:
        while not stop.is_set():
            things = [Thing() for _ in range(50)]
            for thing in things:
                living.add(thing)
            del things, thing

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3000):
            assert all(type(thing) is Thing for thing in living)
    except RuntimeError as error:
        failures.append(error)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    gc.collect()

    assert ([], []) == (failures, [*living])


def test_names_are_bounded() -> None:
    """The first are told for ever, whatever comes later together."""
    names = Names(2)

    assert [("a", "1"), ("b", "1"), ("_OTHER", "_OTHER"), ("a", "1")] == [
        names.bounded(labels) for labels in (("a", "1"), ("b", "1"), ("c", "1"), ("a", "1"))
    ]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("db", 5432, "shop"), "db:5432/shop"),
        (("::1", 5432, "shop"), "[::1]:5432/shop"),
        (("[::1]", 5432, "shop"), "[::1]:5432/shop"),
        (("db", None, ""), "db"),
        (("", 5432, "shop.sqlite"), "shop.sqlite"),
        (("", None, None), ""),
    ],
)
def test_an_address_has_what_there_is(parts: tuple[Any, ...], name: str) -> None:
    """As OpenTelemetry writes it."""
    assert name == address(*parts)


def test_what_changes_while_it_is_read_is_read_again() -> None:
    """Two tries in vain are no loss; what cannot be read at all is left out, and hides no other."""
    failures = {1: 2, 2: 9, 3: 0}

    def read(number: int) -> int:
        failures[number] -= 1
        if failures[number] >= 0:
            raise RuntimeError("deque mutated during iteration")
        return number

    assert [1, 3] == [*read_each([1, 2, 3], read)]


class Library:
    """A library's class, with a function that gives a connection."""

    def __init__(self, size: int = 3) -> None:
        self.size = size

    def get(self) -> str:
        """Give one."""
        if not self.size:
            raise KeyError("none")
        self.size -= 1
        return "connection"


def fresh_library() -> Any:
    """Return the class, as nobody has changed it yet."""
    return type("Library", (), dict(vars(Library)))


def named(pools: DatabasePools) -> NamedPools:
    """Return pools that are called after their size."""
    return NamedPools(pools, lambda pool: f"of {pool.size}")


def test_whoever_else_is_at_the_same_function_is_not_disturbed() -> None:
    """Neither by order nor by being hooked twice: each is called once, and the failure is the library's own."""
    for order in ("pools first", "clients first"):
        owner, calls, pools = fresh_library(), [], DatabasePools()

        def client(function: Any, calls: list[str] = calls) -> Any:
            def get(library: Any) -> Any:
                calls.append("client")
                return function(library)

            return get

        timed = Timed(pools, named(pools).labels, lambda error: isinstance(error, KeyError))
        hooks = [lambda: surround(owner, "get", timed.around), lambda: wrap(owner, "get", client)]  # noqa: B023
        for hook in [*(hooks if order == "pools first" else hooks[::-1]), *hooks]:
            hook()
        pool = owner(1)
        assert "connection" == pool.get()
        with pytest.raises(KeyError, match="none"):
            pool.get()

        assert ["client", "client"] == calls
        assert [(("of 0",), [1.0])] == pools.timeouts.collect()
        assert [1.0] == [sum(cells[:-1]) for _, cells in pools.waits.collect()]


def test_a_function_that_another_version_does_not_have_is_left_out() -> None:
    """Nothing is said of it, and nothing is put there."""
    owner = fresh_library()
    surround(owner, "no_such_function", lambda function: function)

    assert not hasattr(owner, "no_such_function")


def test_what_cannot_be_noted_does_not_reach_the_application() -> None:
    """Its pool is made all the same, and a connection is given although the time cannot be told."""

    def fail(*_: Any) -> Any:
        raise RuntimeError("ours")

    owner, pools = fresh_library(), DatabasePools()
    note_made(owner, fail)
    surround(owner, "get", Timed(pools, fail, fail, fail).around)
    pool = owner(1)

    assert (1, "connection") == (pool.size, pool.get())
    with pytest.raises(KeyError, match="none"):
        pool.get()


def test_a_library_that_cannot_be_read_hides_no_other() -> None:
    """What other libraries tell stands; values of one name add up, and less than nothing is nothing."""

    def broken() -> Any:
        raise AttributeError("_queue")

    pools, registry = DatabasePools(), Registry()
    registry.add(*pools.families)
    pools.watch(broken, lambda: None)
    pools.watch(lambda: [PoolState(("db",), 2, -1, 5, 3, 1), PoolState(("db",), 1)], lambda: None)

    page = registry.render().decode()
    label = 'db_client_connection_pool_name="db"'
    for sample in (
        f'db_client_connection_count{{{label},db_client_connection_state="used"}} 3',
        f'db_client_connection_count{{{label},db_client_connection_state="idle"}} 0',
        f"db_client_connection_max{{{label}}} 5",
        f"db_client_connection_idle_max{{{label}}} 3",
        f"db_client_connection_pending_requests{{{label}}} 1",
        f"db_client_connection_timeouts_total{{{label}}} 0",
    ):
        assert f"\n{sample}\n" in page


@pytest.mark.e2e
def test_every_hook_finds_its_library() -> None:
    """Each module is there in the installed version, each function in its file, and nothing is said."""
    code = f"""
import importlib
for module, (file, function) in {HOOKS!r}.items():
    importlib.import_module(module)
    assert hasattr(sys.modules["seawall.instrumentation.pools." + file], function)
print(json.dumps(["hooked", {{}}]))
"""
    assert ["hooked"] == steps(code)


@pytest.mark.e2e
def test_what_is_not_imported_is_not_paid_for() -> None:
    """The one import takes no library of pools with it, nor the files that would watch them."""
    code = """
import seawall.auto
libraries = {"sqlalchemy", "psycopg_pool", "asyncpg", "redis", "httpcore"}
found = [each for each in sys.modules if each.split(".")[0] in libraries]
found += [each for each in sys.modules if each.startswith("seawall.instrumentation.pools.") and each.split(".")[-1] in libraries]
assert [] == found, found
tell("nothing")
"""
    assert [] == [sample for sample in pages(code)["nothing"] if sample.startswith(("db_client", "http_client"))]


@pytest.mark.e2e
def test_the_one_import_tells_pools_and_caches() -> None:
    """With nothing to configure, on the same page as everything else."""
    done = run_python("""
import seawall.auto
import sqlalchemy
from django.conf import settings
from seawall.instrumentation import start
settings.configure(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
from django.core.cache import cache
engine = sqlalchemy.create_engine("sqlite://")
engine.connect().close()
cache.get("a")
print(start().registry.render().decode())
engine.dispose()
""")
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    pool = 'db_client_connection_pool_name="sqlite"'
    cache = 'seawall_cache_library="django",seawall_cache_name="default",seawall_cache_result="miss"'

    assert f'\ndb_client_connection_count{{{pool},db_client_connection_state="idle"}} 1\n' in done.stdout
    assert f"\ndb_client_connection_wait_time_seconds_count{{{pool}}} 1\n" in done.stdout
    assert f"\nseawall_cache_requests_total{{{cache}}} 1\n" in done.stdout
