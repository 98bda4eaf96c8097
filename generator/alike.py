"""Proofs that say the same of other names: evaluating rules knows no names, so that one run of them is enough."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from seawall import conventions
from seawall.catalog import Catalog

from .rule_files import read, silent

_PART: Final = "a-zA-Z0-9_-"  # what names are made of: a part of a longer one is none


def alike(folder: Path, catalog: Catalog, tests: Sequence[Path]) -> list[tuple[Path, ...]]:
    """Return *tests* in groups: within one, tests and rules are equal but for the names of the service and its team.

    A name is replaced wherever it stands, and so is every equal text: the same happens in the rules, in their input and
    in what is expected of them, and PromQL cannot tell. Annotations decide nothing and do not count.
    """
    found: dict[str, list[Path]] = {}
    rules: dict[str, str] = {}
    for file in tests:
        service = file.name.partition(".")[0]
        if service not in rules:
            rules[service] = _deciding(folder / conventions.RULES_DIR / f"{service}.yml")
        declared = catalog.services.get(service)
        names = (f"{service}-slos", service, declared.team if declared else "")  # its group of rules is called so
        text = _without_names(f"{file.read_text(encoding='utf-8')}\0{rules[service]}", names)
        found.setdefault(hashlib.sha256(text.encode()).hexdigest(), []).append(file)
    # The largest first: nothing waits for it alone in the end.
    return sorted(map(tuple, found.values()), key=lambda files: (-files[0].stat().st_size, files[0].name))


def _deciding(file: Path) -> str:
    """Return what a rules file says, without its annotations."""
    groups = [group | {"rules": [silent(rule) for rule in group["rules"]]} for group in read(file)["groups"]]
    return json.dumps(groups, sort_keys=True)


def _without_names(text: str, names: Sequence[str]) -> str:
    for index, name in enumerate(names):
        if name:
            text = re.sub(rf"(?<![{_PART}]){re.escape(name)}(?![{_PART}])", f"\x00{index}\x00", text)
    return text
