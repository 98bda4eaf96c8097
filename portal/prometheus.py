"""Prometheus as the pages ask it: quickly or not at all."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from seawall.catalog import SeawallError

_TIMEOUTS_ALLOWED: Final = 3  # in a row, before it is left alone for a while
_PAUSE: Final = 10.0  # seconds
_SERIES_LIMIT: Final = 500  # of one answer; a page can draw far fewer

Labels = dict[str, str]


class PrometheusError(SeawallError):
    """Prometheus did not answer, or refused the query."""


@dataclass(frozen=True)
class Sample:
    """One series' value at an instant."""

    labels: Labels
    value: float


@dataclass(frozen=True)
class Series:
    """One series over a range: (seconds since the epoch, value), in order of time."""

    labels: Labels
    points: tuple[tuple[float, float], ...]


class Prometheus:
    """Asks the server at *url* through *client*; no answer takes longer than *timeout* seconds."""

    def __init__(self, client: httpx.AsyncClient, url: str, timeout: float, clock: Callable[[], float]) -> None:
        self._client, self._base, self._timeout, self._clock = client, url.rstrip("/"), timeout, clock
        self._timeouts = 0
        self._quiet_until = float("-inf")

    async def instant(self, expr: str, at: float) -> list[Sample]:
        """Return the value of each series of *expr* at *at*; raise PrometheusError."""
        result = await self._ask("query", {"query": expr, "time": f"{at:.3f}"})
        samples = [_sample(raw) for raw in _rows(result)]
        return [sample for sample in samples if sample is not None]

    async def range(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of *expr* from *start* to *end*, a point each *step* seconds; raise PrometheusError."""
        form = {"query": expr, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        series = [_series(raw) for raw in _rows(await self._ask("query_range", form))]
        return [one for one in series if one is not None]

    async def _ask(self, path: str, form: dict[str, str]) -> Any:
        if self._clock() < self._quiet_until:
            raise PrometheusError(
                f"Prometheus did not answer within {self._timeout:g} s and is left alone for a moment"
            )
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(f"{self._base}/api/v1/{path}", data=form)
        except (TimeoutError, httpx.TimeoutException):
            self._count_timeout()
            raise PrometheusError(f"Prometheus did not answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PrometheusError(f"Prometheus cannot be reached ({type(error).__name__})") from None
        self._timeouts = 0
        return _data(response)

    def _count_timeout(self) -> None:
        self._timeouts += 1
        if self._timeouts >= _TIMEOUTS_ALLOWED:
            self._timeouts = 0
            self._quiet_until = self._clock() + _PAUSE


def _data(response: httpx.Response) -> Any:
    try:
        payload = response.json()
    except ValueError:
        raise PrometheusError(f"Prometheus answered {response.status_code} without JSON") from None
    if not isinstance(payload, dict) or payload.get("status") != "success":
        said = payload.get("error", "") if isinstance(payload, dict) else ""
        raise PrometheusError(f"Prometheus refused the query: {str(said)[:300] or response.status_code}")
    return payload.get("data")


def _rows(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, dict):
        return []
    result = data.get("result")
    if data.get("resultType") in ("scalar", "string") and isinstance(result, list):
        return [{"metric": {}, "value": result}]
    return [row for row in result if isinstance(row, dict)][:_SERIES_LIMIT] if isinstance(result, list) else []


def _sample(row: dict[str, Any]) -> Sample | None:
    points = _points([row.get("value")])
    return Sample(row.get("metric", {}), points[0][1]) if points else None


def _series(row: dict[str, Any]) -> Series | None:
    points = _points(row.get("values", []))
    return Series(row.get("metric", {}), points) if points else None


def _points(pairs: list[Any]) -> tuple[tuple[float, float], ...]:
    found = []
    for pair in pairs:
        try:
            at, value = float(pair[0]), float(pair[1])
        except (TypeError, ValueError, IndexError):
            continue  # a native histogram has no single value
        if math.isfinite(at):
            found.append((at, value))
    return tuple(found)
