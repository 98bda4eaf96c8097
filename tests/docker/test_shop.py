"""The shop of the profile demo, in containers, watched by the stack: it is well, a part of it dies, and the inbox is paged."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from docker_engine import CORE, ROOT, Stack
from servers import eventually, get

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

SHOP = ("shop-front", "shop-front-log", "mailer", "load")  # the rest is started for these
SCRAPED = {
    "storefront",
    "checkout",
    "mailer",
    "shop-db",
    "shop-cache",
    "shop-broker",
    "shop-front",
    "shop-from-outside",
}


@pytest.fixture(scope="module")
def shop(client: dict[str, str], image: str) -> Iterator[Stack]:
    """Return the running stack with the running shop, and few customers."""
    more = {
        "SEAWALL_IMAGE": image,
        "SHOP_IMAGE": "seawall-shop:tested",
        "COMPOSE_PROFILES": "demo",
        "SHOP_LOAD_SCALE": "0.2",
    }
    stack = Stack({**client, **more}, ROOT / "examples" / "shop-on-docker", f"seawall-shop-{os.getpid()}")
    try:
        stack.compose("build", "storefront", seconds=600)
        stack.up(*CORE, *SHOP)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def pages(stack: Stack, service: str, state: str = "firing") -> list[str]:
    """Return the names of the pages of *service* in the inbox."""
    found = json.loads(get(stack.url("portal", f"/api/v1/alerts?service={service}&severity=page&state={state}")))
    return [each["alertname"] for each in found["alerts"]]


def test_every_part_of_the_shop_is_told_and_up(shop: Stack) -> None:
    eventually(lambda: SCRAPED <= {job for job, value in shop.up_of().items() if value == 1}, 180, every=1)
    kinds = ("pg_up", "redis_up", "rabbitmq_identity_info", "probe_success")
    eventually(lambda: all(1.0 in shop.query(kind).values() for kind in kinds), 120, every=1)
    assert json.loads(get(shop.url("shop", "/products/1")))["name"]


def test_a_part_that_dies_pages_the_inbox_and_is_over_when_it_is_back(shop: Stack) -> None:
    shop.compose("stop", "checkout")
    eventually(lambda: "ServiceDown" in pages(shop, "checkout"), 300, every=1)
    assert [] == pages(shop, "shop-db") + pages(shop, "shop-cache") + pages(shop, "shop-broker")
    shop.compose("start", "checkout")
    eventually(lambda: "ServiceDown" in pages(shop, "checkout", state="resolved"), 420, every=1)


def test_no_password_of_the_shop_is_in_a_log_or_a_metric(shop: Stack) -> None:
    """They are made in a volume, and what reads them there tells nobody."""
    secrets = subprocess.run(
        ["docker", "run", "--rm", "--user", "0", "--volume", f"{shop.name}_shop-secrets:/s:ro", "--entrypoint", "sh", shop.environment["SEAWALL_IMAGE"], "-c", "cat /s/database-shop /s/cache-shop /s/broker-shop"],
        env=shop.environment, capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    assert secrets
    told = shop.compose("logs", "--no-color").stdout + shop.docker("exec", shop.container("exporter"), "python", "-c",
        "import urllib.request as u; [print(u.urlopen(f'http://127.0.0.1:9879{path}').read().decode()) for path in ('/metrics', '/targets', '/probe?service=shop-db')]")  # fmt: skip
    assert [] == [len(secret) for secret in secrets if secret in told]
