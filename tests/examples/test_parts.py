"""The shop's parts by themselves: the switch of faults, and the queue of mails."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shop import EXAMPLE

from seawall.stack import faults as demo


@pytest.fixture(autouse=True)
def beside_the_shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Import the shop's modules as the shop does, and forget them."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    for name in ("faults", "mail_queue"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, False, 1)),
        ("[1]", (0, 0, False, 1)),
        ('{"errors": "many"}', (0, 0, False, 1)),
        ('{"errors": 7, "latency": 900, "load": 90}', (1, 30, False, 10)),
        ('{"errors": -1, "latency": NaN, "load": -1, "dependency_down": 1}', (0, 0, False, 0)),
        ('{"dependency_down": true}', (0, 0, True, 1)),
    ],
)
def test_nonsense_in_the_file_breaks_nothing(
    tmp_path: Path, text: str, expected: tuple[float, float, bool, float]
) -> None:
    """Values are held within bounds, and a file that cannot be read is no fault."""
    import faults

    path = tmp_path / "faults.json"
    path.write_text(text)
    found = faults.read_faults(path)

    assert expected == (found.errors, found.latency, found.dependency_down, found.load)


@pytest.mark.parametrize("name", sorted(demo.FAULTS))
def test_what_the_command_switches_the_shop_reads(tmp_path: Path, name: str) -> None:
    """``seawall demo`` and the shop agree on every key of the file."""
    import faults

    path = tmp_path / "faults.json"
    written = demo.switch(path, name)

    assert written == vars(faults.read_faults(path))


def test_the_shops_own_writer_is_read_back(tmp_path: Path) -> None:
    """Written atomically into a folder that it makes; nothing is left beside the file."""
    import faults

    path = tmp_path / "state" / "faults.json"
    wanted = faults.Faults(errors=0.25, latency=0.5, dependency_down=True, load=2.0)
    faults.write_faults(path, wanted)

    assert (wanted, ["faults.json"]) == (faults.read_faults(path), [one.name for one in path.parent.iterdir()])


def test_the_file_is_read_at_most_once_a_second(tmp_path: Path) -> None:
    """A switched fault is seen a second later, not at each request."""
    import faults

    path, now = tmp_path / "faults.json", [0.0]
    switch = faults.FaultSwitch(str(path), lambda: now[0])
    assert (False, 0.0) == (switch.strikes(), switch.now().errors)
    faults.write_faults(path, faults.Faults(errors=1.0))
    assert 0.0 == switch.now().errors
    now[0] = 1.0

    assert (True, 1.0) == (switch.strikes(), switch.now().errors)


def make_queue(path: Path) -> Any:
    """Return a queue in the file at *path*."""
    import mail_queue

    return mail_queue.MailQueue(path)


def test_a_mail_is_taken_once_and_in_order(tmp_path: Path) -> None:
    """Two queues on one file never hand out the same mail; a finished one is gone."""
    one, two = make_queue(tmp_path / "mails"), make_queue(tmp_path / "mails")
    for name in ("a", "b"):
        one.put(name, "text", {"traceparent": "x"})
    first, second = one.take(), two.take()

    assert ("a", "b", None, 2) == (first.recipient, second.recipient, one.take(), one.waiting())
    assert {"traceparent": "x"} == first.headers
    one.finish(first)
    two.finish(second)
    assert (0, 0.0) == (one.waiting(), one.oldest_age())


def test_a_mail_whose_mailer_died_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim lasts a minute; a mail that is given back waits no longer; its age counts from the order."""
    import mail_queue

    now = [1000.0]
    monkeypatch.setattr(mail_queue.time, "time", lambda: now[0])
    queue = make_queue(tmp_path / "mails")
    queue.put("a", "text", {})
    mail = queue.take()
    queue.release(mail)
    assert mail == queue.take()
    now[0] += 59
    assert (None, 59.0) == (queue.take(), queue.oldest_age())
    now[0] += 2

    assert mail == queue.take()
