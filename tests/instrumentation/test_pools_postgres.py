"""The pools of psycopg_pool and of asyncpg on a real PostgreSQL."""

import pytest
from pool_pages import Page, pages, pool, steps
from postgres import PostgresServer, postgres  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e

THREADS = """
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests
pool = ConnectionPool({url!r}, min_size=1, max_size=2, max_waiting=1, open=False)
tell("made")
pool.open(wait=True)
tell("open")
one, two = pool.getconn(), pool.getconn()
got = []
waiting = threading.Thread(target=lambda: got.append(pool.getconn(timeout=20)))
waiting.start()
until(lambda: pool._waiting)
try:
    pool.getconn()
except TooManyRequests:
    tell("exhausted")
pool.putconn(one)
waiting.join()
try:
    pool.getconn(timeout=0.05)
except PoolTimeout as error:
    assert "couldn't get a connection after 0.05 sec" == str(error)
tell("timed out")
pool.putconn(two)
pool.putconn(got.pop())
with pool.connection() as one:
    before = pool.get_stats()
    tell("one")
    assert before == pool.get_stats() and pool.pop_stats()["requests_num"] == 6
    tell("popped")
pool.close()
tell("closed")
gone = weakref.ref(pool)
del pool, one, two
gc.collect()
assert gone() is None
tell("gone")
"""


def of(server: PostgresServer, page: Page) -> Page:
    """Return what *page* tells of the pool of the server's database, but for how long was waited."""
    found = pool(page, f"127.0.0.1:{server.port}/postgres")
    found.pop("wait_time_seconds_sum", None)
    return found


def told(server: PostgresServer, code: str) -> dict[str, Page]:
    """Return what *code* tells of the server's pool at each step."""
    return {step: of(server, page) for step, page in pages(code.replace("{url!r}", repr(server.url))).items()}


def test_a_pool_of_threads_is_told(postgres: PostgresServer) -> None:  # noqa: F811
    """Used, idle, waited for, in vain and refused, until it is closed; its own statistics stay the application's."""
    found = told(postgres, THREADS)
    counted = {"timeouts_total": 1, "wait_time_seconds_count": 2}

    assert {} == found["made"]
    assert {"used": 0, "idle": 1, "max": 2, "pending_requests": 0, "timeouts_total": 0} == found["open"]
    assert {"used": 2, "idle": 0, "max": 2, "pending_requests": 1, **counted} == found["exhausted"]
    assert (2, 3) == (found["timed out"]["timeouts_total"], found["timed out"]["wait_time_seconds_count"])
    assert {"used": 1, "idle": 1, "max": 2, "pending_requests": 0} | {
        "timeouts_total": 2,
        "wait_time_seconds_count": 4,
    } == found["one"]
    assert found["one"] == found["popped"]
    assert {"timeouts_total": 2, "wait_time_seconds_count": 4} == found["closed"] == found["gone"]


def test_a_pool_of_tasks_is_told(postgres: PostgresServer) -> None:  # noqa: F811
    """The same, by coroutines; one that is cancelled while it waits is no timeout."""
    found = told(
        postgres,
        """
from inspect import iscoroutinefunction
from psycopg_pool import AsyncConnectionPool, PoolTimeout
assert iscoroutinefunction(AsyncConnectionPool.getconn)
async def main():
    async with AsyncConnectionPool({url!r}, min_size=1, max_size=1, open=False) as pool:
        async with pool.connection():
            waiting = asyncio.create_task(pool.getconn())
            await until_async(lambda: pool._waiting)
            tell("exhausted")
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            try:
                await pool.getconn(timeout=0.05)
            except PoolTimeout:
                tell("timed out")
        await until_async(lambda: pool._pool)
        tell("returned")
asyncio.run(main())
tell("closed")
""",
    )
    now = {"max": 1, "wait_time_seconds_count": 1}

    assert {"used": 1, "idle": 0, "pending_requests": 1, "timeouts_total": 0, **now} == found["exhausted"]
    assert {"used": 1, "idle": 0, "pending_requests": 0, "timeouts_total": 1, **now} == found["timed out"]
    assert {"used": 0, "idle": 1, "pending_requests": 0, "timeouts_total": 1, **now} == found["returned"]
    assert {"timeouts_total": 1, "wait_time_seconds_count": 1} == found["closed"]


def test_a_pool_that_keeps_nothing_is_told(postgres: PostgresServer) -> None:  # noqa: F811
    """What is used of a NullConnectionPool; where it has no bound, there is none."""
    found = told(
        postgres,
        """
from psycopg_pool import NullConnectionPool
with NullConnectionPool({url!r}, max_size=0) as pool:
    with pool.connection():
        tell("used")
    tell("returned")
""",
    )

    assert {"used": 1, "idle": 0, "pending_requests": 0, "timeouts_total": 0, "wait_time_seconds_count": 1} == found[
        "used"
    ]
    assert (0, 0) == (found["returned"]["used"], found["returned"]["idle"])


def test_a_server_that_is_gone_uses_no_connection() -> None:
    """The pool's own size counts those that it tries to open; here one waits, and none is used."""
    found = pages("""
import logging
logging.disable()
from psycopg_pool import ConnectionPool, PoolTimeout
with ConnectionPool("postgresql://me:hunter2@127.0.0.1:1/shop", min_size=3, open=True) as pool:
    try:
        pool.getconn(timeout=0.05)
    except PoolTimeout:
        pass
    assert 3 == pool.get_stats()["pool_size"]
    tell("down")
""")

    assert {"used": 0, "idle": 0, "max": 3, "pending_requests": 0, "timeouts_total": 1} == pool(
        found["down"], "127.0.0.1:1/shop"
    )


def test_a_pools_name_is_its_own_or_its_databases() -> None:
    """No word of a password comes into it, nor into a log; a function that returns one is not called."""
    code = """
from psycopg_pool import ConnectionPool
from seawall.instrumentation.pools.psycopg_pool import pool_name
names = [pool_name(ConnectionPool(*arguments, open=False, **words)) for arguments, words in (
    (["host=db.shop port=6432 dbname=orders password=hunter2"], {"name": "orders"}),
    (["host=db.shop port=6432 dbname=orders password=hunter2"], {}),
    ([], {"kwargs": {"host": "db.shop", "dbname": "orders", "password": "hunter2"}}),
    (["host=::1 port=6432 dbname=orders"], {}),
    (["host=/run/postgresql dbname=orders"], {}),
    (["dbname=orders"], {}),
    (["no such words, hunter2"], {}),
    ([lambda: 1 / 0], {}),
    ([], {"kwargs": lambda: 1 / 0}),
)]
for name in names: print(json.dumps([name, {}]))
"""
    assert [
        "orders",
        "db.shop:6432/orders",
        "db.shop/orders",
        "[::1]:6432/orders",
        "/run/postgresql/orders",
        "orders",
        "pool-6",
        "pool-7",
        "pool-8",
    ] == steps(code)


def test_asyncpgs_pool_is_told(postgres: PostgresServer) -> None:  # noqa: F811
    """Used, idle, waited for and in vain; it goes with its last user though nothing can refer to it weakly."""
    found = told(
        postgres,
        """
import asyncpg
from inspect import iscoroutinefunction
assert iscoroutinefunction(asyncpg.Pool._acquire)
async def main():
    pool = await asyncpg.create_pool({url!r}, min_size=1, max_size=2)
    tell("made")
    one, two = await pool.acquire(), await pool.acquire()
    waiting = asyncio.create_task(pool.fetchval("select 1"))
    await until_async(lambda: pool._queue._getters)
    tell("exhausted")
    await pool.release(one)
    assert 1 == await waiting
    one = await pool.acquire()
    try:
        await pool.acquire(timeout=0.05)
    except TimeoutError:
        tell("timed out")
    await pool.release(one)
    await pool.release(two)
    tell("returned")
    gone = weakref.ref(pool._queue)
    await pool.close()
    tell("closed")
    del pool, one, two, waiting
    gc.collect()
    assert gone() is None
asyncio.run(main())
tell("gone")
""",
    )

    assert {"used": 0, "idle": 1, "max": 2, "pending_requests": 0, "timeouts_total": 0} == found["made"]
    assert {"used": 2, "idle": 0, "max": 2, "pending_requests": 1} | {
        "timeouts_total": 0,
        "wait_time_seconds_count": 2,
    } == found["exhausted"]
    assert {"used": 2, "idle": 0, "max": 2, "pending_requests": 0} | {
        "timeouts_total": 1,
        "wait_time_seconds_count": 4,
    } == found["timed out"]
    assert (0, 2) == (found["returned"]["used"], found["returned"]["idle"])
    assert {"timeouts_total": 1, "wait_time_seconds_count": 4} == found["closed"] == found["gone"]


def test_a_pool_of_asyncpg_that_never_connected_is_called_as_it_was_told() -> None:
    """Where it is no single address it is called after the library."""
    code = """
import asyncpg
from seawall.instrumentation.pools.asyncpg import pool_name
async def main():
    for arguments, words in (
        (["postgres://me:hunter2@db.shop:6432/orders"], {}),
        (["postgres://me:hunter2@db.shop/orders"], {}),
        ([], {"host": "db.shop", "database": "orders", "password": "hunter2"}),
        (["postgres://me:hunter2@one:1,two:2/orders"], {}),
        ([], {"host": ["one", "two"]}),
        ([], {}),
    ):
        print(json.dumps([pool_name(asyncpg.create_pool(*arguments, **words)), {}]))
asyncio.run(main())
"""
    assert [
        "db.shop:6432/orders", "db.shop:5432/orders", "db.shop:5432/orders", "asyncpg", "asyncpg", "asyncpg",
    ] == steps(code)  # fmt: skip


def test_a_socket_is_an_address(postgres: PostgresServer) -> None:  # noqa: F811
    """Both libraries call it the same: the folder, the port and the database."""
    code = f"""
import asyncpg, glob
from psycopg_pool import ConnectionPool
[folder] = [os.path.dirname(each) for each in glob.glob("/tmp/seawall-postgres-*/.s.PGSQL.{postgres.port}")]
words = dict(host=folder, port={postgres.port}, user={postgres.user!r})
async def main():
    async with asyncpg.create_pool(**words, database="postgres", min_size=1) as pool:
        with ConnectionPool(kwargs=dict(words, dbname="postgres"), min_size=1, open=True) as another:
            another.wait()
            tell(folder)
asyncio.run(main())
"""
    [(folder, page)] = pages(code).items()

    assert 2 == pool(page, f"{folder}:{postgres.port}/postgres")["idle"]


def test_pools_from_before_the_import_are_known_from_their_next_connection(postgres: PostgresServer) -> None:  # noqa: F811
    """Those of psycopg_pool and of asyncpg: their classes' functions are replaced for them, too."""
    early = f"""
import asyncpg
from psycopg_pool import ConnectionPool
loop = asyncio.new_event_loop()
early = loop.run_until_complete(asyncpg.create_pool({postgres.url!r}, min_size=1, loop=loop))
threads = ConnectionPool({postgres.url!r}, min_size=1, name="early", open=True)
threads.wait()
"""
    code = """
tell("before")
with threads.connection():
    loop.run_until_complete(early.fetchval("select 1"))
    tell("after")
threads.close()
loop.run_until_complete(early.close())
"""
    found = pages(code, early)

    assert {} == pool(found["before"], "early") == of(postgres, found["before"])
    assert (1, 0) == tuple(pool(found["after"], "early")[each] for each in ("used", "idle"))
    assert (0, 1) == tuple(of(postgres, found["after"])[each] for each in ("used", "idle"))


def test_pools_are_read_while_other_threads_use_make_and_close_them(postgres: PostgresServer) -> None:  # noqa: F811
    """No scrape raises, says anything or tells more than there can be; no call of the application's fails by it."""
    code = f"""
import asyncpg
from concurrent.futures import ThreadPoolExecutor
from psycopg_pool import ConnectionPool
from sqlalchemy import create_engine
sys.setswitchinterval(1e-5)
url = {postgres.url!r}
def threads():
    for _ in range(6):
        with ConnectionPool(url, min_size=1, max_size=2, name="threads", open=True) as pool:
            for _ in range(20):
                with pool.connection(), pool.connection(): pass
def tasks():
    async def use():
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
            await asyncio.gather(*(pool.fetchval("select 1") for _ in range(20)))
    for _ in range(6): asyncio.run(use())
def engines():
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_size=1, max_overflow=1, pool_logging_name="engine")
    for _ in range(6):
        for _ in range(20):
            with engine.connect(), engine.connect(): pass
        engine.dispose()
most, scrapes = {{}}, 0
with ThreadPoolExecutor(3) as executor:
    running = [executor.submit(each) for each in (threads, tasks, engines)]
    while not all(each.done() for each in running):
        scrapes += 1
        for sample, value in page().items():
            if sample.startswith("db_client_connection_count"): most[sample] = max(value, most.get(sample, 0))
    for each in running: each.result()
assert scrapes > 5
print(json.dumps(["most", most]))
"""
    most = pages(code)["most"]

    for name in ("threads", "engine", f"127.0.0.1:{postgres.port}/postgres"):
        found = pool(most, name)
        assert found["used"] <= 2, (name, found)
        assert found["idle"] <= 2, (name, found)
