"""networkx's functions of degrees, on arrays."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs.degrees import Side, answered, degrees, n_loops
from circuitgraph.graphs.degrees import reciprocity as answered_shares
from circuitgraph.graphs.degrees import rich_club as club
from circuitgraph.graphs.degrees import s_metric as sum_of_products
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, among, answer, is_node, keyed, named


def degree_centrality(G: Graph) -> Any:
    """Give degree over the number of other nodes."""
    return _shares(G, "in+out")


def in_degree_centrality(G: Graph) -> Any:
    """Give in-degree over the number of other nodes."""
    return _shares(G, "in")


def out_degree_centrality(G: Graph) -> Any:
    """Give out-degree over the number of other nodes."""
    return _shares(G, "out")


def _shares(G: Graph, side: Side) -> Any:
    if len(G) <= 1:
        return dict.fromkeys(G.names, 1)
    return keyed(G, degrees(G.arrays(None), side) * (1.0 / (len(G) - 1.0)))


def isolates(G: Graph) -> Iterator[Any]:
    """Give nodes without an edge."""
    return iter(named(G, np.flatnonzero(degrees(G.arrays(None)) == 0)))


def is_isolate(G: Graph, n: Any) -> bool:
    """Tell whether a node has no edge."""
    if is_node(G, n):
        return bool(degrees(G.arrays(None))[G.index[n]] == 0)
    among(G, n)  # refuses what is no collection; networkx says no to those
    return False


def number_of_isolates(G: Graph) -> int:
    """Tell how many nodes have no edge."""
    return int((degrees(G.arrays(None)) == 0).sum())


def number_of_selfloops(G: Graph) -> int:
    """Tell how many edges lead from a node to itself."""
    return n_loops(G.arrays(None))


def is_empty(G: Graph) -> bool:
    """Tell whether there is no edge."""
    return not len(G.post)


def is_regular(G: Graph) -> bool:
    """Tell whether all nodes have the same degree, or the same degrees in and out."""
    if not len(G):
        raise nx.NetworkXPointlessConcept("Graph has no nodes.")
    sides: list[Side] = ["in", "out"] if G.directed else ["in+out"]
    return all(bool(np.ptp(degrees(G.arrays(None), side)) == 0) for side in sides)


def is_k_regular(G: Graph, k: Any) -> bool:
    """Tell whether all nodes have degree k."""
    return bool((degrees(G.arrays(None)) == k).all())


def s_metric(G: Graph) -> float:
    """Give the sum of the products of degrees over edges."""
    return sum_of_products(G.arrays(None))


def reciprocity(G: Graph, nodes: Any = None) -> Any:
    """Give the share of edges that are answered, of the graph or of nodes."""
    if nodes is None:
        return overall_reciprocity(G)
    if not G.directed:
        raise NotImplementedError("reciprocity: nodes of an undirected graph have none")
    values = answered_shares(G.arrays(None))
    if is_node(G, nodes):
        if np.isnan(values[G.index[nodes]]):
            raise nx.NetworkXError("Not defined for isolated nodes.")
        return answer(G, nodes, values)
    return {G.names[i]: None if np.isnan(values[i]) else values[i].item() for i in among(G, nodes)}


def overall_reciprocity(G: Graph) -> float:
    """Give the share of edges that are answered; a loop is not."""
    a = G.arrays(None)
    if not a.n_edges:
        raise nx.NetworkXError("Not defined for empty graphs")
    return (int(answered(a).sum()) - n_loops(a)) / a.n_edges if G.directed else 0.0


def rich_club_coefficient(G: Graph, normalized: bool = True, Q: float = 100, seed: Any = None) -> Any:
    """Tell how densely nodes of more than k edges are linked, for every k; not normalised by random graphs."""
    a = G.arrays(None)
    if n_loops(a):
        raise Exception("rich_club_coefficient is not implemented for graphs with self loops.")
    return dict(enumerate(club(a).tolist()))


def _not_normalized(G: Any, normalized: bool = True, Q: float = 100, seed: Any = None) -> bool | str:
    return "normalized draws networkx's random graphs" if normalized else True


def group_degree_centrality(G: Graph, S: Any) -> float:
    """Give the share of nodes outside a group that one of its edges leads to."""
    return _group(G, S, reverse=False)


def group_out_degree_centrality(G: Graph, S: Any) -> float:
    """Give the share of nodes outside a group that one of its edges leads to."""
    return _group(G, S, reverse=False)


def group_in_degree_centrality(G: Graph, S: Any) -> float:
    """Give the share of nodes outside a group from which an edge leads into it."""
    return _group(G, S, reverse=True)


def _group(G: Graph, S: Any, *, reverse: bool) -> float:
    a = G.arrays(None)
    inside = np.zeros(a.n, bool)
    for name in S:
        if not is_node(G, name):
            raise nx.NetworkXError(f"The node {name} is not in the {'di' if G.directed else ''}graph.")
        inside[G.index[name]] = True
    pre, post = (a.post, a.pre) if reverse else (a.pre, a.post)
    reached = np.zeros(a.n, bool)
    reached[post[inside[pre]]] = True
    return int((reached & ~inside).sum()) / (a.n - len(S))


NATIVE = (
    degree_centrality, in_degree_centrality, out_degree_centrality, isolates, is_isolate, number_of_isolates,
    number_of_selfloops, is_empty, is_regular, is_k_regular, s_metric, reciprocity, overall_reciprocity,
    rich_club_coefficient, group_degree_centrality, group_in_degree_centrality, group_out_degree_centrality,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"rich_club_coefficient": _not_normalized}
