"""What gevent cannot mend where it comes late: names that other modules took from ``ssl`` before.

The exporters stand on urllib3, which takes its ``SSLContext`` from there as it is imported. Such a context made after
the patch never ends calling itself, in the exporters and wherever the application asks for https.
"""

import re
import sys
import warnings
from functools import cache
from importlib import import_module
from typing import Any, Final

from wrapt import register_post_import_hook

from .diagnostics import guarded

_HOLDERS: Final = ("urllib3.util", "urllib3.util.ssl_")
# gevent warns of those that it finds. That is all to the good where any other module is among them.
_WARNING: Final = (
    "Monkey-patching ssl after ssl has already been imported .*"
    rf"\[(?:'(?:{'|'.join(map(re.escape, _HOLDERS))}) \([^)]*\)'(?:, )?)+\]"
)


@cache  # once is enough
def mend_ssl() -> None:
    """Give urllib3 the patched class, once gevent has patched it."""
    register_post_import_hook(guarded("listen to gevent")(_listen), "gevent.monkey")


def _listen(_: Any) -> None:
    warnings.filterwarnings("ignore", message=_WARNING)
    import_module("gevent.events").subscribers.append(_mend)


@guarded("mend urllib3 under gevent")
def _mend(event: Any) -> None:
    if getattr(event, "module_name", "") == "ssl" and type(event).__name__ == "GeventDidPatchModuleEvent":
        for name in _HOLDERS:
            holder: Any = sys.modules.get(name)
            if hasattr(holder, "SSLContext"):
                holder.SSLContext = sys.modules["ssl"].SSLContext
