"""Label values that nobody can make more of than a page should hold."""

from collections.abc import Hashable
from typing import Final

from .memory import Labels

OTHER: Final = "_OTHER"  # what OpenTelemetry's conventions write for whatever has no label value of its own
_MOST: Final = 100


class FirstSeen:
    """Know the first *most* values that came, and only these."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[Hashable] = set()

    def knows(self, value: Hashable) -> bool:
        """Whether *value* is one of them."""
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return False
            self._seen.add(value)
        return True


class Names:
    """Sets of label values: as many as there is room for, then one for all that come later."""

    def __init__(self, most: int = _MOST) -> None:
        self._first = FirstSeen(most)

    def bounded(self, labels: Labels) -> Labels:
        """Return *labels*, or others in their place."""
        return labels if self._first.knows(labels) else (OTHER,) * len(labels)
