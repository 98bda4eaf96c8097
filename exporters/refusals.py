"""What a server refuses: told in the log once, until it is answered again."""

import logging
from typing import Final

_log: Final = logging.getLogger(__name__)
_LONGEST: Final = 200  # characters of a server's own words


class Refusals:
    """The questions that the server *where* refuses, such as ``SHOW CONFIG``."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._refused: set[str] = set()

    def __contains__(self, question: str) -> bool:
        return question in self._refused

    def note(self, question: str, reason: str) -> None:
        """Note that *question* is refused; log it where that is news."""
        if question not in self._refused:
            _log.warning("%s refuses %s: %s", self._where, question, " ".join(reason.split())[:_LONGEST])
        self._refused.add(question)

    def answered(self, *questions: str) -> None:
        """Note that *questions* are answered."""
        self._refused.difference_update(questions)
