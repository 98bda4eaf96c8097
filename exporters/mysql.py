"""MySQL and MariaDB: mysqld_exporter's metrics, over PyMySQL and a user who only looks."""

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from .declaration import MetricInfo, gauge
from .errors import BadUrlError, ConnectError, MissingPackageError
from .kinds import Kind, Target
from .mysql_innodb import INNODB_QUERIES
from .mysql_query import Query
from .mysql_replication import REPLICATION_QUERIES
from .mysql_session import MysqlCollector, told
from .mysql_statements import STATEMENT_QUERIES
from .mysql_status import STATUS
from .mysql_variables import VARIABLES

if TYPE_CHECKING:
    from pymysql.connections import Connection

UP: Final = gauge("mysql_up", "", "1 if the server answered, else 0.")
QUERIES: Final[tuple[Query, ...]] = (STATUS, *REPLICATION_QUERIES, *STATEMENT_QUERIES, *INNODB_QUERIES)
METRICS: Final[tuple[MetricInfo, ...]] = (
    UP,
    *VARIABLES.families,
    *(info for query in QUERIES for info in query.families),
)

_PORT: Final = 3306
_MODES: Final = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_OPTIONS: Final = frozenset({"ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"})
# They would send the password as it is, or as good as, to whoever answers in the server's place.
_REFUSED: Final = ("mysql_clear_password", "mysql_old_password", "dialog")


def connect(target: Target) -> MysqlCollector:
    """Return a collector that connects at the first question. Raise MissingPackageError, BadUrlError."""
    try:
        import pymysql  # noqa: F401
    except ImportError:
        raise MissingPackageError("mysql", "PyMySQL", "mysql") from None
    url, options = _parts(target.url)
    address = (url.hostname or "", url.port or _PORT)
    password = unquote(url.password or "")
    parameters = {
        "host": address[0],
        "port": address[1],
        "user": unquote(url.username or ""),
        "password": password.encode(),
        "charset": "utf8mb4",
        "autocommit": True,
        "program_name": "seawall",
        "read_timeout": target.timeout,
        "write_timeout": target.timeout,
        "use_unicode": False,  # values are read as they come, whatever bytes they are
        "conv": {},
        "auth_plugin_map": dict.fromkeys(_REFUSED, _Refusing),
        "defer_connect": True,
        **_tls(options),
    }
    return MysqlCollector(address, _login(parameters), VARIABLES, QUERIES, frozenset({password}) - {""}, target.timeout)


def _login(parameters: Mapping[str, Any]) -> "Callable[[socket.socket], Connection[Any]]":
    """Return what begins a session over a socket; it raises ConnectError."""

    def login(line: socket.socket) -> "Connection[Any]":
        import pymysql

        connection: Connection[Any] = pymysql.connect(**parameters)
        try:
            connection.connect(line)
        except pymysql.err.Error as error:
            raise ConnectError(told(error)) from None
        return connection

    return login


class _Refusing:
    """Answers a server that asks for the password in a way that shows it."""

    def __init__(self, _connection: Any) -> None:
        pass

    def authenticate(self, _packet: Any) -> None:
        """Refuse."""
        raise ConnectError(
            "the server asks for the password itself, or a weak hash of it; "
            "give the user another way to log in: mysql_native_password, caching_sha2_password or ed25519"
        )


def _parts(text: str) -> tuple[SplitResult, dict[str, str]]:
    url = urlsplit(text)
    given = {key.replace("_", "-"): value for key, value in parse_qsl(url.query, keep_blank_values=True)}
    mode = given.get("ssl-mode", "PREFERRED").upper()
    is_named = url.scheme in ("mysql", "mariadb") and url.hostname and url.username
    if not is_named or not given.keys() <= _OPTIONS or mode not in _MODES:
        raise BadUrlError(
            "the url is not one of MySQL; write mysql://user:${VARIABLE}@host:3306/?ssl-mode=VERIFY_IDENTITY"
            "&ssl-ca=/etc/ssl/db-ca.pem (ssl-cert and ssl-key too; without a mode: PREFERRED)"
        )
    return url, given


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of PyMySQL for *options*, which have the meaning that MySQL's own client gives them."""
    ca = options.get("ssl-ca")
    mode = options.get("ssl-mode", "VERIFY_CA" if ca else "PREFERRED").upper()
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if mode == "PREFERRED" and "ssl-cert" not in options:
        return {}
    try:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = mode == "VERIFY_IDENTITY"
        context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("VERIFY") else ssl.CERT_NONE
        if "ssl-cert" in options:
            context.load_cert_chain(options["ssl-cert"], options.get("ssl-key"))
    except OSError as error:
        raise BadUrlError(f"the url's ssl-ca, ssl-cert or ssl-key cannot be read: {error.strerror}") from None
    return {"ssl": context}


KIND: Final = Kind(name="mysql", up=UP, metrics=METRICS, connect=connect)
