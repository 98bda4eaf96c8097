"""The customers: a campaign's shape, on the real Locust, that ends."""

import json
import subprocess
import sys
from itertools import pairwise

import pytest
from applications import clean_environment, run_python
from servers import free_port
from shop import EXAMPLE, Shop, read_processes

from seawall.stack import faults

pytestmark = pytest.mark.e2e

TICKS = """
import json
import load
campaign = load.Campaign()
found = []
for second in range(0, 1300, 10):
    campaign.get_run_time = lambda: float(second)
    found.append(campaign.tick())
print(json.dumps(found))
"""


def ticks(**environ: str) -> list[list[float] | None]:
    """Return what the shape says every ten seconds, for 1300 seconds."""
    done = run_python(TICKS, {"PYTHONWARNINGS": "default", "PYTHONPATH": str(EXAMPLE), **environ})
    assert 0 == done.returncode, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def users(found: list[list[float] | None]) -> list[float]:
    """Return the number of users of each tick; 0 after the end."""
    return [tick[0] if tick else 0 for tick in found]


def test_the_shape_is_a_campaigns() -> None:
    """Calm for half of the round, a ramp to two and a half times as many, a peak, a fade back, and from the start again."""
    found = users(ticks())

    assert {20} == set(found[:60])
    ramp = found[60:79]
    assert ramp == sorted(ramp)
    assert {50} == set(found[78:109])
    fade = found[108:121]
    assert fade == sorted(fade, reverse=True)
    assert found[120:130] == found[:10]
    assert max(abs(after - before) for before, after in pairwise(found)) < 10


def test_the_last_round_ends() -> None:
    """After SHOP_LOAD_ROUNDS rounds the shape says stop; the scale multiplies the users."""
    found = ticks(SHOP_LOAD_ROUNDS="1", SHOP_LOAD_SCALE="0.5")

    assert [None] * 10 == found[120:]
    assert (10, 25) == (users(found)[0], max(users(found)))
    assert None not in found[:120]


def test_the_fault_load_multiplies_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    """``seawall demo load`` is three times the load."""
    path = tmp_path_factory.mktemp("faults") / "faults.json"
    faults.switch(path, "load")

    assert (60, 150) == (users(ticks(SHOP_FAULTS=str(path)))[0], max(users(ticks(SHOP_FAULTS=str(path)))))


def test_a_round_of_the_real_locust_orders_at_the_shop_and_stops(shop: Shop) -> None:
    """A short round under Locust reaches every route, fails none, exposes the load's own metrics, and ends by itself."""
    described = read_processes(shop.state)["load"]
    environ = {
        **described["environment"],
        "SHOP_STOREFRONT_URL": f"http://127.0.0.1:{shop['storefront'].port}",
        "SHOP_LOAD_CYCLE": "8",
        "SHOP_LOAD_ROUNDS": "1",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(free_port()),
        "PYTHONWARNINGS": "default",
    }
    before = shop["storefront"].settled()
    assert sys.executable == described["command"][0]
    command, environment = described["command"], clean_environment(environ)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)

    assert 0 == done.returncode, done.stderr
    after = shop["storefront"].settled()
    grown = {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}
    assert {("GET", "/", "200", ""), ("GET", "/products/{id}", "200", ""), ("POST", "/orders", "201", "")} == set(grown)
    assert "Seawall" not in done.stderr
