"""What the stack tells of itself, for the test of the names that its own pack uses."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from outside import page, tcp
from servers import Exposed, Scrape, answers, catalog_of, eventually, exposed, free_port, get, parse, process, serving

from seawall.portal.metrics import PortalMetrics
from seawall.stack.watch_server import WatchStatus
from seawall.stack.watch_server import serving as watching

# The first alert comes before Alertmanager is discovered; Debian's own database is the whole machine's.
FLAGS: Final = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--rules.alert.resend-delay=1s")
REPOSITORY: Final = Path(__file__).parents[2]
NEWER: Final = os.environ.get("SEAWALL_NEWER_TOOLS", str(REPOSITORY / ".cache/newer/root/usr/bin"))
# What the Collector tells of itself while what it sends to is gone, as written down from the real one.
COLLECTOR: Final = Path(__file__).with_name("recordings") / "otelcol-0.161.txt"


@pytest.fixture(scope="module")
def seawall_by_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Return what the parts of the stack tell of themselves, in the oldest and in newer versions, once an alert went through."""
    folder = tmp_path_factory.mktemp("stack")
    newer = shutil.which("prometheus-alertmanager", path=NEWER) or pytest.fail("run tools/fetch-newer .cache/newer")
    prometheus, *alertmanagers = (f"127.0.0.1:{free_port()}" for _ in range(3))
    (folder / "rules.yml").write_text("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: vector(1)}]}]")
    (folder / "prometheus.yml").write_text(
        f"global: {{evaluation_interval: 1s, scrape_interval: 1s}}\nrule_files: [rules.yml]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: {alertmanagers}}}]}}]}}\n"
        f"scrape_configs: [{{job_name: p, static_configs: [{{targets: ['{prometheus}']}}]}}]\n"
        f"remote_write: [{{url: 'http://{prometheus}/api/v1/write'}}]"
    )
    receiver = f"{{name: r, webhook_configs: [{{url: 'http://{prometheus}/'}}]}}"
    (folder / "alertmanager.yml").write_text(f"route: {{receiver: r, group_wait: 0s}}\nreceivers: [{receiver}]")
    flags = ("--cluster.listen-address=", "--config.file=alertmanager.yml")
    with ExitStack() as stack:
        for at, program in enumerate(("prometheus-alertmanager", newer)):
            listen = (f"--web.listen-address={alertmanagers[at]}", f"--storage.path=am{at}")
            stack.enter_context(process(program, *listen, *flags, cwd=folder))
        receives = "--web.enable-remote-write-receiver"
        stack.enter_context(process("prometheus", f"--web.listen-address={prometheus}", receives, *FLAGS, cwd=folder))
        watch = stack.enter_context(watching(WatchStatus(), "127.0.0.1", 0))
        told = stack.enter_context(all_of_an_exporter(folder))
        urls = [f"http://{each}/metrics" for each in (prometheus, *alertmanagers, watch)]
        eventually(lambda: all(answers(url) for url in urls), 60)
        tried = re.compile(r'^alertmanager_notifications_total{integration="webhook"} [1-9]', re.MULTILINE)
        eventually(lambda: all(tried.search(get(url)) for url in urls[1:3]), 60)
        eventually(lambda: "queue_highest_sent_timestamp_seconds{" in get(urls[0]), 60)
        own = [PortalMetrics().expose().decode(), COLLECTOR.read_text()]
        yield exposed([*(parse(get(url)) for url in urls), *map(parse, own), *told])


@contextmanager
def all_of_an_exporter(folder: Path) -> Iterator[list[Scrape]]:
    """Return what an exporter tells of itself that has all there is, and of services that are down or refuse a part."""
    (folder / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    (folder / "collectors").mkdir()
    (folder / "collectors/broken.py").write_text("no Python\n")
    status = "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n"
    with tcp(page("200 OK", status)) as port:
        edge = f"nginx://127.0.0.1:{port}/?log={folder}/no-such.json"
        urls = {"a": "postgresql://127.0.0.1:1", "b": "mysql://x@127.0.0.1:1", "c": edge}
        catalog = folder / "catalog.yaml"
        catalog.write_text(catalog_of(urls))
        web, collectors = folder / "web.yml", folder / "collectors"
        with serving(catalog, web_config=web, collectors=collectors, textfiles=folder) as exporter:
            yield [exporter.scrape(path) for path in ("/metrics", *(f"/probe?service={name}" for name in urls))]
