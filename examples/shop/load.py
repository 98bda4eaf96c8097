"""The customers: Locust users in the shape of a campaign, over and over: calm, ramp, peak, fade.

    locust -f load.py --headless --only-summary --host http://127.0.0.1:8001

``SHOP_LOAD_SCALE`` multiplies the number of users (1: some 20 requests a second when calm, 50 at the peak), and so
does ``load`` in the file of faults. ``SHOP_LOAD_CYCLE`` is the length of one round in seconds (1200), and after
``SHOP_LOAD_ROUNDS`` rounds it stops by itself (0: never).
"""

import os
from itertools import pairwise

from faults import FaultSwitch
from locust import FastHttpUser, LoadTestShape, constant_throughput, task

import seawall.auto  # noqa: F401 - after Locust, which patches the standard library for gevent first

CALM_USERS = 20
SCALE = float(os.environ.get("SHOP_LOAD_SCALE", "1"))
CYCLE = float(os.environ.get("SHOP_LOAD_CYCLE", "1200"))
ROUNDS = float(os.environ.get("SHOP_LOAD_ROUNDS", "0"))
# Until which part of the cycle, and how many times the calm load at its end: between them the load goes in a line.
PHASES = ((0.0, 1.0), (0.5, 1.0), (0.65, 2.5), (0.9, 2.5), (1.0, 1.0))
switch = FaultSwitch()


def level(part: float) -> float:
    """Return the load at a *part* (0 to 1) of the cycle, as a multiple of the calm load."""
    for (start, low), (end, high) in pairwise(PHASES):
        if part <= end:
            return low + (high - low) * (part - start) / (end - start)
    return PHASES[-1][1]


class Campaign(LoadTestShape):
    """Say how many users there are, round after round."""

    def tick(self) -> tuple[int, float] | None:
        """Return the number of users and how many may come or go a second; None when the last round is over."""
        rounds, part = divmod(self.get_run_time() / CYCLE, 1)
        if ROUNDS and rounds + part >= ROUNDS:
            return None
        users = max(1, round(CALM_USERS * SCALE * switch.now().load * level(part)))
        return users, max(1.0, users / 5)


class Customer(FastHttpUser):
    """Look around, and sometimes order; one request a second."""

    host = os.environ.get("SHOP_STOREFRONT_URL", "http://127.0.0.1:8001")
    wait_time = constant_throughput(1)

    @task(6)
    def look_around(self) -> None:
        """Open the first page."""
        self.client.get("/")

    @task(10)
    def look_at_a_product(self) -> None:
        """Open a product's page."""
        number = 1 + int(self.environment.stats.total.num_requests) % 4
        self.client.get(f"/products/{number}", name="/products/{id}")

    @task(3)
    def order(self) -> None:
        """Buy a product."""
        self.client.post("/orders", json={"product": 1})
