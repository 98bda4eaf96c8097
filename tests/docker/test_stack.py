"""The real compose.yaml, run by the real Compose and a real engine, on stand-ins for the images of others."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from docker_engine import CORE, PUBLISHED, Stack
from servers import eventually, get

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

SHIPPED_JOBS = {
    "docker-host",
    "seawall-alertmanager",
    "seawall-exporter",
    "seawall-portal",
    "seawall-prometheus",
    "seawall-watch",
    "seawall-collector",
}
ABSENT_JOBS = {"seawall-grafana"}  # no registry here has it
LOOKED_AT = [service for service in CORE if service != "collector"]  # its image has no shell to look with
ANOTHER = """seawall: 1
services:
  cart-cache:
    kind: redis
    team: operations
    tier: 2
    url: "redis://no-such-host:6379"
"""


def posts(stack: Stack, service: str, path: str, body: bytes = b"") -> int:
    """Return the status that a POST of *body* gets."""
    request = urllib.request.Request(
        stack.url(service, path), body, {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def rule_names(stack: Stack) -> set[str]:
    """Return the names of the alerts that Prometheus evaluates, with their service."""
    groups = json.loads(get(stack.url("prometheus", "/api/v1/rules?type=alert")))["data"]["groups"]
    return {f"{rule['labels'].get('service')}/{rule['name']}" for group in groups for rule in group["rules"]}


def firing(stack: Stack, name: str) -> bool:
    """Whether Prometheus has *name* firing."""
    return bool(stack.query(f'ALERTS{{alertname="{name}", alertstate="firing"}}'))


def main_pid(stack: Stack, service: str) -> int:
    """Return the process of *service* as this machine numbers it."""
    return int(stack.inspect(service)["State"]["Pid"])


def signalled(stack: Stack, service: str, number: signal.Signals) -> int:
    """Send a signal to the process of *service*, and return the process."""
    pid = main_pid(stack, service)
    assert pid > 1, f"{service} does not run"  # 0 would be the tests themselves
    os.kill(pid, number)
    return pid


def heals(stack: Stack, service: str, pid: int) -> bool:
    """Whether another process than *pid* serves *service*, and is healthy."""
    return main_pid(stack, service) not in (0, pid) and stack.health(service) == (
        "healthy" if service in LOOKED_AT else ""
    )


def test_every_target_is_up_and_the_rules_are_evaluated(stack: Stack) -> None:
    eventually(
        lambda: stack.up_of() == {**dict.fromkeys(SHIPPED_JOBS, 1.0), **dict.fromkeys(ABSENT_JOBS, 0.0)}, 90, every=0.5
    )
    assert {"docker-host/HostFilesystemAlmostFull", "seawall/Watchdog"} <= rule_names(stack)


def test_the_portal_shows_the_catalog_and_its_runbooks(stack: Stack) -> None:
    assert "docker-host" in get(stack.url("portal", "/"))
    assert "Watchdog" in get(stack.url("portal", "/runbooks/seawall/Watchdog"))


@pytest.mark.parametrize("service", CORE)
def test_a_container_has_no_more_than_it_needs(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    held: dict[str, Any] = found["HostConfig"]
    assert held["ReadonlyRootfs"]
    assert held["CapDrop"] == ["ALL"]
    assert held["CapAdd"] in (None, [])
    assert held["SecurityOpt"] == ["no-new-privileges:true"]
    assert not held["Privileged"]
    assert held["Memory"] > 0
    assert held["PidsLimit"] > 0
    status = (f"/proc/{found['State']['Pid']}/status", "r")
    with open(*status) as file:  # noqa: PTH123
        lines = dict(line.split(":\t", 1) for line in file.read().splitlines())
    assert lines["Uid"].split()[0] not in ("0", "")
    assert int(lines["CapEff"], 16) == 0
    assert int(lines["NoNewPrivs"]) == 1


@pytest.mark.parametrize("service", CORE)
def test_what_is_published_is_on_loopback_alone(stack: Stack, service: str) -> None:
    ports: dict[str, Any] = stack.inspect(service)["NetworkSettings"]["Ports"]
    hosts = {each["HostIp"] for published in ports.values() for each in published or ()}
    assert hosts == ({"127.0.0.1"} if service in PUBLISHED else set())


@pytest.mark.parametrize("path", ["/-/reload", "/-/quit"])
def test_whoever_reaches_prometheus_cannot_stop_or_reload_it(stack: Stack, path: str) -> None:
    assert posts(stack, "prometheus", path) == 403


def test_a_page_elsewhere_cannot_read_prometheus(stack: Stack) -> None:
    request = urllib.request.Request(
        stack.url("prometheus", "/api/v1/query?query=up"), headers={"Origin": "https://example.org"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_an_edit_is_evaluated_without_a_restart(stack: Stack) -> None:
    before = rule_names(stack)
    (stack.catalog / "cache.yaml").write_text(ANOTHER)
    # On a busy machine; how soon it is on a quiet one is in docs/how-to/run-on-docker.md.
    eventually(lambda: "cart-cache/RedisEvicting" in rule_names(stack), 60, every=0.2)
    assert before < rule_names(stack)
    eventually(lambda: "cart-cache" in get(stack.url("portal", "/")), 60)
    eventually(lambda: stack.up_of().get("cart-cache") == 1.0, 120, every=0.5)
    eventually(lambda: stack.query('redis_up{job="cart-cache"}') != {}, 60, every=0.5)


def test_a_broken_file_holds_back_only_its_own_services_and_is_told(stack: Stack) -> None:
    before = rule_names(stack)
    good = (stack.catalog / "cache.yaml").read_text()
    (stack.catalog / "cache.yaml").write_text(good.replace("kind: redis", "kind: rediss"))
    eventually(lambda: "cache.yaml" in get(stack.url("portal", "/")), 60)
    assert before == rule_names(stack)
    (stack.catalog / "cache.yaml").write_text(good)
    eventually(lambda: "rediss" not in get(stack.url("portal", "/")), 60)


def test_a_start_with_a_broken_catalog_serves_the_last_good_set(stack: Stack) -> None:
    before, file = rule_names(stack), stack.catalog / "catalog.yaml"
    good = file.read_text()
    file.write_text(good.replace("seawall: 1", "seawall: [1"))
    try:
        stack.compose("down", "--timeout", "20")
        stack.up()
        eventually(lambda: before == rule_names(stack), 60)
        eventually(lambda: bool(stack.query("seawall_watch_catalog_success == 0")), 60, every=0.5)
    finally:
        file.write_text(good)


def test_what_an_application_pushes_is_queried_as_its_job(stack: Stack) -> None:
    point = {"attributes": [], "timeUnixNano": str(time.time_ns()), "asDouble": 7}
    metric = {"name": "cart.items", "unit": "1", "gauge": {"dataPoints": [point]}}
    resource = {
        "attributes": [
            {"key": key, "value": {"stringValue": value}}
            for key, value in (("service.name", "cart"), ("service.instance.id", "one"))
        ]
    }
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    assert posts(stack, "otlp_http", "/v1/metrics", json.dumps(body).encode()) == 200
    eventually(
        lambda: list(stack.query('{__name__=~"cart_items.*", job="cart", instance="one"}').values()) == [7],
        60,
        every=0.5,
    )


def test_down_and_up_keep_silences_and_history(stack: Stack) -> None:
    silence = {"matchers": [{"name": "service", "value": "cart-cache", "isRegex": False}], "createdBy": "test", "comment": "planned",
               "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z"}  # fmt: skip
    assert posts(stack, "alertmanager", "/api/v2/silences", json.dumps(silence).encode()) == 200
    began = time.time()
    stack.compose("down", "--timeout", "20")
    stack.up()
    comments = [each["comment"] for each in json.loads(get(stack.url("alertmanager", "/api/v2/silences")))]
    assert comments == ["planned"]
    assert stack.query(f'count_over_time(up{{job="seawall-exporter"}}[10m] @ {began:.0f})')


def test_killed_processes_are_back_and_healthy(stack: Stack) -> None:
    """As the kernel kills them, where memory is short: the engine starts them again."""
    killed = {service: signalled(stack, service, signal.SIGKILL) for service in CORE}
    for service, pid in killed.items():
        eventually(lambda service=service, pid=pid: heals(stack, service, pid), 120, every=0.5)


def test_processes_that_hang_are_unhealthy_until_they_go_on(stack: Stack) -> None:
    stopped = {service: signalled(stack, service, signal.SIGSTOP) for service in LOOKED_AT}
    try:
        for service in stopped:
            eventually(lambda service=service: stack.health(service) == "unhealthy", 90, every=0.5)
    finally:
        for pid in stopped.values():
            os.kill(pid, signal.SIGCONT)
    for service in stopped:
        eventually(lambda service=service: stack.health(service) == "healthy", 90, every=0.5)


def test_a_port_that_is_taken_is_named(stack: Stack) -> None:
    other = Stack(stack.environment, stack.catalog, f"{stack.name}-again", ports=stack.ports)
    try:
        done = other.compose("up", "--no-build", "--detach", "--wait", "portal", check=False)
        assert done.returncode != 0
        assert "port is already allocated" in done.stdout + done.stderr
    finally:
        other.compose("down", "--volumes", "--timeout", "5", check=False)
