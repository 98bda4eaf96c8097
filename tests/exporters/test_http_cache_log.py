"""The access log, read as it grows: whatever becomes of the file and whatever stands in it, the counters only grow."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import Metric

from seawall.exporters.http_cache_log import CHUNK, LONGEST_LINE, GrowingLog, LogError
from seawall.exporters.http_cache_responses import AccessLog

LINE: Final = {
    "method": "GET",
    "status": "200",
    "cache": "HIT",
    "cache_control": "max-age=60",
    "etag": "",
    "set_cookie": "-",
    "bytes": "100",
    "origin_seconds": "0.5",
}
Read = Callable[[], list[bytes]]


def always() -> bool:
    """There is time."""
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a log with one line in it, from before."""
    found = tmp_path / "cache.json"
    found.write_text("old\n")
    return found


@pytest.fixture
def read(path: Path) -> Read:
    """Return what looks at it, and has looked once."""
    log = GrowingLog(path)
    assert [] == list(log.lines(always))
    return lambda: list(log.lines(always))


def write(path: Path, text: str) -> None:
    """Append *text*."""
    with path.open("a") as file:
        file.write(text)


def test_it_begins_at_the_end_and_reads_on(path: Path, read: Read) -> None:
    """What was there is old; each line comes once."""
    write(path, "a\nb\n")
    assert [b"a", b"b"] == read()
    assert [] == read()


def test_a_line_is_read_when_it_is_whole(path: Path, read: Read) -> None:
    """It may be written in pieces."""
    write(path, "a\nhal")
    assert [b"a"] == read()
    assert [] == read()
    write(path, "f\n")
    assert [b"half"] == read()


def test_a_renamed_file_is_read_to_its_end_and_once_more(path: Path, read: Read) -> None:
    """The server writes there until it is told, and the new file is read from its start."""
    write(path, "a\n")
    old = path.rename(path.with_suffix(".1"))
    write(old, "b\n")
    write(path, "c\n")
    assert [b"a", b"b", b"c"] == read()
    write(old, "late\n")
    write(path, "d\n")
    assert [b"late", b"d"] == read()
    write(old, "too late\n")
    write(path, "e\n")
    assert [b"too late", b"e"] == read()  # it is let go when a look finds nothing new in it
    assert [] == read()
    write(old, "gone\n")
    assert [] == read()


def test_a_file_that_is_gone_for_a_while_is_an_error_until_it_is_back(path: Path, read: Read) -> None:
    """The rest of the old one and all of the new one are read then."""
    write(path, "a\n")
    path.rename(path.with_suffix(".1"))
    with pytest.raises(LogError, match="there is no access log"):
        read()
    write(path, "b\n")
    assert [b"a", b"b"] == read()


def test_a_file_that_comes_later_is_read_from_its_start(tmp_path: Path) -> None:
    """Nothing in it is old."""
    log = GrowingLog(tmp_path / "late.json")
    with pytest.raises(LogError):
        list(log.lines(always))
    write(tmp_path / "late.json", "a\n")
    assert [b"a"] == list(log.lines(always))


def test_a_truncated_file_is_read_from_its_start(path: Path, read: Read) -> None:
    """As ``copytruncate`` does."""
    write(path, "a long line\n")
    assert [b"a long line"] == read()
    path.write_text("b\n")
    assert [b"b"] == read()


@pytest.mark.parametrize("length", [LONGEST_LINE + 1, CHUNK + 5, 3 * CHUNK])
def test_a_line_that_is_too_long_is_told_once_and_the_next_is_read(path: Path, read: Read, length: int) -> None:
    """However many pieces it is read in."""
    write(path, "a\n" + "x" * length + "\nb\n")
    assert [b"a", b"", b"b"] == read()


def test_a_line_that_is_too_long_and_not_whole_is_no_longer_held(path: Path, read: Read) -> None:
    """It is told at once, and its end belongs to it."""
    write(path, "x" * (LONGEST_LINE + 1))
    assert [b""] == read()
    write(path, "y" * 10)
    assert [] == read()
    write(path, "\nb\n")
    assert [b"b"] == read()


def test_a_large_log_takes_little_memory_and_stops_when_time_is_up(path: Path) -> None:
    """What is left is told, and comes at the next look."""
    log = GrowingLog(path)
    assert [] == list(log.lines(always))
    write(path, ("x" * 99 + "\n") * 200_000)
    looks = iter([True, True, False])
    tracemalloc.start()
    first = sum(1 for _ in log.lines(lambda: next(looks)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 2 * CHUNK // 100 - 2 <= first <= 2 * CHUNK // 100
    assert 20_000_000 - 100 * first == log.unread
    assert peak < 6 * CHUNK
    assert 200_000 - first == sum(1 for _ in log.lines(always))
    assert 0 == log.unread


def test_what_is_no_file_is_refused_without_a_wait(tmp_path: Path) -> None:
    """A pipe would block whoever opens it."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(LogError, match="no regular file"):
            list(GrowingLog(path).lines(always))


def samples(log: AccessLog) -> dict[str, float]:
    """Return every sample that is not zero, by name and label values."""
    families: list[Metric] = list(log.collect(always))
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


@pytest.fixture
def counted(path: Path) -> Callable[..., dict[str, float]]:
    """Return what counts lines, and yields what is not zero then."""
    log = AccessLog(path)
    samples(log)

    def count(*lines: object) -> dict[str, float]:
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        write(path, "".join(f"{text}\n" for text in texts))
        return samples(log)

    return count


def test_a_line_is_counted_by_what_it_says(counted: Callable[..., dict[str, float]]) -> None:
    """The header is there or not, whatever it says; the time counts where the origin was asked; a second one adds."""
    assert {
        "http_cache_responses_total GET 200 hit": 1,
        "http_cache_response_bytes_total hit": 100,
        "http_cache_response_headers_total cache-control": 1,
        "http_cache_log_lines_total read": 1,
        "seawall_probe_query_success access_log": 1,
    } == counted(LINE)
    tried = LINE | {"cache": "MISS", "status": 502, "origin_seconds": "0.25, 0.5 : 0.25", "bytes": 7}
    after = counted(LINE, tried)
    assert 2 == after["http_cache_responses_total GET 200 hit"]
    assert 1 == after["http_cache_responses_total GET 502 miss"]
    assert 1 == after["http_cache_origin_seconds_total miss"]
    assert 7 == after["http_cache_response_bytes_total miss"]


@pytest.mark.parametrize(
    ("said", "outcome"), [("pass", "bypass"), ("pipe", "bypass"), ("EXPIRED", "expired"), ("", "none"), ("new", "none")]
)
def test_both_caches_have_the_same_words(counted: Callable[..., dict[str, float]], said: str, outcome: str) -> None:
    """What never saw the cache is none, and so is a word of tomorrow."""
    assert 1 == counted(LINE | {"cache": said})[f"http_cache_responses_total GET 200 {outcome}"]


def test_bytes_that_varnishncsa_escapes_are_no_fault(counted: Callable[..., dict[str, float]]) -> None:
    """JSON does not know its escape."""
    found = counted(json.dumps(LINE).replace("max-age=60", r"\xc3\xa4 \"x\" \\x"))
    assert 1 == found["http_cache_log_lines_total read"]


@pytest.mark.parametrize(
    "line",
    [
        *("", "GET / 200", "[]", "3", "null", '{"method":', "[" * 5000, '"' + "\\u12", "{}", "\x00\x01"),
        LINE | {"bytes": "many"},
        LINE | {"bytes": "nan"},
        LINE | {"bytes": float("inf")},
        LINE | {"bytes": -5},
        LINE | {"bytes": "9" * 5000},
        LINE | {"bytes": [1]},
        LINE | {"origin_seconds": "1e400"},
        LINE | {"status": None},
        LINE | {"cache": {"a": 1}},
        {key: value for key, value in LINE.items() if key != "etag"},
    ],
    ids=lambda line: str(line)[:40],
)
def test_a_line_of_another_form_is_counted_as_that_alone(
    counted: Callable[..., dict[str, float]], line: object
) -> None:
    """Nothing of it is counted, and the next line is."""
    found = counted(line, LINE)
    assert 1 == found["http_cache_log_lines_total malformed"]
    assert 1 == found["http_cache_log_lines_total read"]
    assert 100 == found["http_cache_response_bytes_total hit"]


def test_labels_are_bounded_whatever_is_asked(path: Path) -> None:
    """Methods and statuses that nobody knows are one."""
    log = AccessLog(path)
    samples(log)
    odd = [LINE | {"method": f"M{at}", "status": str(at), "cache": f"c{at}"} for at in range(2000)]
    write(path, "".join(f"{json.dumps(each)}\n" for each in odd))
    found = [each for each in samples(log) if each.startswith("http_cache_responses_total")]
    assert len(found) < 80
    assert "http_cache_responses_total other other none" in found


def test_a_log_that_cannot_be_read_any_more_keeps_its_count_of_lines(path: Path) -> None:
    """So that the alert sees it stand still; the families that need it are missing."""
    log = AccessLog(path)
    samples(log)
    write(path, f"{json.dumps(LINE)}\n")
    before = samples(log)
    path.unlink()
    assert {"http_cache_log_lines_total read": 1} == samples(log)
    write(path, f"{json.dumps(LINE)}\n")
    assert (
        before["http_cache_responses_total GET 200 hit"] + 1 == samples(log)["http_cache_responses_total GET 200 hit"]
    )
