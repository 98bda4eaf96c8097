"""The server of the benchmarks takes whatever is pushed to it, and says why where it does not."""

import importlib
import shutil
import time
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SCRAPE, MINUTE = 30_000, 60_000

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which pushes a series at a time here, and finds its neighbours as the benchmarks do."""
    monkeypatch.syspath_prepend(str(TOOLS))
    found = importlib.import_module("_server")
    monkeypatch.setattr(found, "_PUSHED_AT_ONCE", 1)
    return found


def prometheus() -> str:
    """Return where it is."""
    found = shutil.which("prometheus")
    assert found is not None
    return found


def test_a_long_time_of_many_series_is_taken(server: ModuleType, tmp_path: Path) -> None:
    """A fleet's blocks take long to write, so that hours lie between them and the counters that are made ahead."""
    now = int(time.time()) * 1000 // SCRAPE * SCRAPE
    begin, end = now - 100 * MINUTE, now + 40 * MINUTE
    track = server.Track(begin - 10 * SCRAPE, SCRAPE, [float(n) for n in range(600)])
    recorded = {(("__name__", "x"), ("job", "recorded")): track}
    raw = {(("__name__", "x"), ("instance", str(n)), ("job", "raw")): track for n in range(3)}
    with server.serving(prometheus(), tmp_path) as running:
        running.push((recorded, begin, now), (raw, begin, end))
        query = 'sum by (job) (count_over_time({job=~"raw|recorded"}[1d]))'
        found = running.get("query", query=query, time=str(end / 1000))["result"]

    counts = {each["metric"]["job"]: float(each["value"][1]) for each in found}
    assert {"recorded": (now - begin) / SCRAPE, "raw": 3 * (end - begin) / SCRAPE} == counts


def test_what_is_refused_is_told_with_its_reason(server: ModuleType, tmp_path: Path) -> None:
    """Its body says what the status does not."""
    now = int(time.time()) * 1000
    early, late = (server.Track(at, SCRAPE, [1.0]) for at in (now - 90 * MINUTE, now))
    with server.serving(prometheus(), tmp_path) as running:
        running.push(({(("__name__", "late"),): late}, now, now + 1))
        with pytest.raises(SystemExit) as refused:
            running.push(({(("__name__", "early"),): early}, early.start, early.start + 1))

    assert "prometheus answers /api/v1/write with 400 Bad Request: out of bounds" == str(refused.value)
