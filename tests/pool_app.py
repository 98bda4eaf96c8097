"""An application whose pools can be made to run out: of two connections to a database, and of one to another service.

What it does is the word in the file that the environment names: well, slow or hopeless database, a connection that is
kept, a second pool of fifty, slow or hopeless other side, or nothing at all.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import sqlalchemy
from sqlalchemy.exc import TimeoutError as PoolTimeout

import seawall.auto  # noqa: F401 - the subject

FAULT: Final = Path(os.environ["FAULT"])
# How long a statement takes, and how long an answer of the other side.
STATEMENTS: Final = {"slow database": 0.15, "hopeless database": 5.0}
ANSWERS: Final = {"slow other side": 0.15, "hopeless other side": 5.0}
CALLERS: Final = 6

engine = sqlalchemy.create_engine(
    os.environ["DATABASE"], pool_size=2, max_overflow=0, pool_timeout=1.5, pool_logging_name="orders"
)
client = httpx.Client(limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(10, pool=1.5))


def fault() -> str:
    """Return what is to go wrong now."""
    return FAULT.read_text().strip()


def query() -> None:
    """Run a statement, unless it is none's turn; one that got no connection is an error of the application."""
    seconds = STATEMENTS.get(fault(), 0)
    with suppress(PoolTimeout), engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


def call() -> None:
    """Ask the other side."""
    with suppress(httpx.PoolTimeout):
        client.get(os.environ["OTHER_SIDE"], params={"seconds": ANSWERS.get(fault(), 0)})


def serve(first: bool) -> None:
    """Work as one of several threads that serve requests; only the *first* one does while all is well."""
    while True:
        if fault() == "kept connection":
            if first:
                keep()
        elif "other side" in fault():
            call()
        elif "database" in fault():
            query()
        elif fault() == "second pool":
            if first:
                fill()
        elif first and fault() != "idle":
            query()
            call()
        time.sleep(0.05 if first else 0.01)


def keep() -> None:
    """Hold a connection for as long as that is the fault."""
    with engine.connect():
        while fault() == "kept connection":
            time.sleep(0.05)


def fill() -> None:
    """Have a pool that may open fifty connections more, for as long as that is the fault."""
    more = sqlalchemy.create_engine(os.environ["DATABASE"], pool_size=50, pool_logging_name="more")
    with more.connect():
        pass
    while fault() == "second pool":
        time.sleep(0.05)
    more.dispose()


threads = [threading.Thread(target=serve, args=(number == 0,)) for number in range(CALLERS)]
for thread in threads:
    thread.start()
