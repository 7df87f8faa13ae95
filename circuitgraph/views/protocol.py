"""What networkx reads of a graph, said once for graphs that never change."""

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

import networkx as nx
import numpy as np
from networkx.classes import reportviews

from circuitgraph.errors import StructureError
from circuitgraph.views.columns import rows_of
from circuitgraph.views.degrees import Degrees
from circuitgraph.views.edges import edge_list
from circuitgraph.views.rows import Attributes, Records, Row, Rows


class ReadProtocol:
    """The methods and attributes of a networkx graph that only read; those that write say how to mend it."""

    __networkx_backend__: ClassVar[str] = "circuitgraph"
    frozen: ClassVar[bool] = True
    names: list[Hashable]
    begins: np.ndarray
    post: np.ndarray
    edge: np.ndarray
    directed: bool
    node_columns: Mapping[str, np.ndarray]
    edge_columns: Mapping[str, np.ndarray]
    graph: dict[str, Any]

    @property
    @abstractmethod
    def index(self) -> Mapping[Hashable, int]:
        """Give the number of every name."""

    @property
    @abstractmethod
    def n_edges(self) -> int:
        """Count the edges."""

    @abstractmethod
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the numbers of the nodes at both ends of every edge."""

    # Structure, as mappings

    @cached_property
    def _node(self) -> Records:
        return Records(self.names, self.index, self.node_columns)

    @cached_property
    def _adj(self) -> Rows:
        return Rows(self.names, self.index, (self.begins, self.post, self.edge), self.edge_columns)

    @cached_property
    def _pred_rows(self) -> Rows:
        pre, post = self.ends()
        turned = edge_list(self.names, post, pre, directed=True)
        return Rows(self.names, self.index, (turned.begins, turned.post, turned.order), self.edge_columns)

    @property
    def _succ(self) -> Rows:
        self._need_direction("_succ")
        return self._adj

    @property
    def _pred(self) -> Rows:
        self._need_direction("_pred")
        return self._pred_rows

    @property
    def adj(self) -> Rows:
        """Give the neighbours of every node, each with the attributes of the edge."""
        return self._adj

    succ = property(lambda self: self._succ)
    pred = property(lambda self: self._pred)

    @cached_property
    def nodes(self) -> Any:
        """Give the nodes as networkx does: iterate, look attributes up, or call with data=."""
        return reportviews.NodeView(self)

    @cached_property
    def edges(self) -> Any:
        """Give the edges as networkx does; call with nbunch, data and default."""
        return (reportviews.OutEdgeView if self.directed else reportviews.EdgeView)(self)

    @property
    def out_edges(self) -> Any:
        """Give the edges by the node that they leave."""
        self._need_direction("out_edges")
        return self.edges

    @cached_property
    def in_edges(self) -> Any:
        """Give the edges by the node that they reach."""
        self._need_direction("in_edges")
        return reportviews.InEdgeView(self)

    @cached_property
    def degree(self) -> Degrees:
        """Count the edges of nodes, or add up an attribute; a loop counts twice."""
        return Degrees(self, "both")

    @cached_property
    def in_degree(self) -> Degrees:
        """Count the edges that reach nodes, or add up an attribute."""
        self._need_direction("in_degree")
        return Degrees(self, "in")

    @cached_property
    def out_degree(self) -> Degrees:
        """Count the edges that leave nodes, or add up an attribute."""
        self._need_direction("out_degree")
        return Degrees(self, "out")

    def _need_direction(self, name: str) -> None:
        # An AttributeError, because networkx asks with hasattr.
        if not self.directed:
            raise AttributeError(
                f"graph: {name} (got an undirected graph, expected a directed one); call to_directed()"
            )

    # Questions

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        try:
            return name in self.index
        except TypeError:  # what cannot be hashed is no node
            return False

    def __getitem__(self, name: Hashable) -> Row:
        return self._adj[name]

    def is_directed(self) -> bool:
        """Tell whether edges have a direction."""
        return self.directed

    def is_multigraph(self) -> bool:
        """Tell whether edges may be parallel: never."""
        return False

    @property
    def name(self) -> str:
        """Give the graph attribute `name`, or nothing."""
        return str(self.graph.get("name", ""))

    def has_node(self, name: object) -> bool:
        """Tell whether there is such a node."""
        return name in self

    def has_edge(self, u: Hashable, v: Hashable) -> bool:
        """Tell whether there is an edge, pre to post."""
        return u in self.index and v in self._adj[u]

    has_successor = has_edge

    def has_predecessor(self, u: Hashable, v: Hashable) -> bool:
        """Tell whether there is an edge v to u."""
        return self.has_edge(v, u)

    def neighbors(self, name: Hashable) -> Iterator[Hashable]:
        """List the nodes that a node reaches by one edge; NetworkXError if there is no such node."""
        if name not in self:
            raise nx.NetworkXError(f"The node {name} is not in the graph.")
        return iter(self._adj[name])

    def successors(self, name: Hashable) -> Iterator[Hashable]:
        """List the nodes that a node reaches by one edge; NetworkXError if there is no such node."""
        self._need_direction("successors")
        return self.neighbors(name)

    def predecessors(self, name: Hashable) -> Iterator[Hashable]:
        """List the nodes that reach a node by one edge; NetworkXError if there is no such node."""
        self._need_direction("predecessors")
        if name not in self:
            raise nx.NetworkXError(f"The node {name} is not in the digraph.")
        return iter(self._pred[name])

    def get_edge_data(self, u: Hashable, v: Hashable, default: Any = None) -> Attributes | Any:
        """Give the attributes of an edge, or `default` where there is none."""
        return self._adj[u][v] if self.has_edge(u, v) else default

    def adjacency(self) -> Iterator[tuple[Hashable, Row]]:
        """List the nodes with their neighbours."""
        return iter(self._adj.items())

    def number_of_nodes(self) -> int:
        """Count the nodes."""
        return len(self.names)

    order = number_of_nodes

    def number_of_edges(self, u: Hashable = None, v: Hashable = None) -> int:
        """Count the edges, all or those from u to v."""
        return self.n_edges if u is None else int(self.has_edge(u, v))

    def size(self, weight: str | None = None) -> float:
        """Count the edges, or add up an attribute, 1 where an edge lacks it."""
        if weight is None:
            return self.n_edges
        return float(sum(row.get(weight, 1) for row in rows_of(self.edge_columns, self.n_edges)))

    nbunch_iter = nx.Graph.nbunch_iter

    def __str__(self) -> str:
        what = "directed" if self.directed else "undirected"
        title = f" {self.name!r}" if self.name else ""
        return f"Graph{title}: {what}, {len(self.names):,} nodes, {self.n_edges:,} edges"

    __repr__ = __str__

    def _refuse(self, *given: Any, **options: Any) -> Any:
        raise StructureError("graph: never changes (got a method that writes); copy() gives a networkx graph that can")

    add_node = add_nodes_from = remove_node = remove_nodes_from = _refuse
    add_edge = add_edges_from = add_weighted_edges_from = remove_edge = remove_edges_from = _refuse
    update = clear = clear_edges = __setitem__ = __delitem__ = _refuse
