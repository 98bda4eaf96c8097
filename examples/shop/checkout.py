"""The checkout: takes the money, and queues the order's mail."""

import os
import time

from faults import FaultSwitch
from flask import Flask, request
from flask.typing import ResponseReturnValue
from opentelemetry import propagate
from stores import StoreError, mails, orders
from waitress import serve

import seawall.auto  # noqa: F401 - instruments this application

app = Flask(__name__)
switch = FaultSwitch()
books = orders()
queue = mails()


@app.get("/health")
def health() -> ResponseReturnValue:
    """Say that the process answers."""
    return {"status": "ok"}


@app.post("/pay")
def pay() -> ResponseReturnValue:
    """Take the money, unless the payment provider is down."""
    faults = switch.now()
    if faults.latency:
        time.sleep(faults.latency)
    if switch.strikes():
        return {"error": "a fault is switched on: errors"}, 500
    if faults.dependency_down:
        return {"error": "the payment provider cannot be reached"}, 503
    payment = request.get_json(silent=True)
    if not isinstance(payment, dict) or not isinstance(payment.get("amount"), int | float):
        return {"error": "an amount is missing"}, 400
    headers: dict[str, str] = {}
    propagate.inject(headers)
    email = str(payment.get("email", ""))
    try:
        books.add(payment["amount"], email)
        queue.put(email, f"Thank you. You paid {payment['amount']:.2f}.", headers)
    except StoreError as error:
        app.logger.warning("%s: %s", error, error.__cause__)
        return {"error": str(error)}, 503
    return {"paid": payment["amount"]}, 201


if __name__ == "__main__":
    serve(
        app,
        host=os.environ.get("SHOP_HOST", "127.0.0.1"),
        port=int(os.environ.get("SHOP_CHECKOUT_PORT", "8002")),
        threads=8,
    )
