"""The files of the compose stack, read."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
COMPOSE: Final = ROOT / "compose"


def read(path: str) -> dict[str, Any]:
    """Return a YAML file below compose/."""
    content: dict[str, Any] = yaml.safe_load((COMPOSE / path).read_text())
    return content


def services() -> dict[str, dict[str, Any]]:
    """Return the services of compose/backends.yaml."""
    found: dict[str, dict[str, Any]] = read("backends.yaml")["services"]
    return found


def image_variables(text: str) -> set[str]:
    """Return the variables that name images."""
    return set(re.findall(r"\$\{(\w+_IMAGE)\}", text))
