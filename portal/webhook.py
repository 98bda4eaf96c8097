"""Alertmanager's webhook, payload version 4: from a body that nobody vouches for to alerts."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from seawall.catalog import SeawallError

_VERSION: Final = "4"
_TEXT_LIMIT: Final = 8192  # characters of one label or annotation
_PAIRS_LIMIT: Final = 100  # labels, or annotations, of one alert
_STATES: Final = ("firing", "resolved")
_OLDEST: Final = 0.0  # Alertmanager writes the year 1 where an alert has no end


class WebhookError(SeawallError):
    """The body is not a notification of Alertmanager."""


@dataclass(frozen=True)
class NotifiedAlert:
    """One alert as Alertmanager tells it; times are seconds since the epoch, *ends_at* is None while it fires."""

    fingerprint: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float
    ends_at: float | None

    @property
    def name(self) -> str:
        """The name of the alerting rule."""
        return self.labels["alertname"]


@dataclass(frozen=True)
class Notification:
    """The alerts that could be read, a sentence for each that could not, and how many Alertmanager left out."""

    alerts: tuple[NotifiedAlert, ...]
    problems: tuple[str, ...] = ()
    truncated: int = 0


def parse(body: bytes) -> Notification:
    """Return what *body* notifies of; raise WebhookError where it is no notification at all."""
    payload = _decode(body)
    alerts, problems = [], []
    for index, raw in enumerate(payload["alerts"]):
        try:
            alerts.append(_alert(raw))
        except WebhookError as error:
            problems.append(f"alerts[{index}]: {error}")
    truncated = payload.get("truncatedAlerts")
    return Notification(tuple(alerts), tuple(problems), truncated if isinstance(truncated, int) else 0)


def _decode(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookError(f"the body is not JSON ({type(error).__name__}); send Alertmanager's webhook here") from None
    if not isinstance(payload, dict) or payload.get("version") != _VERSION:
        raise WebhookError('the body is no webhook of Alertmanager: its "version" must be "4"')
    if not isinstance(payload.get("alerts"), list):
        raise WebhookError('the body is no webhook of Alertmanager: its "alerts" must be a list')
    return payload


def _alert(raw: Any) -> NotifiedAlert:
    if not isinstance(raw, dict):
        raise WebhookError("an alert must be an object")
    labels = _pairs(raw, "labels")
    if not labels.get("alertname"):
        raise WebhookError('the label "alertname" is missing')
    state = raw.get("status")
    if state not in _STATES:
        raise WebhookError('"status" must be firing or resolved')
    starts_at, ends_at = _time(raw, "startsAt"), _time(raw, "endsAt")
    if starts_at is None:
        raise WebhookError('"startsAt" must be a time')
    if state == "resolved":
        ends_at = max(starts_at, starts_at if ends_at is None else ends_at)
    return NotifiedAlert(
        _fingerprint(raw, labels),
        state,
        labels,
        _pairs(raw, "annotations"),
        starts_at,
        None if state == "firing" else ends_at,
    )


def _pairs(raw: dict[str, Any], key: str) -> dict[str, str]:
    pairs = raw.get(key) or {}
    if not isinstance(pairs, dict) or len(pairs) > _PAIRS_LIMIT:
        raise WebhookError(f'"{key}" must be an object of at most {_PAIRS_LIMIT} strings')
    if not all(isinstance(value, str) for value in pairs.values()):
        raise WebhookError(f'"{key}" must hold strings only')
    return {_clean(name): _clean(value) for name, value in pairs.items()}


def _clean(text: str) -> str:
    # JSON can spell half of a surrogate pair, which no file and no page can hold.
    return text[:_TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def _time(raw: dict[str, Any], key: str) -> float | None:
    text = raw.get(key)
    if text in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise WebhookError(f'"{key}" must be a time such as 2026-11-27T10:00:00Z') from None
    return seconds if seconds > _OLDEST else None


def _fingerprint(raw: dict[str, Any], labels: dict[str, str]) -> str:
    given = raw.get("fingerprint")
    if isinstance(given, str) and given.isascii() and given.isalnum() and len(given) <= 64:
        return given
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]
