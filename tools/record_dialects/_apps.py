"""One application in two frameworks."""

import asyncio
import logging
import time
from typing import Any


def fastapi_app() -> Any:
    """Return it for FastAPI."""
    from fastapi import FastAPI, Response

    app = FastAPI()
    for path, status in {
        "/pay": 200,
        "/fails": 500,
        "/limited": 429,
        "/left": 499,
        "/items/{item}": 200,
        "/healthz": 200,
    }.items():
        app.get(path)(lambda status=status: Response("answer", status))
    app.get("/slow")(_slow)
    app.get("/crashes")(_crashes)
    return app


async def _slow() -> None:
    await asyncio.sleep(0.4)


async def _crashes() -> None:
    raise RuntimeError("as asked")


def flask_app() -> Any:
    """Return it for Flask."""
    from flask import Flask

    logging.disable()
    app = Flask("shop")
    for path, status in {
        "/pay": 200,
        "/fails": 500,
        "/limited": 429,
        "/left": 499,
        "/items/<item>": 200,
        "/healthz": 200,
    }.items():
        app.add_url_rule(path, path, lambda status=status, **_: ("answer", status))
    app.add_url_rule("/slow", "slow", lambda: str(time.sleep(0.4)))
    app.add_url_rule("/crashes", "crashes", lambda: 1 / 0)
    return app
