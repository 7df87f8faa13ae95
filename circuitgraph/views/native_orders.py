"""networkx's orders, trees and Euler paths, on arrays."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs import components, orders
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees, n_loops
from circuitgraph.graphs.pairs import pairs
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_components import is_strongly_connected
from circuitgraph.views.native_tools import Predicate, named


def is_directed_acyclic_graph(G: Graph) -> bool:
    """Tell whether the graph is directed and has no cycle."""
    return G.directed and not has_cycle(G)


def has_cycle(G: Graph) -> bool:
    """Tell whether a directed graph has a cycle."""
    _directed(G)
    return not orders.generations(G.arrays(None))[1]


def _directed(G: Graph) -> None:
    if not G.directed:
        raise nx.NetworkXError("Topological sort not defined on undirected graphs.")


def topological_generations(G: Graph) -> Iterator[list[Any]]:
    """Give nodes whose edges all come from earlier generations."""
    _directed(G)
    found, acyclic = orders.generations(G.arrays(None))
    for part in found:
        yield named(G, part)
    if not acyclic:
        raise nx.NetworkXUnfeasible("Graph contains a cycle or graph changed during iteration")


def topological_sort(G: Graph) -> Iterator[Any]:
    """Give nodes, each after those whose edges lead to it."""
    for part in topological_generations(G):
        yield from part


def is_aperiodic(G: Graph) -> bool:
    """Tell whether no number above 1 divides the lengths of all cycles."""
    if not G.directed:
        raise nx.NetworkXError("is_aperiodic not defined for undirected graphs")
    if not len(G):
        raise nx.NetworkXPointlessConcept("Graph has no nodes.")
    a = G.arrays(None)
    if components.strong(a).count > 1:
        raise nx.NetworkXError("Graph is not strongly connected.")
    return orders.period(a) == 1


def flow_hierarchy(G: Graph, weight: Any = None) -> float:
    """Give the share of weight on edges that are in no cycle."""
    a = G.arrays(weight)
    if not len(a.post):
        raise nx.NetworkXError("flow_hierarchy not applicable to empty graphs")
    if not G.directed:
        raise nx.NetworkXError("G must be a digraph in flow_hierarchy")
    labels = components.strong(a).labels
    value = np.ones(len(a.post)) if a.weight is None else a.weight
    return 1 - float(value[labels[a.pre] == labels[a.post]].sum()) / float(value.sum())


def is_tree(G: Graph) -> bool:
    """Tell whether the graph is connected and has one edge less than nodes."""
    a = _nonempty(G)
    return a.n - 1 == a.n_edges and components.weak(a).count == 1


def is_forest(G: Graph) -> bool:
    """Tell whether every component is a tree."""
    a = _nonempty(G)
    return a.n - a.n_edges == components.weak(a).count


def _nonempty(G: Graph) -> Arrays:
    if not len(G):
        raise nx.exception.NetworkXPointlessConcept("G has no nodes.")
    return G.arrays(None)


def is_arborescence(G: Graph) -> bool:
    """Tell whether the graph is a tree with at most one edge into each node."""
    return is_tree(G) and int(degrees(G.arrays(None), "in").max()) <= 1


def is_branching(G: Graph) -> bool:
    """Tell whether the graph is a forest with at most one edge into each node."""
    return is_forest(G) and int(degrees(G.arrays(None), "in").max()) <= 1


def is_tournament(G: Graph) -> bool:
    """Tell whether exactly one edge joins any two nodes."""
    a, n = G.arrays(None), len(G)
    linked = pairs(a)
    return not n_loops(a) and len(linked.data) == n * (n - 1) and not (linked.data == 3).any()


def is_eulerian(G: Graph) -> bool:
    """Tell whether one closed walk uses every edge once."""
    if G.directed:
        return bool((_surplus(G) == 0).all()) and is_strongly_connected(G)
    return not (degrees(G.arrays(None)) % 2).any() and _connected(G)


def _surplus(G: Graph) -> np.ndarray:
    a = G.arrays(None)
    found: np.ndarray = degrees(a, "out") - degrees(a, "in")
    return found


def _connected(G: Graph) -> bool:
    if not len(G):
        raise nx.NetworkXPointlessConcept("Connectivity is undefined for the null graph.")
    return components.weak(G.arrays(None)).count == 1


def has_eulerian_path(G: Graph, source: Any = None) -> bool:
    """Tell whether one walk uses every edge once."""
    if is_eulerian(G):
        return True
    if not G.directed:
        odd = degrees(G.arrays(None)) % 2
        return not (source is not None and not odd[G.index[source]]) and int(odd.sum()) == 2 and _connected(G)
    surplus = _surplus(G)
    if source is not None and surplus[G.index[source]] != 1:
        return False
    even = (np.abs(surplus) <= 1).all() and (surplus == 1).sum() <= 1 and (surplus == -1).sum() <= 1
    return bool(even) and _connected(G)


def is_semieulerian(G: Graph) -> bool:
    """Tell whether one walk uses every edge once, but no closed one."""
    return has_eulerian_path(G) and not is_eulerian(G)


NATIVE = (
    is_directed_acyclic_graph, has_cycle, topological_generations, topological_sort, is_aperiodic, flow_hierarchy,
    is_tree, is_forest, is_arborescence, is_branching, is_tournament, is_eulerian, has_eulerian_path, is_semieulerian,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {}
