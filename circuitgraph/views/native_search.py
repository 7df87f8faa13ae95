"""networkx's breadth-first and depth-first searches, on arrays."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.paths import Search, breadth_first, depth_first
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, is_node, named

Edge = tuple[Any, Any]


def _arrays(G: Graph, *, reverse: bool = False) -> Arrays:
    return G.arrays(None).turned if reverse else G.arrays(None)


def _start(G: Graph, source: Any) -> np.ndarray:
    if not is_node(G, source):
        raise nx.NetworkXError(f"The node {source} is not in the {'di' if G.directed else ''}graph.")
    return np.array([G.index[source]])


def _bfs(G: Graph, source: Any, depth_limit: Any = None, *, reverse: bool = False) -> Search:
    return breadth_first(_arrays(G, reverse=reverse), _start(G, source), depth_limit)


def _edges(G: Graph, order: np.ndarray, before: np.ndarray) -> list[Edge]:
    reached = order[before[order] >= 0]
    return list(zip(named(G, before[reached]), named(G, reached), strict=True))


def bfs_edges(
    G: Graph, source: Any, reverse: bool = False, depth_limit: Any = None, sort_neighbors: Any = None
) -> Iterator[Edge]:
    """Give the edges of a breadth-first search."""
    found = _bfs(G, source, depth_limit, reverse=reverse)
    yield from _edges(G, found.order, found.before)


def bfs_tree(
    G: Graph, source: Any, reverse: bool = False, depth_limit: Any = None, sort_neighbors: Any = None
) -> Graph:
    """Give the tree of a breadth-first search."""
    found = _bfs(G, source, depth_limit, reverse=reverse)
    return _tree(G, found.order, found.order, found.before)


def _tree(G: Graph, nodes: np.ndarray, order: np.ndarray, before: np.ndarray) -> Graph:
    """Make the directed graph of these nodes in which everybody's edge comes from the one before."""
    place = np.full(len(before), -1)
    place[nodes] = np.arange(len(nodes))
    reached = order[before[order] >= 0]
    return Graph.from_edges(named(G, nodes), place[before[reached]], place[reached])


def bfs_predecessors(G: Graph, source: Any, depth_limit: Any = None, sort_neighbors: Any = None) -> Iterator[Edge]:
    """Give every node reached, with the one before."""
    found = _bfs(G, source, depth_limit)
    for pre, post in _edges(G, found.order, found.before):
        yield post, pre


def bfs_successors(
    G: Graph, source: Any, depth_limit: Any = None, sort_neighbors: Any = None
) -> Iterator[tuple[Any, list[Any]]]:
    """Give every node that leads on, with those it leads to."""
    found = _bfs(G, source, depth_limit)
    parent, children = source, list[Any]()
    for pre, post in _edges(G, found.order, found.before):
        if pre != parent:
            yield parent, children
            parent, children = pre, []
        children.append(post)
    yield parent, children


def bfs_layers(G: Graph, sources: Any) -> Iterator[list[Any]]:
    """Give the nodes at every distance from the sources."""
    first = list({*([sources] if is_node(G, sources) else sources)})
    for source in first:
        if source not in G.index:
            raise nx.NetworkXError(f"The node {source} is not in the graph.")
    found = breadth_first(G.arrays(None), np.array([G.index[s] for s in first], np.int64))
    level = found.distance[found.order]
    for layer in np.split(found.order, np.flatnonzero(np.diff(level)) + 1):
        if len(layer):
            yield named(G, layer)


def descendants_at_distance(G: Graph, source: Any, distance: Any) -> set[Any]:
    """Give the nodes at a distance."""
    if source not in G.index:
        raise nx.NetworkXError(f"The node {source} is not in the graph.")
    found = breadth_first(G.arrays(None), np.array([G.index[source]]))
    return set(named(G, found.order[found.distance[found.order] == distance]))


def descendants(G: Graph, source: Any) -> set[Any]:
    """Give all nodes that a node reaches."""
    return set(named(G, _bfs(G, source).order[1:]))


def ancestors(G: Graph, source: Any) -> set[Any]:
    """Give all nodes that reach a node."""
    return set(named(G, _bfs(G, source, reverse=True).order[1:]))


def _dfs(G: Graph, source: Any, depth_limit: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = np.arange(len(G)) if source is None else _start(G, source)
    return depth_first(G.arrays(None), starts, depth_limit)


def dfs_edges(G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None) -> Iterator[Edge]:
    """Give the edges of a depth-first search."""
    preorder, _, before = _dfs(G, source, depth_limit)
    yield from _edges(G, preorder, before)


def dfs_tree(G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None) -> Graph:
    """Give the tree of a depth-first search."""
    preorder, _, before = _dfs(G, source, depth_limit)
    return _tree(G, np.arange(len(G)) if source is None else preorder, preorder, before)


def dfs_predecessors(
    G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None
) -> dict[Any, Any]:
    """Give the node before every node reached."""
    return {post: pre for pre, post in dfs_edges(G, source, depth_limit)}


def dfs_successors(
    G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None
) -> dict[Any, list[Any]]:
    """Give the nodes that every node leads to."""
    found: dict[Any, list[Any]] = {}
    for pre, post in dfs_edges(G, source, depth_limit):
        found.setdefault(pre, []).append(post)
    return found


def dfs_preorder_nodes(
    G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None
) -> Iterator[Any]:
    """Give the nodes as a depth-first search meets them."""
    yield from named(G, _dfs(G, source, depth_limit)[0])


def dfs_postorder_nodes(
    G: Graph, source: Any = None, depth_limit: Any = None, *, sort_neighbors: Any = None
) -> Iterator[Any]:
    """Give the nodes as a depth-first search leaves them."""
    yield from named(G, _dfs(G, source, depth_limit)[1])


def _unsorted(*given: Any, sort_neighbors: Any = None, **options: Any) -> bool | str:
    return True if sort_neighbors is None and not any(map(callable, given[1:])) else "sort_neighbors is a function"


NATIVE = (
    bfs_edges, bfs_tree, bfs_predecessors, bfs_successors, bfs_layers, descendants_at_distance, descendants, ancestors,
    dfs_edges, dfs_tree, dfs_predecessors, dfs_successors, dfs_preorder_nodes, dfs_postorder_nodes,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {
    f.__name__: _unsorted for f in NATIVE if f not in (bfs_layers, descendants_at_distance, descendants, ancestors)
}
