"""A probe is alone, in time, and always has an answer."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest
from prometheus_client import Metric

from seawall.catalog import SeawallError, Service
from seawall.exporters.declaration import gauge
from seawall.exporters.kinds import Kind, Target
from seawall.exporters.probe import Prober

UP = gauge("fake_up", "", "1 if it answered.")
VALUE = gauge("fake_value", "", "A number.")


@dataclass
class FakeCollector:
    """A collector whose answer, delay and error the test chooses; it remembers that it was closed."""

    url: str = ""
    error: Exception | None = None
    released: Event = field(default_factory=Event)
    waits: bool = False
    closed: int = 0

    def collect(self) -> Iterable[Metric]:
        if self.waits:
            self.released.wait(10)
        if self.error is not None:
            raise self.error
        return [VALUE.value(7), VALUE.value(None)]

    def close(self) -> None:
        self.closed += 1
        self.released.set()


def kind_of(*collectors: FakeCollector) -> tuple[Kind, list[Target]]:
    """Return a kind that connects to each of *collectors* in turn, and the targets that it was given."""
    left, targets = list(collectors), list[Target]()

    def connect(target: Target) -> FakeCollector:
        targets.append(target)
        return left.pop(0)

    return Kind("fake", UP, (UP, VALUE), connect), targets


SERVICE = Service(name="cache", kind="fake", team="ops", url="fake://:${PASSWORD}@cache:1")
ENVIRON = {"PASSWORD": "hunter2"}


def values(families: list[Metric]) -> dict[str, float]:
    """Return the value of each family."""
    return {family.name: family.samples[0].value for family in families}


def test_an_answer_comes_with_up_and_success() -> None:
    """Families without a sample are left out."""
    kind, _ = kind_of(FakeCollector())
    success, families = Prober(ENVIRON).probe(SERVICE, kind, 1)
    assert success
    duration = values(families).pop("seawall_probe_duration_seconds")
    assert {name: value for name, value in values(families).items() if name != "seawall_probe_duration_seconds"} == {
        "fake_value": 7,
        "fake_up": 1,
        "seawall_probe_success": 1,
    }
    assert 0 <= duration < 1


def test_the_collector_gets_the_url_with_its_secret_and_the_time_left() -> None:
    """The secret comes from the environment when the probe runs."""
    kind, targets = kind_of(FakeCollector())
    Prober(ENVIRON).probe(SERVICE, kind, 1)
    assert targets[0].url == "fake://:hunter2@cache:1"
    assert 0.5 < targets[0].timeout <= 1


def test_the_connection_is_kept_from_probe_to_probe() -> None:
    """Connecting costs the server more than the question."""
    kind, targets = kind_of(FakeCollector())
    prober = Prober(ENVIRON)
    assert [prober.probe(SERVICE, kind, 1)[0] for _ in range(2)] == [True, True]
    assert len(targets) == 1


def test_a_failed_probe_connects_anew() -> None:
    """What a broken connection still holds is thrown away."""
    broken = FakeCollector(error=ValueError("broken"))
    kind, targets = kind_of(broken, FakeCollector())
    prober = Prober(ENVIRON)
    assert [prober.probe(SERVICE, kind, 1)[0] for _ in range(2)] == [False, True]
    assert (broken.closed, len(targets)) == (1, 2)


def test_another_url_connects_anew() -> None:
    """A catalog that names another server is heeded at once."""
    first = FakeCollector()
    kind, targets = kind_of(first, FakeCollector())
    prober = Prober(ENVIRON)
    prober.probe(SERVICE, kind, 1)
    prober.probe(SERVICE.model_copy(update={"url": "fake://other:1"}), kind, 1)
    assert [target.url for target in targets] == ["fake://:hunter2@cache:1", "fake://other:1"]
    assert first.closed == 1


def test_a_probe_that_hangs_is_cut_off_at_its_deadline() -> None:
    """Its collector is closed, which wakes it."""
    hung = FakeCollector(waits=True)
    kind, _ = kind_of(hung)
    start = time.monotonic()
    success, families = Prober(ENVIRON).probe(SERVICE, kind, 0.2)
    assert time.monotonic() - start < 1
    assert (success, values(families)["fake_up"], hung.closed) == (False, 0, 1)
    assert "fake_value" not in values(families)


def test_a_second_probe_of_the_same_service_waits_for_the_first() -> None:
    """Two Prometheus servers never make two questions at a time, and neither cuts the other off."""
    slow = FakeCollector(waits=True)
    kind, _ = kind_of(slow)
    prober = Prober(ENVIRON)
    found: list[bool] = []
    first = Thread(target=lambda: found.append(prober.probe(SERVICE, kind, 5)[0]))
    first.start()
    time.sleep(0.05)
    assert prober.probe(SERVICE, kind, 0.1)[0] is False
    assert slow.closed == 0
    slow.waits = False
    slow.released.set()
    first.join(5)
    assert found == [True]


def test_a_failure_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    """A dead server is no news every fifteen seconds; its recovery is."""
    caplog.set_level(logging.INFO)
    dead = [FakeCollector(error=OSError("refused")) for _ in range(3)]
    kind, _ = kind_of(*dead, FakeCollector())
    prober = Prober(ENVIRON)
    for _ in range(5):
        prober.probe(SERVICE, kind, 1)
    expected = ["probe of cache failed: OSError: refused", "probe of cache succeeds again"]
    assert expected == [record.getMessage() for record in caplog.records]


def test_an_error_is_told_without_the_secret_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Newlines cannot forge a line of the log."""
    kind, _ = kind_of(FakeCollector(error=ValueError("bad hunter2\nERROR forged \x1b[31m fake://:hunter2@cache:1")))
    Prober(ENVIRON).probe(SERVICE, kind, 1)
    assert [r.getMessage() for r in caplog.records] == [
        "probe of cache failed: ValueError: bad *** ERROR forged [31m ***"
    ]


def test_an_error_of_seawall_is_told_as_its_sentence(caplog: pytest.LogCaptureFixture) -> None:
    """It says what to do next."""
    kind, _ = kind_of(FakeCollector(error=SeawallError("install the client")))
    Prober(ENVIRON).probe(SERVICE, kind, 1)
    assert [record.getMessage() for record in caplog.records] == ["probe of cache failed: install the client"]


def test_a_missing_variable_makes_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    """The variable is named, and nothing is asked."""
    kind, targets = kind_of()
    assert Prober({}).probe(SERVICE, kind, 1)[0] is False
    assert targets == []
    assert "PASSWORD" in caplog.text


def test_services_that_left_the_catalog_are_let_go() -> None:
    """Their connections are closed."""
    gone = FakeCollector()
    kind, _ = kind_of(gone)
    prober = Prober(ENVIRON)
    prober.probe(SERVICE, kind, 1)
    prober.keep(["another"])
    assert gone.closed == 1


def test_services_that_stay_keep_their_connection() -> None:
    """A reload of the catalog is no reason to reconnect."""
    stays = FakeCollector()
    kind, _ = kind_of(stays)
    prober = Prober(ENVIRON)
    prober.probe(SERVICE, kind, 1)
    prober.keep(["cache"])
    assert stays.closed == 0
