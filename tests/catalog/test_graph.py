"""Cycles of dependencies: each knot once, by its shortest way around."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.catalog.graph import cycles


def test_a_tree_has_no_cycle() -> None:
    """A shared dependency is none either."""
    assert cycles({"shop": ["cart", "search"], "cart": ["db"], "search": ["db"], "db": []}) == []


def test_a_cycle_begins_and_ends_at_its_first_name() -> None:
    """In the order in which the services need each other."""
    assert cycles({"b": ["a"], "a": ["c"], "c": ["b"], "d": ["a"]}) == [["a", "c", "b", "a"]]


def test_a_knot_is_told_once_and_by_its_shortest_way() -> None:
    """Services that all need each other are one warning."""
    assert cycles({"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}) == [["a", "b", "a"]]


def test_two_knots_are_two_cycles() -> None:
    """Even where one needs the other."""
    found = cycles({"a": ["b"], "b": ["a", "c"], "c": ["d"], "d": ["c"]})
    assert sorted(found) == [["a", "b", "a"], ["c", "d", "c"]]


def test_a_name_outside_the_graph_is_no_node() -> None:
    """A dangling dependency is another error's."""
    assert cycles({"a": ["nowhere"]}) == []


def test_ten_thousand_services_in_a_row_need_no_recursion() -> None:
    """The longest chain closes."""
    graph = {str(number): [str((number + 1) % 10_000)] for number in range(10_000)}
    assert [len(way) for way in cycles(graph)] == [10_001]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_cycles_are_found_exactly_where_a_node_reaches_itself(edges: dict[str, list[str]]) -> None:
    """Every cycle is a way along edges, and every node that reaches itself through another has its knot told."""
    graph = {node: [other for other in others if other != node] for node, others in edges.items()}

    def reached(start: str) -> set[str]:
        seen, todo = set[str](), list(graph[start])
        while todo:
            node = todo.pop()
            if node not in seen and node in graph:
                seen.add(node)
                todo += graph[node]
        return seen

    found = cycles(graph)
    for way in found:
        assert way[0] == way[-1]
        assert all(after in graph[before] for before, after in pairwise(way))
    told = {node for way in found for node in reached(way[0])}
    assert {node for node in graph if node in reached(node)} <= told
    assert bool(found) == any(node in reached(node) for node in graph)
