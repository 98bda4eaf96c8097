"""NGINX as the demo has it in front of the shop, before a storefront that can be slow, broken or gone."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from caches import Origin
from servers import answers, eventually, free_port, process, serving

pytestmark = pytest.mark.e2e

DEMO = Path(__file__).parents[2] / "compose/demo/nginx"


@dataclass
class Front:
    """The running NGINX: the ports of the shop and of its own numbers, its log, and what it stands before."""

    port: int
    status: int
    log: Path
    origin: Origin

    def get(self, path: str) -> tuple[int, str]:
        """Return the status of a page and its ``Cache-Control``."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return int(answer.status), str(answer.headers.get("Cache-Control", ""))
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""

    def logged(self, words: str) -> int:
        """Return how many lines of the log have *words*."""
        return sum(words in line for line in self.log.read_text().splitlines())


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The demo's configuration, with this machine's folders and ports, and the storefront's address in place of its name."""
    folder = tmp_path_factory.mktemp("front")
    made = Front(free_port(), free_port(), folder / "cache.json", Origin(headers={}))
    text = (DEMO / "nginx.conf").read_text()
    for told, here in {
        "/tmp/": f"{folder}/",
        "/var/log/shop/": f"{folder}/",
        "listen 8080": f"listen 127.0.0.1:{made.port}",
        "listen 8081": f"listen 127.0.0.1:{made.status}",
        "http://storefront:8001": f"http://127.0.0.1:{made.origin.port}",
    }.items():
        assert told in text
        text = text.replace(told, here)
    (folder / "nginx.conf").write_text(f"user {'root' if folder.owner() == 'root' else 'nobody'};\n{text}")
    with ExitStack() as stack:
        stack.enter_context(made.origin.running())
        running = stack.enter_context(
            process("nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;", cwd=folder)
        )
        stack.callback(lambda: (running.terminate(), running.wait(30)))  # a killed master would leave its worker
        eventually(lambda: answers(f"http://127.0.0.1:{made.status}/stub_status"), 60)
        yield made


def test_the_first_page_is_kept_and_nothing_else(front: Front) -> None:
    """Twice the first page costs the storefront one; a product's page goes to it each time."""
    assert [(200, "public, max-age=5")] * 2 == [front.get("/") for _ in range(2)]
    assert [(200, "")] * 2 == [front.get("/products/1") for _ in range(2)]
    eventually(lambda: front.logged('"cache":""') == 2)

    assert 1 == front.logged('"cache":"MISS"')
    assert front.logged('"cache":"HIT"') >= 1


def test_the_first_page_outlives_a_storefront_that_fails(front: Front) -> None:
    """Past its time it is served on; whoever wants more sees the error."""
    assert 200 == front.get("/")[0]
    front.origin.status = 500
    eventually(lambda: front.get("/")[0] == 200 and front.logged('"cache":"STALE"') >= 1, 60, every=0.5)

    assert 500 == front.get("/products/1")[0]
    front.origin.status = 200


def test_its_numbers_are_on_the_port_that_is_not_published(front: Front) -> None:
    """The published one hands the path on to the storefront, as any other."""
    front.get("/stub_status")
    eventually(lambda: front.logged('"cache":""') >= 1)
    with urllib.request.urlopen(f"http://127.0.0.1:{front.port}/stub_status", timeout=30) as answer:
        assert b"Active connections" not in answer.read()


def test_the_exporter_reads_its_page_and_its_log(front: Front, tmp_path: Path) -> None:
    """By the url that the catalog of the shop has, but for the host."""
    catalog = tmp_path / "catalog.yaml"
    url = f"nginx://127.0.0.1:{front.status}/stub_status?log={front.log}"
    catalog.write_text(
        f'seawall: 1\nteams: {{ops: {{}}}}\nservices:\n  front: {{kind: http-cache, team: ops, url: "{url}"}}\n'
    )
    with serving(catalog) as exporter:
        exporter.scrape("/probe?service=front")  # the log is read from its end
        front.get("/products/2")

        def read() -> float:
            lines = exporter.scrape("/probe?service=front")["http_cache_log_lines_total"].samples
            return sum(value for (_, labels), value in lines.items() if ("result", "read") in labels)

        eventually(lambda: read() >= 1, 60)


@pytest.mark.parametrize(("size", "left"), [(49_999_999, 49_999_999), (50_000_000, 0)])
def test_the_log_is_emptied_when_it_is_large(tmp_path: Path, size: int, left: int) -> None:
    """At 50 MB, and not before; the file stays the same one, and the container's end is no error."""
    log = tmp_path / "cache.json"
    with log.open("wb") as file:
        file.truncate(size)
    inode = log.stat().st_ino
    with process("sh", str(DEMO / "truncate-log"), str(log), cwd=tmp_path) as running:
        eventually(lambda: "sleep" in [each.name() for each in psutil.Process(running.pid).children()], 60)
        running.terminate()
        assert 0 == running.wait(30)

    assert (left, inode) == (log.stat().st_size, log.stat().st_ino)
