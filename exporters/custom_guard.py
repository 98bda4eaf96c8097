"""Between a custom collector and the exporter: its errors in a line, its samples as declared, and bounded."""

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

from seawall.catalog import SeawallError

from .declaration import Labels, MetricInfo
from .kinds import Kind, ServiceCollector, Target

_log: Final = logging.getLogger(__name__)

_HERE: Final = Path(__file__).parent
MOST_SAMPLES: Final = 10_000
MOST_CLOSING: Final = 10  # collectors of a kind whose close() may hang before no more is connected


class CustomError(SeawallError):
    """A custom collector failed; the text begins with file and line."""


def told(error: BaseException, where: str) -> str:
    """Return *error* as ``FILE:LINE: Type: text``; see place_of."""
    name = "" if isinstance(error, SeawallError) else f"{type(error).__name__}: "
    return f"{place_of(error, where)}: {name}{_text(error)}"


def place_of(error: BaseException, where: str) -> str:
    """Return ``FILE:LINE`` of the last line of the file *where* that had a part in *error*.

    Of an entry point, which is no file, it is the last line outside of Seawall.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno or 1}"
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    is_file = Path(where).is_file()
    own = [(file, line) for file, line in frames if (file == where if is_file else Path(file).parent != _HERE)]
    return ":".join(map(str, own[-1])) if own else where


def _text(error: BaseException) -> str:
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # noqa: BLE001  # its own __str__ is broken too
        return "no text"


def guarded(kind: Kind, where: str) -> Callable[[Target], ServiceCollector]:
    """Return the connect of *kind*, whose collectors raise CustomError alone and yield what is declared."""
    closing: list[Thread] = []

    def connect(target: Target) -> ServiceCollector:
        closing[:] = [thread for thread in closing if thread.is_alive()]
        if len(closing) >= MOST_CLOSING:
            raise CustomError(f"{where}: close() of {len(closing)} collectors has not returned; it must not wait")
        assert kind.connect is not None
        try:
            collector = kind.connect(target)
        except BaseException as error:  # noqa: BLE001  # sys.exit too
            raise CustomError(told(error, where)) from None
        if not callable(getattr(collector, "collect", None)) or not callable(getattr(collector, "close", None)):
            raise CustomError(f"{where}: connect must return an object with collect() and close()")
        return _Guarded(collector, kind, where, closing)

    return connect


class _Guarded:
    def __init__(self, collector: ServiceCollector, kind: Kind, where: str, closing: list[Thread]) -> None:
        self._collector, self._where, self._closing = collector, where, closing
        self._up = kind.up.name
        self._declared = {info.name: info for info in kind.metrics}

    def collect(self) -> Iterable[Metric]:
        """Return the families, of which each sample is declared; raise CustomError."""
        found: dict[MetricInfo, dict[Labels, float | None]] = defaultdict(dict)
        try:
            for number, sample in enumerate(self._samples()):
                if number >= MOST_SAMPLES:
                    raise self._wrong(f"more than {MOST_SAMPLES} samples; keep the largest, and sum the rest")
                info, labels = self._declaration_of(sample)
                if labels in found[info]:
                    raise self._wrong(f"{info.name} twice with the same labels")
                found[info][labels] = sample.value
        except CustomError:
            raise
        except BaseException as error:  # noqa: BLE001  # sys.exit too, which would end the thread without a word
            raise CustomError(told(error, self._where)) from None
        return [info.samples(values) for info, values in found.items()]

    def close(self) -> None:
        """Close the collector in a thread, since whoever calls this is in a hurry."""
        thread = Thread(target=self._close, name="close", daemon=True)
        self._closing.append(thread)
        thread.start()

    def _close(self) -> None:
        try:
            self._collector.close()
        except BaseException as error:  # noqa: BLE001  # nobody waits for it
            # Not its text, which may hold what its url holds.
            _log.warning("close() failed: %s: %s", place_of(error, self._where), type(error).__name__)

    def _samples(self) -> Iterator[Sample]:
        for family in self._collector.collect():
            if not isinstance(family, Metric):
                raise self._wrong(f"{type(family).__name__} where a Metric is due")
            yield from family.samples

    def _declaration_of(self, sample: Sample) -> tuple[MetricInfo, Labels]:
        info = self._declared.get(sample.name)
        if info is None:
            raise self._wrong(f"{sample.name}, which KIND does not declare; add it to metrics")
        if info.name == self._up:
            raise self._wrong(f"{info.name}, which the exporter adds itself; leave it out")
        if sample.labels.keys() != set(info.labels):
            raise self._wrong(f"{info.name} with the labels {sorted(sample.labels)}, not {sorted(info.labels)}")
        if not isinstance(sample.value, int | float):
            raise self._wrong(f"{info.name} with a value that is no number")
        # What is not UTF-8 would spoil the whole answer.
        texts = (str(sample.labels[label]).encode("utf-8", "backslashreplace").decode() for label in info.labels)
        return info, tuple(texts)

    def _wrong(self, what: str) -> CustomError:
        return CustomError(f"{self._where}: collect() yields {what}")
