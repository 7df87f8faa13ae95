"""networkx's centralities by eigenvectors and votes, on arrays."""

from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse.linalg

from circuitgraph.graphs import components, ranks, votes
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, check_undirected, keyed, named, settling, shares


def pagerank(
    G: Graph,
    alpha: float = 0.85,
    personalization: Any = None,
    max_iter: int = 100,
    tol: float = 1e-06,
    nstart: Any = None,
    weight: Any = "weight",
    dangling: Any = None,
) -> dict[Any, float]:
    """Give PageRank by power iteration."""
    if not len(G):
        return {}
    jump, start, stuck = (None if d is None else shares(G, d) for d in (personalization, nstart, dangling))
    if jump is not None and jump.sum() == 0:
        raise ZeroDivisionError
    jump, start, stuck = (None if x is None else x / x.sum() for x in (jump, start, stuck))
    with settling(max_iter):
        x = ranks.pagerank(G.arrays(weight), alpha, jump=jump, dangling=stuck, start=start, max_iter=max_iter, tol=tol)
    return keyed(G, x)


def hits(
    G: Graph, max_iter: int = 100, tol: float = 1.0e-8, nstart: Any = None, normalized: bool = True
) -> tuple[dict[Any, float], dict[Any, float]]:
    """Give hubs and authorities."""
    if not len(G):
        return {}, {}
    start = None if nstart is None else np.array(list(nstart.values()))
    if max_iter <= 0:
        raise nx.PowerIterationFailedConvergence(max_iter)
    with settling(max_iter):
        hubs, authorities = ranks.hits(G.arrays(), start=start, max_iter=max_iter, tol=tol)
    if normalized:
        hubs, authorities = hubs / hubs.sum(), authorities / authorities.sum()
    return keyed(G, hubs), keyed(G, authorities)


def eigenvector_centrality(
    G: Graph, max_iter: int = 100, tol: float = 1.0e-6, nstart: Any = None, weight: Any = None
) -> dict[Any, float]:
    """Give the leading eigenvector, by power iteration."""
    if not len(G):
        raise nx.NetworkXPointlessConcept("cannot compute centrality for the null graph")
    start = np.ones(len(G)) if nstart is None else shares(G, nstart, missing=None)
    if not start.any():
        raise nx.NetworkXError("initial vector cannot have all zero values")
    with settling(max_iter):
        return keyed(G, ranks.eigenvector(G.arrays(weight or None), start=start, max_iter=max_iter, tol=tol))


def eigenvector_centrality_numpy(G: Graph, weight: Any = None, max_iter: int = 50, tol: float = 0) -> dict[Any, float]:
    """Give the leading eigenvector, by Arnoldi's method."""
    if not len(G):
        raise nx.NetworkXPointlessConcept("cannot compute centrality for the null graph")
    a = G.arrays(weight)
    if (components.strong(a) if G.directed else components.weak(a)).count > 1:
        text = "`eigenvector_centrality_numpy` does not give consistent results for disconnected graphs"
        raise nx.AmbiguousSolution(text)
    return keyed(G, ranks.eigenvector_solved(a, max_iter, tol))


def katz_centrality(
    G: Graph,
    alpha: float = 0.1,
    beta: Any = 1.0,
    max_iter: int = 1000,
    tol: float = 1.0e-6,
    nstart: Any = None,
    normalized: bool = True,
    weight: Any = None,
) -> dict[Any, float]:
    """Give Katz centrality, by iteration."""
    if not len(G):
        return {}
    start = None if nstart is None else shares(G, nstart, missing=None)
    with settling(max_iter):
        x = ranks.katz(G.arrays(weight), alpha, beta=_beta(G, beta), start=start, max_iter=max_iter, tol=tol)
    return keyed(G, x / (np.linalg.norm(x) or 1.0) if normalized else x)


def _beta(G: Graph, beta: Any) -> np.ndarray:
    if not isinstance(beta, Mapping):
        try:
            return np.full(len(G), float(beta))
        except (TypeError, ValueError) as error:
            raise nx.NetworkXError("beta must be a number, or a dictionary") from error
    if set(beta) != set(G.names):
        raise nx.NetworkXError("beta dictionary must have a value for every node")
    return shares(G, beta, missing=None)


def katz_centrality_numpy(
    G: Graph, alpha: float = 0.1, beta: Any = 1.0, normalized: bool = True, weight: Any = None
) -> dict[Any, float]:
    """Give Katz centrality, by solving the linear system."""
    if not len(G):
        return {}
    x = ranks.katz_solved(G.arrays(weight), alpha, _beta(G, beta))
    return keyed(G, x / (np.sign(x.sum()) * np.linalg.norm(x)) if normalized else x)


def google_matrix(
    G: Graph,
    alpha: float = 0.85,
    personalization: Any = None,
    nodelist: Any = None,
    weight: Any = "weight",
    dangling: Any = None,
) -> np.ndarray:
    """Give the dense matrix whose leading eigenvector is PageRank."""
    a = G.arrays(weight)
    matrix: np.ndarray = a.matrix.toarray()
    if not a.n:
        return matrix
    jump = np.full(a.n, 1.0 / a.n) if personalization is None else shares(G, personalization)
    if jump.sum() == 0:
        raise ZeroDivisionError
    jump = jump / jump.sum()
    stuck = jump if dangling is None else shares(G, dangling)
    matrix[matrix.sum(axis=1) == 0] = stuck / stuck.sum()
    matrix /= matrix.sum(axis=1)[:, np.newaxis]
    found: np.ndarray = alpha * matrix + (1 - alpha) * jump
    return found


def _all_nodes(
    G: Any, alpha: Any = 0.85, personalization: Any = None, nodelist: Any = None, weight: Any = "weight",
    dangling: Any = None,
) -> bool | str:  # fmt: skip
    return True if nodelist is None else "nodelist reorders the matrix"


def voterank(G: Graph, number_of_nodes: Any = None) -> list[Any]:
    """Give spreaders, in the order of election."""
    return named(G, votes.voterank(G.arrays(None), number_of_nodes))


def subgraph_centrality(G: Graph, *, normalized: bool = False) -> dict[Any, float]:
    """Give closed walks at each node, by eigenvectors."""
    check_undirected(G)
    values, vectors = np.linalg.eigh(_ones(G))
    weights = np.exp(values - values.max()) if normalized else np.exp(values)
    return keyed(G, vectors**2 @ weights)


def estrada_index(G: Graph) -> float:
    """Give all closed walks."""
    return sum(subgraph_centrality(G).values())


def communicability(G: Graph) -> dict[Any, dict[Any, float]]:
    """Give walks between all pairs, by eigenvectors."""
    values, vectors = np.linalg.eigh(_ones(G))
    return {u: keyed(G, row) for u, row in zip(G.names, (vectors * np.exp(values)) @ vectors.T, strict=True)}


def communicability_exp(G: Graph) -> dict[Any, dict[Any, float]]:
    """Give walks between all pairs, by the matrix exponential."""
    return {u: keyed(G, row) for u, row in zip(G.names, scipy.linalg.expm(_ones(G)), strict=True)}


def _ones(G: Graph) -> np.ndarray:
    # networkx counts no walk along an edge of weight 0.
    walked: np.ndarray = G.arrays().matrix.toarray() != 0
    return walked.astype(np.float64)


NATIVE = (
    pagerank, hits, eigenvector_centrality, eigenvector_centrality_numpy, katz_centrality, katz_centrality_numpy,
    google_matrix, voterank, subgraph_centrality, estrada_index, communicability, communicability_exp,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"google_matrix": _all_nodes}
