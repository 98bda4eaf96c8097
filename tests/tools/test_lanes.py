"""Lanes of the test suite: what computes beside what waits."""

from pathlib import Path

from lanes import COMPUTES, ONE, picked

SCOPES = ("tests/e2e/a.py", "tests/generator/b.py", "tests/packs/c.py", "tests/lint/d.py")


def test_every_second_worker_takes_what_computes() -> None:
    """In the order in which it was collected."""
    assert ["tests/e2e/a.py", "tests/generator/b.py"] == [picked(worker, SCOPES) for worker in ("gw0", "gw1")]
    assert ["tests/packs/c.py", "tests/lint/d.py"] == [picked(worker, SCOPES[2:]) for worker in ("gw2", "gw3")]


def test_who_has_no_more_of_his_own_takes_the_next_of_the_others() -> None:
    """No worker rests while there is something to do."""
    assert "tests/e2e/a.py" == picked("gw1", ("tests/e2e/a.py", "tests/packs/c.py"))
    assert "tests/generator/b.py" == picked("gw0", ("tests/generator/b.py", "tests/lint/d.py"))


def test_what_is_said_to_compute_is_there() -> None:
    """A room that is renamed would wait unseen."""
    assert [] == [name for name in (*COMPUTES, *ONE) if not (Path(__file__).parents[2] / name).exists()]
