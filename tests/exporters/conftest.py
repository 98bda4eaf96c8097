"""Real servers for the exporter's tests."""

from servers import promtool, start_exporter, start_redis

__all__ = ["promtool", "start_exporter", "start_redis"]
