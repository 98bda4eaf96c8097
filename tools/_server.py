"""A real Prometheus on a folder of blocks, to which samples are pushed and whose rules are timed."""

import json
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from socket import socket
from typing import Any, Final

from _tsdb import Labels, Track
from _xor import uvarint

_PUSHED_AT_ONCE: Final = 5000
_STRETCH: Final = 1_800_000  # milliseconds; the oldest sample that a head takes lies half a block, an hour, back
_LITERAL: Final = bytes([62 << 2])  # of Snappy: what follows, three bytes of length behind this one, is not compressed
# The block durations keep the blocks as they were written; a server of 30 days holds such blocks of three days.
_OPTIONS: Final = (
    "--storage.tsdb.retention.time=1y",
    "--storage.tsdb.min-block-duration=2h",
    "--storage.tsdb.max-block-duration=2h",
    "--query.max-samples=1000000000",
    "--query.timeout=10m",
    "--web.enable-lifecycle",
    "--web.enable-remote-write-receiver",
)


class Server:
    """A Prometheus that scrapes nothing."""

    def __init__(self, url: str, folder: Path) -> None:
        """Name the server's address, and the folder of its configuration."""
        self._url, self._folder = url, folder

    def get(self, path: str, **parameters: str) -> Any:
        """Return what the API answers."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return json.loads(self._request(f"/api/v1/{path}{query}"))["data"]

    def groups(self) -> list[Any]:
        """Return each group of rules with what the last evaluation took."""
        return list(self.get("rules")["groups"])

    def wait_until_evaluated(self) -> None:
        """Wait until each rule of each group was evaluated."""
        while any(rule["health"] == "unknown" for group in self.groups() for rule in group["rules"]):
            time.sleep(1)

    def spent(self) -> tuple[float, float]:
        """Return the seconds of the processor that the server has had, and those that its groups have taken."""
        lines = [line.split(" ") for line in self._request("/metrics").decode().splitlines()]
        found = {line[0]: line[1] for line in lines if len(line) == 2}
        return float(found["process_cpu_seconds_total"]), float(found["prometheus_rule_group_duration_seconds_sum"])

    def configure(self, *, rules: bool = True, query_log: Path | None = None) -> None:
        """Begin to evaluate the rules of rules.json, and to log the queries into *query_log*."""
        write_configuration(self._folder, rules=rules, query_log=query_log)
        self._request("/-/reload", b"")

    def push(self, *histories: tuple[dict[Labels, Track], int, int]) -> None:
        """Send what the series of each history have from its begin up to and without its end, by remote write.

        All of them do one stretch of time after the other: what is an hour older than the newest sample is refused.
        """
        first, last = min(begin for _, begin, _ in histories), max(end for _, _, end in histories)
        for start in range(first, last, _STRETCH):
            for series, begin, end in histories:
                self._push(series, max(begin, start), min(end, start + _STRETCH))

    def _push(self, series: dict[Labels, Track], begin: int, end: int) -> None:
        if begin >= end:
            return
        samples: dict[Track, bytes] = {}
        for track in series.values():
            if track not in samples:
                samples[track] = _samples(track.between(begin, end))
        messages = (_field(1, _labels(labels) + samples[track]) for labels, track in series.items())
        while batch := b"".join(islice(messages, _PUSHED_AT_ONCE)):
            self._request("/api/v1/write", _snappy(batch))

    def _request(self, path: str, body: bytes | None = None) -> bytes:
        try:
            with urllib.request.urlopen(urllib.request.Request(self._url + path, data=body), timeout=600) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace").strip()
            raise SystemExit(f"prometheus answers {path} with {error.code} {error.reason}: {said}") from None


def write_configuration(folder: Path, *, rules: bool, query_log: Path | None = None) -> None:
    """Write the configuration of a server: nothing but rules.json, if *rules*."""
    text = {"global": {"query_log_file": str(query_log)} if query_log else {}}
    found = {**text, "rule_files": ["rules.json"]} if rules else text
    (folder / "prometheus.yml").write_text(json.dumps(found), encoding="utf-8")


@contextmanager
def serving(program: str, folder: Path) -> Iterator[Server]:
    """Run *program* on the blocks of *folder*/data, until the end of the block."""
    write_configuration(folder, rules=False)
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    paths = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    command = [program, *paths, f"--web.listen-address={address}", *_OPTIONS]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            _wait_until_ready(f"http://{address}/-/ready", running, folder / "prometheus.log")
            yield Server(f"http://{address}", folder)
        finally:
            running.kill()


def _wait_until_ready(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    while running.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"prometheus does not start: {log.read_text(encoding='utf-8').strip().splitlines()[-1]}")


def _samples(track: Track) -> bytes:
    """Return the samples of *track* as remote write has them."""
    times = range(track.start, track.start + track.step * len(track.values), track.step)
    pairs = zip(times, track.values, strict=True)
    return b"".join(_field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + uvarint(at)) for at, value in pairs)


def _labels(labels: Labels) -> bytes:
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels)


def _field(number: int, content: bytes) -> bytes:
    """Return a field of a protocol buffer that says its own length."""
    return bytes([number << 3 | 2]) + uvarint(len(content)) + content


def _snappy(data: bytes) -> bytes:
    return uvarint(len(data)) + b"".join(_literals(data))


def _literals(data: bytes) -> Iterable[bytes]:
    for start in range(0, len(data), 2**24):
        piece = data[start : start + 2**24]
        yield _LITERAL + struct.pack("<I", len(piece) - 1)[:3] + piece
