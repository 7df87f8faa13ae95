"""What native functions share: names in, Python values out, networkx's errors."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs.arrays import by_number
from circuitgraph.graphs.ranks import ConvergenceError
from circuitgraph.views.graph import Graph


def keyed(G: Graph, values: np.ndarray) -> dict[Hashable, Any]:
    """Give every node its value, as plain Python numbers.

    Example:
        >>> keyed(Graph.from_edges("ab", [0], [1]), np.array([1, 2]))
        {'a': 1, 'b': 2}
    """
    return dict(zip(G.names, values.tolist(), strict=True))


def is_node(G: Graph, name: Any) -> bool:
    """Tell whether this is a node, and no list of them.

    Example:
        >>> is_node(Graph.from_edges("ab", [0], [1]), ["a"])
        False
    """
    try:
        return name in G.index
    except TypeError:
        return False


def among(G: Graph, nodes: Any) -> list[int]:
    """Find the numbers of the nodes asked for: all for None, one, or those of a collection that there are.

    Raises:
        NetworkXError: neither a node nor a collection of what may be nodes.

    Example:
        >>> among(Graph.from_edges("ab", [0], [1]), ["b", "z"])
        [1]
    """
    if nodes is None:
        return list(range(len(G.names)))
    if is_node(G, nodes):
        return [G.index[nodes]]
    return [G.index[name] for name in G.nbunch_iter(nodes)]


def answer(G: Graph, nodes: Any, values: np.ndarray) -> Any:
    """Give the value of one node, or a dictionary of those asked for.

    Example:
        >>> g = Graph.from_edges("ab", [0], [1])
        >>> answer(g, "b", np.array([1, 2])), answer(g, ["b"], np.array([1, 2]))
        (2, {'b': 2})
    """
    if nodes is None:
        return keyed(G, values)
    if is_node(G, nodes):
        return values[G.index[nodes]].item()
    chosen = among(G, nodes)
    return dict(zip((G.names[i] for i in chosen), values[chosen].tolist(), strict=True))


def answer_some(G: Graph, nodes: Any, measure: Callable[[list[int] | None], np.ndarray]) -> Any:
    """Give the same, of a measure that can be taken of some nodes alone.

    Example:
        >>> answer_some(Graph.from_edges("ab", [0], [1]), "b", lambda chosen: np.array(chosen) * 10)
        10
    """
    if nodes is None:
        return keyed(G, measure(None))
    chosen = among(G, nodes)
    values = measure(chosen)
    return values[0].item() if is_node(G, nodes) else dict(zip(named(G, chosen), values.tolist(), strict=True))


def named(G: Graph, nodes: Iterable[Any]) -> list[Hashable]:
    """Give the names of numbers.

    Example:
        >>> named(Graph.from_edges("ab", [0], [1]), np.array([1]))
        ['b']
    """
    listed = nodes.tolist() if isinstance(nodes, np.ndarray) else nodes
    return [G.names[i] for i in listed]


def found(G: Graph, name: Any, text: str) -> int:
    """Find the number of a node.

    Raises:
        NodeNotFound: it is none; with this text.

    Example:
        >>> found(Graph.from_edges("ab", [0], [1]), "b", "no such node")
        1
    """
    if name not in G.index:
        raise nx.NodeNotFound(text)
    return G.index[name]


def shares(G: Graph, given: Any, *, missing: float | None = 0.0) -> np.ndarray:
    """Read a dictionary of numbers per node.  Shape: (N,).

    Raises:
        KeyError: a node is not in it and nothing stands for what is missing.

    Example:
        >>> shares(Graph.from_edges("ab", [0], [1]), {"b": 3}).tolist()
        [0.0, 3.0]
    """
    values = [given[name] if missing is None else given.get(name, missing) for name in G.names]
    return np.array(values, dtype=np.float64)


def check_undirected(G: Graph) -> None:
    """Refuse directed graphs in networkx's words.

    Raises:
        NetworkXNotImplemented: edges have a direction.

    Example:
        >>> check_undirected(Graph.from_edges("ab", [0], [1], directed=False))
    """
    if G.directed:
        raise nx.NetworkXNotImplemented("not implemented for directed type")


@contextmanager
def settling(max_iter: int) -> Iterator[None]:
    """Say in networkx's words that an iteration did not settle.

    Example:
        >>> with settling(3):
        ...     pass
    """
    try:
        yield
    except ConvergenceError as error:
        raise nx.PowerIterationFailedConvergence(max_iter) from error


def labels_of(G: Graph, communities: Any) -> np.ndarray:
    """Give every node the number of its community.  Shape: (N,) int64.

    Example:
        >>> labels_of(Graph.from_edges("ab", [0], [1]), [{"b"}, {"a"}]).tolist()
        [1, 0]
    """
    labels = np.zeros(len(G.names), np.int64)
    for c, community in enumerate(communities):
        labels[[G.index[name] for name in community]] = c
    return labels


def sets_of(G: Graph, members: Iterable[np.ndarray]) -> list[set[Hashable]]:
    """Name the nodes of each part.

    Example:
        >>> sets_of(Graph.from_edges("ab", [0], [1]), [np.array([1])])
        [{'b'}]
    """
    return [set(named(G, part)) for part in members]


def sets_by(G: Graph, labels: np.ndarray) -> list[set[Hashable]]:
    """Name the nodes of each part, where every node has the number of its part.  Shape: labels (N,) integers.

    Example:
        >>> sets_by(Graph.from_edges("abc", [0], [1]), np.array([1, 0, 1])) == [{"b"}, {"a", "c"}]
        True
    """
    if not len(labels):
        return []
    sizes = np.bincount(labels)
    listed, ends = named(G, by_number(labels, len(sizes))), np.cumsum(sizes).tolist()
    return [set(listed[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


def dtype_of(G: Graph, weight: Any, default: float = 1) -> Any:
    """Give the type that networkx's matrices have: integers where all weights are.

    Example:
        >>> dtype_of(Graph.from_edges("ab", [0], [1], {"w": np.array([0.5])}), "w")
        <class 'numpy.float64'>
    """
    column = G.edge_columns.get(weight)
    if column is None:
        return np.int64 if isinstance(default, int) else np.float64
    whole = column.dtype.kind in "iu" or (column.dtype == object and not any(type(v) is float for v in column))
    return np.int64 if whole and len(column) else np.float64


Names = Sequence[Hashable]
Predicate = Callable[..., bool | str]
