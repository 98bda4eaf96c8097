"""The kind probe beside blackbox_exporter, at the same servers."""

import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest
import yaml
from outside import Authority, authority, dns_answer, page, saying, tcp, udp
from scrapes import value
from servers import RunningExporter, Scrape, answers, eventually, free_port, get, parse, process, serving

from seawall.exporters import inventory

pytestmark = pytest.mark.e2e

OUR_OWN: Final = "seawall_"
SECONDS: Final = 0.5  # by which two measurements of a moment may differ
# What a certificate that is refused says is read once more, which theirs does not.
BEYOND_THEIRS: Final = {"probe_ssl_", "probe_tls_version_info"}
NOT_VERIFIED: Final = ("expired", "foreign")
# Our name of the target → how theirs is asked the same.
MODULES: Final = {
    "well": {"prober": "http"},
    "wrong": {"prober": "http"},
    "words": {"prober": "http", "http": {"fail_if_body_not_matches_regexp": ["no such text"]}},
    "dated": {"prober": "http"},
    "moved": {"prober": "http"},
    "secure": {"prober": "http"},
    "expired": {"prober": "http"},
    "foreign": {"prober": "http"},
    "open": {"prober": "tcp"},
    "talk": {"prober": "tcp", "tcp": {"query_response": [{"send": "PING"}, {"expect": "PONG"}]}},
    "sealed": {"prober": "tcp", "tcp": {"tls": True}},
    "closed": {"prober": "tcp"},
    "zone": {"prober": "dns", "dns": {"query_name": "shop.test", "query_type": "SOA", "transport_protocol": "udp"}},
    "name": {"prober": "dns", "dns": {"query_name": "shop.test", "query_type": "A", "transport_protocol": "udp"}},
    "no-name": {"prober": "dns", "dns": {"query_name": "x.test", "query_type": "A", "transport_protocol": "udp"}},
}
PROBES: Final[dict[str, dict[str, object]]] = {
    "words": {"body_matches": ["no such text"]},
    "talk": {"talk": [{"send": "PING"}, {"expect": "PONG"}]},
    "zone": {"dns": {"name": "shop.test", "type": "SOA"}},
    "name": {"dns": {"name": "shop.test", "answers": ["192.0.2.7"]}},
    "no-name": {"dns": {"name": "x.test"}},
}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority of all certificates."""
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def urls(trusted: Authority) -> Iterator[dict[str, str]]:
    """Return a server for each of MODULES."""
    good = trusted.issue("good", days=30)
    with ExitStack() as stack:
        start = stack.enter_context
        well = start(tcp(page("200 OK")))
        name = start(udp(dns_answer))
        talking = start(tcp(saying(b"HELLO\r\nPONG\r\n")))
        yield {
            "well": f"http://127.0.0.1:{well}/health?deep=1",
            "wrong": f"http://127.0.0.1:{start(tcp(page('500 Oh')))}/",
            "words": f"http://127.0.0.1:{well}/",
            "dated": f"http://127.0.0.1:{start(tcp(page('200 OK', Last_Modified='Thu, 26 Nov 2026 10:00:00 GMT')))}/",
            "moved": f"http://127.0.0.1:{start(tcp(page('302 Found', '', Location=f'http://127.0.0.1:{well}/')))}/",
            "secure": f"https://127.0.0.1:{start(tcp(page('200 OK'), good))}/",
            "expired": f"https://127.0.0.1:{start(tcp(page('200 OK'), trusted.issue('old', days=-1)))}/",
            "foreign": f"https://127.0.0.1:{start(tcp(page('200 OK'), trusted.issue('x', days=9, host='DNS:x.test')))}/",
            "open": f"tcp://127.0.0.1:{well}",
            "talk": f"tcp://127.0.0.1:{talking}",
            "sealed": f"tls://127.0.0.1:{start(tcp(saying(b''), good))}",
            "closed": f"tcp://127.0.0.1:{free_port()}",
            **dict.fromkeys(("zone", "name", "no-name"), f"dns://127.0.0.1:{name}"),
        }


@pytest.fixture(scope="module")
def exporter(
    urls: dict[str, str], trusted: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningExporter]:
    """Return Seawall's exporter of them all."""
    services = {}
    for name, url in urls.items():
        probe = dict(PROBES.get(name, {}))
        if url.startswith(("https", "tls")):
            probe["tls"] = {"ca_file": str(trusted.file)}
        services[name] = {"kind": "probe", "team": "ops", "url": url, "probe": probe}
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.yaml"
    catalog.write_text(yaml.safe_dump({"seawall": 1, "teams": {"ops": {}}, "services": services}))
    with serving(catalog) as running:
        yield running


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, trusted: Authority) -> Iterator[str]:
    """Return the address of blackbox_exporter, which is installed where the path names it."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if program is None:
        pytest.skip("prometheus-blackbox-exporter is not installed (tools/install-test-servers does it)")
    folder = tmp_path_factory.mktemp("blackbox")
    tls = {"ca_file": str(trusted.file)}
    modules = {name: dict(module) for name, module in MODULES.items()}
    for name in ("secure", "expired", "foreign"):
        modules[name]["http"] = {"tls_config": tls}
    modules["sealed"]["tcp"] = {"tls": True, "tls_config": tls}
    (folder / "blackbox.yml").write_text(yaml.safe_dump({"modules": modules}))
    port = free_port()
    with process(program, "--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{port}", cwd=folder):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/healthy"))
        yield f"http://127.0.0.1:{port}/probe"


def both(name: str, exporter: RunningExporter, theirs: str, url: str) -> tuple[Scrape, Scrape]:
    """Return our families and theirs."""
    target = url if url.startswith("http") else url.partition("://")[2]
    scraped = parse(get(f"{theirs}?{urllib.parse.urlencode({'module': name, 'target': target})}"))
    ours = exporter.scrape(f"/probe?service={name}")
    return {each: family for each, family in ours.items() if not each.startswith(OUR_OWN)}, scraped


def extra(name: str, family: str) -> bool:
    """Whether we tell more of a target than they do, on purpose."""
    return name in NOT_VERIFIED and family.startswith(tuple(BEYOND_THEIRS))


@pytest.mark.parametrize("name", MODULES)
def test_names_types_labels_and_values_are_blackbox_exporters(
    name: str, exporter: RunningExporter, theirs: str, urls: dict[str, str]
) -> None:
    """All that they tell of a target we tell, and the same; measured times within half a second."""
    ours, reference = both(name, exporter, theirs, urls[name])
    assert {each for each in ours if not extra(name, each)} == set(reference)
    for family, told in reference.items():
        assert told.type == ours[family].type, family
        assert told.samples.keys() == ours[family].samples.keys(), family
        for key, one in told.samples.items():
            allowed = SECONDS if family.endswith(("duration_seconds", "time_seconds")) else 0
            assert abs(one - ours[family].samples[key]) <= allowed, (family, key)


@pytest.mark.parametrize(("name", "reason"), [("expired", "tls"), ("foreign", "tls"), ("wrong", "status")])
def test_a_probe_that_fails_says_why(exporter: RunningExporter, name: str, reason: str) -> None:
    """In one word, beside what it found until then."""
    scrape = exporter.scrape(f"/probe?service={name}")
    assert 0 == value(scrape, "probe_success")
    assert {frozenset({("reason", reason)})} == scrape["seawall_probe_failure_info"].label_sets


def test_a_refused_certificate_still_says_when_it_expires(exporter: RunningExporter) -> None:
    """The first of February 2020, and the chain that was not verified has none."""
    scrape = exporter.scrape("/probe?service=expired")
    assert 1580515200 == value(scrape, "probe_ssl_earliest_cert_expiry")
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in scrape


def test_every_declared_family_is_seen_and_declared_as_it_is(exporter: RunningExporter, urls: dict[str, str]) -> None:
    """The inventory is true of real scrapes, and holds no name that none has."""
    declared = {info.name: info for info in inventory()["probe"]}
    seen = set()
    for name in urls:
        for family, told in exporter.scrape(f"/probe?service={name}").items():
            seen.add(family)
            if family in declared:
                assert declared[family].type == told.type
                names = {frozenset(label for label, _ in labels) for labels in told.label_sets}
                assert {frozenset(declared[family].labels)} == names, family
    assert set() == declared.keys() - seen
