"""Regular expressions that a catalog may hold: those that Prometheus and Python read alike, with an example of each."""

import re
import string
from typing import Final

_QUANTIFIERS: Final = "*+?"
_SETS: Final = re.compile(r"--|&&|\|\||~~")  # Python means to read sets of letters here one day
_CLASSES: Final = {"d": "0", "w": "a", "s": " "}
_DEEPEST: Final = 20  # parentheses within each other
_LIKELY: Final = "05ax_-/." + string.printable


def example_of(pattern: str) -> str:
    """Return a text that *pattern* matches from end to end; raise ValueError where it is none that all agree on."""
    reader = _Reader(pattern)
    found = reader.alternatives()
    if reader.rest:
        raise ValueError(f"{pattern!r} has a {reader.rest[0]} too many")
    if not matches(pattern, found):
        raise ValueError(f"nothing matches {pattern!r}")
    return found


def matches(pattern: str, text: str) -> bool:
    """Whether *pattern* matches *text* from end to end, as Prometheus reads it."""
    return re.fullmatch(pattern, text, re.DOTALL) is not None


class _Reader:
    """Reads a pattern from left to right and says, piece by piece, what it would match."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.rest = pattern
        self._depth = 0

    def alternatives(self) -> str:
        """Read up to a closing parenthesis or the end; the first alternative is the example."""
        first = self._sequence()
        while self._took("|"):
            self._sequence()
        return first

    def _sequence(self) -> str:
        found = ""
        while self.rest and self.rest[0] not in "|)":
            found += self._atom()
            if self.rest and self.rest[0] in _QUANTIFIERS:
                self.rest = self.rest[1:]
                self._took("?")
        return found

    def _atom(self) -> str:
        letter, self.rest = self.rest[0], self.rest[1:]
        if letter in "*+?{}":
            raise self._refusal(letter)
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._class()
        if letter == "\\":
            return self._escaped()
        return {".": "0", "^": "", "$": ""}.get(letter, letter)

    def _group(self) -> str:
        if self.rest.startswith("?") and not self._took("?:"):
            raise self._refusal("(?")
        self._depth += 1
        if self._depth > _DEEPEST:
            begin = self._pattern[:_DEEPEST]
            raise ValueError(f"{begin!r}… has more than {_DEEPEST} ( within each other; take some out")
        found = self.alternatives()
        self._depth -= 1
        if not self._took(")"):
            raise ValueError(f"{self._pattern!r} lacks a )")
        return found

    def _class(self) -> str:
        whole = re.match(r"\^?[^\[\]\\]+\]", self.rest)
        if not whole or _SETS.search(whole[0]):
            raise self._refusal("[")
        self.rest = self.rest[whole.end() :]
        try:
            among = re.compile("[" + whole[0])
        except re.error as error:
            raise ValueError(f"{self._pattern!r}: {error}") from None
        found = next((letter for letter in _LIKELY + whole[0] if among.fullmatch(letter)), None)
        if found is None:
            raise self._refusal("[" + whole[0])
        return found

    def _escaped(self) -> str:
        letter, self.rest = self.rest[:1], self.rest[1:]
        if letter in _CLASSES:
            return _CLASSES[letter]
        if not letter or letter.isalnum() or not letter.isascii():
            raise self._refusal("\\" + letter)
        return letter

    def _took(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest.removeprefix(text)
        return True

    def _refusal(self, what: str) -> ValueError:
        mend = r"write it with letters, . * + ? | ( ) [ ] and \ before a sign alone"
        return ValueError(f"{self._pattern!r} holds a {what} that cannot be read there; {mend}")
