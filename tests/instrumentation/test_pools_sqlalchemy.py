"""SQLAlchemy's pools on a real PostgreSQL: what is used, idle and waited for, whatever the class of the pool."""

import pytest
from pool_pages import Page, pages, pool
from postgres import PostgresServer, postgres  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e

THREADS = """
from sqlalchemy import create_engine, event, pool as pools, text
from sqlalchemy.exc import TimeoutError
engine = create_engine({url!r}.replace("postgresql:", "postgresql+psycopg:"), pool_size=1, max_overflow=1)
tell("made")
one, two = engine.connect(), engine.connect()
waiting = threading.Thread(target=lambda: engine.connect().close())
waiting.start()
until(lambda: engine.pool._pool.not_empty._waiters)
tell("exhausted")
two.close()
waiting.join()
two = engine.connect()
engine.pool._timeout = 0.01
try:
    engine.connect()
except TimeoutError as error:
    assert "QueuePool limit of size 1" in str(error)
else:
    raise AssertionError
tell("timed out")
engine.dispose()
tell("disposed while two are out")
one.close()
two.close()
gc.collect()
tell("returned")
old, known = weakref.ref(engine), weakref.ref(engine.pool)
del engine, one, two
gc.collect()
assert old() is None and known() is None
tell("gone")
"""


def of(server: PostgresServer, page: Page) -> Page:
    """Return what *page* tells of the pool of the server's database, but for how long was waited."""
    found = pool(page, f"127.0.0.1:{server.port}/postgres")
    found.pop("wait_time_seconds_sum", None)
    return found


@pytest.fixture(scope="module")
def told(postgres: PostgresServer) -> dict[str, Page]:  # noqa: F811
    """What the program above told."""
    return {step: of(postgres, page) for step, page in pages(THREADS.format(url=postgres.url)).items()}


def test_an_engine_that_was_not_used_tells_nothing(told: dict[str, Page]) -> None:
    """A master that makes one for its workers would seem to have a pool of its own."""
    assert {} == told["made"]


def test_an_exhausted_pool_is_full_and_waited_for(told: dict[str, Page]) -> None:
    """Those of the pool and of its overflow are used; a thread waits, and has not waited in vain."""
    counted = {"max": 2, "idle_max": 1, "timeouts_total": 0, "wait_time_seconds_count": 2}

    assert {"used": 2, "idle": 0, "pending_requests": 1, **counted} == told["exhausted"]


def test_who_waits_in_vain_is_a_timeout(told: dict[str, Page]) -> None:
    """He got SQLAlchemy's own exception, and no time is told that he waited to get a connection."""
    counted = {"max": 2, "idle_max": 1, "timeouts_total": 1, "wait_time_seconds_count": 4}

    assert {"used": 2, "idle": 0, "pending_requests": 0, **counted} == told["timed out"]


def test_connections_that_are_out_are_used_though_their_engine_was_disposed_of(told: dict[str, Page]) -> None:
    """The pool is another one; they come back to the old one and are closed with it. What is allowed counts once."""
    assert (2, 0, 2) == tuple(told["disposed while two are out"][each] for each in ("used", "idle", "max"))
    assert (0, 0, 2) == tuple(told["returned"][each] for each in ("used", "idle", "max"))


def test_an_engine_is_not_kept_alive(told: dict[str, Page]) -> None:
    """What was counted of its pool stays; what is the case now has gone with it."""
    assert {"timeouts_total": 1, "wait_time_seconds_count": 4} == told["gone"]


def test_every_class_of_pool_tells_its_connections(postgres: PostgresServer) -> None:  # noqa: F811
    """Those that keep none idle too; who gives a pool a name finds it under that."""
    code = f"""
from sqlalchemy import create_engine, pool as pools, QueuePool
url = {postgres.url!r}.replace("postgresql:", "postgresql+psycopg:")
held = []
for kind in ("NullPool", "StaticPool", "SingletonThreadPool", "AssertionPool", "QueuePool"):
    engine = create_engine(url, poolclass=getattr(pools, kind), pool_logging_name=kind)
    with engine.connect():
        pass
    held.append(engine.connect())
    if kind == "NullPool":
        held.append(engine.connect())
import sqlite3
held.append(QueuePool(lambda: sqlite3.connect(":memory:"), logging_name="no engine").connect())
held.append(QueuePool(lambda: sqlite3.connect(":memory:")).connect())
held.append(create_engine("sqlite://").connect())
tell("used")
for each in held: each.close()
tell("returned")
"""
    told = pages(code)
    states = {
        step: {name: tuple(pool(page, name)[each] for each in ("used", "idle")) for name in NAMES}
        for step, page in told.items()
    }

    assert {**dict.fromkeys(NAMES, (1, 0)), "NullPool": (2, 0), "QueuePool": (2, 0)} == states["used"]
    # Of one pool by its own name, and of one without an engine, by its class: they add up.
    assert {**dict.fromkeys(NAMES, (0, 1)), "NullPool": (0, 0), "QueuePool": (0, 2)} == states["returned"]
    assert 15 == pool(told["used"], "QueuePool")["max"]
    assert "max" not in pool(told["used"], "NullPool")


NAMES = ("NullPool", "StaticPool", "SingletonThreadPool", "AssertionPool", "QueuePool", "no engine", "sqlite")


def test_engines_of_coroutines_tell_the_same(postgres: PostgresServer) -> None:  # noqa: F811
    """Their queue is made by whoever uses it first, and never by a scrape."""
    code = f"""
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.exc import TimeoutError
async def main():
    engine = create_async_engine({postgres.url!r}.replace("postgresql:", "postgresql+asyncpg:"), pool_size=1, max_overflow=0)
    one = await engine.connect()
    tell("before anything was returned")
    waiting = asyncio.create_task(engine.connect().__aenter__())
    await until_async(lambda: engine.pool._pool._queue._getters)
    tell("exhausted")
    await one.close()
    two = await waiting
    engine.pool._timeout = 0.01
    try:
        await engine.connect()
    except TimeoutError:
        tell("timed out")
    await two.close()
    tell("returned")
    await engine.dispose()
    tell("disposed")
    assert "_queue" not in engine.pool._pool.__dict__
asyncio.run(main())
"""
    told = {step: of(postgres, page) for step, page in pages(code).items()}
    counted = {"max": 1, "idle_max": 1, "timeouts_total": 0}

    assert {"used": 1, "idle": 0, "pending_requests": 0, **counted, "wait_time_seconds_count": 1} == told[
        "before anything was returned"
    ]
    assert {"used": 1, "idle": 0, "pending_requests": 1, **counted, "wait_time_seconds_count": 1} == told["exhausted"]
    assert 1 == told["timed out"]["timeouts_total"]
    assert (0, 1) == (told["returned"]["used"], told["returned"]["idle"])
    assert (0, 0) == (told["disposed"]["used"], told["disposed"]["idle"])


def test_create_engine_takes_the_options_that_it_took() -> None:
    """It finds them in the signatures of engines and pools, which must not be hidden behind ours."""
    code = """
from sqlalchemy import create_engine
engine = create_engine("sqlite:///:memory:", echo=False, hide_parameters=True, pool_pre_ping=True, pool_recycle=60)
assert engine.hide_parameters and engine.pool._pre_ping
try:
    create_engine("sqlite:///:memory:", no_such_option=1)
except TypeError as error:
    assert "no_such_option" in str(error)
else:
    raise AssertionError
tell("done")
"""
    assert ["done"] == [*pages(code)]


def test_a_failing_database_fails_as_it_would() -> None:
    """The exception is the driver's, nothing is used, and it is no timeout of the pool."""
    code = """
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
engine = create_engine("postgresql+psycopg://me:hunter2@127.0.0.1:1/shop")
try:
    engine.connect()
except OperationalError:
    tell("failed")
"""
    assert {} == pool(pages(code)["failed"], "127.0.0.1:1/shop")


def test_a_child_tells_its_own_connections(postgres: PostgresServer) -> None:  # noqa: F811
    """The parent's pool holds one at the fork; a child that disposes of the engine, as it must, tells what it opens."""
    code = f"""
from sqlalchemy import create_engine
engine = create_engine({postgres.url!r}.replace("postgresql:", "postgresql+psycopg:"))
engine.connect().close()
if (child := os.fork()) == 0:
    registry.reset(lambda: None)
    tell("child, begun")
    engine.dispose(close=False)
    with engine.connect(), engine.connect():
        tell("child")
    os._exit(0)
os.waitpid(child, 0)
tell("parent")
"""
    told = {step: of(postgres, page) for step, page in pages(code).items()}

    assert {} == told["child, begun"]
    assert (2, 0, 2) == tuple(told["child"][each] for each in ("used", "idle", "wait_time_seconds_count"))
    assert (0, 1, 1) == tuple(told["parent"][each] for each in ("used", "idle", "wait_time_seconds_count"))
