"""The types of the model's fields, and the sentence that says the rule of each pattern."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from .values import check_timezone
from .wording import quoted, shown

NAME: Final = r"^[a-z][a-z0-9-]{0,62}$"
KIND: Final = r"^[a-z][a-z0-9_-]{0,62}$"
LABEL: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
ADDRESS: Final = r"^https?://[^\s/?#{}<>\"\\]+[^\s{}<>\"\\]*$"
LINK: Final = r"^(https?://|mailto:|/)[^\s\"<>\\]*$"
METRICS_PATH: Final = r"^/[^\s\"\\]*$"
_PORT: Final = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
TARGET: Final = rf"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*):{_PORT}$"
EXPECTED: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?(x|/s)$"
TRAFFIC: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?/[smh]$"
_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})?$"
_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
HEADER: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
HEADER_VALUE: Final = r"^[\x20-\x7e]{0,2000}$"
DNS_NAME: Final = r"^[A-Za-z0-9_*.-]{1,253}$"
SERVER_NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$"
FILE: Final = r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$"
USER: Final = r"^[^\s:\x00-\x1f]([^:\x00-\x1f]*[^\s:\x00-\x1f])?$"
WORDS: Final = r"[^\s]"
_LARGEST: Final = 1e15  # up to here every whole number is one exact float, and is written with its digits

RULES: Final = {
    NAME: "a name is lower-case letters, digits and -, begins with a letter and has 63 characters at most, "
    'such as "orders-db"',
    KIND: 'it is lower-case letters, digits, _ and -, and begins with a letter, such as "http"',
    LABEL: 'a label is letters, digits and _, and does not begin with a digit, such as "environment"',
    ADDRESS: 'it is an address such as "https://grafana.example.org"',
    LINK: 'a link is an address such as "https://wiki.example.org/checkout"',
    METRICS_PATH: 'it is a path that begins with /, such as "/metrics"',
    TARGET: 'a target is host:port without a scheme or a path, such as "checkout:9464"',
    EXPECTED: "it is a multiplier such as 6x or 1.5x, or a number of requests a second such as 900/s",
    TRAFFIC: "it is a number of events a second, a minute or an hour, such as 20/s, 5/m or 30/h",
    HEADER: 'it is the name of a header, such as "Accept-Language"',
    HEADER_VALUE: "a header's value is one line of printable ASCII",
    DNS_NAME: 'it is a name of DNS, such as "shop.example.org"',
    SERVER_NAME: 'it is the name of a host, such as "shop.example.org"',
    FILE: 'it is the path of a file, such as "/etc/prometheus/ca.pem"',
    USER: "it is the name of a user, without a colon",
}


class Model(BaseModel):
    """The base of everything in a catalog: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(_DAY, value):
        raise ValueError(f"{quoted(value)} has no time of day; write such as {value}T00:00:00")
    if isinstance(value, str) and re.match(_MOMENT, value):
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            raise ValueError(f"{quoted(value)} is not in the calendar; mend the date or the time") from None
    raise ValueError(f"{shown(value)} is not a point in time; write such as 2026-11-27T00:00:00")


def _day(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(_DAY, value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{quoted(value)} is not in the calendar; mend the date") from None
    raise ValueError(f"{shown(value)} is not a date; write such as 2027-01-31")


def _timezone(value: Any) -> Any:
    return check_timezone(value) if isinstance(value, str) else value


AlertSeverity = Literal["page", "ticket"]
Tier = Literal[1, 2, 3]
Name = Annotated[str, Field(pattern=NAME)]
Kind = Annotated[str, Field(pattern=KIND)]
Label = Annotated[str, Field(pattern=LABEL)]
Address = Annotated[str, Field(pattern=ADDRESS)]
Link = Annotated[str, Field(pattern=LINK)]
MetricsPath = Annotated[str, Field(pattern=METRICS_PATH)]
Target = Annotated[str, Field(pattern=TARGET)]
Expected = Annotated[str, Field(pattern=EXPECTED)]
Traffic = Annotated[str, Field(pattern=TRAFFIC)]
Flag = Annotated[bool, Field(strict=True)]
Reason = Annotated[str, Field(pattern=WORDS)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
Whole = Annotated[int, Field(strict=True, le=int(_LARGEST))]
Timezone = Annotated[str, BeforeValidator(_timezone)]
Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "pattern": _MOMENT})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": _DAY})]
Receivers = dict[str, dict[str, Any]]


def shape(value: Any) -> str | None:
    """Return whether YAML gave a list, a mapping or a text, where a field takes several of them."""
    if isinstance(value, list | tuple):
        return "list"
    return "mapping" if isinstance(value, dict) else "text" if isinstance(value, str) else None
