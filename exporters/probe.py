"""One question to one service: alone, in time, and with an answer whatever happens."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock, Thread
from typing import Final

from prometheus_client import Metric

from seawall.catalog import Probe, SeawallError, Service
from seawall.catalog.environment import expand

from .kinds import FailedProbeError, Kind, LastingCollector, ServiceCollector, Target
from .own import PROBE_DURATION, PROBE_SUCCESS
from .redaction import secrets_of, split, without

_log: Final = logging.getLogger(__name__)
_MOST_AT_A_TIME: Final = 5
"""Probes of one service: one runs, the others wait for it. Who comes next would hold a thread that others need."""


@dataclass
class _Slot:
    """What is kept of a service between its probes; *busy* is held by the one probe that may run.

    *room* is for those that wait for it, too.
    """

    room: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_MOST_AT_A_TIME))
    busy: Lock = field(default_factory=Lock)
    deadline: float = 0.0
    url: str = field(default="", repr=False)
    asked: Probe | None = None
    collector: ServiceCollector | None = None
    failure: str | None = None

    def close(self) -> None:
        """Let the collector go, and with it whoever waits on its connection."""
        collector, self.collector = self.collector, None
        if collector is not None:
            collector.close()

    def give_up(self) -> None:
        """End what hangs after a probe that failed; keep a collector that lasts."""
        if isinstance(self.collector, LastingCollector):
            self.collector.interrupt()
        else:
            self.close()


@dataclass
class _Answer:
    """What a probe's thread found: the families, and why it failed, which is None only after success.

    Both are one value: the thread may come to an end while the waiting one looks.
    """

    found: tuple[list[Metric], str | None] = ([], "it did not answer in time")


class Prober:
    """Probes services, each in a thread of its own that is cut off at its deadline; keeps their connections."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._environ = environ
        self._clock = clock
        self._slots: dict[str, _Slot] = {}
        self._lock = Lock()

    def probe(self, service: Service, kind: Kind, timeout: float) -> tuple[bool, list[Metric]]:
        """Return whether *service* answered within *timeout* seconds, and the families; never raises."""
        start = self._clock()
        slot = self._slot(service.name)
        families, failure = self._answer(slot, service, kind, start + timeout)
        success = failure is None
        duration = self._clock() - start
        outcome = [kind.up.value(success), PROBE_SUCCESS.value(success), PROBE_DURATION.value(duration)]
        return success, [*families, *outcome]

    def keep(self, names: Iterable[str]) -> None:
        """Close the connections to all services but *names*."""
        with self._lock:
            gone = [self._slots.pop(name) for name in self._slots.keys() - set(names)]
        for slot in gone:
            slot.close()

    def _answer(self, slot: _Slot, service: Service, kind: Kind, deadline: float) -> tuple[list[Metric], str | None]:
        if not slot.room.acquire(blocking=False):
            return [], f"{_MOST_AT_A_TIME} probes of it are under way"  # which is told of by them
        try:
            # The thread may still come to an end, too late: what it found then is no longer looked at.
            families, failure = self._ask(slot, service, kind, deadline).found
        finally:
            slot.room.release()
        self._note(service.name, slot, failure)
        return families, failure

    def _slot(self, name: str) -> _Slot:
        with self._lock:
            return self._slots.setdefault(name, _Slot())

    def _ask(self, slot: _Slot, service: Service, kind: Kind, deadline: float) -> _Answer:
        answer = _Answer()
        if slot.busy.acquire(timeout=max(0.0, deadline - self._clock())):
            slot.deadline = deadline
            work = (slot, service, kind, deadline, answer)
            thread = Thread(target=self._run, args=work, name=f"probe {service.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the machine gives no more threads
                slot.busy.release()
                return _Answer(([], str(error)))
            thread.join(max(0.0, deadline - self._clock()))
        # Held by this probe's thread or by an earlier one's: whose time is up is cut off.
        if slot.busy.locked() and self._clock() >= slot.deadline:
            slot.give_up()
        return answer

    def _run(self, slot: _Slot, service: Service, kind: Kind, deadline: float, answer: _Answer) -> None:
        template = service.url or ""
        secrets: frozenset[str] = frozenset()
        try:
            url = expand(template, self._environ)
            secrets = secrets_of(template, url, self._environ)
            split(url)
            collector = _collector(slot, kind, Target(url, max(0.001, deadline - self._clock()), service.probe))
            answer.found = [family for family in collector.collect() if family.samples], None
        except FailedProbeError as error:
            answer.found = error.families, without(str(error), secrets)
        except SeawallError as error:
            answer.found = [], without(str(error), secrets)
        except Exception as error:  # noqa: BLE001  # whatever a server sends, the exporter goes on
            answer.found = [], without(f"{type(error).__name__}: {error}", secrets)
        finally:
            if answer.found[1] is not None:
                slot.give_up()
            slot.busy.release()

    def _note(self, name: str, slot: _Slot, failure: str | None) -> None:
        """Log a change: that a server is still dead is not news every fifteen seconds."""
        if failure == slot.failure:
            return
        slot.failure = failure
        if failure is None:
            _log.info("probe of %s succeeds again", name)
        else:
            _log.warning("probe of %s failed: %s", name, failure)


def _collector(slot: _Slot, kind: Kind, target: Target) -> ServiceCollector:
    assert kind.connect is not None  # the server probes no other kinds
    if (slot.url, slot.asked) != (target.url, target.probe):
        slot.close()
        slot.url, slot.asked = target.url, target.probe
    if slot.collector is None:
        slot.collector = kind.connect(target)
    return slot.collector
