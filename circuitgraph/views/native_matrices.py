"""networkx's matrices, on arrays."""

from typing import Any

import networkx as nx
import numpy as np
import scipy.linalg
import scipy.sparse as sp

from circuitgraph.errors import NumericError
from circuitgraph.graphs import laplacians
from circuitgraph.graphs.degrees import degrees
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, check_undirected, dtype_of


def _order(G: Graph, nodelist: Any) -> np.ndarray | None:
    """Give number the nodes asked for; nothing if all are, in order."""
    return None if nodelist is None else np.array([G.index[name] for name in nodelist], np.int64)


def to_scipy_sparse_array(
    G: Graph, nodelist: Any = None, dtype: Any = None, weight: Any = "weight", format: Any = "csr"
) -> Any:
    """Give the matrix of weights, sparse; an edge without one weighs 1."""
    if not len(G):
        raise nx.NetworkXError("Graph has no nodes or edges")
    _check_nodes(G, nodelist)
    order = _order(G, nodelist)
    matrix = G.arrays(weight).matrix.astype(dtype_of(G, weight) if dtype is None else dtype)
    chosen = matrix if order is None else matrix[order][:, order]
    try:
        return chosen.asformat(format)
    except ValueError as error:
        raise nx.NetworkXError(f"Unknown sparse matrix format: {format}") from error


def _check_nodes(G: Graph, nodelist: Any) -> None:
    if nodelist is None:
        return
    if not len(nodelist):
        raise nx.NetworkXError("nodelist has no nodes")
    for name in nodelist:
        if name not in G.index:
            raise nx.NetworkXError(f"Node {name} in nodelist is not in G")
    if len(set(nodelist)) < len(nodelist):
        raise nx.NetworkXError("nodelist contains duplicates.")


def adjacency_matrix(G: Graph, nodelist: Any = None, dtype: Any = None, weight: Any = "weight") -> Any:
    """Give the matrix of weights, sparse."""
    return to_scipy_sparse_array(G, nodelist, dtype, weight)


def to_numpy_array(
    G: Graph,
    nodelist: Any = None,
    dtype: Any = None,
    order: Any = None,
    multigraph_weight: Any = sum,
    weight: Any = "weight",
    nonedge: Any = 0.0,
) -> np.ndarray:
    """Give the matrix of weights, with `nonedge` where there is no edge."""
    missing = set(nodelist or ()) - set(G.names)
    if missing:
        raise nx.NetworkXError(f"Nodes {missing} in nodelist is not in G")
    if nodelist is not None and len(set(nodelist)) < len(nodelist):
        raise nx.NetworkXError("nodelist contains duplicates.")
    a, chosen = G.arrays(weight), _order(G, nodelist)
    n = a.n if chosen is None else len(chosen)
    matrix = np.full((n, n), nonedge, dtype=dtype, order=order)
    place = np.full(a.n, -1)
    place[slice(None) if chosen is None else chosen] = np.arange(n)
    kept = (place[a.pre] >= 0) & (place[a.post] >= 0)
    matrix[place[a.pre[kept]], place[a.post[kept]]] = 1.0 if a.weight is None else a.weight[kept]
    return matrix


def to_pandas_adjacency(
    G: Graph,
    nodelist: Any = None,
    dtype: Any = None,
    order: Any = None,
    multigraph_weight: Any = sum,
    weight: Any = "weight",
    nonedge: Any = 0.0,
) -> Any:
    """Give the matrix of weights as a data frame."""
    import pandas as pd

    matrix = to_numpy_array(G, nodelist, dtype, order, multigraph_weight, weight, nonedge)
    names = G.names if nodelist is None else nodelist
    return pd.DataFrame(data=matrix, index=names, columns=names)


def incidence_matrix(
    G: Graph,
    nodelist: Any = None,
    edgelist: Any = None,
    oriented: bool = False,
    weight: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Give one column per edge, with its weight at its ends, negative at its beginning if oriented."""
    a, (pre, post) = G.arrays(weight), G.ends()
    value = np.ones(len(pre)) if a.weight is None else _per_edge(G, a.weight)
    column, off = np.arange(len(pre)), pre != post
    data = np.concatenate([(-value if oriented else value)[off], value[off]])
    ends = np.concatenate([pre[off], post[off]]), np.concatenate([column[off], column[off]])
    return sp.csc_array((data, ends), shape=(a.n, len(pre)), dtype=dtype)


def _per_edge(G: Graph, entries: np.ndarray) -> np.ndarray:
    found = np.empty(G.n_edges)
    found[G.edge] = entries
    return found


def laplacian_matrix(G: Graph, nodelist: Any = None, weight: Any = "weight") -> Any:
    """Give degrees less adjacency."""
    return laplacians.laplacian(to_scipy_sparse_array(G, nodelist, weight=weight))


def normalized_laplacian_matrix(G: Graph, nodelist: Any = None, weight: Any = "weight") -> Any:
    """Give degrees less adjacency, over the square roots of degrees."""
    return laplacians.normalized_laplacian(to_scipy_sparse_array(G, nodelist, weight=weight))


def directed_laplacian_matrix(
    G: Graph, nodelist: Any = None, weight: Any = "weight", walk_type: Any = None, alpha: float = 0.95
) -> np.ndarray:
    """Give Chung's laplacian of a walk."""
    return laplacians.directed_laplacian(_walk(G, nodelist, weight, walk_type, alpha))


def directed_combinatorial_laplacian_matrix(
    G: Graph, nodelist: Any = None, weight: Any = "weight", walk_type: Any = None, alpha: float = 0.95
) -> np.ndarray:
    """Give Chung's combinatorial laplacian of a walk."""
    return laplacians.directed_combinatorial_laplacian(_walk(G, nodelist, weight, walk_type, alpha))


def _walk(G: Graph, nodelist: Any, weight: Any, walk_type: Any, alpha: float) -> Any:
    if walk_type is None and not len(G):
        raise nx.NetworkXPointlessConcept("Connectivity is undefined for the null graph.")
    matrix = to_scipy_sparse_array(G, nodelist, weight=weight, dtype=float)
    try:
        return laplacians.transitions(G.arrays(None), matrix, walk_type, alpha)
    except NumericError as error:
        raise nx.NetworkXError(str(error)) from error


def modularity_matrix(G: Graph, nodelist: Any = None, weight: Any = None) -> np.ndarray:
    """Give adjacency less what degrees alone make expected."""
    matrix = to_scipy_sparse_array(G, nodelist, weight=weight)
    degree = matrix.sum(axis=1)
    return np.asarray(matrix - np.outer(degree, degree) / degree.sum())


def directed_modularity_matrix(G: Graph, nodelist: Any = None, weight: Any = None) -> np.ndarray:
    """Give the same with degrees out and in."""
    matrix = to_scipy_sparse_array(G, nodelist, weight=weight)
    return np.asarray(matrix - np.outer(matrix.sum(axis=1), matrix.sum(axis=0)) / matrix.sum())


def bethe_hessian_matrix(G: Graph, r: Any = None, nodelist: Any = None) -> Any:
    """(r^2 - 1) I - r A + D."""
    check_undirected(G)
    if r is None:
        degree = degrees(G.arrays(None))
        r = (degree**2).sum().item() / degree.sum().item() - 1
    matrix = to_scipy_sparse_array(G, nodelist)
    n = matrix.shape[0]
    diagonal = sp.dia_array((matrix.sum(axis=1)[np.newaxis], [0]), shape=(n, n)).tocsr()
    return (r**2 - 1) * sp.eye_array(n, format="csr") - r * matrix + diagonal


def laplacian_spectrum(G: Graph, weight: Any = "weight") -> np.ndarray:
    """Give eigenvalues of the laplacian."""
    return np.asarray(scipy.linalg.eigvalsh(laplacian_matrix(G, weight=weight).toarray()))


def normalized_laplacian_spectrum(G: Graph, weight: Any = "weight") -> np.ndarray:
    """Give eigenvalues of the normalized laplacian."""
    return np.asarray(scipy.linalg.eigvalsh(normalized_laplacian_matrix(G, weight=weight).toarray()))


def adjacency_spectrum(G: Graph, weight: Any = "weight") -> np.ndarray:
    """Give eigenvalues of the matrix of weights."""
    return np.asarray(scipy.linalg.eigvals(adjacency_matrix(G, weight=weight).toarray()))


def modularity_spectrum(G: Graph) -> np.ndarray:
    """Give eigenvalues of the modularity matrix."""
    return np.asarray(scipy.linalg.eigvals(directed_modularity_matrix(G) if G.directed else modularity_matrix(G)))


def bethe_hessian_spectrum(G: Graph, r: Any = None) -> np.ndarray:
    """Give eigenvalues of the Bethe-Hessian."""
    return np.asarray(scipy.linalg.eigvalsh(bethe_hessian_matrix(G, r).toarray()))


def _plain(
    G: Any, nodelist: Any = None, dtype: Any = None, order: Any = None, multigraph_weight: Any = sum,
    weight: Any = "weight", nonedge: Any = 0.0,
) -> bool | str:  # fmt: skip
    plain = dtype is None or (np.dtype(dtype).names is None and np.dtype(dtype) != object)
    return True if plain else "a type of objects, or a structured one"


def _listed(
    G: Any, nodelist: Any = None, edgelist: Any = None, oriented: Any = False, weight: Any = None, *, dtype: Any = None
) -> bool | str:
    return True if nodelist is None and edgelist is None else "some nodes or edges only"


NATIVE = (
    to_scipy_sparse_array, adjacency_matrix, to_numpy_array, to_pandas_adjacency, incidence_matrix, laplacian_matrix,
    normalized_laplacian_matrix, directed_laplacian_matrix, directed_combinatorial_laplacian_matrix,
    modularity_matrix, directed_modularity_matrix, bethe_hessian_matrix, laplacian_spectrum,
    normalized_laplacian_spectrum, adjacency_spectrum, modularity_spectrum, bethe_hessian_spectrum,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {
    "to_numpy_array": _plain,
    "to_pandas_adjacency": _plain,
    "incidence_matrix": _listed,
}
