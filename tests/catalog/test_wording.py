"""The words of a problem."""

from typing import Literal

import pytest
from pydantic import BaseModel

from seawall.catalog.findings import Findings
from seawall.catalog.places import Branch, Places
from seawall.catalog.validation import validate
from seawall.catalog.wording import one_of


@pytest.mark.parametrize(("choices", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_choices_are_told_as_a_sentence_has_them(choices: list[str], text: str) -> None:
    """One alone too."""
    assert text == one_of(choices)


def test_a_field_with_one_choice_says_it() -> None:
    """No gap stands where another choice would."""

    class Off(BaseModel):
        http2: Literal[False] = False

    findings = Findings(Places(Branch(0, {}), ["", "file"]))
    validate(Off, {"http2": "yes"}, ("server",), findings)
    assert ['server: http2 is "yes", and must be false'] == [problem.message for problem in findings.problems]
