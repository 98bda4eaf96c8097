"""What a render would change in a folder."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Artifact


@dataclass(frozen=True)
class Change:
    """One file that differs: *kind* is new, changed or gone; the other side's text is empty where it is not there."""

    path: str
    kind: str
    before: str
    after: str


def compare(before: Mapping[str, bytes], artifacts: Iterable[Artifact]) -> list[Change]:
    """Return the differences between a rendered folder's content and *artifacts*, sorted by path."""
    after = {artifact.path: artifact.content for artifact in artifacts}
    changes = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            kind = "new" if old is None else "gone" if new is None else "changed"
            changes.append(
                Change(path, kind, (old or b"").decode(errors="replace"), (new or b"").decode(errors="replace"))
            )
    return changes


def unified(change: Change) -> str:
    """Return *change* as a unified diff."""
    old = "/dev/null" if change.kind == "new" else f"a/{change.path}"
    new = "/dev/null" if change.kind == "gone" else f"b/{change.path}"
    lines = difflib.unified_diff(change.before.splitlines(True), change.after.splitlines(True), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
