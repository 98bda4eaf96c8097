"""TLS and users by the file of Prometheus' exporters: beside node_exporter on the same file, and scraped by Prometheus."""

import base64
import contextlib
import json
import logging
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from servers import RunningExporter, answers, catalog_of, connects, eventually, free_port, get, process, serving

from seawall.catalog import load
from seawall.exporters.passwords import Doorkeeper, bcrypt
from seawall.exporters.web_config import WebConfigError, read
from seawall.generator import iterate, load_packs, write

# Of the password "open sesame", at the lowest cost.
HASH: Final = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
PASSWORD: Final = "open sesame"
HEADERS: Final = """
http_server_config:
  headers:
    Strict-Transport-Security: max-age=600
    X-Frame-Options: deny
"""
TLS: Final = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
MUTUAL: Final = """
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS13
"""
ACCESS: Final = """
seawall: 1
defaults:
  scrape_interval: 1s
  exporter: {{address: "{host}", scheme: https, username: alice, password_file: {folder}/password, ca_file: {ca}}}
teams: {{ops: {{}}}}
services:
  cache: {{kind: redis, team: ops, url: "redis://127.0.0.1:1"}}
  shop-host: {{kind: host, team: ops, targets: ["{host}"]}}
  elsewhere: {{kind: host, team: ops, targets: ["127.0.0.1:1"]}}
"""
USERS: Final = f"basic_auth_users:\n  alice: {HASH}\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority, a server's and a client's certificate, and one that nobody signed."""
    folder = tmp_path_factory.mktemp("certificates")
    names = folder / "names.cnf"
    names.write_text(
        "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = seawall\n[san]\nsubjectAltName = IP:127.0.0.1\n"
    )

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=30)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "names.cnf")
    for name in ("ca", "stranger"):
        openssl(
            "req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}"
        )
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names.cnf", "-extensions", "san")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2", *signed)
    openssl("ec", "-in", "server.key", "-aes128", "-passout", "pass:x", "-out", "locked.key")
    return folder


@dataclass(frozen=True)
class Asked:
    """How a page is asked for: a password of alice's, a client's certificate."""

    password: str | None = None
    certificate: str | None = None
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    user: str = "alice"


def status(url: str, folder: Path, asked: Asked) -> int:
    """Return the status of a page; 0 where the connection is refused by TLS."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.minimum_version = context.maximum_version = asked.version
    if asked.certificate:
        context.load_cert_chain(folder / f"{asked.certificate}.pem", folder / f"{asked.certificate}.key")
    request = urllib.request.Request(url)
    if asked.password is not None:
        token = base64.b64encode(f"{asked.user}:{asked.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=15, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def page(url: str, folder: Path) -> str:
    """Return a page that wants no user, by TLS."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    with urllib.request.urlopen(url, timeout=15, context=context) as answer:
        return str(answer.read().decode())


Start = Callable[[str], tuple[str, str]]


@pytest.fixture(scope="module")
def both(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that serves by a web configuration, and returns our page and node_exporter's."""
    with ExitStack() as stack:
        started: dict[str, tuple[str, str]] = {}

        def start(text: str) -> tuple[str, str]:
            if text not in started:
                file = certificates / f"web-{len(started)}.yml"
                file.write_text(text)
                port = free_port()
                command = (
                    "prometheus-node-exporter",
                    f"--web.listen-address=127.0.0.1:{port}",
                    f"--web.config.file={file}",
                )
                quick = ("--collector.disable-defaults", "--collector.loadavg")
                folder = tmp_path_factory.mktemp("web")
                stack.enter_context(process(*command, *quick, cwd=folder))
                catalog = folder / "catalog.yaml"
                catalog.write_text(catalog_of({"cache": "redis://127.0.0.1:1"}))
                ours = stack.enter_context(serving(catalog, web_config=file)).url
                eventually(lambda: connects(port))
                started[text] = f"{ours}metrics", f"{urllib.parse.urlsplit(ours).scheme}://127.0.0.1:{port}/metrics"
            return started[text]

        yield start


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        (HEADERS, Asked(), 200),
        (HEADERS + USERS, Asked(), 401),
        (HEADERS + USERS, Asked(PASSWORD), 200),
        (HEADERS + USERS, Asked("wrong"), 401),
        (HEADERS + USERS, Asked(PASSWORD, user="bob"), 401),
        (HEADERS + USERS, Asked(PASSWORD, user=""), 401),
        (TLS + USERS, Asked(PASSWORD), 200),
        (TLS + USERS, Asked(), 401),
        (TLS + USERS, Asked(PASSWORD, version=ssl.TLSVersion.TLSv1_2), 200),
        (MUTUAL, Asked(certificate="client"), 200),
        (MUTUAL, Asked(certificate="stranger"), 0),
        (MUTUAL, Asked(), 0),
        (MUTUAL, Asked(certificate="client", version=ssl.TLSVersion.TLSv1_2), 0),
    ],
)
def test_the_same_file_lets_in_whom_node_exporter_lets_in(
    both: Start, certificates: Path, text: str, asked: Asked, expected: int
) -> None:
    """Users, certificates and versions of TLS, on the real exporter-toolkit and here."""
    ours, theirs = both(text)
    assert [expected, expected] == [status(url, certificates, asked) for url in (ours, theirs)]
    assert expected == status(ours, certificates, asked)  # again: a right password is remembered, a wrong one is not


@pytest.mark.e2e
def test_headers_are_sent_as_node_exporter_sends_them(both: Start) -> None:
    """Each that the file names, and the challenge where a user is wanted."""
    for url in both(HEADERS):
        with urllib.request.urlopen(url, timeout=15) as answer:
            assert ["max-age=600", "deny"] == [
                answer.headers[name] for name in ("Strict-Transport-Security", "X-Frame-Options")
            ]
    for url in both(HEADERS + USERS):
        with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(url, timeout=15):
            pass
        with raised.value as refused:
            assert refused.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("given", ["Basic", "Basic ====", "Bearer x", "Basic YWxpY2U=", "Basic /w==", "\xff"])
def test_credentials_that_are_none_are_refused(both: Start, given: str) -> None:
    """No base64, no colon, no UTF-8, another scheme: 401, and every page wants them, unknown ones too."""
    ours = urllib.parse.urljoin(both(HEADERS + USERS)[0], "/")
    for page in ("health", "targets", "probe?service=cache", "nothing"):
        request = urllib.request.Request(ours + page, headers={"Authorization": given})
        with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(request, timeout=15):
            pass
        with raised.value as refused:
            assert 401 == refused.code


def test_a_client_that_never_speaks_tls_holds_up_nobody(both: Start, certificates: Path) -> None:
    """The handshake is its thread's own affair; plain HTTP is hung up on."""
    url = both(TLS + USERS)[0]
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=15):
        assert 200 == status(url, certificates, Asked(PASSWORD))
        with socket.create_connection((address.hostname, address.port), timeout=15) as plain:
            plain.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert b"200" not in plain.recv(1000)


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("prometheus"), reason="the real Prometheus is not on PATH")
def test_prometheus_discovers_and_scrapes_by_tls_and_a_password(
    both: Start, certificates: Path, tmp_path: Path
) -> None:
    """By what is rendered: for the discovery, the probes, the exporter itself, and a host that it watches."""
    host = urllib.parse.urlsplit(both(TLS + USERS)[0]).netloc
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "catalog.yaml").write_text(ACCESS.format(host=host, folder=tmp_path, ca=certificates / "ca.pem"))
    catalog = load(tmp_path / "catalog.yaml")
    write(iterate(catalog, load_packs(), only=frozenset({"prometheus", "targets"})), tmp_path / "build")
    port = free_port()
    command = ("prometheus", f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path}/data")

    def found() -> dict[str, str]:
        answer = json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?query=up"))
        return {series["metric"]["job"]: series["value"][1] for series in answer["data"]["result"]}

    expected = {"cache": "1", "shop-host": "1", "seawall-exporter": "1"}
    with process(*command, "--config.file=build/prometheus/prometheus.yml", cwd=tmp_path):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
        eventually(lambda: expected.items() <= found().items() and "elsewhere" in found(), 60)


@pytest.fixture
def served(tmp_path: Path, certificates: Path) -> Iterator[tuple[RunningExporter, Path]]:
    """Return an exporter and the file that it is served by."""
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "web.yml"
    file.write_text(TLS + USERS)
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(catalog_of({}))
    with serving(catalog, web_config=file) as exporter:
        yield exporter, file


def test_changes_serve_from_the_next_request(
    served: tuple[RunningExporter, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Users, then the certificate; while the file is broken the last good one serves, and the log says why, once."""
    exporter, file = served
    caplog.set_level(logging.INFO)
    health, folder = f"{exporter.url}health", file.parent
    assert [200, 401] == [status(health, folder, asked) for asked in (Asked(PASSWORD), Asked())]
    file.write_text(TLS)
    assert 200 == status(health, folder, Asked())
    assert "seawall_exporter_web_config_load_success 1.0\n" in page(f"{exporter.url}metrics", folder)
    file.write_text(TLS + "basic_auth_users: {alice: hunter2}\n")
    assert [200, 200] == [status(health, folder, Asked()) for _ in range(2)]
    assert 1 == caplog.text.count(f"{file}:2:")
    assert "seawall_exporter_web_config_load_success 0.0\n" in page(f"{exporter.url}metrics", folder)
    assert "hunter2" not in caplog.text
    file.write_text(TLS + USERS)
    assert 401 == status(health, folder, Asked())
    for kind in ("pem", "key"):
        (folder / f"stranger.{kind}").replace(folder / f"server.{kind}")
    assert 0 == status(health, folder, Asked(PASSWORD))  # the new certificate is not of this authority


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "must be a mapping"),
        ("basic_auth_users: {a: [\n", ":2:1:"),
        (
            "basic_auth_user: {}\n",
            ':1:1: basic_auth_user: unknown key "basic_auth_user"; did you mean "basic_auth_users"?',
        ),
        ("rate_limit: {burst: 3}\n", ":1:1: rate_limit: rate_limit is not supported; --max-requests"),
        (
            f"{TLS}# \nhttp_server_config: {{http2: true}}\n",
            ":3:29: http_server_config: http2 is not supported; write false",
        ),
        ("http_server_config: {headers: {X-Frame-Options: maybe}}\n", "X-Frame-Options"),
        ("http_server_config: {headers: {Server: nginx}}\n", 'unknown key "Server"'),
        ('http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}\n', "one line of printable ASCII"),
        ("tls_server_config: {cert_file: server.pem}\n", "key_file is missing"),
        ("tls_server_config: {cert_file: none.pem, key_file: server.key}\n", "No such file"),
        ("tls_server_config: {cert_file: server.pem, key_file: client.key}\n", "cannot be loaded"),
        ("tls_server_config: {cert_file: server.pem, key_file: locked.key}\n", "without a passphrase"),
        ("tls_server_config: {cert_file: names.cnf, key_file: server.key}\n", "cannot be loaded"),
        (
            "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: ca.pem}\n",
            "need each other",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
            "  client_auth_type: RequestClientCert\n",
            ":4:",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  cipher_suites: [a]\n",
            ":4:3: tls_server_config: cipher_suites is not supported",
        ),
        ("basic_auth_users:\n  alice: hunter2\n", ":2:10: basic_auth_users: this is no bcrypt hash"),
        ("basic_auth_users:\n  alice: 5\n", ":2:10:"),
        (f"basic_auth_users:\n  'a:b': {HASH}\n", ":2:3: basic_auth_users: no name of a user may hold a colon"),
        ("basic_auth_users: alice\n", "must be a mapping"),
    ],
)
def test_what_cannot_be_served_by_is_told_at_its_place(certificates: Path, text: str, said: str) -> None:
    """With what to write instead; what may be a password is not shown."""
    file = certificates / "broken.yml"
    file.write_text(text)
    with pytest.raises(WebConfigError) as raised:
        read(file)
    assert said in str(raised.value)
    assert str(file) in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x00"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, raw: bytes) -> None:
    """Never a traceback."""
    (tmp_path / "web.yml").write_bytes(raw)
    with pytest.raises(WebConfigError):
        read(tmp_path / "web.yml")


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    """As with the toolkit: plain HTTP for everybody."""
    (tmp_path / "web.yml").write_text("")
    config, files = read(tmp_path / "web.yml")
    assert (None, {}, {}, (tmp_path / "web.yml",)) == (config.tls, config.users, config.headers, files)


def test_a_password_ends_where_it_ends() -> None:
    """A NUL, at which C stops reading, does not make a longer password right; nor does the hash of another user."""
    crypt = bcrypt()
    assert crypt is not None
    door = Doorkeeper(crypt)
    users = {"alice": HASH, "bob": HASH[:-1] + "."}
    tried = [
        ("alice", PASSWORD),
        ("alice", f"{PASSWORD}\0x"),
        ("alice", "\udcff"),
        ("bob", PASSWORD),
        ("eve", PASSWORD),
    ]
    assert [True, False, False, False, False] == [door.admits(users, *pair) for pair in tried]


def test_a_right_password_is_hashed_once() -> None:
    """A scrape each second does not cost seventy milliseconds each; a wrong one is never remembered."""
    hashed: list[bytes] = []

    def crypt(password: bytes, setting: bytes) -> bytes:
        hashed.append(password)
        return setting if password == b"right" else b""

    door = Doorkeeper(crypt)
    users = {"alice": HASH}
    for password in ("right", "right", "wrong", "wrong"):
        door.admits(users, "alice", password)
    assert [b"right", b"wrong", b"wrong"] == hashed
