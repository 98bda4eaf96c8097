"""A real MariaDB with users who may too little, with TLS, hostile names and far too many tables."""

import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hostile import PASSWORD
from mysql import RIGHTS, MysqlServer, StartMysql
from outside import authority
from scrapes import folded, queries, value
from servers import RunningExporter, Scrape, StartExporter, eventually

from seawall.exporters.errors import ConnectError
from seawall.exporters.kinds import Target
from seawall.exporters.mysql import QUERIES, connect
from seawall.exporters.mysql_query import LIMIT
from seawall.exporters.mysql_statements import SESSIONS

from .test_mysql_hostile import guarded

pytestmark = pytest.mark.e2e

PAGE: Final = Path(__file__).parents[2] / "docs/reference/exporter.md"

HOSTILE: Final = (
    'qu"ote',
    "back\\slash",
    "new\nline",
    "snow ☃",
    "per%cent",
    "dollar ${P}",
    "semi;colon",
    "o'hara",
    "others",
)


@pytest.fixture(scope="module")
def trusted() -> Iterator[Path]:
    """Return the certificate of an authority, beside what it issued to the server, which another user is to read."""
    with tempfile.TemporaryDirectory(prefix="seawall-mysql-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority(folder).issue("server", days=9, host="DNS:localhost")
        (folder / "server.key").chmod(0o644)
        yield folder / "ca.pem"


@pytest.fixture(scope="module")
def real(start_mysql: StartMysql, trusted: Path) -> MysqlServer:
    """Return a server with TLS, users who may different things, hostile names, and more tables than are kept."""
    names = (f"--ssl-{word}={trusted.parent}/server.{end}" for word, end in (("cert", "pem"), ("key", "key")))
    server = start_mysql("--performance-schema=ON", "--log-bin=log", *names)
    server.run(
        f"CREATE USER somebody@'%' IDENTIFIED BY '{PASSWORD}'",
        "CREATE USER monitor@'%', poor@'%', half@'%'",
        f"GRANT {RIGHTS} ON *.* TO monitor@'%', somebody@'%'",
        "GRANT SELECT ON performance_schema.events_statements_summary_by_digest TO monitor@'%', somebody@'%'",
        "GRANT PROCESS ON *.* TO half@'%'",
        "CREATE DATABASE shop",
    )
    tables = [name.replace("`", "``") for name in HOSTILE] + [f"many{number}" for number in range(LIMIT)]
    server.run(*(f"CREATE TABLE `{name}` (id int)" for name in tables), database="shop")
    return server


@pytest.fixture(scope="module")
def exporter(start_exporter: StartExporter, real: MysqlServer) -> RunningExporter:
    """Return the exporter of one server, for each of its users."""
    return start_exporter({who: real.url_of(who) for who in ("monitor", "poor", "half")})


def refused(scrape: Scrape) -> set[str]:
    """Return the queries without an answer."""
    return {name for name, success in queries(scrape).items() if not success}


def test_a_wrong_password_is_down_and_says_so(
    start_exporter: StartExporter, real: MysqlServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells a wrong password from a dead server; with the right one it is up."""
    caplog.set_level(logging.DEBUG)
    assert value(guarded(start_exporter, real.port, "the-wrong-one").scrape("/probe?service=orders"), "mysql_up") == 0
    assert "Access denied for the user" in caplog.text
    assert value(guarded(start_exporter, real.port, PASSWORD).scrape("/probe?service=orders"), "mysql_up") == 1
    assert not {"the-wrong-one", PASSWORD} & set(caplog.text.split())
    assert "somebody" not in caplog.text


@pytest.mark.parametrize(
    ("host", "options", "cipher"),
    [
        ("127.0.0.1", "", True),
        ("127.0.0.1", "?ssl-mode=DISABLED", False),
        ("127.0.0.1", "?ssl-mode=REQUIRED", True),
        ("127.0.0.1", "?ssl-mode=VERIFY_CA&ssl-ca={ca}", True),
        ("127.0.0.1", "?ssl-mode=VERIFY_CA", None),  # the system knows no such authority
        ("127.0.0.1", "?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}", None),  # the certificate is of another name
        ("localhost", "?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}", True),
    ],
)
def test_tls_is_what_the_mode_says(
    real: MysqlServer, trusted: Path, host: str, options: str, cipher: bool | None
) -> None:
    """By the server's own count of its sessions with TLS; where whom it speaks to is not proved, nothing is asked."""
    before = real.status("Ssl_finished_accepts")
    url = real.url_of(f"somebody:{PASSWORD}", options.format(ca=trusted)).replace("127.0.0.1", host)
    collector = connect(Target(url, 10))
    try:
        if cipher is None:
            with pytest.raises(ConnectError, match="certificate verify failed"):
                list(collector.collect())
        else:
            assert "mysql_global_status_uptime" in {family.name for family in collector.collect()}
            assert cipher == (real.status("Ssl_finished_accepts") > before)
    finally:
        collector.close()


def test_the_user_of_the_page_is_enough(real: MysqlServer, start_exporter: StartExporter) -> None:
    """Every query has its answer with the grants that the page has for MariaDB."""
    section = PAGE.read_text().partition("## Rights of a mysql user")[2].partition("\n## ")[0]
    create, rights, again, _of_mysql, statements = re.findall(r"^(?:CREATE USER|GRANT) .*;$", section, re.MULTILINE)
    assert [create, f"GRANT {RIGHTS} ON *.* TO 'seawall'@'%';"] == [again, rights]
    real.run(create, rights, statements)
    exporter = start_exporter({"orders": real.url_of("seawall:${P}")}, {"P": "a-long-password"})
    assert {1.0} == set(queries(exporter.scrape("/probe?service=orders")).values())


def test_a_user_without_rights_loses_what_he_may_not_see_and_that_alone(
    exporter: RunningExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """What would be of his own sessions alone is not told at all; the log says once what is refused."""
    for _ in range(2):
        scrape = exporter.scrape("/probe?service=poor")
    assert value(scrape, "mysql_up") == 1
    needing = {"slave_status", "binlog_size", "processlist", "eventsstatements", "innodb_trx", "innodb_metrics"}
    assert {*needing, "innodb_tablespaces"} == refused(scrape)
    assert {"mysql_global_status_threads_connected", "mysql_global_variables_max_connections"} <= scrape.keys()
    assert not [name for name in scrape if name.startswith(("mysql_info_schema", "mysql_slave", "mysql_binlog"))]
    assert 1 == caplog.text.count("refuses the query innodb_trx: Access denied")
    assert "poor" not in caplog.text.replace("service=poor", "").replace("probe of poor", "").replace("probe poor", "")


def test_one_right_that_is_missing_is_missed_alone_and_is_back_with_its_grant(
    exporter: RunningExporter, real: MysqlServer
) -> None:
    """PROCESS without what replication needs."""
    assert {"slave_status", "binlog_size", "eventsstatements"} == refused(exporter.scrape("/probe?service=half"))
    real.run(f"GRANT {RIGHTS} ON *.* TO half@'%'")

    def is_back() -> bool:
        real.run(*(f"KILL {row[0]}" for row in real.run("SELECT id FROM information_schema.processlist WHERE user = 'half'")))  # fmt: skip
        return refused(exporter.scrape("/probe?service=half")) == {"eventsstatements"}

    eventually(is_back, 60)


def test_a_query_that_has_no_answer_in_time_is_missing_alone(
    real: MysqlServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server ends it, the session goes on, and the others have theirs."""
    slow = [query for query in QUERIES if query is not SESSIONS]
    sessions = next(query for query in QUERIES if query is SESSIONS)
    late = type(sessions)(sessions.name, sessions.families, "SELECT SLEEP(30)", sessions.read)
    monkeypatch.setattr("seawall.exporters.mysql.QUERIES", (late, *slow))
    collector = connect(Target(real.url_of("monitor"), 4))
    try:
        found = {family.name: family for family in collector.collect()}
    finally:
        collector.close()
    told = {one.labels["query"]: one.value for one in found["seawall_probe_query_success"].samples}
    assert {"processlist"} == {name for name, success in told.items() if not success}
    assert "mysql_info_schema_processlist_threads" not in found
    assert "max_statement_time exceeded" in caplog.text


def test_far_too_many_are_bounded_and_counted_and_hostile_names_are_told_as_they_are(
    exporter: RunningExporter, real: MysqlServer
) -> None:
    """The largest are kept, the rest is one row, and how many these are is told; the sum is the server's."""
    scrape = exporter.scrape("/probe?service=monitor")
    beyond = folded(scrape)
    spaces = real.ask("SELECT COUNT(*) FROM information_schema.innodb_sys_tablespaces")
    assert {"processlist": 0, "innodb_tablespaces": spaces - LIMIT} == beyond
    sizes = scrape["mysql_info_schema_innodb_tablespace_file_size_bytes"].samples
    assert LIMIT + 1 == len(sizes)
    assert real.ask("SELECT SUM(file_size) FROM information_schema.innodb_sys_tablespaces") == sum(sizes.values())


def test_hostile_names_are_told_as_they_are(exporter: RunningExporter, real: MysqlServer) -> None:
    """Quotes, newlines and what would end a statement: of users."""
    for name in HOSTILE:
        real.run(f"CREATE USER '{real.quoted(name)}'@'%'")
    sessions = [real.connect(user=name) for name in HOSTILE]
    scrape = exporter.scrape("/probe?service=monitor")
    for session in sessions:
        session.close()
    users = {
        dict(labels)["mysql_user"] for _, labels in scrape["mysql_info_schema_processlist_processes_by_user"].samples
    }
    assert set(HOSTILE) <= users


def test_a_connection_that_the_server_closed_is_opened_again(exporter: RunningExporter, real: MysqlServer) -> None:
    """Nobody sees that the last one is gone: it failed while nothing was asked."""
    exporter.scrape("/probe?service=monitor")
    (before,) = real.run("SELECT id FROM information_schema.processlist WHERE user = 'monitor'")
    real.run(f"KILL {before[0]}")
    assert 1 == value(exporter.scrape("/probe?service=monitor"), "mysql_up")
    (after,) = real.run("SELECT id FROM information_schema.processlist WHERE user = 'monitor'")
    assert before != after
