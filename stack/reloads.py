"""Tells running servers to read their configuration again, for as long as it takes."""

import logging
import urllib.request
from collections.abc import Callable, Sequence
from typing import Final

_log: Final = logging.getLogger(__name__)
_PATIENCE: Final = 10.0  # seconds


class Reloads:
    """The servers at *urls*, such as ``http://prometheus:9090/-/reload``; *post* raises OSError where one refuses."""

    def __init__(self, urls: Sequence[str], post: Callable[[str], None] | None = None) -> None:
        self._post = post or post_empty
        self.pending = dict.fromkeys(urls, False)
        """Of each url, whether it has yet to be told."""
        self._failed: set[str] = set()

    def want(self) -> None:
        """Have all of them told."""
        self.pending = dict.fromkeys(self.pending, True)

    def attempt(self) -> None:
        """Tell those that have yet to be; who does not answer is told at the next attempt."""
        for url in [url for url, is_due in self.pending.items() if is_due]:
            try:
                self._post(url)
            except OSError as error:
                if url not in self._failed:
                    _log.warning("%s does not reload yet: %s", url, error)
                self._failed.add(url)
            else:
                self._failed.discard(url)
                self.pending[url] = False


def post_empty(url: str) -> None:
    """Send an empty POST; raise OSError where the answer is no success."""
    request = urllib.request.Request(url, method="POST")  # noqa: S310 - the command lets no other scheme pass
    with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310
        pass
