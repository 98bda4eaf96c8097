"""The storefront: shows the products, and hands each order to the checkout."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from faults import FaultSwitch
from opentelemetry import propagate
from pydantic import BaseModel, Field
from stores import pages

import seawall.auto  # noqa: F401 - instruments this application

CHECKOUT_URL = os.environ.get("SHOP_CHECKOUT_URL", "http://127.0.0.1:8002")
PRODUCTS = {
    1: {"name": "tide table", "price": 12.5},
    2: {"name": "storm lantern", "price": 39.0},
    3: {"name": "oilskin", "price": 89.0},
    4: {"name": "sandbag", "price": 4.2},
}
switch = FaultSwitch()
cache = pages()


async def carry_trace_on(request: httpx.Request) -> None:
    """Send the trace of the order along."""
    propagate.inject(request.headers)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one pool of connections to the checkout."""
    hooks = {"request": [carry_trace_on]}
    async with httpx.AsyncClient(base_url=CHECKOUT_URL, timeout=5.0, event_hooks=hooks) as client:
        app.state.checkout = client
        yield


async def struck() -> None:
    """Be slow, or fail, where a fault is switched on."""
    if latency := switch.now().latency:
        await asyncio.sleep(latency)
    if switch.strikes():
        raise HTTPException(500, "a fault is switched on: errors")


app = FastAPI(title="Storefront", lifespan=lifespan)
faulty = [Depends(struck)]


class Order(BaseModel):
    """What a customer orders."""

    product: int
    quantity: int = Field(default=1, ge=1, le=100)
    email: str = Field(default="customer@shop.example", max_length=254)


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@app.get("/", dependencies=faulty)
async def products() -> dict[int, dict[str, object]]:
    """List the products."""
    return {number: dict(product) for number, product in PRODUCTS.items()}


@app.get("/products/{id}", dependencies=faulty)
async def product(id: int) -> dict[str, object]:  # noqa: A002 - the name in the route
    """Show one product."""
    if id not in PRODUCTS:
        raise HTTPException(404, "no such product")
    page = await cache.get(id)
    if page is None:
        page = dict(PRODUCTS[id])
        await cache.put(id, page)
    return page


@app.post("/orders", status_code=201, dependencies=faulty)
async def order(order: Order, request: Request) -> dict[str, object]:
    """Sell a product: the checkout takes the money."""
    if order.product not in PRODUCTS:
        raise HTTPException(404, "no such product")
    amount = float(str(PRODUCTS[order.product]["price"])) * order.quantity
    client: httpx.AsyncClient = request.app.state.checkout
    try:
        answer = await client.post("/pay", json={"amount": amount, "email": order.email})
    except httpx.HTTPError as error:
        raise HTTPException(503, "the checkout cannot be reached") from error
    if answer.status_code != httpx.codes.CREATED:
        raise HTTPException(502, "the checkout could not take the money")
    return {"paid": amount}
