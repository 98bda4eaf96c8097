"""Varnish: varnish_exporter's metrics, from its counters in shared memory, as varnishstat writes them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, unquote

from prometheus_client import Metric

from seawall.catalog import SeawallError

from .http_cache_counters import UP, VERSION, families
from .kinds import Target

_PROGRAM: Final = "varnishstat"
_LARGEST: Final = 1 << 26  # bytes
_SHOWN: Final = 300
_VERSION: Final = re.compile(
    r"varnish-(?P<version>(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)\S*) revision (?P<revision>\w+)"
)


class MissingProgramError(SeawallError):
    """There is no varnishstat."""


class VarnishError(SeawallError):
    """Varnish is not running, or its counters may not be read."""


class Varnish:
    """Runs varnishstat, which reads the shared memory of one instance; needs to be in the group ``varnish``."""

    up: Final = UP

    def __init__(self, folder: str) -> None:
        self._instance = ("-n", folder) if folder.strip("/") else ()
        self._running: subprocess.Popen[bytes] | None = None
        self._version: dict[str, str] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise MissingProgramError, VarnishError."""
        if self._version is None:
            found = _VERSION.search(self._run("-V").decode(errors="replace"))
            self._version = found.groupdict() if found else {}
        if self._version:
            yield VERSION.samples({tuple(self._version[label] for label in VERSION.labels): 1})
        yield from families(_counters(self._run("-j", "-t", "0", *self._instance)))

    def close(self) -> None:
        """End the program, under whoever waits for it."""
        running = self._running
        if running is not None:
            running.kill()

    def _run(self, *words: str) -> bytes:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise MissingProgramError(
                "probing Varnish needs varnishstat, which comes with it, on the exporter's machine"
            )
        with subprocess.Popen(
            [program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}
        ) as running:
            self._running = running
            assert running.stdout is not None  # it is a pipe
            said = running.stdout.read(_LARGEST)
            if len(said) == _LARGEST:  # it would wait for somebody to read the rest
                running.kill()
        self._running = None
        if running.returncode:
            raise VarnishError(said[:_SHOWN].decode(errors="replace").strip() or f"{_PROGRAM} failed")
        return said


def varnish(_target: Target, url: SplitResult) -> Varnish:
    """Return what asks the Varnish whose working directory is the path of *url*, or the machine's only one."""
    return Varnish(unquote(url.path))


def _counters(text: bytes) -> dict[str, Any]:
    """Return the counters by name; before Varnish 6.5 they are the answer itself."""
    try:
        answer = json.loads(text)
    except ValueError:
        raise VarnishError(f"{_PROGRAM} does not answer in JSON") from None
    counters = answer.get("counters", answer) if isinstance(answer, dict) else {}
    return {key: each["value"] for key, each in counters.items() if isinstance(each, dict) and "value" in each}
