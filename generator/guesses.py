"""What a user probably meant by a name that is not there."""

import difflib
from collections.abc import Iterable


def guess(given: str, known: Iterable[str], *, otherwise: str = "known are") -> str:
    """Return ``did you mean '…'?``; where nothing is close, all that is *known* behind the words *otherwise*."""
    names = sorted(known)
    close = difflib.get_close_matches(given, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise} {', '.join(names)}"
