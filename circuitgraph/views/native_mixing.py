"""networkx's assortativity and mixing, on arrays."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs import mixing
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import Side, degrees
from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import values
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, answer, is_node

Mixing = dict[Any, dict[Any, float]]


def _side(G: Graph, side: Any) -> Side:
    return {"in": "in", "out": "out"}[side] if G.directed else "in+out"  # type: ignore[return-value]


def _ends(G: Graph, nodes: Any, a: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Give both ends of the entries from the nodes asked for.  Shape: (E,), (E,)."""
    kept = slice(None) if nodes is None else _inside(G, nodes)[a.pre]
    return a.pre[kept], a.post[kept]


def _inside(G: Graph, nodes: Any) -> np.ndarray:
    inside = np.zeros(len(G), bool)
    inside[[G.index[name] for name in nodes if name in G.index]] = True
    return inside


def _degree_pairs(G: Graph, x: Any, y: Any, weight: Any, nodes: Any) -> tuple[np.ndarray, np.ndarray]:
    a = G.arrays(weight)
    pre, post = _ends(G, nodes, a)
    if nodes is not None:
        kept = _inside(G, nodes)[post]
        pre, post = pre[kept], post[kept]
    first = degrees(a, _side(G, x), weighted=weight is not None)
    second = degrees(a, _side(G, y), weighted=weight is not None)
    return first[pre], second[post]


def degree_assortativity_coefficient(
    G: Graph, x: str = "out", y: str = "in", weight: Any = None, nodes: Any = None
) -> float:
    """Tell how the degrees at both ends of edges go together."""
    first, second = _degree_pairs(G, x, y, weight, nodes)
    return mixing.assortativity(first.astype(float), second.astype(float))


def degree_pearson_correlation_coefficient(
    G: Graph, x: str = "out", y: str = "in", weight: Any = None, nodes: Any = None
) -> float:
    """Give the same, by scipy."""
    import scipy.stats

    first, second = _degree_pairs(G, x, y, weight, nodes)
    if not len(first):
        raise ValueError("not enough values to unpack (expected 2, got 0)")
    return float(scipy.stats.pearsonr(first, second)[0])


def numeric_assortativity_coefficient(G: Graph, attribute: Any, nodes: Any = None) -> float:
    """Tell how numbers at both ends of edges go together."""
    column = _attributes(G, attribute, nodes)
    if not all(isinstance(v, int | float | np.number) for v in column if v is not None):
        raise NotImplementedError(f"node attribute {attribute!r}: not numbers")
    number = np.array([np.nan if v is None else v for v in column], dtype=np.float64)
    pre, post = _ends(G, nodes, G.arrays(None))
    if nodes is not None:  # networkx's matrix has rows for the values of the nodes asked for only
        known = np.isin(number[post], number[_inside(G, nodes)])
        pre, post = pre[known], post[known]
    return mixing.assortativity(number[pre], number[post])


def _attributes(G: Graph, name: Any, nodes: Any) -> list[Any]:
    """List an attribute of all nodes, of which those asked for must have it."""
    listed = _values(G, name)
    for i in range(len(G)) if nodes is None else (G.index[n] for n in nodes):
        if listed[i] is None:
            raise KeyError(name)
    return listed


def _values(G: Graph, name: Any) -> list[Any]:
    column = G.node_columns.get(name)
    return [None] * len(G) if column is None else [None if v is ABSENT else v for v in values(column)]


def attribute_mixing_dict(G: Graph, attribute: Any, nodes: Any = None, normalized: bool = False) -> Mixing:
    """Tell how many edges lead from nodes of one value to nodes of another."""
    codes: dict[Any, int] = {}
    of = np.array([codes.setdefault(v, len(codes)) for v in _values(G, attribute)], np.int64)
    pre, post = _ends(G, nodes, G.arrays(None))
    return _counted(of[pre], of[post], list(codes), normalized)


def degree_mixing_dict(
    G: Graph, x: str = "out", y: str = "in", weight: Any = None, nodes: Any = None, normalized: bool = False
) -> Mixing:
    """Tell how many edges lead from nodes of one degree to nodes of another."""
    first, second = _degree_pairs(G, x, y, weight, nodes)
    known, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    return _counted(code[: len(first)], code[len(first) :], known.tolist(), normalized)


def _counted(first: np.ndarray, second: np.ndarray, names: list[Any], normalized: bool) -> Mixing:
    found: Mixing = {}
    for i, j, count in zip(*(part.tolist() for part in mixing.mixed(first, second)), strict=True):
        found.setdefault(names[i], {})[names[j]] = count / len(first) if normalized else count
        found.setdefault(names[j], {})
    return found


def attribute_mixing_matrix(
    G: Graph, attribute: Any, nodes: Any = None, mapping: Any = None, normalized: bool = True
) -> np.ndarray:
    """Give the same as a matrix."""
    return _matrix(attribute_mixing_dict(G, attribute, nodes), mapping, normalized)


def degree_mixing_matrix(
    G: Graph,
    x: str = "out",
    y: str = "in",
    weight: Any = None,
    nodes: Any = None,
    normalized: bool = True,
    mapping: Any = None,
) -> np.ndarray:
    """Give the same as a matrix."""
    return _matrix(degree_mixing_dict(G, x, y, weight, nodes), mapping, normalized)


def _matrix(mixed: Mixing, mapping: Any, normalized: bool) -> np.ndarray:
    matrix: np.ndarray = nx.utils.dict_to_numpy_array(mixed, mapping=mapping)
    return matrix / matrix.sum() if normalized else matrix


def attribute_assortativity_coefficient(G: Graph, attribute: Any, nodes: Any = None) -> float:
    """Tell how often edges join nodes of one value, beyond chance."""
    matrix = attribute_mixing_matrix(G, attribute, nodes)
    matrix = matrix / matrix.sum()
    chance = (matrix @ matrix).sum()
    return float((matrix.trace() - chance) / (1 - chance))


def average_neighbor_degree(
    G: Graph, source: str = "out", target: str = "out", nodes: Any = None, weight: Any = None
) -> Any:
    """Give the mean degree of each node's neighbours."""
    sides = ("in", "out", "in+out") if G.directed else ("out",)
    for name, side in (("source", source), ("target", target)):
        if side not in sides:
            expected = "must be 'in', 'out' or 'in+out'" if G.directed else "is only supported for directed graphs"
            raise nx.NetworkXError(f"{name} argument {side} {expected}")
    found = mixing.neighbour_degrees(G.arrays(weight), source, target)  # type: ignore[arg-type]
    return answer(G, [nodes] if is_node(G, nodes) else nodes, found)


def node_degree_xy(
    G: Graph, x: str = "out", y: str = "in", weight: Any = None, nodes: Any = None
) -> Iterator[tuple[Any, Any]]:
    """Give the degrees at both ends of every edge."""
    first, second = _degree_pairs(G, x, y, weight, nodes)
    yield from zip(first.tolist(), second.tolist(), strict=True)


def node_attribute_xy(G: Graph, attribute: Any, nodes: Any = None) -> Iterator[tuple[Any, Any]]:
    """Give the attributes at both ends of every edge."""
    found = _values(G, attribute)
    pre, post = _ends(G, nodes, G.arrays(None))
    yield from ((found[i], found[j]) for i, j in zip(pre.tolist(), post.tolist(), strict=True))


NATIVE = (
    degree_assortativity_coefficient, degree_pearson_correlation_coefficient, numeric_assortativity_coefficient,
    attribute_assortativity_coefficient, attribute_mixing_dict, attribute_mixing_matrix, degree_mixing_dict,
    degree_mixing_matrix, average_neighbor_degree, node_degree_xy, node_attribute_xy,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {}
