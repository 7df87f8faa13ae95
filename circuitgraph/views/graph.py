"""A light graph with names over arrays, which networkx reads as one of its own; every circuit is one."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views import assemble
from circuitgraph.views.build import positions
from circuitgraph.views.columns import cells, column, columns_of
from circuitgraph.views.derived import Derived
from circuitgraph.views.edges import Edges, edge_list
from circuitgraph.views.pairs import Level, check_level
from circuitgraph.views.walk import walk
from circuitgraph.views.weighing import Weighing

_NONE = np.zeros(0)


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Derived):
    """A simple graph, directed or not, that never changes: names, structure as compressed rows, attributes as columns.

    Rows are in networkx's order: `post[begins[i]:begins[i + 1]]` are the neighbours of node i, and `edge` says which
    edge each is.  Edges are numbered as `edges` lists them; an undirected one stands in the rows of both its ends, a
    loop once.  Columns hold ABSENT where a node or an edge lacks an attribute.  Whatever reads a networkx graph reads
    this one, `copy()` and `to_networkx()` give one that can be changed.

    Shape: begins (N + 1,) int64; post, edge (M,) int64; node columns (N,), edge columns (E,).

    Example:
        >>> g = Graph.from_edges(["a", "b", "c"], [0, 0], [1, 2], {"weight": np.array([2.0, 3.0])})
        >>> list(g.edges(data="weight")), g["a"]["c"]["weight"], g.in_degree("b")
        ([('a', 'b', 2.0), ('a', 'c', 3.0)], 3.0, 1)
        >>> nx.density(g)
        0.3333333333333333
    """

    names: list[Hashable]
    begins: np.ndarray
    post: np.ndarray
    edge: np.ndarray
    directed: bool = True
    node_columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    edge_columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    graph: dict[str, Any] = field(default_factory=dict)
    weighing: Weighing | None = None

    @classmethod
    def from_edges(
        cls,
        names: Iterable[Hashable],
        pre: Any,
        post: Any,
        edge_columns: Mapping[str, np.ndarray] | None = None,
        *,
        directed: bool = True,
        node_columns: Mapping[str, np.ndarray] | None = None,
        graph: Mapping[str, Any] | None = None,
    ) -> "Graph":
        """Make a graph of a list of edges between numbers of nodes; neighbours come in the order of the list.

        Raises:
            StructureError: two nodes of one name, or an edge that comes twice.

        Shape: pre, post (E,).

        Example:
            >>> Graph.from_edges("abc", [0, 2], [1, 1], directed=False)["b"]
            {'a': {}, 'c': {}}
        """
        listed = list(names)
        index = positions(listed)
        found = edge_list(listed, np.asarray(pre, np.int64), np.asarray(post, np.int64), directed=directed)
        made = cls._of(listed, found, edge_columns or {}, directed, node_columns or {}, dict(graph or {}))
        made.__dict__["index"] = index
        return made

    @classmethod
    def from_networkx(cls, graph: nx.Graph, *, nodes: Any = True, edges: Any = True) -> "Graph":
        """Read a networkx graph: its nodes, edges and neighbours in its order, and the attributes named (or all).

        Raises:
            NotImplementedError: a multigraph, which has parallel edges.

        Example:
            >>> Graph.from_networkx(nx.Graph([("a", "b", {"weight": 2})])).edge_columns
            {'weight': array([2])}
        """
        if graph.is_multigraph():
            raise NotImplementedError("graph: is a multigraph (expected no parallel edges); add their weights up first")
        found = walk(graph)
        begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(found.lengths)])
        listed = Edges.of_rows(begins, found.post, directed=graph.is_directed())
        data = [] if edges is False else found.data
        kept = data if graph.is_directed() or not data else [*map(data.__getitem__, listed.first.tolist())]
        return cls(
            found.names, begins, found.post, listed.edge, graph.is_directed(),
            _columns([d for _, d in graph.nodes(data=True)], nodes, "node"),
            _columns(kept, edges, "edge"), dict(graph.graph),
        )  # fmt: skip

    @classmethod
    def _of(
        cls,
        names: list[Hashable],
        found: Edges,
        edge_columns: Mapping[str, np.ndarray],
        directed: bool,
        node_columns: Mapping[str, np.ndarray],
        graph: dict[str, Any],
        weighing: Weighing | None = None,
    ) -> "Graph":
        columns = {name: np.asarray(a)[found.order] for name, a in edge_columns.items()}
        return cls(names, found.begins, found.post, found.edge, directed, node_columns, columns, graph, weighing)

    def _other(
        self,
        names: list[Hashable],
        pre: np.ndarray,
        post: np.ndarray,
        edge_columns: Mapping[str, np.ndarray],
        directed: bool,
        node_columns: Mapping[str, np.ndarray],
    ) -> "Graph":
        found = edge_list(names, pre, post, directed=directed)
        return self._of(names, found, edge_columns, directed, node_columns, dict(self.graph))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, f.name) for f in fields(self))

    @cached_property
    def index(self) -> Mapping[Hashable, int]:
        """Give the number of every name."""
        return dict(zip(self.names, range(len(self.names)), strict=True))

    @property
    def n_edges(self) -> int:
        """Count the edges, an undirected one once."""
        return len(self._first)

    @cached_property
    def _first(self) -> np.ndarray:
        # The place among the rows where each edge is listed first.  Shape: (E,).
        return Edges.of_rows(self.begins, self.post, directed=self.directed).first

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the numbers of the nodes at both ends of every edge.  Shape: (E,), (E,)."""
        pre = np.repeat(np.arange(len(self.names)), np.diff(self.begins))
        return pre[self._first], self.post[self._first]

    def arrays(self, weight: str | None = "weight", default: float = 1.0) -> Arrays:
        """Give the graph to a measure, weighted by a column; an edge without that attribute weighs `default`.

        Raises:
            NotImplementedError: a column whose values are no numbers.

        Example:
            >>> g = Graph.from_edges("ab", [0, 1], [1, 0], {"weight": np.array([2, ABSENT])})
            >>> g.arrays().weight.tolist(), g.arrays(None).weight
            ([2.0, 1.0], None)
        """
        key = (weight if weight in self.edge_columns else None, 1.0 if weight is None else float(default))
        if key not in self._arrays:
            values = self._weights(weight, float(default))
            self._arrays[key] = Arrays(self.begins, self.post.astype(np.int32), values, self.directed)
        return self._arrays[key]

    @cached_property
    def _arrays(self) -> dict[tuple[str | None, float], Arrays]:
        return {}

    def _weights(self, weight: str | None, default: float) -> np.ndarray | None:
        if weight is None or (weight not in self.edge_columns and default == 1):
            return None
        if weight not in self.edge_columns:
            return np.full(len(self.post), default)
        given = numbers(self.edge_columns[weight], default, f"edge attribute {weight!r}")
        entries: np.ndarray = given[self.edge]
        return entries


def numbers(column: np.ndarray, default: float, where: str) -> np.ndarray:
    """Read a column as float64, `default` where there is nothing.

    Raises:
        NotImplementedError: values that are no numbers, which networkx may still know how to add.

    Example:
        >>> numbers(np.array([1, ABSENT], dtype=object), 0.5, "example").tolist()
        [1.0, 0.5]
    """
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    given = [default if v is ABSENT else v for v in column]
    if not all(type(v) in (int, float, bool) for v in given):
        raise NotImplementedError(f"{where}: not numbers (got {column[:3].tolist()}, expected e.g. 1.0)")
    try:
        return np.array(given, dtype=np.float64)
    except OverflowError:
        raise NotImplementedError(f"{where}: too large (got {max(map(abs, given))}, expected a float64)") from None


def graph_of(circuit: Circuit, level: Level = "unit", *, directed: bool = True, label: str | None = "label") -> Graph:
    """Give a circuit as a named graph: units, neurons or whole populations, pre to post.  The same one every time.

    Names and attributes are those of `to_networkx`; what several projections say about one pair of nodes is added up
    (`weight`, `n_slots`, `n_synapses`), other attributes are the first one's.  Undirected, both directions are added
    up too.  At level population the weight is the sum of the projection's weights.

    Raises:
        UnknownNameError: another level.
        StructureError: labels that are not unique, or an attribute with the name of one of the view's.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0])
        >>> list(graph_of(c).edges(data="weight")), graph_of(c) is graph_of(c)
        ([(('x', 0), ('y', 0), 1.0), (('x', 1), ('y', 0), -1.0)], True)
    """
    check_level(level)
    known = circuit.__dict__.setdefault("_graphs", {})
    key = (level, directed, label)
    if key not in known:
        known[key] = _graph_of(circuit, level, directed, label)
    found: Graph = known[key]
    return found


def _graph_of(circuit: Circuit, level: Level, directed: bool, label: str | None) -> Graph:
    found = assemble.table(circuit, level, label)
    one = assemble.merged(found, directed=directed)
    listed = edge_list(found.names, one.pre, one.post, directed=directed)
    # Weights that were never given are objects, and may be given by now; a population's stand for all its slots.
    told = level != "population" and one.columns.get("weight", _NONE).dtype != object
    weighing = Weighing(level, found.slots, one.group, listed.order) if told else None
    attributes = dict(circuit.attributes)
    return Graph._of(found.names, listed, one.columns, directed, found.node_columns, attributes, weighing)


def reweighted(graph: Graph, circuit: Circuit, **options: Any) -> Graph:
    """Give `graph_of(circuit, **options)`, knowing that of a circuit which differs in its weights alone.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0])
        >>> reweighted(graph_of(c), c.replace_projection("x->y", weight=[5.0, 5.0])).arrays().weight.tolist()
        [5.0, 5.0]
    """
    if graph.weighing is None:
        return graph_of(circuit, **options)
    made = replace(graph, edge_columns={**graph.edge_columns, "weight": graph.weighing(circuit)})
    made.__dict__.update({k: v for k, v in graph.__dict__.items() if k in ("index", "_first")})
    return made


def _columns(rows: list[Mapping[str, Any]], kept: Any, where: str) -> dict[str, np.ndarray]:
    if kept is True:
        return columns_of(rows, where)
    found = {name: cells(rows, name) for name in kept or ()}
    return {name: column(given, where) for name, given in found.items() if any(v is not ABSENT for v in given)}
