"""The graph of dependencies: where services need each other in a circle."""

from collections.abc import Iterable, Mapping

Graph = Mapping[str, Iterable[str]]


def cycles(graph: Graph) -> list[list[str]]:
    """Return one shortest cycle for each set of nodes that all reach each other, from its first name to itself."""
    return [_shortest(graph, group) for group in knots(graph)]


def knots(graph: Graph) -> list[set[str]]:
    """Return the sets of nodes that all reach each other (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    found: list[set[str]] = []
    for root in graph:
        todo = [(root, iter(graph[root]))] if root not in index else []
        while todo:
            node, rest = todo[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                path.append(node)
                on_path.add(node)
            following = next(
                (other for other in rest if other in graph and _matters(other, node, index, low, on_path)), None
            )
            if following is not None:
                todo.append((following, iter(graph[following])))
                continue
            todo.pop()
            if todo:
                low[todo[-1][0]] = min(low[todo[-1][0]], low[node])
            if low[node] == index[node]:
                group = {node}
                while (member := path.pop()) != node:
                    group.add(member)
                on_path -= group
                if len(group) > 1:
                    found.append(group)
    return found


def _matters(other: str, node: str, index: dict[str, int], low: dict[str, int], on_path: set[str]) -> bool:
    """Note an edge to a node that was seen; return whether *other* is still to be visited."""
    if other not in index:
        return True
    if other in on_path:
        low[node] = min(low[node], index[other])
    return False


def _shortest(graph: Graph, group: set[str]) -> list[str]:
    start = min(group)
    before: dict[str, str] = {}
    layer = [start]
    while start not in before:
        following = []
        for node in layer:
            for other in sorted(graph[node]):
                if other in group and other not in before:
                    before[other] = node
                    following.append(other)
        layer = following
    way = [start, before[start]]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]
