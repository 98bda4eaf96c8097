"""What Prometheus calls a metric, a unit and an attribute of OpenTelemetry's."""

import re
from typing import Final

_UNITS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "m": "meters", "V": "volts", "A": "amperes",
    "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
}  # fmt: skip
_PER: Final = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


def label_name(attribute: str) -> str:
    """Return *attribute* as a label's name."""
    name = re.sub(r"[^a-zA-Z0-9_]", "_", attribute)
    return f"key_{name}" if not name or name[0].isdigit() else name


def unit_name(unit: str) -> str:
    """Return the words that Prometheus writes for a UCUM *unit*; "" for none and for annotations."""
    unit = re.sub(r"\{[^}]*\}", "", unit)
    whole, _, per = unit.partition("/")
    words = _UNITS.get(whole, re.sub(r"[^a-zA-Z0-9]+", "_", whole).strip("_") if whole != "1" else "")
    return f"{words}_per_{_PER.get(per, per)}".strip("_") if per else words


def metric_name(name: str, unit: str, kind: str, raw_unit: str) -> str:
    """Return the family's name: sanitised, with its unit, and without the ``_total`` of a counter's samples."""
    name = re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9:_]", "_", name)).removesuffix("_total")
    name = f"_{name}" if name[:1].isdigit() else name
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name.rstrip('_')}_{unit}"
    if raw_unit == "1" and kind == "gauge" and not name.endswith("_ratio"):
        name = f"{name}_ratio"
    return name
