"""networkx's measures over all shortest paths, on arrays."""

import math
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.errors import NumericError
from circuitgraph.graphs import components, paths
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.between import betweenness, edge_betweenness
from circuitgraph.graphs.paths import Sweep
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, among, found, is_node, keyed, named


def _sweep(a: Arrays, nodes: list[int] | None = None) -> Sweep:
    try:
        return paths.sweep(a, nodes)
    except NumericError as error:
        raise ValueError("Contradictory paths found:", "negative weights?") from error


def closeness_centrality(G: Graph, u: Any = None, distance: Any = None, wf_improved: bool = True) -> Any:
    """Give the inverse of the mean distance from those who reach a node."""
    text = f"Source {u} is not in G" if distance is None else f"Node {u} not found in graph"
    nodes = None if u is None else [found(G, u, text)]
    sweep = _sweep(G.arrays(distance).turned, nodes)
    others = sweep.reached - 1.0
    near = (sweep.total > 0) & (len(G) > 1)
    close = np.divide(others, sweep.total, out=np.zeros(len(others)), where=near)
    if wf_improved and len(G) > 1:
        close *= others / (len(G) - 1)
    return keyed(G, close) if u is None else close[0].item()


def harmonic_centrality(G: Graph, nbunch: Any = None, distance: Any = None, sources: Any = None) -> dict[Any, float]:
    """Give the sum of the inverse distances from all others."""
    return keyed(G, _sweep(G.arrays(distance).turned).inverse)


def betweenness_centrality(
    G: Graph,
    k: Any = None,
    normalized: bool = True,
    weight: Any = None,
    endpoints: bool = False,
    seed: Any = None,
) -> dict[Any, float]:
    """Give the share of shortest paths that pass a node."""
    sample = _sample(G, None if k == len(G) else k, seed)
    values = betweenness(G.arrays(weight), sample, ends=endpoints)
    return keyed(G, values * _scale(G, sample, normalized, endpoints))


def edge_betweenness_centrality(
    G: Graph, k: Any = None, normalized: bool = True, weight: Any = None, seed: Any = None
) -> dict[tuple[Any, Any], float]:
    """Give the share of shortest paths that pass an edge."""
    sample, a = _sample(G, k, seed), G.arrays(weight)
    kept = slice(None) if G.directed else a.pre <= a.post
    values = edge_betweenness(a, sample)[kept] * _factor(
        G, len(G) if sample is None else len(sample), len(G), normalized
    )
    edges = zip(named(G, a.pre[kept]), named(G, a.post[kept]), strict=True)
    return dict(zip(edges, values.tolist(), strict=True))


def _sample(G: Graph, k: Any, seed: Any) -> np.ndarray | None:
    if k is None:
        return None
    chosen = nx.utils.create_py_random_state(seed).sample(G.names, k)
    return np.array([G.index[name] for name in chosen], np.int64)


def _scale(G: Graph, sample: np.ndarray | None, normalized: bool, ends: bool) -> Any:
    """Rescale so that a sample of sources, which are no targets of theirs, stands for all.  Shape: () or (N,)."""
    n = len(G) if ends else len(G) - 1
    if sample is None or ends:
        return _factor(G, n if sample is None else len(sample), n, normalized)
    if n < 2:
        return 1.0
    scale = np.full(len(G), _factor(G, len(sample), n, normalized))
    scale[sample] = _factor(G, len(sample) - 1, n, normalized) if len(sample) > 1 else math.nan
    return scale


def _factor(G: Graph, n_sources: int, n: int, normalized: bool) -> float:
    if n < 2:
        return 1.0
    return 1 / (n_sources * (n - 1)) if normalized else n / (n_sources * (1 if G.directed else 2))


def eccentricity(G: Graph, v: Any = None, sp: Any = None, weight: Any = None) -> Any:
    """Give the distance to the farthest node."""
    a = G.arrays(weight)
    nodes = among(G, v)
    sweep = _sweep(a, nodes)
    if (sweep.reached != a.n).any():
        kind = "digraph is not strongly connected" if G.directed else "graph is not connected"
        raise nx.NetworkXError(f"Found infinite path length because the {kind}")
    values = sweep.farthest.tolist() if weight is not None else sweep.farthest.astype(int).tolist()
    return values[0] if is_node(G, v) else dict(zip(named(G, nodes), values, strict=True))


def diameter(G: Graph, e: Any = None, usebounds: bool = False, weight: Any = None) -> Any:
    """Give the largest eccentricity."""
    return max(eccentricity(G, weight=weight).values())


def radius(G: Graph, e: Any = None, usebounds: bool = False, weight: Any = None) -> Any:
    """Give the smallest eccentricity."""
    return min(eccentricity(G, weight=weight).values())


def periphery(G: Graph, e: Any = None, usebounds: bool = False, weight: Any = None) -> list[Any]:
    """Give the nodes of the largest eccentricity."""
    far = eccentricity(G, weight=weight)
    most = max(far.values())
    return [name for name, value in far.items() if value == most]


def average_shortest_path_length(G: Graph, weight: Any = None, method: Any = None) -> float:
    """Give the mean distance over all pairs."""
    n = len(G)
    if not n:
        raise nx.NetworkXPointlessConcept("the null graph has no paths, thus there is no average shortest path length")
    if n == 1:
        return 0
    if not _connected(G):
        raise nx.NetworkXError(f"Graph is not {'strongly ' if G.directed else ''}connected.")
    return float(_sweep(G.arrays(weight)).total.sum()) / (n * (n - 1))


def wiener_index(G: Graph, weight: Any = None) -> float:
    """Give the sum of distances over all pairs."""
    if not len(G):
        raise nx.NetworkXPointlessConcept("Connectivity is undefined for the null graph.")
    if not _connected(G):
        return math.inf
    total = float(_sweep(G.arrays(weight)).total.sum())
    return total if G.directed else total / 2


def global_efficiency(G: Graph) -> float:
    """Give the mean inverse distance over all pairs."""
    n = len(G)
    return float(_sweep(G.arrays(None)).inverse.sum()) / (n * (n - 1)) if n > 1 else 0


def efficiency(G: Graph, u: Any, v: Any) -> float:
    """Give the inverse distance of two nodes."""
    ends = found(G, u, f"Source {u} is not in G"), found(G, v, f"Target {v} is not in G")
    way = paths.shortest(G.arrays(None), *ends)
    return 1 / (len(way) - 1) if way else 0


def _connected(G: Graph) -> bool:
    a = G.arrays(None)
    return (components.strong(a) if G.directed else components.weak(a)).count == 1


def _plain_sources(G: Any, nbunch: Any = None, distance: Any = None, sources: Any = None) -> bool | str:
    return True if nbunch is None and sources is None else "some nodes only"


def _own(G: Any, v: Any = None, sp: Any = None, weight: Any = None) -> bool | str:
    return True if sp is None else "distances are given"


def _exact(G: Any, e: Any = None, usebounds: Any = False, weight: Any = None) -> bool | str:
    return True if e is None and usebounds is not True else "bounds, or eccentricities are given"


def _method(G: Any, weight: Any = None, method: Any = None) -> bool | str:
    plain = method is None or method == ("unweighted" if weight is None else "dijkstra")
    return True if plain else "another method"


NATIVE = (
    closeness_centrality, harmonic_centrality, betweenness_centrality, edge_betweenness_centrality, eccentricity,
    diameter, radius, periphery, average_shortest_path_length, wiener_index, global_efficiency, efficiency,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {
    "harmonic_centrality": _plain_sources,
    "eccentricity": _own,
    "diameter": _exact,
    "radius": _exact,
    "periphery": _exact,
    "average_shortest_path_length": _method,
}
