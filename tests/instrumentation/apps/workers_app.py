"""One application for every server that has workers: `asgi` and `wsgi` answer with the process that does."""

import os

from flask import Flask
from opentelemetry import metrics
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import seawall.auto  # noqa: F401 - first, as users write it

meter = metrics.get_meter("shop")
orders = meter.create_counter("orders.placed")
baskets = meter.create_up_down_counter("baskets.open")
level = meter.create_gauge("stock.level")
weight = meter.create_histogram("basket.weight", explicit_bucket_boundaries_advisory=[1, 2])


def order() -> str:
    """Count an order with OpenTelemetry's own instruments, and return the process' id."""
    orders.add(1, {"kind": "gift"})
    baskets.add(1)
    level.set(7)
    weight.record(1.5)
    return str(os.getpid())


async def index(_: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse(order())


asgi = Starlette(routes=[Route("/", index)])
wsgi = Flask(__name__)
wsgi.add_url_rule("/", "order", order)
