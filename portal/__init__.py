"""The web pages: the fleet, services, alerts, runbooks with live evidence, campaigns. The application is in ``app``."""

from .settings import Settings
from .store import Filter, Store, StoreError

__all__ = ["Filter", "Settings", "Store", "StoreError"]
