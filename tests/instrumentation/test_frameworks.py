"""The table of hooks, and patterns that read as routes."""

import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.instrumentation.frameworks import HOOKS
from seawall.instrumentation.frameworks.patterns import readable


@pytest.mark.parametrize("module", HOOKS)
def test_a_hook_names_a_module_and_a_function_that_exist(module: str) -> None:
    """The frameworks' newest versions have every module that is waited for."""
    file, function = HOOKS[module]

    assert find_spec(module) is not None
    assert callable(getattr(import_module(f"seawall.instrumentation.frameworks.{file}"), function))


@pytest.mark.parametrize(
    ("pattern", "route"),
    [
        ("", "/"),
        ("^$", "/"),
        ("items/<int:pk>", "/items/<int:pk>"),
        ("robots.txt", "/robots.txt"),
        ("a+b/c*", "/a+b/c*"),
        (r"^articles/(?P<year>[0-9]{4})/$", "/articles/<year>/"),
        (r"^articles/(?:page-(?P<page>\d+)/)?$", "/articles/page-<page>/"),
        (r"v1/<slug:x>/(?P<y>[^/)]+)/\Z", "/v1/<slug:x>/<y>/"),
        (r"^users\.(?P<format>[a-z0-9]+)/?$", "/users.<format>/"),
        (r"^(?i:Old)/(\d+)-([a-z]+)/$", "/Old/<var>-<var>/"),
        (r"^\w+/[a-z]{2,3}/x$", "/<var>/<var>/x"),
        (r"^(?P<a>(x|y(?=z)))/\(b\)$", "/<a>/(b)"),
        (r"(?i)^a/(?!b)(?#said)c$", "/a/c"),
        (r"^[]a]+/(en|de)/$", "/<var>/<var>/"),
        ("x" * 300, "/" + "x" * 198 + "…"),
    ],
)
def test_a_pattern_reads_as_a_route(pattern: str, route: str) -> None:
    """Groups by their names, no anchors, no quantifiers, no escapes, and never longer than 200 signs."""
    assert route == readable(pattern)


@given(st.text(r"ab/^$\.()[]?*+{}|<>P:=!,1dwZ-", max_size=60))
def test_any_pattern_reads_as_a_bounded_route(pattern: str) -> None:
    """Even one that is no regular expression: it begins with a slash and ends."""
    route = readable(pattern)

    assert route.startswith("/")
    assert len(route) <= 200


@given(st.lists(st.sampled_from(["a", "b-c", "(?P<x>[0-9]+)", r"(?P<y>\w+)", r"d\.e"]), min_size=1, max_size=6))
def test_a_pattern_of_named_groups_keeps_its_segments(parts: list[str]) -> None:
    """A segment stays a segment: as many slashes, and each group by its name."""
    route = readable(f"^{'/'.join(parts)}$")
    expected = [re.sub(r"^\(\?P(<\w>).*", r"\1", part).replace("\\", "") for part in parts]

    assert expected == route.removeprefix("/").split("/")
