"""Who may ask, and by TLS: the file that exporters of Prometheus' toolkit read as --web.config.file."""

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

from seawall.catalog import CatalogError, Position, Problem, SeawallError
from seawall.catalog.document import read_document
from seawall.catalog.findings import Findings
from seawall.catalog.places import Branch, Places
from seawall.catalog.validation import validate

from .passwords import HASH, bcrypt
from .web_config_model import AUTH_TYPES, NOT_HERE, VERSIONS, HttpServerConfig, TlsServerConfig, WebConfigFile

_log: Final = logging.getLogger(__name__)
_HEADER: Final = re.compile("[\x20-\x7e]+")

Fingerprint = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class WebConfig:
    """What each connection is served by; *users* are hashes by name, none of them asks for no password."""

    tls: ssl.SSLContext | None = None
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict)


class WebConfigError(SeawallError):
    """The file cannot be served by; holds every problem in it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class WebConfigWatch:
    """The file at *path*, or none, read again when it or a file that it names changes. Raise WebConfigError."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = Lock()
        self._files: tuple[Path, ...] = (path,) if path else ()
        self._seen = _fingerprint(self._files)
        self._config = self._read()
        self.is_current = True

    def current(self) -> WebConfig:
        """Return what is served by now; while the files are broken it is what they said before."""
        with self._lock:
            if _fingerprint(self._files) != self._seen:
                try:
                    self._config = self._read()
                    self.is_current = True
                    _log.info("read the web configuration again")
                except WebConfigError as error:
                    self.is_current = False
                    for problem in error.problems:
                        _log.error("the web configuration is broken, the last good one serves on: %s", problem)
            return self._config

    def _read(self) -> WebConfig:
        if self.path is None:
            return WebConfig()
        # Taken before the files are read, so that what is written meanwhile is seen as new.
        self._seen = _fingerprint(self._files)
        config, files = read(self.path)
        if files != self._files:
            self._files, self._seen = files, _fingerprint(files)
        return config


def read(path: Path) -> tuple[WebConfig, tuple[Path, ...]]:
    """Return what the file at *path* says, and all files that it was read from; raise WebConfigError."""
    try:
        return _Reading(path).config()
    except CatalogError as error:
        raise WebConfigError(error.problems) from None
    except OSError as error:
        raise WebConfigError([Problem(Position(str(path)), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise WebConfigError([Problem(Position(str(path)), "is not UTF-8; save it again as UTF-8")]) from None


class _Reading:
    def __init__(self, path: Path) -> None:
        self._path = path
        document = read_document(path.read_text("utf-8-sig"), str(path), 1)
        self._data = {} if document.data is None else document.data
        root = document.place if isinstance(document.place, Branch) else Branch(0, {})
        self._findings = Findings(Places(root, ["", str(path)]))
        self._findings.problems += document.problems

    def config(self) -> tuple[WebConfig, tuple[Path, ...]]:
        """Return what it says, and the files; raise CatalogError with all that is wrong."""
        if not isinstance(self._data, dict):
            self._findings.error((), "must be a mapping, such as basic_auth_users and below it NAME: HASH")
            raise CatalogError(self._findings.problems)
        self._refuse_what_is_not_here()
        found = validate(WebConfigFile, self._data, (), self._findings) or WebConfigFile()
        self._check_users(found.basic_auth_users)
        self._check_http(found.http_server_config)
        asked = found.tls_server_config
        tls = self._tls(asked) if asked else None
        if self._findings.problems:
            raise CatalogError(sorted(self._findings.problems))
        users = {name: str(hashed) for name, hashed in found.basic_auth_users.items()}
        config = WebConfig(tls, users, found.http_server_config.headers.values())
        return config, (self._path, *(self._files(asked) if asked else ()))

    def _refuse_what_is_not_here(self) -> None:
        for path, why in NOT_HERE.items():
            node: Any = self._data
            for step in path[:-1]:
                node = node.get(step) if isinstance(node, dict) else None
            if isinstance(node, dict) and path[-1] in node:
                self._findings.error(path, f"{path[-1]} is not supported; {why}", at_key=True)
                del node[path[-1]]

    def _check_users(self, users: Mapping[str, Any]) -> None:
        if users and bcrypt() is None:
            self._findings.error(
                ("basic_auth_users",), "the crypt of this platform does not know bcrypt; use client certificates"
            )
        for name, hashed in users.items():
            path = ("basic_auth_users", name)
            # What stands there may be the password itself: it is not shown.
            if not isinstance(hashed, str) or not HASH.fullmatch(hashed):
                said = "this is no bcrypt hash ($2a$, $2b$ or $2y$, cost 4 to 18); make one with: htpasswd -nBC 10 NAME"
                self._findings.error(path, said)
            if ":" in name:
                self._findings.error(path, "no name of a user may hold a colon; write another", at_key=True)

    def _check_http(self, asked: HttpServerConfig) -> None:
        if asked.http2:
            said = "http2 is not supported; write false, or take the key away"
            self._findings.error(("http_server_config", "http2"), said)
        for name, value in asked.headers.values().items():
            if not _HEADER.fullmatch(value):
                said = f"{name} must be one line of printable ASCII"
                self._findings.error(("http_server_config", "headers", name), said)

    def _tls(self, asked: TlsServerConfig) -> ssl.SSLContext | None:
        verify = AUTH_TYPES[asked.client_auth_type]
        if (verify is not ssl.CERT_NONE) != bool(asked.client_ca_file):
            said = "client_ca_file and a client_auth_type that verifies need each other; write both or neither"
            self._findings.error(("tls_server_config",), said)
        if VERSIONS[asked.min_version] > VERSIONS[asked.max_version]:
            self._findings.error(("tls_server_config", "min_version"), "min_version is above max_version; swap them")
        if self._findings.problems:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = VERSIONS[asked.min_version], VERSIONS[asked.max_version]
        self._load("cert_file", lambda: context.load_cert_chain(*self._pair(asked), password=_no_password))
        if asked.client_ca_file:
            ca_file = self._path.parent / asked.client_ca_file
            self._load("client_ca_file", lambda: context.load_verify_locations(ca_file))
            context.verify_mode = verify
        return context

    def _load(self, key: str, load: Any) -> None:
        try:
            load()
        except (OSError, ValueError) as error:  # SSLError is an OSError
            reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "is no PEM of that kind"
            where = " with key_file" if key == "cert_file" else ""
            said = f"{key}{where} cannot be loaded: {reason}; name readable PEM files, the key without a passphrase"
            self._findings.error(("tls_server_config", key), said)

    def _pair(self, asked: TlsServerConfig) -> tuple[Path, Path]:
        return self._path.parent / asked.cert_file, self._path.parent / asked.key_file

    def _files(self, asked: TlsServerConfig) -> tuple[Path, ...]:
        names = (asked.cert_file, asked.key_file, asked.client_ca_file)
        return tuple(self._path.parent / name for name in names if name)


def _no_password() -> str:
    """Return no passphrase: without this OpenSSL would ask the terminal for one, and wait."""
    return ""


def _fingerprint(files: tuple[Path, ...]) -> Fingerprint:
    return tuple(_stat(file) for file in files)


def _stat(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
