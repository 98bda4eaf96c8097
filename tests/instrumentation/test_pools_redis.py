"""redis-py's pools on a real redis-server: those that refuse and those that wait, of threads and of tasks."""

import pytest
from pool_pages import Page, pages, pool, steps
from servers import RedisServer, StartRedis, start_redis  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(start_redis: StartRedis) -> RedisServer:  # noqa: F811
    """A server with a password, which must not be seen anywhere."""
    return start_redis(password="hunter2")


def told(server: RedisServer, code: str) -> dict[str, Page]:
    """Return what *code* tells at each step of the pool of the server's database 1, but for how long was waited."""
    found = {}
    for step, page in pages(code.replace("{url!r}", f"'redis://:hunter2@127.0.0.1:{server.port}/1'")).items():
        found[step] = pool(page, f"127.0.0.1:{server.port}/1")
        found[step].pop("wait_time_seconds_sum", None)
    return found


def test_a_pool_that_refuses_is_told(server: RedisServer) -> None:
    """What it refuses counts at once, with the application's own exception; who has no bound of his own has redis-py's."""
    found = told(
        server,
        """
import redis
pool = redis.ConnectionPool.from_url({url!r}, max_connections=2)
client = redis.Redis(connection_pool=pool)
tell("made")
client.ping()
tell("used once")
one, two = pool.get_connection(), pool.get_connection()
try:
    pool.get_connection()
except redis.exceptions.MaxConnectionsError:
    tell("exhausted")
pool.release(one)
pool.release(two)
tell("returned")
pool.disconnect()
tell("disconnected")
gone = weakref.ref(pool)
del pool, client, one, two
gc.collect()
assert gone() is None
tell("gone")
""",
    )
    now = {"max": 2, "pending_requests": 0}

    assert {} == found["made"]
    assert {"used": 0, "idle": 1, "timeouts_total": 0, **now} == found["used once"]
    assert {"used": 2, "idle": 0, "timeouts_total": 1, **now} == found["exhausted"]
    assert {"used": 0, "idle": 2, "timeouts_total": 1, **now} == found["returned"]
    assert {"used": 0, "idle": 0, "timeouts_total": 1, **now} == found["disconnected"]
    assert {"timeouts_total": 1} == found["gone"]


def test_a_pool_that_waits_is_told(server: RedisServer) -> None:
    """Who waits, for how long, and in vain; a server that is gone is no timeout of the pool."""
    found = told(
        server,
        """
import redis
pool = redis.BlockingConnectionPool.from_url({url!r}, max_connections=1, timeout=20)
one = pool.get_connection()
waiting = threading.Thread(target=lambda: pool.release(pool.get_connection()))
waiting.start()
until(lambda: pool.pool.not_empty._waiters)
tell("exhausted")
pool.release(one)
waiting.join()
one = pool.get_connection()
pool.timeout = 0.05
try:
    pool.get_connection()
except redis.ConnectionError as error:
    assert "No connection available." == str(error)
tell("timed out")
pool.release(one)
tell("returned")
pool.disconnect()
down = redis.BlockingConnectionPool(port=1, db=1, password="hunter2", max_connections=3)
try:
    redis.Redis(connection_pool=down).ping()
except redis.ConnectionError:
    tell("down")
assert 'timeouts_total{db_client_connection_pool_name="localhost:1/1"} 0' in registry.render().decode()
""",
    )

    assert {"used": 1, "idle": 0, "max": 1, "pending_requests": 1} | {
        "timeouts_total": 0,
        "wait_time_seconds_count": 1,
    } == found["exhausted"]
    assert {"used": 1, "idle": 0, "max": 1, "pending_requests": 0} | {
        "timeouts_total": 1,
        "wait_time_seconds_count": 3,
    } == found["timed out"]
    assert (0, 1) == (found["returned"]["used"], found["returned"]["idle"])
    assert 1 == found["down"]["timeouts_total"]


def test_pools_of_tasks_are_told(server: RedisServer) -> None:
    """Those that refuse and those that wait; two pools of one database add up."""
    found = told(
        server,
        """
import redis.asyncio as redis
from inspect import iscoroutinefunction
assert iscoroutinefunction(redis.BlockingConnectionPool.get_connection)
async def main():
    refuses = redis.ConnectionPool.from_url({url!r}, max_connections=1)
    waits = redis.BlockingConnectionPool.from_url({url!r}, max_connections=1)
    one, two = await refuses.get_connection(), await waits.get_connection()
    try:
        await refuses.get_connection()
    except redis.ConnectionError:
        pass
    waiting = asyncio.create_task(waits.get_connection())
    await until_async(lambda: waits._condition._waiters)
    tell("exhausted")
    await waits.release(two)
    two = await waiting
    waits.timeout = 0.05
    try:
        await waits.get_connection()
    except redis.ConnectionError:
        tell("timed out")
    await refuses.release(one)
    await waits.release(two)
    tell("returned")
    await refuses.aclose()
    await waits.aclose()
    tell("closed")
asyncio.run(main())
""",
    )

    assert {"used": 2, "idle": 0, "max": 2, "pending_requests": 1} | {
        "timeouts_total": 1,
        "wait_time_seconds_count": 1,
    } == found["exhausted"]
    assert {"used": 2, "idle": 0, "max": 2, "pending_requests": 0} | {
        "timeouts_total": 2,
        "wait_time_seconds_count": 2,
    } == found["timed out"]
    assert (0, 2) == (found["returned"]["used"], found["returned"]["idle"])
    assert (0, 0) == (found["closed"]["used"], found["closed"]["idle"])


def test_a_child_tells_its_own_connections(server: RedisServer) -> None:
    """A pool of threads notices that it was forked and opens its own; until then the child has none."""
    found = told(
        server,
        """
import redis
client = redis.Redis.from_url({url!r})
client.ping()
if (child := os.fork()) == 0:
    registry.reset(lambda: None)
    tell("child, begun")
    client.ping()
    tell("child")
    os._exit(0)
os.waitpid(child, 0)
with client.connection_pool.get_connection() if False else client.client():
    tell("parent")
""",
    )

    assert {} == found["child, begun"]
    assert (0, 1) == (found["child"]["used"], found["child"]["idle"])
    assert (1, 0) == (found["parent"]["used"], found["parent"]["idle"])


def test_a_pool_is_called_as_its_server_is() -> None:
    """A socket, the default address, or the name that Sentinel knows it by."""
    code = """
import redis, redis.asyncio, redis.asyncio.sentinel, redis.sentinel
from seawall.instrumentation.pools.redis import pool_name
pools = (
    redis.ConnectionPool(),
    redis.ConnectionPool.from_url("unix://me:hunter2@/run/redis.sock?db=3"),
    redis.ConnectionPool.from_url("rediss://me:hunter2@[::1]:6380/2"),
    redis.asyncio.ConnectionPool.from_url("redis://me:hunter2@cache.shop"),
    redis.sentinel.Sentinel([("127.0.0.1", 1)]).master_for("stock").connection_pool,
    redis.asyncio.sentinel.Sentinel([("127.0.0.1", 1)]).master_for("stock").connection_pool,
)
for each in pools: print(json.dumps([pool_name(each), {}]))
tell("page")
"""
    assert [
        "localhost:6379/0", "/run/redis.sock/3", "[::1]:6380/2", "cache.shop:6379/0", "stock", "stock", "page",
    ] == steps(code)  # fmt: skip
