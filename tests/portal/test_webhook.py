"""Bodies that claim to be Alertmanager's."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.portal.webhook import WebhookError, parse


def _body(*alerts: Any, **fields: Any) -> bytes:
    return json.dumps({"version": "4", "alerts": list(alerts), **fields}).encode()


def _raw(**fields: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "RedisDown", "service": "cart-cache"},
        "annotations": {"summary": "the cache is gone"},
        "startsAt": "2026-11-27T10:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "0123456789abcdef",
        **fields,
    }


def test_a_firing_alert_is_read_without_an_end() -> None:
    """The year 1 is how Alertmanager writes that there is no end."""
    (alert,) = parse(_body(_raw())).alerts
    expected = ("RedisDown", "firing", 1795773600.123456, None, "0123456789abcdef")
    assert expected == (alert.name, alert.state, alert.starts_at, alert.ends_at, alert.fingerprint)


def test_a_resolved_alert_is_read_with_its_end() -> None:
    """Offsets are converted."""
    (alert,) = parse(_body(_raw(status="resolved", endsAt="2026-11-27T11:05:00+01:00"))).alerts
    assert (alert.state, alert.ends_at) == ("resolved", 1795773900.0)


def test_an_end_before_the_start_counts_as_no_time() -> None:
    """Clocks that disagree never make a negative duration."""
    (alert,) = parse(_body(_raw(status="resolved", endsAt="2026-11-27T09:00:00Z"))).alerts
    assert alert.starts_at == alert.ends_at


def test_a_missing_fingerprint_is_made_from_the_labels() -> None:
    """The same labels always have the same fingerprint."""
    first, second, other = parse(
        _body(_raw(fingerprint=None), _raw(fingerprint="../x"), _raw(fingerprint="", labels={"alertname": "Other"}))
    ).alerts
    assert first.fingerprint == second.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"4"',
        b'{"version": "3", "alerts": []}',
        b'{"version": "4"}',
        b'{"version": "4", "alerts": {}}',
        b"[" * 200_000,
        b'{"version": "4", "alerts": [' + b"9" * 10_000 + b"]",
    ],
)
def test_a_body_that_is_no_notification_is_an_error(body: bytes) -> None:
    """Neither nesting nor huge numbers get further than the first check."""
    with pytest.raises(WebhookError, match=r"JSON|webhook of Alertmanager"):
        parse(body)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": {}}, "alertname"),
        ({"labels": {"alertname": ""}}, "alertname"),
        ({"labels": ["alertname"]}, "labels"),
        ({"labels": {"alertname": 7}}, "strings"),
        ({"labels": {"alertname": "A"} | {f"l{n}": "" for n in range(200)}}, "at most 100"),
        ({"annotations": {"summary": {"a": "b"}}}, "strings"),
        ({"status": "exploded"}, "status"),
        ({"startsAt": None}, "startsAt"),
        ({"startsAt": "0001-01-01T00:00:00Z"}, "startsAt"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"endsAt": 12}, "endsAt"),
    ],
)
def test_one_bad_alert_is_told_and_the_others_are_kept(fields: dict[str, Any], said: str) -> None:
    """Alertmanager does not send a refused webhook again, so the good alerts must survive the bad one."""
    notification = parse(_body(_raw(**fields), _raw()))
    assert [alert.name for alert in notification.alerts] == ["RedisDown"]
    assert notification.problems[0].startswith("alerts[0]: ")
    assert said in notification.problems[0]


def test_text_that_no_file_can_hold_is_mended() -> None:
    """Half a surrogate pair and NUL are legal JSON."""
    body = _body(_raw()).replace(b"the cache is gone", b"a\\ud800b\\u0000c" + b"x" * 9000)
    (alert,) = parse(body).alerts
    summary = alert.annotations["summary"]
    assert summary[:5] == "a?b�c"
    assert len(summary) == 8192


def test_what_alertmanager_left_out_is_counted() -> None:
    """Anything but a number is no count."""
    assert (parse(_body(truncatedAlerts=7)).truncated, parse(_body(truncatedAlerts="7")).truncated) == (7, 0)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)  # the machine may be busy
@given(
    st.fixed_dictionaries(
        dict.fromkeys(("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"), _json)
    )
)
def test_any_alert_is_either_read_or_told(raw: dict[str, Any]) -> None:
    """No shape of an alert raises anything else."""
    notification = parse(_body(raw))
    assert len(notification.alerts) + len(notification.problems) == 1
