"""Every framework against every case, in one process each: a request counts once, under its route."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from applications import clean_environment
from matrix_driver import ROUTES, SIMPLE
from matrix_rows import ROWS, Row

HERE = Path(__file__).parent
HELD = ("a stream", "an event stream", "a slow upstream")
GIVEN_UP = ("a client that leaves", "a client that leaves before the answer", "a cancelled request")
ONCE = (*SIMPLE, *HELD, *GIVEN_UP, "a background task")


@cache
def seen(app: str) -> dict[str, Any]:
    """Return what each case showed of an application, run in a process of its own."""
    row = next(row for row in ROWS if row.app == app)
    command = [
        sys.executable,
        str(HERE / "matrix_driver.py"),
        row.app,
        row.kind,
        str(row.hosts),
        str(row.paths),
        *row.further,
    ]
    with TemporaryDirectory() as gate:
        environ = clean_environment({"OTEL_EXPORTER_PROMETHEUS_PORT": "0", "MATRIX_GATE": gate})
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, cwd=HERE / "apps")
    assert 0 == done.returncode, done.stderr
    assert "Seawall" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def cases(*names: str) -> list[Any]:
    """Return the row and case of each row that has it."""
    return [pytest.param(row, name, id=f"{row.app}-{name}") for row in ROWS for name in names if name not in row.lacks]


@pytest.mark.parametrize(
    ("row", "case"),
    [*cases(*ONCE), *(pytest.param(row, path, id=f"{row.app}-{path}") for row in ROWS for path in row.further)],
)
def test_a_request_counts_once_under_its_route(row: Row, case: str) -> None:
    """Whatever becomes of it; its first failure counts too, in the series that stands at zero, and none stays open."""
    one = seen(row.app)[case]

    assert (row.counted(case), 0) == (one["grown"], one["left"])
    assert 1 == sum(one["first"].values())


@pytest.mark.parametrize(("row", "case"), cases("a stream", "a slow upstream"))
def test_a_response_is_measured_to_its_last_byte(row: Row, case: str) -> None:
    """While it is held, by its stream or what it waits for, it is open and not yet counted."""
    one = seen(row.app)[case]

    assert ({}, 1) == (one["held"], one["open"])


@pytest.mark.parametrize(("row", "case"), cases("an event stream"))
def test_an_event_stream_is_measured_to_its_first_event(row: Row, case: str) -> None:
    """Its length says nothing of the service's speed."""
    one = seen(row.app)[case]

    assert (row.counted(case), 0) == (one["held"], one["open"])


@pytest.mark.parametrize(("row", "case"), cases("a background task"))
def test_a_background_task_is_not_in_the_latency(row: Row, case: str) -> None:
    """The request counts at its last byte, while its task still waits."""
    one = seen(row.app)[case]

    assert (row.counted(case), 0) == (one["held"], one["open"])


@pytest.mark.parametrize(("row", "case"), cases("a websocket"))
def test_a_websocket_is_no_request_and_works(row: Row, case: str) -> None:
    """It says back what it was told, and neither its handshake nor its life counts."""
    one = seen(row.app)[case]

    assert "hello" in one["body"]
    assert ({}, {}, 0) == (one["first"], one["grown"], one["left"])


@pytest.mark.parametrize(("row", "case"), cases("many routes"))
def test_each_of_many_routes_is_a_series(row: Row, case: str) -> None:
    """Two hundred routes are two hundred series of one request each."""
    expected = {f"GET /r{each}/{row.numbered} 200 -": 1 for each in range(ROUTES)}

    assert expected == seen(row.app)[case]["grown"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.app)
def test_random_hosts_and_paths_make_no_series(row: Row) -> None:
    """What a stranger sends counts under the route that it found, or under none, and adds not one series."""
    found = seen(row.app)

    assert {f"GET {row.item} 200 -": row.hosts} == found["many hosts"]["grown"]
    assert {"GET - 404 -": row.paths} == found["many paths"]["grown"]
    assert found["many hosts"]["series"] == found["many paths"]["series"] == found["before the flood"]["series"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.app)
def test_the_application_answers_as_it_would(row: Row) -> None:
    """The status that is counted is the one that the client got."""
    for case in SIMPLE:
        one = seen(row.app)[case]
        [counted] = one["grown"]
        assert (case, counted.split()[2]) in ((case, str(one["status"])), (case, "-"))
