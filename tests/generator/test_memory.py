"""As many tools run at once as the memory of the container has room for."""

from pathlib import Path

import pytest

from seawall.generator.memory import MIB, at_once


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (str(512 * MIB), 2),
        (str(256 * MIB), 1),
        (str(16 * MIB), 1),
        (str(4096 * MIB), 16),
        ("9223372036854771712", 16),
        ("max\n", 16),
        ("", 16),
        (None, 16),
    ],
)
def test_a_container_of_many_processors_and_little_memory_runs_few(
    tmp_path: Path, limit: str | None, expected: int
) -> None:
    """Without a limit one a processor; never none."""
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit)

    assert expected == at_once(16, [tmp_path / "absent", path])


def test_no_more_run_than_there_are_processors() -> None:
    """Whatever the memory, on this machine too."""
    assert 1 == at_once(1)
    assert at_once() >= 1
