"""Who is heard at all: Host and Origin headers, and what protects the webhook."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner

from seawall.portal.commands import portal
from seawall.portal.middleware import host_name
from seawall.portal.settings import Settings

from .conftest import Site, notified, webhook

OpenSite = Callable[..., AbstractContextManager[Site]]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8800", "localhost"),
        ("127.0.0.1:8800", "127.0.0.1"),
        ("[::1]:8800", "::1"),
        ("", ""),
        ("user@localhost", ""),
        ("localhost/evil", ""),
        ("localhost?x", ""),
        ("[", ""),
    ],
)
def test_the_name_of_a_host_header(host: str, expected: str) -> None:
    """Without its port; nonsense has none."""
    assert expected == host_name(host)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil@localhost", "", "127.0.0.1.nip.io"])
@pytest.mark.parametrize("path", ["/", "/alerts", "/api/v1/alerts", "/metrics", "/static/portal.css"])
def test_a_name_that_is_not_ours_is_refused(site: Site, host: str, path: str) -> None:
    """A page elsewhere that rebinds its name to loopback reads nothing; the answer names the option."""
    answer = site.web.get(path, headers={"host": host})
    assert 421 == answer.status_code
    assert "--allow-host" in answer.text
    assert "nosniff" == answer.headers["x-content-type-options"]


@pytest.mark.parametrize("host", ["localhost:8800", "127.0.0.1", "[::1]:8800", "portal.example", "PORTAL.example:80"])
def test_loopback_and_allowed_names_are_heard(open_site: OpenSite, host: str) -> None:
    """In any case of letters, on any port."""
    with open_site(hosts=frozenset({"portal.example"})) as site:
        assert 200 == site.web.get("/health", headers={"host": host}).status_code


def test_the_names_in_the_catalog_are_heard(open_site: OpenSite, settings: Settings) -> None:
    """What alerts link to must open."""
    text = settings.catalog.read_text()
    settings.catalog.write_text(f"defaults: {{portal_url: 'https://seawall.example'}}\n{text}")
    with open_site() as site:
        assert 200 == site.web.get("/health", headers={"host": "seawall.example"}).status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost.evil.example", "file://"])
def test_a_page_elsewhere_cannot_post_an_alert(site: Site, origin: str) -> None:
    """Nothing is stored."""
    answer = site.web.post("/api/v1/alertmanager", json=webhook(notified()), headers={"origin": origin})
    assert 421 == answer.status_code
    assert [] == site.alerts()


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_what_a_browser_posts_without_asking_first_is_refused(site: Site, content_type: str) -> None:
    """A form cannot send JSON, and a script that does must ask first, and is told no."""
    answer = site.web.post(
        "/api/v1/alertmanager", content=b'{"version": "4", "alerts": []}', headers={"content-type": content_type}
    )
    assert 415 == answer.status_code
    asked = site.web.options("/api/v1/alertmanager", headers={"access-control-request-method": "POST"})
    assert 405 == asked.status_code
    assert [] == [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/alerts", "/runbooks", "/campaigns", "/api/v1/alerts", "/health", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_the_webhook_takes_anything(site: Site, path: str, method: str) -> None:
    """Every page only shows."""
    assert 405 == site.web.request(method, path).status_code


def test_pages_are_not_kept_by_a_browser(site: Site) -> None:
    """What fired an hour ago must not look as if it fired now."""
    assert "no-store" == site.web.get("/alerts").headers["cache-control"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--listen", "8800"], "'8800' is not HOST:PORT"),
        (["--listen", "localhost:x"], "'localhost:x' is not HOST:PORT"),
        (["--listen", "localhost:70000"], "'localhost:70000' is not HOST:PORT"),
        (["--prometheus", "localhost:9090"], "'localhost:9090' is not an address"),
        (["--alertmanager", "ftp://x"], "'ftp://x' is not an address"),
        (["--prometheus", "http://["], "'http://[' is not an address"),
        (["--retention-days", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_option_is_told_with_its_mend(tmp_path: Path, arguments: list[str], told: str) -> None:
    """Exit code 2, nothing started."""
    folder = str(tmp_path)
    done = CliRunner().invoke(portal, ["--catalog", folder, "--build", folder, "--data", folder, *arguments])
    assert 2 == done.exit_code
    assert told in done.output
