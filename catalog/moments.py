"""Moments as the catalog writes them, with or without an offset, on one clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instant(moment: datetime, timezone: str) -> datetime:
    """Return *moment* in UTC; a naive one is in *timezone*."""
    moment = moment.replace(year=min(max(moment.year, 2), 9998))  # the first and the last year have no room for zones
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
