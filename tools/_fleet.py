"""What a fleet of HTTP services shows under OpenTelemetry's names, and its SLOs as Sloth is told of them."""

import math
import random
from collections.abc import Iterator
from itertools import accumulate, product
from typing import Final

from _tsdb import Labels, Track

INSTANCES: Final = 4
SCRAPE_SECONDS: Final = 30
_DAY: Final = 86_400
_METRIC: Final = "http_server_request_duration_seconds"
_ROUTES: Final = {"/": 20.0, "/items": 10.0, "/items/{id}": 5.0, "/cart": 2.0, "/pay": 1.0}  # requests a second
_CODES: Final = {"200": 0.95, "201": 0.03, "404": 0.0197, "500": 0.0003}
_FASTER: Final = {"0.1": 0.9, "0.3": 0.996, "1": 0.999, "+Inf": 1.0}
_SPEC: Final = """\
version: prometheus/v1
service: {service}
labels: {{team: {team}}}
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate({metric}_count{{job="{service}",http_response_status_code=~"5.."}}[{{{{.window}}}}]))
        total_query: sum(rate({metric}_count{{job="{service}"}}[{{{{.window}}}}]))
    alerting: {{name: SloErrorBudgetBurn}}
  - name: latency
    objective: 99
    sli:
      events:
        error_query: >-
          sum(rate({metric}_count{{job="{service}"}}[{{{{.window}}}}])) -
          sum(rate({metric}_bucket{{job="{service}",le="0.3",http_response_status_code!~"5.."}}[{{{{.window}}}}]))
        total_query: sum(rate({metric}_count{{job="{service}"}}[{{{{.window}}}}]))
    alerting: {{name: SloErrorBudgetBurn}}
"""


def sloth_spec(number: int) -> tuple[str, str]:
    """Return the name of a service of the benchmarks' catalog, and Sloth's spec for its two SLOs."""
    service = f"service-{number:05}"
    return service, _SPEC.format(service=service, team=f"team-{number % 8}", metric=_METRIC)


def history(services: int, start: int, end: int) -> dict[Labels, Track]:
    """Return every service's counters from *start* to *end*, milliseconds; what one service has, all have."""
    found: dict[Labels, Track] = {}
    steps = (end - start) // (1000 * SCRAPE_SECONDS)
    for (route, rate), (code, share) in product(_ROUTES.items(), _CODES.items()):
        method = "POST" if code == "201" else "GET"
        labels = {"http_request_method": method, "http_response_status_code": code, "http_route": route}
        for more, values in _counters(rate * share, start, steps):
            track = Track(start, 1000 * SCRAPE_SECONDS, values)
            for number, instance in product(range(services), range(INSTANCES)):
                own = {"instance": f"10.{number >> 8}.{number & 255}.{instance}:9464", "job": f"service-{number:05}"}
                found[tuple(sorted({**labels, **own, **more}.items()))] = track
    return found


def _counters(rate: float, start: int, steps: int) -> Iterator[tuple[dict[str, str], list[float]]]:
    """Yield the count and each bucket of one route and status, whose traffic is *rate* on average and has days."""
    rng = random.Random(rate)
    came: list[int] = []
    for step in range(steps):
        wave = 1 + 0.5 * math.sin(2 * math.pi * (start / 1000 + step * SCRAPE_SECONDS) / _DAY)
        came.append(int(rate * SCRAPE_SECONDS * wave * rng.uniform(0.7, 1.3) + rng.random()))
    yield {"__name__": f"{_METRIC}_count"}, _sums(came)
    chances = [0.999 * rng.random() for _ in range(steps)]  # below one, so that nothing is slower than +Inf
    for bound, share in _FASTER.items():
        faster = [
            max(0, count - int(count * (1 - share) + chance)) for count, chance in zip(came, chances, strict=True)
        ]
        yield {"__name__": f"{_METRIC}_bucket", "le": bound}, _sums(faster)


def _sums(added: list[int]) -> list[float]:
    return [float(total) for total in accumulate(added)]
