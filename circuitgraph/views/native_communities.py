"""networkx's communities, partitions and cuts, on arrays."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sp
from networkx.algorithms.community.quality import NotAPartition

from circuitgraph import communities as engine
from circuitgraph.graphs import modules
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, among, is_node, labels_of, sets_by, sets_of


def is_partition(G: Graph, communities: Any) -> bool:
    """Tell whether every node is in exactly one community."""
    listed = communities if isinstance(communities, list) else list(communities)
    nodes = {name for community in listed for name in community if is_node(G, name)}
    return len(G) == len(nodes) == sum(len(community) for community in listed)


def modularity(G: Graph, communities: Any, weight: Any = "weight", resolution: float = 1) -> float:
    """Give the weight within communities beyond what strengths alone make expected."""
    listed = communities if isinstance(communities, list) else list(communities)
    if not is_partition(G, listed):
        raise NotAPartition(G, listed)
    return modules.modularity(G.arrays(weight), labels_of(G, listed), resolution)


def partition_quality(G: Graph, partition: Any) -> tuple[float, float]:
    """Give the share of edges within communities, and that of pairs which are linked within or not linked between."""
    if not is_partition(G, partition):
        raise nx.NetworkXError("`partition` is not a valid partition of the nodes of G")
    a, sizes = G.arrays(None), np.array([len(c) for c in partition])
    labels, once = labels_of(G, partition), slice(None) if G.directed else a.pre <= a.post
    within = int((labels[a.pre[once]] == labels[a.post[once]]).sum())
    pairs = a.n * (a.n - 1) // (1 if G.directed else 2)
    between = int(sizes.sum() ** 2 - (sizes**2).sum()) // (1 if G.directed else 2)
    return within / a.n_edges, (within + between - (a.n_edges - within)) / pairs


def louvain_partitions(
    G: Graph, weight: Any = "weight", resolution: float = 1, threshold: float = 1e-07, seed: Any = None
) -> Iterator[list[set[Any]]]:
    """Give communities by Louvain's method, level by level: those that networkx finds from the same seed."""
    random = nx.utils.create_py_random_state(seed)

    def shuffled(n: int) -> np.ndarray:
        order = list(range(n))
        random.shuffle(order)
        return np.array(order, np.int64)

    for labels in modules.louvain(G.arrays(weight), shuffled, resolution=resolution, threshold=threshold):
        yield sets_by(G, labels)


def louvain_communities(
    G: Graph,
    weight: Any = "weight",
    resolution: float = 1,
    threshold: float = 1e-07,
    max_level: Any = None,
    seed: Any = None,
) -> list[set[Any]]:
    """Give communities by Louvain's method: those that networkx finds from the same seed."""
    if max_level is not None and max_level <= 0:
        raise ValueError("max_level argument must be a positive integer or None")
    levels = islice(louvain_partitions(G, weight, resolution, threshold, seed), max_level)
    return deque(levels, maxlen=1).pop()


def leiden_communities(
    G: Graph, weight: Any = "weight", resolution: float = 1, max_level: Any = None, seed: Any = None
) -> list[set[Any]]:
    """Give communities by the Leiden algorithm, through networkit; networkx has none of its own."""
    if max_level is not None and max_level <= 0:
        raise ValueError("max_level argument must be a positive integer or None")
    a = G.arrays(weight)
    if not len(a.post):
        return [{name} for name in G.names]
    rng = nx.utils.create_py_random_state(seed).getrandbits(32)
    return sets_by(G, engine.leiden(_twice_loops(a), resolution=resolution, rng=rng).labels)


def _twice_loops(a: Arrays) -> Any:
    """Give the matrix in which a loop of an undirected graph adds as much to a row as it does to the degree."""
    value = np.ones(len(a.post)) if a.weight is None else a.weight
    twice = np.where((a.pre == a.post) & (not a.directed), 2.0, 1.0)
    return sp.csr_array((value * twice, a.post, a.begins), shape=(a.n, a.n))


def _first_level(
    G: Any, weight: Any = "weight", resolution: Any = 1, max_level: Any = None, seed: Any = None
) -> bool | str:
    return "levels are not kept" if max_level is not None and max_level > 0 else True


def intra_community_edges(G: Graph, partition: Any) -> int:
    """Tell how many edges lie within the blocks."""
    a = G.arrays(None)
    once = slice(None) if G.directed else a.pre <= a.post
    total = 0
    for block in partition:
        inside = _mask(G, block)
        total += int((inside[a.pre[once]] & inside[a.post[once]]).sum())
    return total


def _mask(G: Graph, nodes: Any) -> np.ndarray:
    inside = np.zeros(len(G), bool)
    inside[[G.index[name] for name in nodes if is_node(G, name)]] = True
    return inside


def cut_size(G: Graph, S: Any, T: Any = None, weight: Any = None) -> Any:
    """Give the weight of edges between two sets, in both directions."""
    a, s = G.arrays(weight), _mask(G, S)
    t = ~s if T is None else _mask(G, T)
    value = np.ones(len(a.post)) if a.weight is None else a.weight
    if not G.directed:
        kept = (s[a.pre] & t[a.post] | t[a.pre] & s[a.post]) & (a.pre <= a.post)
        return _number(value[kept].sum(), weight)
    # Edges out of S and edges out of T are listed one after the other: what lies within both counts twice.
    across = s[a.pre] & t[a.post] | t[a.pre] & s[a.post]
    return _number(value[across & s[a.pre]].sum() + value[across & t[a.pre]].sum(), weight)


def _number(total: Any, weight: Any) -> Any:
    return int(total) if weight is None else float(total)


def volume(G: Graph, S: Any, weight: Any = None) -> Any:
    """Give the sum of degrees, or of degrees out."""
    degree = degrees(G.arrays(weight), "out", weighted=weight is not None)
    return _number(degree[among(G, S)].sum(), weight)


def normalized_cut_size(G: Graph, S: Any, T: Any = None, weight: Any = None) -> float:
    """Give the weight of edges between two sets over the volume of both."""
    T = _rest(G, S, T)
    first, second = volume(G, S, weight), volume(G, T, weight)
    found: float = cut_size(G, S, T, weight) * (1 / first + 1 / second)
    return found


def conductance(G: Graph, S: Any, T: Any = None, weight: Any = None) -> float:
    """Give the weight of edges between two sets over the smaller volume."""
    T = _rest(G, S, T)
    found: float = cut_size(G, S, T, weight) / min(volume(G, S, weight), volume(G, T, weight))
    return found


def edge_expansion(G: Graph, S: Any, T: Any = None, weight: Any = None) -> float:
    """Give the weight of edges between two sets over the smaller one's size."""
    T = _rest(G, S, T)
    found: float = cut_size(G, S, T, weight) / min(len(S), len(T))
    return found


def _rest(G: Graph, S: Any, T: Any) -> Any:
    return set(G.names) - set(S) if T is None else T


def node_boundary(G: Graph, nbunch1: Any, nbunch2: Any = None) -> set[Any]:
    """Give the nodes that an edge from a set leads to, outside it."""
    a, inside = G.arrays(None), _mask(G, nbunch1)
    reached = np.zeros(a.n, bool)
    reached[a.post[inside[a.pre]]] = True
    bound: set[Any] = set(*sets_of(G, [np.flatnonzero(reached & ~inside)]))
    return bound if nbunch2 is None else bound & set(nbunch2)


def boundary_expansion(G: Graph, S: Any) -> float:
    """Give the number of nodes that an edge from a set leads to, outside it, over its size."""
    return len(node_boundary(G, S)) / len(S)


def _two_sets(G: Any, S: Any, T: Any = None, weight: Any = None) -> bool | str:
    return "one set of a directed graph" if T is None and G.is_directed() else True


NATIVE = (
    is_partition, modularity, partition_quality, louvain_partitions, louvain_communities, leiden_communities,
    intra_community_edges, cut_size, volume, normalized_cut_size, conductance, edge_expansion, node_boundary,
    boundary_expansion,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"leiden_communities": _first_level, "cut_size": _two_sets}
