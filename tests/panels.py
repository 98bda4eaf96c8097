"""The panels of rendered dashboards, asked of a Prometheus that runs."""

import json
import time
import urllib.parse
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import httpx


def targets(build: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield the service, the panel's title, the legend and the PromQL of each query in the rendered folder *build*."""
    for file in sorted((build / "grafana/dashboards").glob("*/*.json")):
        model = json.loads(file.read_text())
        for panel in model["panels"]:
            for target in panel.get("targets", ()):
                service = model["uid"].removeprefix("seawall-")
                yield service, panel["title"], target["legendFormat"], target["expr"].replace("$__rate_interval", "1m")


def annotations(build: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the service, the name and the PromQL of each annotation."""
    for file in sorted((build / "grafana/dashboards").glob("*/*.json")):
        model = json.loads(file.read_text())
        for each in model["annotations"]["list"]:
            yield model["uid"].removeprefix("seawall-"), each["name"], each["target"]["expr"]


def ask(prometheus: str, expr: str) -> list[Any]:
    """Return what *expr* gives now; fail where Prometheus refuses it."""
    answer = httpx.post(f"{prometheus}/api/v1/query", data={"query": expr}, timeout=30)
    assert 200 == answer.status_code, f"{urllib.parse.unquote_plus(expr)}: {answer.text}"
    result: list[Any] = answer.json()["data"]["result"]
    return result


def empty(
    build: Path, prometheus: str, may_be: Collection[tuple[str, str]], not_here: Collection[str], seconds: float
) -> set[tuple[str, str, str]]:
    """Return the service, title and legend of each query that nothing answers within *seconds*.

    Those are left out whose title and legend *may_be* so, and those that ask for what is *not_here*.
    """
    asked = {each for each in targets(build) if not any(part in each[3] for part in not_here)}
    left = {each for each in asked if each[1:3] not in may_be}
    end = time.monotonic() + seconds
    while left := {each for each in left if not ask(prometheus, each[3])}:
        if time.monotonic() > end:
            break
        time.sleep(2)
    return {each[:3] for each in left}
