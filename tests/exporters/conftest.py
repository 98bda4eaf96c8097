"""Real servers for the exporter's tests."""

from postgres import postgres, start_postgres
from servers import promtool, start_exporter, start_redis

__all__ = ["postgres", "promtool", "start_exporter", "start_postgres", "start_redis"]
