"""redis-py on a real redis-server, alone and as a cluster of one: each command and each pipeline counts once."""

from pathlib import Path

import pytest
from client_calls import Calls, told
from servers import StartRedis, connects, eventually, free_port, process, start_redis  # noqa: F401 - a fixture

pytestmark = pytest.mark.e2e

ASK = """
import redis
client = redis.Redis(port={port}, db=2)
client.set("stock", 1)
assert client.get("stock") == b"1"
assert client.execute_command("get", "stock") == b"1"
client.config_get("maxmemory")
tell("commands")
with client.pipeline() as pipeline:
    assert pipeline.set("stock", 2).get("stock").execute() == [True, b"2"]
    assert pipeline.execute() == []
with client.pipeline(transaction=False) as pipeline:
    assert pipeline.get("stock").execute() == [b"2"]
tell("pipelines")
with client.pipeline() as pipeline:
    pipeline.watch("stock")
    pipeline.get("stock")
    pipeline.multi()
    pipeline.set("stock", 3)
    pipeline.execute()
tell("watched")
for step in ("unknown", "known"):
    assert failure(client.lpop, "stock") == "ResponseError"
    assert failure(client.pipeline().lpop("stock").execute) == "ResponseError"
    assert failure(redis.Redis(port={closed}, retry=None).get, "stock") == "ConnectionError"
    assert failure(client.execute_command, "NO such: thing") == "ResponseError"
    tell(step)
with suppress_instrumentation():
    client.get("stock")
    client.pipeline().get("stock").execute()
tell("suppressed")
client.close()
"""
ASK_ASYNC = """
import redis.asyncio as redis

async def fails(call):
    try:
        await call
    except redis.RedisError as error:
        return type(error).__qualname__

async def main():
    client = redis.Redis(port={port}, db=2)
    await client.set("stock", 1)
    assert await client.get("stock") == b"1"
    assert await client.execute_command("get", "stock") == b"1"
    await client.config_get("maxmemory")
    tell("commands")
    async with client.pipeline() as pipeline:
        assert await pipeline.set("stock", 2).get("stock").execute() == [True, b"2"]
        assert await pipeline.execute() == []
    async with client.pipeline(transaction=False) as pipeline:
        assert await pipeline.get("stock").execute() == [b"2"]
    tell("pipelines")
    async with client.pipeline() as pipeline:
        await pipeline.watch("stock")
        await pipeline.get("stock")
        pipeline.multi()
        pipeline.set("stock", 3)
        await pipeline.execute()
    tell("watched")
    for step in ("unknown", "known"):
        assert await fails(client.lpop("stock")) == "ResponseError"
        assert await fails(client.pipeline().lpop("stock").execute()) == "ResponseError"
        assert await fails(redis.Redis(port={closed}, retry=None).get("stock")) == "ConnectionError"
        assert await fails(client.execute_command("NO such: thing")) == "ResponseError"
        tell(step)
    with suppress_instrumentation():
        await client.get("stock")
        await client.pipeline().get("stock").execute()
    tell("suppressed")
    await client.aclose()

asyncio.run(main())
"""


def calls(code: str, port: int, closed: int = 0) -> dict[str, Calls]:
    """Run *code*; return its commands by database, name, server and error; the two ports have names."""
    found: dict[str, Calls] = {}
    for step, counts in told(code.format(port=port, closed=closed)).items():
        found[step] = {
            call.removeprefix("redis ")
            .replace(f"localhost {port}", "server")
            .replace(f"localhost {closed}", "closed"): n
            for call, n in counts.items()
        }
    return found


@pytest.mark.parametrize("code", [ASK, ASK_ASYNC], ids=["threads", "tasks"])
def test_commands_and_pipelines_are_counted(code: str, start_redis: StartRedis) -> None:  # noqa: F811
    """By the command's name; a pipeline is one operation, MULTI or PIPELINE; an empty one is none."""
    port = start_redis().port

    assert {
        "commands": {"2 SET server -": 1, "2 GET server -": 2, "2 CONFIG GET server -": 1},
        "pipelines": {"2 MULTI server -": 1, "2 PIPELINE server -": 1},
        "watched": {"2 WATCH server -": 1, "2 GET server -": 1, "2 MULTI server -": 1},
        "unknown": {
            "2 LPOP server _OTHER": 1,
            "2 MULTI server _OTHER": 1,
            "0 GET closed _OTHER": 1,
            "2 _OTHER server _OTHER": 1,
        },
        "known": {
            "2 LPOP server ResponseError": 1,
            "2 MULTI server ResponseError": 1,
            "0 GET closed ConnectionError": 1,
            "2 _OTHER server ResponseError": 1,
        },
        "suppressed": {},
    } == calls(code, port, free_port())


CLUSTER = """
from redis.cluster import RedisCluster
client = RedisCluster("localhost", {port})
tell("begun")
client.set("stock", 1)
client.get("stock")
assert client.pipeline().get("stock").execute() == [b"1"]
assert client.pipeline().execute() == []
tell("asked")
client.close()
"""
CLUSTER_ASYNC = """
from redis.asyncio.cluster import RedisCluster

async def main():
    client = await RedisCluster("localhost", {port})
    tell("begun")
    await client.set("stock", 1)
    await client.get("stock")
    assert await client.pipeline().get("stock").execute() == [b"1"]
    assert await client.pipeline().execute() == []
    tell("asked")
    await client.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("code", [CLUSTER, CLUSTER_ASYNC], ids=["threads", "tasks"])
def test_a_clusters_commands_are_counted_by_node(code: str, start_redis: StartRedis) -> None:  # noqa: F811
    """Under the address by which the cluster knows it; a pipeline goes to many, and is told by the first."""
    server = start_redis("--cluster-enabled", "yes")
    server.cli("cluster", "addslotsrange", "0", "16383")
    eventually(lambda: "cluster_state:ok" in server.cli("cluster", "info"))
    node = f"127.0.0.1 {server.port}"
    asked = calls(code, server.port)["asked"]

    assert {f"0 SET {node} -": 1, f"0 GET {node} -": 1, f"0 PIPELINE {node} -": 1} == asked


def test_a_socket_is_its_path(start_redis: StartRedis) -> None:  # noqa: F811
    """It has no port."""
    server = start_redis("--unixsocket", "redis.sock")
    path = f"{server.cli('config', 'get', 'dir').splitlines()[1]}/redis.sock"
    found = calls(
        f'''
import redis
with redis.Redis(unix_socket_path="{path}") as client:
    client.get("stock")
tell("socket")
''',
        server.port,
    )

    assert {"socket": {f"0 GET {path} - -": 1}} == found


def test_a_sentinels_group_has_its_name(start_redis: StartRedis, tmp_path: Path) -> None:  # noqa: F811
    """Whichever server it is at the time; what the sentinel itself is asked counts under its own."""
    server, port = start_redis(), free_port()
    (tmp_path / "sentinel.conf").write_text(f"port {port}\nsentinel monitor shop 127.0.0.1 {server.port} 1\n")
    with process("redis-server", "sentinel.conf", "--sentinel", cwd=tmp_path):
        eventually(lambda: connects(port))
        found = calls(
            """
from redis.sentinel import Sentinel
sentinel = Sentinel([("localhost", {port})])
with sentinel.master_for("shop") as client:
    client.set("stock", 1)
    client.get("stock")
tell("asked")
sentinel.sentinels[0].close()
""",
            port,
        )

    assert {"0 SET shop - -": 1, "0 GET shop - -": 1} == {k: v for k, v in found["asked"].items() if "server" not in k}
    assert any(call.endswith("server -") for call in found["asked"])
