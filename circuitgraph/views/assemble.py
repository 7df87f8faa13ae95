"""All nodes and all edges of a circuit in one table each, over every population and projection."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views import tables
from circuitgraph.views.columns import column
from circuitgraph.views.edges import grouped, pair_key
from circuitgraph.views.pairs import Level

_SUMMED = ("weight", "n_slots", "n_synapses")


@dataclass(frozen=True, eq=False)
class Table:
    """Nodes by name and edges by numbers of nodes, in order; edges of two projections may be parallel.

    `slots` has an entry per projection: which slot's weight each edge has, None where weights are summed.

    Shape: node columns (N,); pre, post, edge columns (K,).
    """

    names: list[Hashable]
    node_columns: Mapping[str, np.ndarray]
    pre: np.ndarray
    post: np.ndarray
    edge_columns: Mapping[str, np.ndarray]
    slots: tuple[np.ndarray | None, ...] = ()


@dataclass(frozen=True, eq=False)
class Merged:
    """The edges of a simple graph, and the one (K,) that each row of the table went into, None where each is one."""

    pre: np.ndarray
    post: np.ndarray
    columns: Mapping[str, np.ndarray]
    group: np.ndarray | None


def table(circuit: Circuit, level: Level, label: str | None) -> Table:
    """Put the blocks of `tables` one after the other; columns that a block lacks are ABSENT there.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
        >>> t = table(c, "unit", None)
        >>> t.names, t.post.tolist()
        ([('x', 0), ('x', 1), ('y', 0)], [2, 2])
    """
    if level == "population":
        return _populations(circuit)
    plain = tables.is_graph(circuit, label)
    nodes = tables.nodes(circuit, level, label)
    start, total = {}, 0
    for block in nodes:
        start[block.population.name] = total
        total += len(block.keys)
    edges = [*tables.edges(circuit, level, "weight", label)]
    none = np.zeros(0, np.int64)
    described = [{k: a for k, a in block.columns.items() if not (plain and k == label)} for block in nodes]
    return Table(
        [key for block in nodes for key in block.keys],
        joined(described, [len(block.keys) for block in nodes]),
        np.concatenate([none, *(e.pre + start[e.projection.pre] for e in edges)]),
        np.concatenate([none, *(e.post + start[e.projection.post] for e in edges)]),
        joined([e.columns for e in edges], [len(e.pre) for e in edges]),
        tuple(e.slot for e in edges),
    )


def merged(found: Table, *, directed: bool) -> Merged:
    """Add up what stands between the same two nodes, undirected in both directions; other columns are the first's.

    Example:
        >>> t = Table(["a", "b"], {}, np.array([0, 1]), np.array([1, 0]), {"weight": np.array([1.0, 2.0])})
        >>> merged(t, directed=False).columns
        {'weight': array([3.])}
    """
    first, group = grouped(pair_key(found.pre, found.post, len(found.names), directed=directed))
    if len(first) == len(group):
        return Merged(found.pre, found.post, found.edge_columns, None)
    columns = {
        name: _summed(a, group, len(first)) if name in _SUMMED else a[first] for name, a in found.edge_columns.items()
    }
    return Merged(found.pre[first], found.post[first], columns, group)


def joined(blocks: Sequence[Mapping[str, np.ndarray]], lengths: Sequence[int]) -> dict[str, np.ndarray]:
    """Put tables one under the other; where types differ, or a table lacks a column, the column is of objects.

    Example:
        >>> joined([{"a": np.array([1])}, {}], [1, 1])
        {'a': array([1, ABSENT], dtype=object)}
    """
    names = {name: None for block in blocks for name in block}
    return {name: _stacked([block.get(name) for block in blocks], lengths) for name in names}


def _stacked(parts: Sequence[np.ndarray | None], lengths: Sequence[int]) -> np.ndarray:
    kinds = {None if a is None else a.dtype for a in parts}
    whole = [np.full(n, ABSENT, object) if a is None else a for a, n in zip(parts, lengths, strict=True)]
    return np.concatenate(whole if len(kinds) == 1 else [a.astype(object) for a in whole])


def _summed(a: np.ndarray, group: np.ndarray, n: int) -> np.ndarray:
    if a.dtype == object:  # a weight that was never given counts as 1
        a = np.array([1.0 if v is ABSENT else v for v in a], dtype=np.float64)
    total = np.bincount(group, a, n)
    return total if a.dtype.kind == "f" else total.astype(np.int64)


def _populations(circuit: Circuit) -> Table:
    number = {p.name: i for i, p in enumerate(circuit.populations)}
    all_ = circuit.projections
    weight = {"weight": np.array([p.weight.sum(dtype=np.float64) for p in all_], dtype=np.float64)}
    rows: dict[str, list[object]] = {"projection": [p.name for p in all_], **tables.projections(circuit)}
    return Table(
        list(number),
        {name: column(given, "population") for name, given in tables.populations(circuit).items()},
        np.array([number[p.pre] for p in all_], dtype=np.int64),
        np.array([number[p.post] for p in all_], dtype=np.int64),
        weight | {name: column(given, "projection") for name, given in rows.items()},
        (None,) * len(all_),
    )
