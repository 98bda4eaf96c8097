"""Label values that nobody can make more of than a page should hold."""

from typing import Final

from .memory import Labels

OTHER: Final = "_OTHER"
_MOST: Final = 100


class Names:
    """Sets of label values: as many as there is room for, then one for all that come later."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: set[Labels] = set()

    def bounded(self, labels: Labels) -> Labels:
        """Return *labels*, or others in their place."""
        if labels not in self._known:
            if len(self._known) >= self._most:
                return (OTHER,) * len(labels)
            self._known.add(labels)
        return labels
