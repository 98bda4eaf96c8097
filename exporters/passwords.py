"""Passwords against their bcrypt hashes, by the crypt of the platform."""

import ctypes
import ctypes.util
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Final

HASH: Final = re.compile(r"\$2[aby]\$(0[4-9]|1[0-8])\$[./A-Za-z0-9]{53}")
_LIBRARIES: Final = ("libcrypt.so.1", "libcrypt.so.2", None)  # glibc's companion, old and new; musl has it in libc
_ROOM: Final = 256 * 1024  # bytes; the largest crypt_data of a libc is half of it
_KNOWN: Final = (b"seawall", b"$2y$04$abcdefghijklmnopqrstuu")
_KNOWN_HASH: Final = b"$2y$04$abcdefghijklmnopqrstuuRegsguRoPKLNjhEHAAMlW3jVXstRgHq"

Crypt = Callable[[bytes, bytes], bytes | None]


@cache
def bcrypt() -> Crypt | None:
    """Return the platform's crypt; None where it does not know bcrypt (macOS, an old glibc)."""
    for name in (ctypes.util.find_library("crypt"), *_LIBRARIES):
        try:
            crypt_r = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        crypt_r.restype, crypt_r.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p)
        crypt = _over(crypt_r)
        if hmac.compare_digest(crypt(*_KNOWN) or b"", _KNOWN_HASH):
            return crypt
    return None


def _over(crypt_r: Callable[..., bytes | None]) -> Crypt:
    return lambda password, setting: crypt_r(password, setting, ctypes.create_string_buffer(_ROOM))


class Doorkeeper:
    """Knows who may come in.

    A hash takes some 70 ms on purpose, so a password that was right is remembered, as a digest under a key of this
    process. Wrong ones are not: they wait for each other, and take one core at most however many are tried.
    """

    def __init__(self, crypt: Crypt) -> None:
        self._crypt = crypt
        self._key = secrets.token_bytes(32)
        self._known: set[bytes] = set()
        self._one = Lock()

    def admits(self, users: Mapping[str, str], user: str, password: str) -> bool:
        """Return whether *password* is the one of *user*; a user who is not there takes as long as one who is."""
        expected = users.get(user) or max(users.values(), key=_cost)
        token = hmac.digest(self._key, f"{expected}{password}".encode(errors="surrogatepass"), hashlib.sha256)
        if user in users and token in self._known:
            return True
        with self._one:
            is_right = self._matches(expected, password) and user in users
        if is_right:
            self._known.add(token)
        return is_right

    def _matches(self, expected: str, password: str) -> bool:
        given = password.encode(errors="surrogatepass")
        if b"\0" in given:  # where C would see its end
            return False
        return hmac.compare_digest(self._crypt(given, expected.encode()) or b"", expected.encode())


def _cost(hashed: str) -> str:
    return hashed[4:6]
