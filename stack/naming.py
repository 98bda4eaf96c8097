"""From a name as typed to a log, with a guess where it is mistyped."""

import difflib
from pathlib import Path

from .layout import Layout
from .lifecycle import StackError


def find_log(layout: Layout, name: str) -> Path:
    """Return the log of the process *name*; raise StackError with a guess where there is none."""
    known = sorted(path.stem for path in layout.logs.glob("*.log"))
    if name in known:
        return layout.log_of(name)
    if not known:
        raise StackError(f"there are no logs in {layout.logs}; start the stack with: seawall up")
    guess = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {guess[0]}?" if guess else f"the logs are: {', '.join(known)}"
    raise StackError(f"there is no log of {name!r}; {meant}")
