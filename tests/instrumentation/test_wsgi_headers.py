"""What the headers of a WSGI response tell of its body, however they are written."""

from collections.abc import Iterator
from typing import Any

import pytest

from seawall.instrumentation import wsgi_headers
from seawall.instrumentation.wsgi_headers import content_length, encoding_of, is_event_stream, length

TYPE = ("Content-Type", "text/plain")


@pytest.fixture
def nothing_known() -> Iterator[dict[tuple[str, ...], int]]:
    """Names that no other test has shown, and none of this one's for the others."""
    before = dict(wsgi_headers._places)
    wsgi_headers._places.clear()
    yield wsgi_headers._places
    wsgi_headers._places.clear()
    wsgi_headers._places.update(before)


@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding", "CONTENT-ENCODING"])
@pytest.mark.parametrize("kind", [list, tuple])
def test_the_encoding_is_found_wherever_it_stands(kind: type, name: str) -> None:
    """The first time and the second, with another value: its place is kept, and not what stands there."""
    for said in ("gzip", "br", "gzip"):
        assert said == encoding_of(kind([TYPE, (name, said), ("X", "1")]))
        assert said == encoding_of(kind([(name, said)]))
    assert "" == encoding_of(kind([TYPE, ("X-Content-Encoding", "gzip")]))
    assert "" == encoding_of(kind([]))


def test_names_that_are_kept_are_bounded(nothing_known: dict[tuple[str, ...], int]) -> None:
    """A name for each response, and one that is very long, are read all the same."""
    for number in range(2000):
        assert "gzip" == encoding_of([(f"X-{number}", ""), ("Content-Encoding", "gzip")])
    assert 500 == len(nothing_known)
    nothing_known.clear()
    assert "gzip" == encoding_of([("X" * 5000, ""), ("Content-Encoding", "gzip")])
    assert {} == nothing_known


@pytest.mark.parametrize("headers", [[1], [("a",), 2], [()], [(3, "x")], [([], "x")], 7, "text", iter([TYPE])])
def test_nothing_raises_whatever_the_headers_are(headers: Any) -> None:
    """A server judges them; what can be read once is left to it."""
    assert ("", 0, False) == (encoding_of(headers), content_length(headers), is_event_stream(headers))
    if hasattr(headers, "__next__"):
        assert [TYPE] == list(headers)


def test_lengths_and_events_are_read_from_their_headers() -> None:
    """In any case; a length that cannot be true is none."""
    assert 12 == content_length([TYPE, ("content-LENGTH", "12")])
    assert 0 == content_length([TYPE])
    assert [7, 0, 0, 0] == [length(said) for said in ("7", "-7", "9" * 16, None)]
    assert is_event_stream([("content-type", "Text/Event-Stream; charset=utf-8")])
    assert not is_event_stream([TYPE])
