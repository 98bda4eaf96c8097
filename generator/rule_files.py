"""Files of rules and of tests as they are written: read again, to be played."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from seawall.catalog.document import FAST

SAFE_LOADER: Final[Any] = FAST


def read(file: Path) -> Any:
    """Return what a YAML *file* says that Seawall wrote."""
    return yaml.load(file.read_bytes(), Loader=SAFE_LOADER)  # noqa: S506 -- a safe one


def silent(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return *rule* without its annotations, which decide nothing and take their time."""
    return {key: value for key, value in rule.items() if key != "annotations"}
