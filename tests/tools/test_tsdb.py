"""The blocks that the benchmarks write hold what they were given, as Prometheus' own tool reads them."""

import importlib
import math
import random
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
START, STEP = 1_700_000_000_000, 15_000


@pytest.fixture
def tsdb(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, which finds its neighbours as the benchmarks do."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("_tsdb")


def dumped(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what promtool reads of *folder*: times and values by series."""
    (folder / "wal").mkdir()
    command = ["promtool", "tsdb", "dump", str(folder)]
    found: dict[str, list[tuple[int, float]]] = {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        series, value, at = line.rsplit(" ", 2)
        found.setdefault(series, []).append((int(at), float(value)))
    return found


def samples(track: Any) -> list[tuple[int, float]]:
    """Return the times and values of a track."""
    return [(track.start + index * track.step, value) for index, value in enumerate(track.values)]


def test_promtool_reads_what_was_written(tsdb: ModuleType, tmp_path: Path) -> None:
    """Counters, fractions, repeated values and a single sample, over several chunks, with tracks that are shared."""
    rng = random.Random(1)
    counter = tsdb.Track(START, STEP, [float(7 * index + rng.randrange(3)) for index in range(500)])
    ratio = tsdb.Track(START, STEP, [math.sin(index) * rng.random() for index in range(241)])
    flat = tsdb.Track(START, STEP, [1e-300, 1e-300, -0.5, math.inf, 1e300, 1e300, 2.0**60, 0.0])
    close = tsdb.Track(START, STEP, [2.0, math.nextafter(2.0, 3.0), 2.0, 2.5])
    single = tsdb.Track(START, STEP, [42.0])
    series = {
        (("__name__", "requests_total"), ("job", "a")): counter,
        (("__name__", "requests_total"), ("job", "ü")): counter,
        (("__name__", "ratio"), ("job", "a"), ("zone", "1")): ratio,
        (("__name__", "flat"),): flat,
        (("__name__", "close"),): close,
        (("__name__", "single"),): single,
    }
    tsdb.write_block(tmp_path, series, START, START + 1000 * STEP)

    expected = {
        '{__name__="requests_total", job="a"}': samples(counter),
        '{__name__="requests_total", job="ü"}': samples(counter),
        '{__name__="ratio", job="a", zone="1"}': samples(ratio),
        '{__name__="flat"}': samples(flat),
        '{__name__="close"}': samples(close),
        '{__name__="single"}': samples(single),
    }
    assert expected == dumped(tmp_path)


def test_a_block_holds_its_own_time_alone(tsdb: ModuleType, tmp_path: Path) -> None:
    """What comes before it and at its end is in other blocks; a series without samples is in none."""
    long = tsdb.Track(START, STEP, [float(index) for index in range(400)])
    early = tsdb.Track(START, STEP, [1.0, 2.0])
    series = {(("__name__", "long"),): long, (("__name__", "early"),): early}
    for first, last in ((0, 100), (100, 400)):
        tsdb.write_block(tmp_path, series, START + first * STEP, START + last * STEP)

    found = dumped(tmp_path)
    assert samples(long) == sorted(found['{__name__="long"}'])
    assert samples(early) == found['{__name__="early"}']
    assert 2 == len(list(tmp_path.glob("*/index")))


def test_nothing_is_written_of_no_samples(tsdb: ModuleType, tmp_path: Path) -> None:
    """Prometheus refuses an empty block."""
    tsdb.write_block(tmp_path, {(("__name__", "x"),): tsdb.Track(START, STEP, [1.0])}, 0, 1000)

    assert [] == list(tmp_path.iterdir())
