"""Record the native histograms that Prometheus keeps of a Go program which OpenTelemetry instruments.

    python tools/record_dialects/otel_native.py PROMETHEUS > tests/generator/dialects/otel-native.prom

PROMETHEUS is the binary of 2.40 or newer, and Go builds the program in the folder beside this file. The values are in
the notation of promtool's tests. What panics is not counted: the instrumentation of net/http does not see it.
"""

import contextlib
import json
import math
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from _record import heading, send

_HERE: Final = Path(__file__).parent / "otel_native"
_METRIC: Final = "http_server_request_duration_seconds"
_OWN: Final = ("__name__", "job", "instance", "server_port")  # of the scrape, or another one each time
_SCRAPED: Final = 30  # seconds, within which Prometheus has found its target and scraped it


@contextlib.contextmanager
def _run(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, text=True, stderr=subprocess.DEVNULL, **options) as running:
        try:
            yield running
        finally:
            running.terminate()


@contextlib.contextmanager
def _prometheus(binary: str, port: int, folder: Path) -> Iterator[str]:
    """Run one that scrapes *port* every second, and yield its address."""
    often = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    scrape = {"job_name": "shop", **often, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [scrape]}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    files = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    with _run(binary, *files, f"--web.listen-address={address}", "--enable-feature=native-histograms"):
        yield f"http://{address}"


def _asked(url: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': _METRIC})}", timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


def _scraped(url: str) -> list[Any]:
    for _ in range(_SCRAPED):
        time.sleep(1)
        with contextlib.suppress(OSError):
            if found := _asked(url):
                return found
    raise SystemExit(f"Prometheus has not scraped within {_SCRAPED} s")


def _line(found: Any) -> str:
    own = {name: text for name, text in found["metric"].items() if name not in _OWN}
    inside = ",".join(f"{name}={json.dumps(text)}" for name, text in sorted(own.items()))
    return f"{_METRIC}{{{inside}}} {_notation(found['histogram'][1])}\n"


def _notation(value: Any) -> str:
    """Return promtool's notation of a histogram, which the API gives as the ends of its buckets, all above zero."""
    buckets = [(float(low), float(high), int(count)) for _, low, high, count in value["buckets"]]
    schema = round(-math.log2(math.log2(buckets[0][1] / buckets[0][0])))
    numbered = {round(math.log2(high) * 2**schema): count for _, high, count in buckets}
    first, last = min(numbered), max(numbered)
    counts = " ".join(str(numbered.get(each, 0)) for each in range(first, last + 1))
    return f"{{{{schema:{schema} sum:{value['sum']} count:{value['count']} offset:{first} buckets:[{counts}]}}}}"


def main(binary: str) -> None:
    """Print the recording."""
    version = re.search(r"version (\S+)", subprocess.check_output([binary, "--version"], text=True))
    modules = re.findall(r"(\S+ v\S+)$", (_HERE / "go.mod").read_text(), re.MULTILINE)
    assert version
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["go", "build", "-o", f"{folder}/shop", "."], cwd=_HERE, check=True)
        with _run(f"{folder}/shop", stdout=subprocess.PIPE) as shop:
            assert shop.stdout
            port = int(shop.stdout.readline())
            send(port)
            with _prometheus(binary, port, Path(folder)) as url:
                found = _scraped(url)
    sys.stdout.write(heading([*modules, f"Prometheus {version[1]}"], "recorded from a running one"))
    sys.stdout.writelines(sorted(map(_line, found)))


if __name__ == "__main__":
    main(sys.argv[1])
