"""Numbers as people read them: Grafana's unit ids, durations, times."""

import math
from datetime import UTC, datetime
from typing import Final

_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL: Final = ("", "k", "M", "G", "T", "P")
_SUFFIXES: Final = {
    "reqps": " req/s",
    "ops": "/s",
    "cps": "/s",
    "eps": "/s",
    "rps": "/s",
    "iops": " io/s",
    "mps": " msg/s",
    "hertz": " Hz",
    "celsius": " °C",
}
SECONDS: Final = {
    "s": 1.0,
    "ms": 0.001,
    "µs": 1e-6,
    "us": 1e-6,
    "ns": 1e-9,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "dtdurations": 1.0,
}


def format_value(value: float | None, unit: str = "short") -> str:
    """Return *value* with its unit, in three significant digits; *unit* is Grafana's id, an unknown one is left out."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit in ("percentunit", "ratio"):
        return _percent(value * 100)
    if unit == "percent":
        return _percent(value)
    if unit in SECONDS:
        return _seconds(value * SECONDS[unit])
    if unit in ("bytes", "decbytes", "Bps", "binBps"):
        per_second = "/s" if unit in ("Bps", "binBps") else ""
        return _scaled(value, 1024.0, _BINARY, " ") + per_second
    return _scaled(value, 1000.0, _DECIMAL, "") + _SUFFIXES.get(unit, "")


def duration_text(seconds: float) -> str:
    """Return *seconds* in at most two units: ``12 s``, ``4 min 10 s``, ``2 h 5 min``, ``3 d 4 h``."""
    left = max(0, round(seconds))
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def utc(seconds: float, pattern: str = "%Y-%m-%d %H:%M:%S UTC") -> str:
    """Return the moment *seconds* since the epoch, in UTC; an unreadable one is shown as a dash."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "–"


def iso(seconds: float) -> str:
    """Return the moment *seconds* since the epoch in ISO 8601, as ``<time datetime>`` wants it."""
    return utc(seconds, "%Y-%m-%dT%H:%M:%SZ")


def _digits(value: float) -> str:
    size = abs(value)
    if size >= 1e6:
        return f"{value:.3g}"
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:.{places}f}" if size >= 0.001 or size == 0 else f"{value:.2g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _percent(value: float) -> str:
    # Near the whole the second decimal is what an objective is about.
    digits = f"{value:.2f}".rstrip("0").rstrip(".") if 90 <= value < 100 else _digits(value)
    return f"{digits} %"


def _seconds(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    for limit, factor, name in (
        (1e-3, 1e6, "µs"),
        (1, 1e3, "ms"),
        (120, 1, "s"),
        (7200, 1 / 60, "min"),
        (172800, 1 / 3600, "h"),
    ):
        if size < limit:
            return f"{_digits(value * factor)} {name}"
    return f"{_digits(value / 86400)} d"


def _scaled(value: float, base: float, names: tuple[str, ...], gap: str) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{_digits(value)}{gap}{names[power]}"
