"""What the stack tells of itself, for the test of the names that its own pack uses."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from outside import page, tcp
from servers import Exposed, Scrape, answers, catalog_of, eventually, exposed, free_port, get, parse, process, serving

from seawall.stack.watch_server import WatchStatus
from seawall.stack.watch_server import serving as watching

# The first alert comes before Alertmanager is discovered; Debian's own database is the whole machine's.
FLAGS: Final = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--rules.alert.resend-delay=1s")


@pytest.fixture(scope="module")
def seawall_by_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    """Return what the parts of the stack tell of themselves, once an alert went through."""
    folder = tmp_path_factory.mktemp("stack")
    prometheus, alertmanager = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (folder / "rules.yml").write_text("groups: [{name: g, interval: 1s, rules: [{alert: A, expr: vector(1)}]}]")
    (folder / "prometheus.yml").write_text(
        f"global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}"
    )
    receiver = f"{{name: r, webhook_configs: [{{url: 'http://{prometheus}/'}}]}}"
    (folder / "alertmanager.yml").write_text(f"route: {{receiver: r, group_wait: 0s}}\nreceivers: [{receiver}]")
    flags = ("--cluster.listen-address=", "--config.file=alertmanager.yml", "--storage.path=am")
    with (
        process("prometheus-alertmanager", f"--web.listen-address={alertmanager}", *flags, cwd=folder),
        process("prometheus", f"--web.listen-address={prometheus}", *FLAGS, cwd=folder),
        watching(WatchStatus(), "127.0.0.1", 0) as watch,
        all_of_an_exporter(folder) as told,
    ):
        urls = [f"http://{each}/metrics" for each in (prometheus, alertmanager, watch)]
        eventually(lambda: all(answers(url) for url in urls), 60)
        sent = re.compile(r'^alertmanager_notifications_total{integration="webhook"} [1-9]', re.MULTILINE)
        eventually(lambda: bool(sent.search(get(urls[1]))), 60)
        yield exposed([*(parse(get(url)) for url in urls), *told])


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
