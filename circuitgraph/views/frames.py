"""Circuits from pandas tables, and pandas tables from circuits."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from circuitgraph.errors import NumericError, StructureError
from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views import tables
from circuitgraph.views.build import Merge, Pair, ends, first_of_parallel, graph_circuit
from circuitgraph.views.columns import bad_weight, column, named_weight, values, weight_column
from circuitgraph.views.pairs import MAX_EDGES, Level, check_level, check_size

Frame = pd.DataFrame
"""A pandas table, for who must not import pandas."""


class Tables(NamedTuple):
    """What `to_pandas` returns: one row per node, one row per edge."""

    nodes: pd.DataFrame
    edges: pd.DataFrame


def from_pandas(
    edges: pd.DataFrame,
    nodes: pd.DataFrame | None = None,
    *,
    pre: str = "pre",
    post: str = "post",
    weight: str | None = "weight",
    label: str = "label",
    merge: Merge = None,
    name: str = "neurons",
    delay: int = 1,
) -> Circuit:
    """Make a circuit of a table of edges, pre to post: nodes become units, rows slots, in order.

    `edges` has columns `pre` and `post` (labels of nodes), perhaps "weight" (else all weights are 1; another name
    has to be there), and any others, which become attributes of the projection.  `nodes` has a column `label` and any
    others; without it the nodes are the labels in order of first appearance, each row's pre before its post.  The
    index of a table is not kept.

    NaN, pd.NA and NaT in a column of objects become ABSENT; None stays None.  Categories and nullable types become
    objects, objects that are all truth values, integers or floats a column of these, and weights float64.  Rows are
    counted from 1 in messages.

    Raises:
        StructureError: a column that is missing, a label that is missing or not unique, an edge to a node that is not
            listed; a pair that comes twice, unless `merge="sum"` adds its weights and keeps the first one's attributes.
        NumericError: a weight that is not a finite number.
        ShapeError: no nodes.

    Example:
        >>> table = pd.DataFrame({"pre": ["a", "a"], "post": ["b", "c"], "weight": [1.0, 2.0]})
        >>> circuit = from_pandas(table)
        >>> to_pandas(circuit).edges.equals(table)
        True
    """
    _need_columns("edges", edges, pre, post, *named_weight(weight))
    listed = list(zip(_labels("edges", edges[pre]), _labels("edges", edges[post]), strict=True))
    if nodes is None:
        columns = {label: column(dict.fromkeys(end for pair in listed for end in pair), "node")}
    else:
        _need_columns("nodes", nodes, label)
        columns = _columns("nodes", nodes) | {label: column(_labels("nodes", nodes[label]), "node")}
    names = _names("nodes", values(columns[label]), label)
    _need_nodes(listed, names, (pre, post))
    at_pre, at_post = ends(listed, names)
    first, pair = first_of_parallel(listed, at_pre, at_post, "sum" if merge is None else merge)
    if merge is None and len(first) < len(listed):
        raise _twice(listed, first, pair)
    own = {k: a[first] for k, a in _columns("edges", edges).items() if k not in (pre, post, weight)}
    given = [ABSENT] * len(listed) if weight is None or weight not in edges else edges[weight].tolist()
    bad = bad_weight(given)
    if bad is not None:
        where = f"{_edge(listed[bad])} (row {bad + 1}, column {weight!r})"
        raise NumericError(f"{where}: weight is not a finite number (got {given[bad]!r}, expected e.g. 1.0)")
    total = np.bincount(pair, weight_column(given, listed), len(first))
    if weight is not None and weight not in edges:
        own[weight] = column([ABSENT] * len(first), "edge")
    return graph_circuit(columns, at_pre[first], at_post[first], total, own, name=name, delay=delay)


def to_pandas(
    circuit: Circuit,
    level: Level = "unit",
    *,
    weight: str | None = "weight",
    label: str | None = "label",
    max_edges: int | None = MAX_EDGES,
) -> Tables:
    """Make two tables of a circuit, its nodes and its edges, pre to post.

    population: one row per population and per projection, `pre` and `post` are names.
    unit, neuron: rows and their attributes are those of `to_networkx`.  A plain labelled graph has `pre` and `post` as
        labels, so that `from_pandas(*...)` gives the circuit back: `from_pandas(t.edges, t.nodes)`.  Other circuits
        have `pre_population`, `pre`, `post_population`, `post`, where pre and post are numbers of units or neurons.

    ABSENT becomes NaN; columns come in the order pre, post, weight, attributes.

    Raises:
        ShapeError: more than `max_edges` slots (level unit) or synapses (level neuron); None lists them all.
        UnknownNameError: another level.
        StructureError: labels that are not unique, or an attribute with the name of one of the view's.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0])
        >>> to_pandas(c).edges[["pre", "post", "weight"]].values.tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, -1.0]]
    """
    check_level(level)
    check_size(circuit, level, max_edges)
    if level == "population":
        return _population_tables(circuit)
    plain = tables.is_graph(circuit, label)
    blocks = tables.nodes(circuit, level, label)
    if plain:
        blocks[0].columns[str(label)] = column(blocks[0].keys, "node")
    nodes = [_frame(block.columns) for block in blocks]
    keys = {block.population.name: block.keys for block in blocks}
    edges = []
    for block in tables.edges(circuit, level, weight, label):
        p = block.projection
        head = _labelled_ends(block, keys[p.pre]) if plain else _numbered_ends(block)
        tables.refuse_clash(f"projection {p.name!r}", block.columns, head)
        edges.append(_frame(head | _said(block.columns, weight)))
    empty = {"pre": np.zeros(0, np.int64), "post": np.zeros(0, np.int64)}
    return Tables(_concat(nodes, {}), _concat(edges, empty))


def _population_tables(circuit: Circuit) -> Tables:
    nodes = {"population": [p.name for p in circuit.populations], **tables.populations(circuit)}
    links = {
        "projection": [p.name for p in circuit.projections],
        "pre": [p.pre for p in circuit.projections],
        "post": [p.post for p in circuit.projections],
    }
    return Tables(pd.DataFrame(nodes), pd.DataFrame({**links, **tables.projections(circuit)}))


def _labelled_ends(block: tables.Edges, keys: list[Hashable]) -> dict[str, np.ndarray]:
    pre, post = (column((keys[i] for i in index.tolist()), "node") for index in (block.pre, block.post))
    return {"pre": pre, "post": post}


def _numbered_ends(block: tables.Edges) -> dict[str, np.ndarray]:
    pre, post = (np.full(len(block.pre), end, dtype=object) for end in (block.projection.pre, block.projection.post))
    return {"pre_population": pre, "pre": block.pre, "post_population": post, "post": block.post}


def _said(columns: dict[str, np.ndarray], weight: str | None) -> dict[str, np.ndarray]:
    # Weights that were never given are left out if they all are; else the 1 that stands for them is written.
    if weight is None or columns[weight].dtype != object:
        return columns
    silent = np.array([w is ABSENT for w in columns[weight]], dtype=bool)
    if silent.all():
        return {k: a for k, a in columns.items() if k != weight}
    return columns | {weight: np.where(silent, 1.0, columns[weight]).astype(np.float64)}


def _frame(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({name: _series(a) for name, a in columns.items()})


def _series(a: np.ndarray) -> "pd.Series[Any]":
    if a.dtype != object:
        return pd.Series(a)
    items = [np.nan if v is ABSENT else v for v in a]
    text = all(isinstance(v, str) or v is np.nan for v in items) and any(isinstance(v, str) for v in items)
    return pd.Series(items) if text else pd.Series(items, dtype=object)


def _concat(frames: list[pd.DataFrame], empty: Mapping[str, np.ndarray]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frames[0] if frames else pd.DataFrame(empty)
    return filled[0] if len(filled) == 1 else pd.concat(filled, ignore_index=True)


def _columns(what: str, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: _array(frame[name], f"{what} column {name!r}") for name in frame.columns}


def _array(series: "pd.Series[Any]", where: str) -> np.ndarray:
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    missing = series.isna()
    return column((ABSENT if gone and v is not None else v for v, gone in zip(series, missing, strict=True)), where)


def _labels(what: str, series: "pd.Series[Any]") -> list[Hashable]:
    if series.isna().any():
        row = int(series.isna().to_numpy().argmax())
        raise StructureError(f"{what}: column {series.name!r} has no label in row {row + 1}; drop the row")
    out: list[Hashable] = series.tolist()
    return out


def _names(what: str, labels: list[Hashable], column_: str) -> dict[Hashable, int]:
    """Give each label its row; StructureError where two are equal."""
    out: dict[Hashable, int] = {}
    for row, name in enumerate(labels):
        if out.setdefault(name, row) != row:
            where = f"{what}: label {name!r} comes twice, in rows {out[name] + 1} and {row + 1}, column {column_!r}"
            raise StructureError(f"{where}; labels are unique")
    return out


def _need_nodes(listed: list[Pair], names: Mapping[Hashable, int], columns: tuple[str, str]) -> None:
    unknown = {end for pair in listed for end in pair} - names.keys()
    if not unknown:
        return
    row, end = next((row, end) for row, pair in enumerate(listed) for end in (0, 1) if pair[end] in unknown)
    where = f"in row {row + 1}, column {columns[end]!r}"
    raise StructureError(f"edges: {listed[row][end]!r} {where}, is not a node; add it to the nodes")


def _twice(listed: list[Pair], first: np.ndarray, pair: np.ndarray) -> StructureError:
    again = int(np.flatnonzero(first[pair] != np.arange(len(pair)))[0])
    where = f"{_edge(listed[again])} comes twice, in rows {first[pair[again]] + 1} and {again + 1}"
    return StructureError(f"{where}; pass merge='sum' to add up the weights, or leave all but one out")


def _edge(pair: Pair) -> str:
    return "edge {!r} -> {!r}".format(*pair)


def _need_columns(what: str, frame: pd.DataFrame, *names: str) -> None:
    if not frame.columns.is_unique:
        raise StructureError(f"{what}: two columns have one name (got {list(frame.columns)}); rename one")
    for name in names:
        if name not in frame:
            got = ", ".join(map(repr, frame.columns)) or "none"
            raise StructureError(f"{what}: no column {name!r} (got {got}); rename one or pass its name")


def frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Make a table of rows; these columns come first, there or not."""
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*columns, *(c for c in table.columns if c not in columns)])
