"""From files to a catalog."""

from datetime import date
from pathlib import Path
from typing import Any

import yaml

from .model import Catalog


def load(path: Path, *, today: date | None = None) -> Catalog:
    """Return the catalog at *path*, a file or a folder; raise CatalogError with every problem in it."""
    raw: dict[str, Any] = yaml.safe_load(path.read_text())
    defaults = raw.get("defaults", {})
    for name, service in raw.get("services", {}).items():
        service["name"] = name
        service.setdefault("dialect", defaults.get("dialect", "otel"))
        service["match"] = {**defaults.get("match", {}), **service.get("match", {})}
        for key, slo in service.get("slos", {}).items():
            slo.setdefault("sli", key)
            slo.setdefault("window", defaults.get("slo_window", "30d"))
    for name, campaign in raw.get("campaigns", {}).items():
        campaign["name"] = name
    catalog = Catalog.model_validate(raw)
    catalog._today = today or date.today()
    catalog._source = str(path)
    return catalog
