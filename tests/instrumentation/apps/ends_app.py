"""One application for every server: each request of `asgi` and `wsgi` writes a log line, and is answered with the process."""

import logging
import os

from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import seawall.auto  # noqa: F401 - first, as users write it


def tell(number: int) -> str:
    """Log the request's number."""
    logging.getLogger("shop").error("asked for %d", number)
    return str(os.getpid())


async def item(request: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse(tell(request.path_params["number"]))


asgi = Starlette(routes=[Route("/items/{number:int}", item)])
wsgi = Flask(__name__)
wsgi.add_url_rule("/items/<int:number>", "item", tell)
