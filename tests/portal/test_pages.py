"""The pages while Prometheus is down: everything that needs none of it is there, and what is missing is said."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from html.parser import HTMLParser

import httpx
import pytest

from seawall.conventions import FOLLOWED
from seawall.portal.settings import Settings

from .conftest import Clock, Site, notified, webhook

OpenSite = Callable[..., AbstractContextManager[Site]]
PAGES = (
    "/",
    "/services/checkout",
    "/services/seawall",
    "/runbooks",
    "/runbooks/checkout/CheckoutFailing",
    "/alerts",
    "/campaigns",
    "/nothing",
)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&`{{7*7}}"


class Parsed(HTMLParser):
    """A page as a parser sees it: its tags with their attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, blanks collapsed."""
        return " ".join(" ".join(self.words).split())

    def all(self, name: str) -> list[dict[str, str | None]]:
        """Return the attributes of every tag *name*."""
        return [attributes for tag, attributes in self.tags if tag == name]


def page(site: Site, path: str, status: int = 200) -> Parsed:
    """Return the page at *path*."""
    answer = site.web.get(path)
    assert status == answer.status_code, answer.text
    return Parsed(answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_its_landmarks_and_nothing_inline(site: Site, path: str) -> None:
    """One h1, a main part, a named navigation, a language; no script, style or handler within the page."""
    site.post(webhook(notified(), notified("Other", status="resolved", ends_at="2026-09-21T12:04:10Z")))
    answer = site.web.get(path)
    found = Parsed(answer.text)
    assert [1, 1] == [len(found.all("h1")), len(found.all("main"))]
    assert ["Pages"] == [nav.get("aria-label") for nav in found.all("nav")]
    assert [{"lang": "en"}] == found.all("html")
    assert [{"src": "/static/portal.js", "defer": None}] == found.all("script")
    assert [] == found.all("style")
    assert [] == [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert [] == [tag for tag, attributes in found.tags if "style" in attributes]
    assert [] == [header for header in found.all("th") if header.get("scope") != "col"]


@pytest.mark.parametrize("path", [*PAGES, "/health", "/metrics", "/static/portal.css", "/api/v1/alerts"])
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    """Scripts and styles come from the portal alone, nobody frames it, nothing is sniffed."""
    headers = site.web.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "nosniff" == headers["x-content-type-options"]


def test_a_page_that_fails_has_them_too(site: Site) -> None:
    """It names the inbox and what to do, and is no traceback."""
    site.store.close()
    with httpx.Client(base_url=site.web.base_url, trust_env=False) as web:
        answer = web.get("/alerts")
    assert (500, "nosniff") == (answer.status_code, answer.headers["x-content-type-options"])
    assert "cannot use the inbox" in answer.text
    assert "Traceback" not in answer.text


def test_a_runbook_opens_while_prometheus_is_down(site: Site) -> None:
    """Its text is whole, and the page says what is missing and why."""
    found = page(site, "/runbooks/checkout/CheckoutFailing")
    assert "Live evidence is missing. Prometheus cannot be reached" in found.text
    assert "half of the requests fail" in found.text
    assert "seawall logs checkout" in found.text
    assert "sum(prometheus_http_requests_total)" in found.text
    assert "Prometheus holds this alert neither" not in found.text


@pytest.mark.parametrize("path", ["/", "/services/checkout"])
def test_the_inbox_stands_in_while_prometheus_is_down(site: Site, path: str) -> None:
    """A service whose page was told is paging; of the others nothing is claimed."""
    site.post(webhook(notified()))
    found = page(site, path)
    assert "Live evidence is missing." in found.text
    assert "paging" in found.text
    assert "unknown" in found.text


def test_a_runbook_opens_while_the_inbox_is_broken(site: Site) -> None:
    """The banner tells of the inbox."""
    site.store.close()
    for path in ("/", "/services/checkout", "/runbooks/checkout/CheckoutFailing", "/runbooks", "/campaigns"):
        assert "The inbox cannot be read." in page(site, path).text


def test_a_catalog_that_breaks_leaves_the_last_good_one_in_use(site: Site) -> None:
    """The banner quotes the problem with its place; mended, it is gone."""
    good = site.settings.catalog.read_text()
    assert "checkout" in page(site, "/").text
    site.settings.catalog.write_text(good.replace("kind: http", "knid: http", 1))
    site.clock.seconds += 2
    broken = page(site, "/").text
    assert "The catalog is broken; the last good one is in use." in broken
    assert re.search(r"catalog\.yaml:\d+:\d+: .*knid", broken)
    assert "Takes the money." in broken
    site.settings.catalog.write_text(good + "\n")
    site.clock.seconds += 2
    assert "The catalog is broken" not in page(site, "/").text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"problems": 7}', "\x00"])
def test_what_watch_holds_back_is_told_on_every_page(site: Site, text: str) -> None:
    """The catalog that serves is whole; what says otherwise, and is no such word, is no problem."""
    followed = site.settings.build / FOLLOWED
    followed.write_text('{"problems": ["web.yaml:3:1: <b>unknown</b> key"], "held_back": ["web.yaml"]}')
    site.clock.seconds += 2
    assert "web.yaml:3:1: <b>unknown</b> key" in page(site, "/").text
    followed.write_text(text)
    site.clock.seconds += 2
    assert "The catalog is broken" not in page(site, "/").text


def test_a_catalog_that_never_loaded_is_told(open_site: OpenSite, settings: Settings) -> None:
    """There is no last good one to speak of."""
    settings.catalog.write_text("services: [")
    with open_site() as site:
        assert "none is in use yet" in page(site, "/").text
        assert "half of the requests fail" in page(site, "/runbooks/checkout/CheckoutFailing").text


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/services/ghost", "The catalog has no service of the name 'ghost'."),
        ("/services/%3Cscript%3Ealert(1)", "no service of the name '<script>alert(1)'"),
        ("/runbooks/checkout/Ghost", "there is no runbook of Ghost for checkout; run seawall render"),
        ("/runbooks/..%2f..%2f/CheckoutFailing", "There is no such page."),
        ("/runbooks/%2e%2e/catalog", "that is not the name of a runbook"),
        ("/runbooks/checkout/..%2fcheckout%2fCheckoutFailing", "There is no such page."),
        ("/runbooks/checkout/CheckoutFailing.md", "that is not the name of a runbook"),
        ("/runbooks/checkout/CheckoutFailing%00", "that is not the name of a runbook"),
        ("/static/..%2f..%2fserver.py", "There is no such page."),
        ("/static/%2e%2e/server.py", "There is no such page."),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(site: Site, path: str, told: str) -> None:
    """Whatever the path tries: 404, escaped, with ways on."""
    answer = site.web.get(path)
    assert 404 == answer.status_code
    assert told in Parsed(answer.text).text
    assert "<script>alert" not in answer.text
    assert "all runbooks" in answer.text


def test_a_link_out_of_the_build_folder_is_not_followed(site: Site) -> None:
    """A runbook that is a link to a file elsewhere is none."""
    secret = site.settings.data / "secret.md"
    secret.write_text("# secret")
    (site.settings.build / "runbooks" / "checkout" / "Linked.md").symlink_to(secret)
    assert "there is no runbook of Linked" in page(site, "/runbooks/checkout/Linked", 404).text


def test_hostile_labels_and_annotations_are_shown_and_inert(site: Site) -> None:
    """In every place that shows an alert."""
    annotations = {
        "summary": HOSTILE, "likely_cause": HOSTILE, "runbook_url": "javascript:alert(1)", "dashboard_url": "//evil/x",
    }  # fmt: skip
    labels = {"team": HOSTILE, "tier": HOSTILE, "severity": HOSTILE, "instance": HOSTILE, "slo": HOSTILE}
    hostile = [
        notified(HOSTILE, HOSTILE, labels=labels, annotations=annotations, fingerprint="f1"),
        notified(
            HOSTILE, "checkout", status="resolved", ends_at="2026-09-21T12:04:10Z", labels=labels,
            annotations=annotations, fingerprint="f2",
        ),
    ]  # fmt: skip
    assert 200 == site.post(webhook(*hostile)).status_code
    for path in ("/alerts", "/services/checkout", "/"):
        answer = site.web.get(path, params={"team": HOSTILE} if path == "/" else None)
        found = Parsed(answer.text)
        assert HOSTILE in found.text
        assert [{"src": "/static/portal.js", "defer": None}] == found.all("script")
        assert [] == found.all("img")
        assert [] == [
            a for a in found.all("a") if not (a["href"] or "").startswith(("/", "#", "?", "http://", "https://"))
        ]
        assert "//evil" not in answer.text


def test_hostile_markdown_of_a_runbook_is_inert(site: Site) -> None:
    """HTML is shown as text, no link runs a script, no picture is fetched."""
    text = "\n\n".join(
        [
            "# <b>T</b>", HOSTILE, "[a](javascript:alert(1))", "[b](data:text/html,x)", "[c](vbscript:x)",
            "![d](http://evil/d.png)", "<iframe src=x></iframe>", "[e](https://example.org/)", "<javascript:alert(1)>",
            f"```promql\n{HOSTILE}\n```", "```html\n<script>1</script>\n```",
        ]
    )  # fmt: skip
    (site.settings.build / "runbooks" / "checkout" / "Hostile.md").write_text(text)
    found = page(site, "/runbooks/checkout/Hostile")
    assert [{"src": "/static/portal.js", "defer": None}] == found.all("script")
    assert [] == [*found.all("img"), *found.all("iframe")]
    schemes = {(link["href"] or "").split(":")[0] for link in found.all("a") if ":" in (link["href"] or "")}
    assert schemes <= {"http", "https"}
    assert "https://example.org/" in [link["href"] for link in found.all("a")]


def test_hostile_texts_of_the_catalog_are_inert(open_site: OpenSite, settings: Settings) -> None:
    """A description is free text."""
    catalog = settings.catalog
    catalog.write_text(catalog.read_text().replace("Takes the money.", "'" + HOSTILE.replace("'", "''") + "'"))
    with open_site() as site:
        for path in ("/", "/services/checkout"):
            found = page(site, path)
            assert HOSTILE in found.text
            assert [] == found.all("img")


def test_an_alert_that_ended_says_how_long_it_took(site: Site) -> None:
    """In the inbox, on the service's page and in the history of its runbook."""
    site.post(webhook(notified()))
    site.post(webhook(notified(status="resolved", ends_at="2026-09-21T12:04:10Z")))
    for path in ("/alerts", "/services/checkout", "/runbooks/checkout/CheckoutFailing"):
        assert "4 min 10 s" in page(site, path).text
    assert "Nothing fires." in page(site, "/alerts").text


def test_the_filter_is_a_form_that_keeps_what_was_asked(site: Site) -> None:
    """It works without JavaScript, and leads back to all."""
    site.post(webhook(notified(), notified("PostgresDown", "orders-db", labels={"team": "data"})))
    found = page(site, "/alerts?team=data&severity=page")
    (form,) = found.all("form")
    assert ("get", "/alerts") == (form["method"], form["action"])
    assert ["team", "service", "state", "severity"] == [select["name"] for select in found.all("select")]
    assert 2 == len([option for option in found.all("option") if "selected" in option])
    assert "PostgresDown" in found.text
    assert "CheckoutFailing" not in found.text
    assert "/alerts" in [link["href"] for link in found.all("a")]


def test_of_thousands_the_firing_pages_are_shown_and_the_rest_is_counted(site: Site) -> None:
    """The page stays of a bounded size, and says what it leaves out."""
    tickets = [notified("Full", f"s{n}", labels={"severity": "ticket"}, fingerprint=f"t{n}") for n in range(3000)]
    pages = [notified(starts_at="2026-09-21T11:00:00Z", fingerprint="p")]
    site.post(webhook(*pages, *tickets))
    answer = site.web.get("/alerts")
    found = Parsed(answer.text)
    assert "300 of 3,001 alerts are shown" in found.text
    assert "CheckoutFailing" in found.text
    assert len(answer.content) < 1_000_000
    assert "3001" in found.text  # the badge of the navigation counts all


def test_a_long_chain_of_failures_is_a_page(open_site: OpenSite, settings: Settings) -> None:
    """However deep the dependencies go, the inbox opens and shows each."""
    names = [f"s{n}" for n in range(250)]
    services = "".join(
        f"  {name}: {{kind: http, team: t, depends_on: [{below}]}}\n"
        for name, below in zip(names, [*names[1:], ""], strict=True)
    )
    settings.catalog.write_text(f"seawall: 1\nteams: {{t: {{}}}}\nservices:\n{services}")
    with open_site() as site:
        site.post(webhook(*(notified("Down", name, fingerprint=f"f{name}") for name in names)))
        found = page(site, "/alerts")
        assert 250 == len(found.all("article"))


def test_the_heartbeat_is_missed_on_every_page(open_site: OpenSite) -> None:
    """Silence of the Watchdog is said, as what fires is not to be trusted then."""
    clock = Clock()
    with open_site(clock) as site:
        assert "No heartbeat." not in page(site, "/").text
        clock.seconds += 601
        assert "No heartbeat. The Watchdog alert has not arrived for as long as the portal runs" in page(site, "/").text
        site.post(webhook(notified("Watchdog", "seawall")))
        assert "No heartbeat." not in page(site, "/campaigns").text
        clock.seconds += 700
        assert "has not arrived for 11 min 40 s" in page(site, "/campaigns").text


def test_an_empty_portal_says_what_to_do(open_site: OpenSite, settings: Settings) -> None:
    """Each empty page names the next step."""
    settings.catalog.write_text("seawall: 1\n")
    (settings.build / "runbooks" / "checkout" / "CheckoutFailing.md").unlink()
    with open_site() as site:
        assert "Add one beneath services:" in page(site, "/").text
        assert "seawall render writes them" in page(site, "/runbooks").text
        assert "The catalog declares no campaign." in page(site, "/campaigns").text
        assert "Nothing fires." in page(site, "/alerts").text


def test_a_team_without_services_is_told_apart(site: Site) -> None:
    """An empty list needs a way back."""
    assert "Team nobody has no service. Show all teams." in page(site, "/?team=nobody").text


def test_a_folder_of_runbooks_leads_to_its_place_in_the_list(site: Site) -> None:
    """And to no other site, whatever its name."""
    assert "/runbooks#checkout" == site.web.get("/runbooks/checkout").headers["location"]
    assert site.web.get("/runbooks/%0d%0aX-Evil:1").headers.get("x-evil") is None


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (1_790_000_000.0, "upcoming black-friday-2026 starts in 66 d"),
        (1_795_734_000.0, "running black-friday-2026 ends in 3 d"),
        (1_796_500_000.0, "over black-friday-2026 ended 4 d 20 h ago"),
    ],
)
def test_a_campaign_says_where_it_stands(open_site: OpenSite, now: float, told: str) -> None:
    """With its own time zone and UTC, and what each service expects."""
    with open_site(Clock(now)) as site:
        found = page(site, "/campaigns").text
    assert told in found
    assert "Fri 27 Nov 2026, 00:00 to Mon 30 Nov 2026, 23:59 Europe/Berlin (26 Nov 23:00 to 30 Nov 22:59 UTC)" in found
    assert re.search(r"checkout payments 1 6× none", found)
