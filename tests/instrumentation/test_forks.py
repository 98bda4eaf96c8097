"""Workers of uWSGI, which tells Python nothing of its forks: everybody that asks is called in each."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from seawall.instrumentation.forks import after_uwsgi_forks


@pytest.fixture
def uwsgi(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A master that has one hook, as uWSGI's own module has it in the process that loads the application."""
    module = SimpleNamespace(masterpid=lambda: 7, worker_id=lambda: 0)
    monkeypatch.setitem(sys.modules, "uwsgi", module)  # type: ignore[arg-type]
    return module


def test_the_one_hook_calls_all_where_uwsgis_decorators_are_not_installed(
    uwsgi: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which they asked, the application's own first."""
    monkeypatch.setitem(sys.modules, "uwsgidecorators", None)  # type: ignore[arg-type]
    called: list[str] = []
    uwsgi.post_fork_hook = lambda: called.append("the application's")
    for name in ("first", "second"):
        after_uwsgi_forks(lambda name=name: called.append(name))
    uwsgi.post_fork_hook()

    assert ["the application's", "first", "second"] == called


def test_uwsgis_decorators_keep_the_hook_where_they_are_installed(
    uwsgi: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take it for themselves as they are imported."""
    kept: list[Any] = []
    monkeypatch.setitem(sys.modules, "uwsgidecorators", SimpleNamespace(postfork=kept.append))  # type: ignore[arg-type]
    after_uwsgi_forks(dict)
    after_uwsgi_forks(list)

    assert ([dict, list], False) == (kept, hasattr(uwsgi, "post_fork_hook"))


def test_without_a_master_nobody_forks(uwsgi: SimpleNamespace) -> None:
    """The hook stays the application's."""
    uwsgi.masterpid = lambda: 0
    after_uwsgi_forks(dict)

    assert not hasattr(uwsgi, "post_fork_hook")
