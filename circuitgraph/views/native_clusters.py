"""networkx's clustering, triads and cores, on arrays."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs import census, cores
from circuitgraph.graphs import clustering as measure
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import n_loops
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, answer, answer_some, keyed, named


def triangles(G: Graph, nodes: Any = None) -> Any:
    """Give triangles at every node."""
    return answer_some(G, nodes, partial(measure.triangles, G.arrays(None)))


def clustering(G: Graph, nodes: Any = None, weight: Any = None) -> Any:
    """Give the clustering coefficient of every node, weighted and directed where the graph is."""
    return answer_some(G, nodes, partial(_coefficients, G.arrays(weight)))


def _coefficients(a: Arrays, nodes: Sequence[int] | None) -> np.ndarray:
    # networkx divides by the largest weight: at every neighbour or, of a directed graph, in every triangle.
    if a.weight is not None and a.weight.max(initial=-np.inf) == 0:
        met = measure.triangles(a) if a.directed else np.bincount(a.pre[a.pre != a.post], minlength=a.n)
        if (met if nodes is None else met[nodes]).any():
            raise ZeroDivisionError("weights are divided by the largest, which is 0")
    return measure.clustering(a, nodes)


def average_clustering(G: Graph, nodes: Any = None, weight: Any = None, count_zeros: bool = True) -> float:
    """Give the mean clustering coefficient."""
    values: list[float] = [*clustering(G, nodes, weight).values()]
    kept = values if count_zeros else [c for c in values if abs(c) > 0]
    return sum(kept) / len(kept)


def transitivity(G: Graph) -> float:
    """Give the share of connected triples that are closed."""
    return measure.transitivity(G.arrays(None))


def square_clustering(G: Graph, nodes: Any = None) -> Any:
    """Give the share of possible squares that exist, of undirected graphs."""
    if G.directed:
        raise NotImplementedError("square_clustering: squares of a directed graph are counted by networkx")
    return answer(G, nodes, measure.square_clustering(G.arrays(None)))


def triadic_census(G: Graph, nodelist: Any = None) -> dict[str, int]:
    """Tell how often each of the 16 ways to link three nodes occurs."""
    return dict(zip(census.TRIADS, census.triadic_census(G.arrays(None)).tolist(), strict=True))


def core_number(G: Graph) -> dict[Any, int]:
    """Give the largest core that holds each node."""
    _no_loops(G, "has")
    return keyed(G, cores.core_numbers(G.arrays(None)))


def onion_layers(G: Graph) -> dict[Any, int]:
    """Give the round in which each node is peeled."""
    _no_loops(G, "contains")
    layers = cores.onion_layers(G.arrays(None))
    order = np.argsort(layers, kind="stable")
    return dict(zip(named(G, order), layers[order].tolist(), strict=True))


def _no_loops(G: Graph, verb: str) -> None:
    if n_loops(G.arrays(None)):
        raise nx.NetworkXNotImplemented(
            f"Input graph {verb} self loops which is not permitted; "
            "Consider using G.remove_edges_from(nx.selfloop_edges(G))."
        )


def k_core(G: Graph, k: Any = None, core_number: Any = None) -> Any:
    """Give the part of the graph whose nodes have k edges within."""
    return _part(G, k, core_number, "core")


def k_shell(G: Graph, k: Any = None, core_number: Any = None) -> Any:
    """Give the nodes of the k-core that the next one leaves out."""
    return _part(G, k, core_number, "shell")


def k_crust(G: Graph, k: Any = None, core_number: Any = None) -> Any:
    """Give what is left without the next core."""
    return _part(G, k, core_number, "crust")


def k_corona(G: Graph, k: Any, core_number: Any = None) -> Any:
    """Give the nodes of the k-core that have exactly k neighbours in it."""
    return _part(G, k, core_number, "corona")


def _part(G: Graph, k: Any, given: Any, kind: str) -> Any:
    numbers = core_number(G) if given is None else given
    core = np.array([numbers[name] for name in G.names], np.int64)
    if k is None:
        k = max(numbers.values()) - (kind == "crust")
    kept = core <= k if kind == "crust" else core >= k if kind == "core" else core == k
    if kind == "corona":
        a = G.arrays(None)
        kept &= np.bincount(a.pre, core[a.post] >= k, a.n) == k
    return G.subgraph(named(G, np.flatnonzero(kept)))


def _all_nodes(G: Any, nodelist: Any = None) -> bool | str:
    return True if nodelist is None else "some nodes only"


NATIVE = (
    triangles, clustering, average_clustering, transitivity, square_clustering, triadic_census, core_number,
    onion_layers, k_core, k_shell, k_crust, k_corona,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"triadic_census": _all_nodes}
