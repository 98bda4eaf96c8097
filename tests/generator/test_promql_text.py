"""How large an expression is, counted before anything goes down into it."""

import pytest

from seawall.generator.promql_text import bare, steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", 0),
        ("sum by (job) (rate(up[5m])) > 1 and on () up", 6),
        ('up{job="((("}', 0),
        ("up{job='a\\'((('} + 1", 1),
        ("# it's\n(((up)))\n# it's", 3),
        ("# {\n(((up)))\n# }", 3),
        ("up atan2 up unless up", 2),
    ],
)
def test_steps_are_operators_and_parentheses(text: str, expected: int) -> None:
    """Those in strings, braces and comments do not count, and neither a quote nor a brace in a comment hides any."""
    assert expected == steps(bare(text))


def test_strings_are_emptied_and_comments_stay() -> None:
    """So that what looks for a comment finds none in a string."""
    assert 'up{a="",b=""} # "c"' == bare('up{a="#",b=\'#\'} # "c"')
