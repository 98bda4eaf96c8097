"""Text files of metrics, as node_exporter's textfile collector reads them: what scripts and cron jobs write."""

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

from seawall.catalog import SeawallError
from seawall.exporters.declaration import MetricInfo, family, gauge

from .exposition import SampleKey, TextFamily, read_exposition

_log: Final = logging.getLogger(__name__)

ERROR: Final = gauge("node_textfile_scrape_error", "", "1 if a text file could not be read, or clashes, else 0.")
MTIME: Final = gauge("node_textfile_mtime_seconds", "seconds", "When a text file was written, since 1970.", "file")
_LARGEST: Final = 10_000_000  # bytes of a file
_SEAWALLS: Final = ("seawall_", "process_", "python_", "node_textfile_")  # also on the page, from elsewhere

Version = tuple[int, int, int]


class TextfileError(SeawallError):
    """A text file is not read."""


class TextfileCollector:
    """Reads each ``.prom`` file of a *folder*, whole or not at all; *taken* are names that others expose."""

    name: ClassVar[str] = "textfile"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (ERROR, MTIME)

    def __init__(self, folder: Path, taken: Iterable[str]) -> None:
        self._folder, self._taken = folder, frozenset(taken)
        self._read: dict[str, tuple[Version, list[TextFamily]]] = {}
        self._told: frozenset[str] = frozenset()

    def collect(self) -> Iterator[Metric]:
        """Yield what the files hold, when each was written, and whether one is broken."""
        wrong: list[str] = []
        merged = _Merged(self._taken)
        times: dict[tuple[str, ...], float | None] = {}
        read: dict[str, tuple[Version, list[TextFamily]]] = {}
        for file in self._files(wrong):
            try:
                version, families = read[file] = self._families(file)
            except (OSError, SeawallError, UnicodeDecodeError) as error:
                wrong.append(f"{file}: {_reason(error)}")
                continue
            times[file,] = version[2] / 1e9
            wrong += [f"{file}: {clash}" for clash in merged.add(file, families)]
        self._read = read
        self._tell(frozenset(wrong))
        yield from merged.metrics()
        yield MTIME.samples(times)
        yield ERROR.value(bool(wrong))

    def _files(self, wrong: list[str]) -> list[str]:
        try:
            return sorted(str(file) for file in self._folder.iterdir() if file.name.endswith(".prom"))
        except OSError as error:
            wrong.append(f"{self._folder}: {_reason(error)}")
            return []

    def _families(self, file: str) -> tuple[Version, list[TextFamily]]:
        """Return when *file* was written and what it holds, from the last time where it is the same."""
        # Without O_NONBLOCK a pipe would wait for somebody to write.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
            found = os.fstat(opened.fileno())
            version = found.st_ino, found.st_size, found.st_mtime_ns
            kept = self._read.get(file)
            if kept is not None and kept[0] == version:
                return kept
            if not stat.S_ISREG(found.st_mode):
                raise TextfileError("it is no regular file")
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise TextfileError(f"it has more than {_LARGEST} bytes")
        return version, read_exposition(content.decode())

    def _tell(self, wrong: frozenset[str]) -> None:
        """Log what was not so at the last scrape."""
        for text in sorted(wrong - self._told):
            _log.warning("text file %.300s", text)
        self._told = wrong


class _Merged:
    """The families of all files; of what clashes the first stays."""

    def __init__(self, taken: frozenset[str]) -> None:
        self._taken = taken
        self._families: dict[str, TextFamily] = {}
        self._files: dict[str, list[str]] = {}
        self._seen: set[SampleKey] = set()

    def add(self, file: str, families: Iterable[TextFamily]) -> Iterator[str]:
        """Take in what *file* holds; yield what clashes."""
        for each in families:
            own = self._families.setdefault(each.name, TextFamily(each.name, each.type))
            if each.name in self._taken or each.name.startswith(_SEAWALLS):
                yield f"{each.name} is a metric of the exporter's own; rename it"
            elif own.type != each.type:
                yield f"{each.name} is a {own.type} in {self._files[each.name][0]}, and a {each.type} here"
            else:
                own.help = each.help if own.help is None else own.help
                self._files.setdefault(each.name, []).append(file)
                fresh = {key: value for key, value in each.samples.items() if key not in self._seen}
                self._seen |= fresh.keys()
                own.samples |= fresh
                if each.is_doubled:
                    yield f"{each.name} is there twice with the same labels"
                if len(fresh) < len(each.samples):
                    yield f"{each.name} has the same labels in {self._files[each.name][0]}"

    def metrics(self) -> Iterator[Metric]:
        """Yield the families by name."""
        for name, each in sorted(self._families.items()):
            files = ", ".join(self._files.get(name, ()))
            metric = family(name, each.type, f"Metric read from {files}" if each.help is None else each.help)
            metric.samples = [Sample(sample, dict(labels), value) for (sample, labels), value in each.samples.items()]
            yield metric


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
