"""psycopg, asyncpg and SQLAlchemy on a real PostgreSQL: each statement counts once, by its verb."""

import pytest
from client_calls import Calls, told
from postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from servers import free_port

pytestmark = pytest.mark.e2e


def calls(server: PostgresServer, code: str, closed: int = 0) -> dict[str, Calls]:
    """Run *code*; return its statements by verb and error, those of the server's database without its name."""
    where, away = f"127.0.0.1 {server.port} ", f"127.0.0.1 {closed} "
    found: dict[str, Calls] = {}
    for step, counts in told(f"url, closed = {server.url!r}, 'postgresql://127.0.0.1:{closed}/away'\n{code}").items():
        found[step] = {}
        for call, count in counts.items():
            call = call.removeprefix("postgresql ").replace(where, "").replace(away, "").removeprefix("postgres ")
            found[step][call] = count
    return found


PSYCOPG = """
import psycopg
from psycopg import sql

with psycopg.connect(url) as connection:
    cursor = connection.cursor()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    assert cursor.execute(query=b"SELECT 1") is cursor
    cursor.execute(sql.SQL("CREATE TEMP TABLE {} (number int)").format(sql.Identifier("items")))
    tell("statements")
    cursor.executemany("INSERT INTO items VALUES (%s)", [(1,), (2,), (3,)])
    tell("many")
    assert list(cursor.stream("SELECT * FROM items")) == [(1,), (2,), (3,)]
    rows = cursor.stream("SELECT * FROM items")
    assert next(rows) == (1,)
    rows.close()
    assert list(cursor.stream("SELECT * FROM items WHERE number > 3")) == []
    tell("streamed")
    with cursor.copy("COPY items TO STDOUT") as copy:
        assert len(list(copy.rows())) == 3
    with connection.cursor("named") as named:
        assert len(named.execute("SELECT * FROM items").fetchall()) == 3
    tell("copied and named")
    with connection.transaction():
        cursor.execute("/* shop */ UPDATE items SET number = 1")
    connection.commit()
    connection.execute("ROLLBACK")
    tell("transaction")
    for step in ("unknown", "known"):
        assert failure(connection.execute, "SELECT nothing") == "UndefinedColumn"
        connection.rollback()
        assert failure(list, cursor.stream("SELECT nothing")) == "UndefinedColumn"
        connection.rollback()
        assert failure(cursor.copy("COPY nothing TO STDOUT").__enter__) == "UndefinedTable"
        connection.rollback()
        assert failure(connection.execute) == "TypeError"
        tell(step)
    with suppress_instrumentation():
        connection.execute("SELECT 1")
        list(cursor.stream("SELECT 1"))
    tell("suppressed")
"""
PSYCOPG_ASYNC = """
import psycopg

async def main():
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = connection.cursor()
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
        await cursor.execute(b"SELECT 1")
        assert await cursor.execute("CREATE TEMP TABLE items (number int)") is cursor
        tell("statements")
        await cursor.executemany("INSERT INTO items VALUES (%s)", [(1,), (2,), (3,)])
        tell("many")
        assert [row async for row in cursor.stream("SELECT * FROM items")] == [(1,), (2,), (3,)]
        rows = cursor.stream("SELECT * FROM items")
        assert await anext(rows) == (1,)
        await rows.aclose()
        assert [row async for row in cursor.stream("SELECT * FROM items WHERE number > 3")] == []
        tell("streamed")
        async with cursor.copy("COPY items TO STDOUT") as copy:
            assert len([row async for row in copy.rows()]) == 3
        async with connection.cursor("named") as named:
            await named.execute("SELECT * FROM items")
            assert len(await named.fetchall()) == 3
        tell("copied and named")
        async with connection.transaction():
            await cursor.execute("UPDATE items SET number = 1")
        await connection.commit()
        await connection.execute("ROLLBACK")
        tell("transaction")
        for step in ("unknown", "known"):
            for broken in (connection.execute("SELECT nothing"), anext(cursor.stream("SELECT nothing"))):
                try:
                    await broken
                except psycopg.errors.UndefinedColumn:
                    await connection.rollback()
            try:
                async with cursor.copy("COPY nothing TO STDOUT"):
                    raise AssertionError
            except psycopg.errors.UndefinedTable:
                await connection.rollback()
            tell(step)
        with suppress_instrumentation():
            await connection.execute("SELECT 1")
        tell("suppressed")

asyncio.run(main())
"""


@pytest.mark.parametrize("code", [PSYCOPG, PSYCOPG_ASYNC], ids=["threads", "tasks"])
def test_psycopgs_statements_are_counted(code: str, postgres: PostgresServer) -> None:  # noqa: F811
    """Of every kind of cursor; many at once are one; what frames a transaction is no operation."""
    failed = {"SELECT UndefinedColumn": 2, "COPY UndefinedTable": 1}

    assert {
        "statements": {"SELECT -": 2, "CREATE -": 1},
        "many": {"INSERT -": 1},
        "streamed": {"SELECT -": 3},
        "copied and named": {"COPY -": 1, "SELECT -": 1},
        "transaction": {"UPDATE -": 1},
        "unknown": {"SELECT _OTHER": 2, "COPY _OTHER": 1},
        "known": failed,
        "suppressed": {},
    } == calls(postgres, code)


ASYNCPG = """
import io
import asyncpg

async def main():
    connection = await asyncpg.connect(url)
    tell("connected")
    await connection.execute("CREATE TEMP TABLE items (number int)")
    await connection.execute("INSERT INTO items VALUES ($1)", 1)
    await connection.executemany("INSERT INTO items VALUES ($1)", [(2,), (3,)])
    tell("executed")
    assert await connection.fetchval("SELECT 1") == 1
    assert len(await connection.fetch("SELECT * FROM items")) == 3
    assert (await connection.fetchrow(query="SELECT 1"))[0] == 1
    tell("fetched")
    statement = await connection.prepare("SELECT $1::int")
    assert await statement.fetchval(3) == 3
    assert len(await statement.fetch(3)) == 1
    await statement.executemany([(1,), (2,)])
    tell("prepared")
    async with connection.transaction():
        assert len([row async for row in connection.cursor("SELECT * FROM items")]) == 3
        cursor = await connection.cursor("SELECT * FROM items")
        assert len(await cursor.fetch(2)) == 2
    tell("cursors")
    await connection.copy_records_to_table("items", records=[(4,)])
    await connection.copy_from_table("items", output=io.BytesIO())
    await connection.copy_from_query("SELECT 1", output=io.BytesIO())
    await connection.copy_to_table("items", source=io.BytesIO(b"5"))
    tell("copied")
    for step in ("unknown", "known"):
        for ask in (connection.fetch, connection.execute, connection.prepare):
            try:
                await ask("SELECT nothing")
            except asyncpg.UndefinedColumnError:
                pass
        try:
            await connection.fetch("SELECT pg_sleep(20)", timeout=0.05)
        except TimeoutError:
            pass
        tell(step)
    with suppress_instrumentation():
        await connection.fetchval("SELECT 1")
    tell("suppressed")
    await connection.close()
    try:
        statement.fetch(3)
    except asyncpg.InterfaceError:
        pass
    async with asyncpg.create_pool(url, min_size=1) as pool:
        await pool.fetchval("SELECT 1")
        async with pool.acquire() as connection:
            await connection.execute("SELECT 1")
    tell("pooled")

asyncio.run(main())
"""


def test_asyncpgs_statements_are_counted(postgres: PostgresServer) -> None:  # noqa: F811
    """Of connections, prepared ones and cursors; what a pool asks for itself is none of the application's."""
    assert {
        "connected": {},
        "executed": {"CREATE -": 1, "INSERT -": 2},
        "fetched": {"SELECT -": 3},
        "prepared": {"SELECT -": 3},
        "cursors": {"SELECT -": 2},
        "copied": {"COPY -": 4},
        "unknown": {"SELECT _OTHER": 4},
        "known": {"SELECT UndefinedColumnError": 3, "SELECT TimeoutError": 1},
        "suppressed": {},
        "pooled": {"SELECT -": 2},
    } == calls(postgres, ASYNCPG)


CONNECTIONS = """
import asyncpg, psycopg

async def main():
    for step in ("unknown", "known"):
        assert failure(psycopg.connect, closed) == "OperationalError"
        assert failure(psycopg.Connection.connect, "host=127.0.0.1", port=closed.split(":")[2][:-5], dbname="away") == "OperationalError"
        for connect in (psycopg.AsyncConnection.connect, asyncpg.connect):
            try:
                await connect(closed)
            except (OSError, psycopg.OperationalError):
                pass
        try:
            await asyncpg.connect(url + "2")
        except asyncpg.InvalidCatalogNameError:
            pass
        assert failure(psycopg.connect, "nonsense") == "ProgrammingError"
        tell(step)

asyncio.run(main())
"""


def test_a_connection_that_fails_is_counted(postgres: PostgresServer) -> None:  # noqa: F811
    """No operation ever comes to a database that is down: its failed connections tell that it is called."""
    found = calls(postgres, CONNECTIONS, free_port())

    assert {
        "away CONNECT OperationalError": 3,
        "away CONNECT ConnectionRefusedError": 1,
        "postgres2 CONNECT InvalidCatalogNameError": 1,
    } == found["known"]


CANCELLED = """
import asyncpg, psycopg

SLEEP = "SELECT pg_sleep(20)"
ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1"

async def give_up(call, watching):
    task = asyncio.create_task(call)
    with suppress_instrumentation():
        while not await watching.fetchval(ACTIVE, SLEEP):
            pass
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("it was not cancelled")

async def main():
    watching = await asyncpg.connect(url)
    for step in ("unknown", "known"):
        one = await asyncpg.connect(url)
        await give_up(one.fetchval(SLEEP), watching)
        await one.close()
        async with await psycopg.AsyncConnection.connect(url) as two:
            await give_up(two.execute(SLEEP), watching)
        tell(step)
    await watching.close()

asyncio.run(main())
"""


def test_a_statement_that_is_given_up_is_counted(postgres: PostgresServer) -> None:  # noqa: F811
    """Under the class that its task sees."""
    assert {"SELECT CancelledError": 2} == calls(postgres, CANCELLED)["known"]


SQLALCHEMY = """
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

def ask(engine):
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    tell("connected")
    with engine.begin() as connection:
        connection.execute(text("SELECT 2"))
        connection.execute(text("CREATE TEMP TABLE items (number int)"))
        connection.execute(text("INSERT INTO items VALUES (:number)"), [{"number": 1}, {"number": 2}])
    tell("asked")
    for step in ("unknown", "known"):
        with engine.connect() as connection:
            assert failure(connection.execute, text("SELECT nothing")) in ("ProgrammingError", "OperationalError")
        tell(step)
    engine.dispose()

async def ask_async(engine):
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))
    tell("connected")
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 2"))
        await connection.execute(text("CREATE TEMP TABLE items (number int)"))
        await connection.execute(text("INSERT INTO items VALUES (:number)"), [{"number": 1}, {"number": 2}])
    tell("asked")
    for step in ("unknown", "known"):
        async with engine.connect() as connection:
            try:
                await connection.execute(text("SELECT nothing"))
            except sqlalchemy.exc.ProgrammingError:
                pass
        tell(step)
    await engine.dispose()
"""


@pytest.mark.parametrize(("dialect", "error"), [("psycopg", "UndefinedColumn"), ("asyncpg", "UndefinedColumnError")])
def test_below_sqlalchemy_the_driver_counts(dialect: str, error: str, postgres: PostgresServer) -> None:  # noqa: F811
    """Each statement once, with the driver's own exception."""
    code = f'asyncio.run(ask_async(create_async_engine(url.replace("postgresql", "postgresql+{dialect}"))))'
    found = calls(postgres, SQLALCHEMY + code)

    assert {"SELECT -": 1, "CREATE -": 1, "INSERT -": 1} == found["asked"]
    assert {f"SELECT {error}": 1} == found["known"]


def test_sqlalchemy_counts_what_the_driver_does_not(postgres: PostgresServer) -> None:  # noqa: F811
    """Statements and failed connections of sqlite3, in threads; many at once are one."""
    code = """
ask(sqlalchemy.create_engine("sqlite://"))
broken = sqlalchemy.create_engine("sqlite:////nowhere/at/all.db")
for step in ("away", "away again"):
    assert failure(broken.connect) == "OperationalError"
    tell(step)
with suppress_instrumentation(), sqlalchemy.create_engine("sqlite://").connect() as connection:
    connection.execute(text("SELECT 1"))
tell("suppressed")
"""
    sqlite = "sqlite - SELECT - - "

    assert {
        "connected": {f"{sqlite}-": 1},
        "asked": {f"{sqlite}-": 1, "sqlite - CREATE - - -": 1, "sqlite - INSERT - - -": 1},
        "unknown": {f"{sqlite}_OTHER": 1},
        "known": {f"{sqlite}OperationalError": 1},
        "away": {"sqlite - CONNECT - - _OTHER": 1},
        "away again": {"sqlite - CONNECT - - OperationalError": 1},
        "suppressed": {},
    } == calls(postgres, SQLALCHEMY + code)
