"""networkx's shortest paths, on arrays."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.errors import NumericError
from circuitgraph.graphs import paths
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.paths import Search
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, found, named

Lengths = dict[Any, Any]
Ways = dict[Any, list[Any]]


def _bfs(a: Arrays, source: int, cutoff: Any) -> Search:
    limit = None if cutoff is None or cutoff == math.inf else math.ceil(cutoff)
    return paths.breadth_first(a, np.array([source]), limit)


def _lengths(G: Graph, search: Search) -> Lengths:
    return dict(zip(named(G, search.order), search.distance[search.order].tolist(), strict=True))


def _ways(G: Graph, search: Search) -> Ways:
    """Name the way to every node that was reached, each the one to the node before and a step."""
    names, way = G.names, dict[int, list[Any]]()
    before = search.before.tolist()
    for i in search.order.tolist():
        way[i] = [*way[before[i]], names[i]] if before[i] >= 0 else [names[i]]
    return {names[i]: way[i] for i in search.order.tolist()}


def _turned_round(ways: Ways) -> Ways:
    return {name: way[::-1] for name, way in ways.items()}


def single_source_shortest_path_length(G: Graph, source: Any, cutoff: Any = None) -> Lengths:
    """Give the number of edges to every node that can be reached."""
    start = found(G, source, f"Source {source} is not in G")
    return _lengths(G, _bfs(G.arrays(None), start, cutoff))


def single_target_shortest_path_length(G: Graph, target: Any, cutoff: Any = None) -> Lengths:
    """Give the number of edges from every node that can reach the target."""
    start = found(G, target, f"Target {target} is not in G")
    return _lengths(G, _bfs(G.arrays(None).turned, start, cutoff))


def all_pairs_shortest_path_length(G: Graph, cutoff: Any = None) -> Iterator[tuple[Any, Lengths]]:
    """Give the number of edges between all pairs, node by node."""
    a = G.arrays(None)
    for i, name in enumerate(G.names):
        yield name, _lengths(G, _bfs(a, i, cutoff))


def single_source_shortest_path(G: Graph, source: Any, cutoff: Any = None) -> Ways:
    """Give a path to every node that can be reached."""
    return _ways(G, _bfs(G.arrays(None), found(G, source, f"Source {source} not in G"), cutoff))


def single_target_shortest_path(G: Graph, target: Any, cutoff: Any = None) -> Ways:
    """Give a path from every node that can reach the target."""
    start = found(G, target, f"Target {target} not in G")
    return _turned_round(_ways(G, _bfs(G.arrays(None).turned, start, cutoff)))


def all_pairs_shortest_path(G: Graph, cutoff: Any = None) -> Iterator[tuple[Any, Ways]]:
    """Give a path between all pairs, node by node."""
    a = G.arrays(None)
    for i, name in enumerate(G.names):
        yield name, _ways(G, _bfs(a, i, cutoff))


def bidirectional_shortest_path(G: Graph, source: Any, target: Any) -> list[Any]:
    """Give a path of fewest edges, searched from both ends."""
    ends = found(G, source, f"Source {source} is not in G"), found(G, target, f"Target {target} is not in G")
    way = paths.shortest(G.arrays(None), *ends)
    if not way:
        raise nx.NetworkXNoPath(f"No path between {source} and {target}.")
    return named(G, way)


def has_path(G: Graph, source: Any, target: Any) -> bool:
    """Tell whether there is a way."""
    ends = found(G, source, f"Source {source} is not in G"), found(G, target, f"Target {target} is not in G")
    return bool(paths.shortest(G.arrays(None), *ends))


@contextmanager
def _positive() -> Iterator[None]:
    try:
        yield
    except NumericError as error:
        raise ValueError("Contradictory paths found:", "negative weights?") from error


def _dijkstra(G: Graph, sources: Any, weight: Any, *, target: int = -1, cutoff: Any = None) -> Search:
    starts = np.array([found(G, s, f"Node {s} not found in graph") for s in sources], np.int64)
    with _positive():
        return paths.dijkstra(
            G.arrays(weight), starts, target=target, cutoff=math.inf if cutoff is None else float(cutoff)
        )


def _several(G: Graph, sources: Any, weight: Any, cutoff: Any) -> Search:
    if not sources:
        raise ValueError("sources must not be empty")
    return _dijkstra(G, sources, weight, cutoff=cutoff)


def multi_source_dijkstra(
    G: Graph, sources: Any, target: Any = None, cutoff: Any = None, weight: Any = "weight"
) -> tuple[Any, Any]:
    """Give distances and paths from the nearest of several nodes, or to one target only."""
    if target is None:
        search = _several(G, sources, weight, cutoff)
        return _lengths(G, search), _ways(G, search)
    if not sources:
        raise ValueError("sources must not be empty")
    for s in sources:
        found(G, s, f"Node {s} not found in graph")
    if target in sources:
        return 0, [target]
    end = G.index.get(target, -1)
    search = _dijkstra(G, sources, weight, target=end, cutoff=cutoff)
    if end < 0 or not np.isfinite(search.distance[end]):
        raise nx.NetworkXNoPath(f"No path to {target}.")
    return search.distance[end].item(), named(G, search.path(end))


def multi_source_dijkstra_path(G: Graph, sources: Any, cutoff: Any = None, weight: Any = "weight") -> Ways:
    """Give paths from the nearest of several nodes."""
    return _ways(G, _several(G, sources, weight, cutoff))


def multi_source_dijkstra_path_length(G: Graph, sources: Any, cutoff: Any = None, weight: Any = "weight") -> Lengths:
    """Give distances from the nearest of several nodes."""
    return _lengths(G, _several(G, sources, weight, cutoff))


def single_source_dijkstra(
    G: Graph, source: Any, target: Any = None, cutoff: Any = None, weight: Any = "weight"
) -> tuple[Any, Any]:
    """Give distances and paths from a node, or to one target only."""
    return multi_source_dijkstra(G, {source}, target, cutoff, weight)


def single_source_dijkstra_path(G: Graph, source: Any, cutoff: Any = None, weight: Any = "weight") -> Ways:
    """Give paths from a node."""
    return multi_source_dijkstra_path(G, {source}, cutoff, weight)


def single_source_dijkstra_path_length(G: Graph, source: Any, cutoff: Any = None, weight: Any = "weight") -> Lengths:
    """Give distances from a node."""
    return multi_source_dijkstra_path_length(G, {source}, cutoff, weight)


def dijkstra_path(G: Graph, source: Any, target: Any, weight: Any = "weight") -> Any:
    """Give a path of least weight."""
    return multi_source_dijkstra(G, {source}, target, None, weight)[1]


def dijkstra_path_length(G: Graph, source: Any, target: Any, weight: Any = "weight") -> Any:
    """Give the weight of a path of least weight."""
    found(G, source, f"Node {source} not found in graph")
    if source == target:
        return 0
    end = G.index.get(target, -1)
    search = _dijkstra(G, [source], weight, target=end)
    if end < 0 or not np.isfinite(search.distance[end]):
        raise nx.NetworkXNoPath(f"Node {target} not reachable from {source}")
    return search.distance[end].item()


def all_pairs_dijkstra(
    G: Graph, cutoff: Any = None, weight: Any = "weight"
) -> Iterator[tuple[Any, tuple[Lengths, Ways]]]:
    """Give distances and paths between all pairs, node by node."""
    for name in G.names:
        search = _dijkstra(G, [name], weight, cutoff=cutoff)
        yield name, (_lengths(G, search), _ways(G, search))


def all_pairs_dijkstra_path(G: Graph, cutoff: Any = None, weight: Any = "weight") -> Iterator[tuple[Any, Ways]]:
    """Give paths between all pairs, node by node."""
    for name in G.names:
        yield name, _ways(G, _dijkstra(G, [name], weight, cutoff=cutoff))


def all_pairs_dijkstra_path_length(
    G: Graph, cutoff: Any = None, weight: Any = "weight"
) -> Iterator[tuple[Any, Lengths]]:
    """Give distances between all pairs, node by node."""
    for name in G.names:
        yield name, _lengths(G, _dijkstra(G, [name], weight, cutoff=cutoff))


def shortest_path(
    G: Graph, source: Any = None, target: Any = None, weight: Any = None, method: str = "dijkstra"
) -> Any:
    """Give paths from, to or between nodes."""
    _check(method)
    if source is None and target is None:
        return all_pairs_shortest_path(G) if weight is None else all_pairs_dijkstra_path(G, weight=weight)
    if source is not None and target is not None:
        return bidirectional_shortest_path(G, source, target)
    return _from_or_to(G, source, target, weight, _ways)


def shortest_path_length(
    G: Graph, source: Any = None, target: Any = None, weight: Any = None, method: str = "dijkstra"
) -> Any:
    """Give distances from, to or between nodes."""
    _check(method)
    if source is None and target is None:
        return all_pairs_shortest_path_length(G) if weight is None else all_pairs_dijkstra_path_length(G, weight=weight)
    if source is None or target is None:
        return _from_or_to(G, source, target, weight, _lengths)
    if weight is not None:
        return dijkstra_path_length(G, source, target, weight)
    return len(bidirectional_shortest_path(G, source, target)) - 1


def _check(method: str) -> None:
    if method not in ("dijkstra", "bellman-ford"):
        raise ValueError(f"method not supported: {method}")


def _from_or_to(G: Graph, source: Any, target: Any, weight: Any, give: Callable[[Graph, Search], Any]) -> Any:
    name, a = (target if source is None else source), G.arrays(weight)
    where = "not found in graph" if weight is not None else "not in G" if give is _ways else "is not in G"
    start = found(G, name, f"{'Node' if weight is not None else 'Source'} {name} {where}")
    a = a.turned if source is None else a
    with _positive():
        search = _bfs(a, start, None) if weight is None else paths.dijkstra(a, np.array([start]))
    given = give(G, search)
    return _turned_round(given) if source is None and give is _ways else given


def _not_bellman(
    G: Any, source: Any = None, target: Any = None, weight: Any = None, method: Any = "dijkstra"
) -> bool | str:
    return "negative weights are networkx's" if weight is not None and method == "bellman-ford" else True


def _one_end(
    G: Any, source: Any = None, target: Any = None, weight: Any = None, method: Any = "dijkstra"
) -> bool | str:
    if weight is not None and source is not None and target is not None:
        return "paths of equal weight are chosen by a search from both ends"
    return _not_bellman(G, source, target, weight, method)


NATIVE = (
    single_source_shortest_path_length, single_target_shortest_path_length, all_pairs_shortest_path_length,
    single_source_shortest_path, single_target_shortest_path, all_pairs_shortest_path, bidirectional_shortest_path,
    has_path, shortest_path, shortest_path_length, multi_source_dijkstra, multi_source_dijkstra_path,
    multi_source_dijkstra_path_length, single_source_dijkstra, single_source_dijkstra_path,
    single_source_dijkstra_path_length, dijkstra_path, dijkstra_path_length, all_pairs_dijkstra,
    all_pairs_dijkstra_path, all_pairs_dijkstra_path_length,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"shortest_path": _one_end, "shortest_path_length": _not_bellman}
