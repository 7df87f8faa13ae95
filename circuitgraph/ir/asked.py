"""Wherever networkx takes a graph, a circuit and a network stand for the graph of their units."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

# What networkx reads of a graph, or calls to change one, which `views.graph.Graph` answers or refuses.
_ASKED = (
    "_adj", "_node", "_pred", "_succ", "add_edge", "add_edges_from", "add_node", "add_nodes_from",
    "add_weighted_edges_from", "adj", "adjacency", "clear", "clear_edges", "copy", "degree", "edge_subgraph",
    "edges", "frozen", "get_edge_data", "has_edge", "has_node", "has_predecessor", "has_successor", "in_degree",
    "in_edges", "name", "nbunch_iter", "neighbors", "nodes", "number_of_edges", "number_of_nodes", "order",
    "out_degree", "out_edges", "pred", "predecessors", "remove_edge", "remove_edges_from", "remove_node",
    "remove_nodes_from", "reverse", "size", "subgraph", "succ", "successors", "to_directed", "to_networkx",
    "to_undirected", "update",
)  # fmt: skip


class Graphs(Mapping[str, Any]):
    """Attributes of the whole, as networkx reads them in `G.graph`; called, the graph itself at some level."""

    def __init__(self, attributes: Mapping[str, Any], make: Callable[..., Any]) -> None:
        self._attributes, self._make = attributes, make

    def __call__(self, level: str = "unit", **options: Any) -> Any:
        """Give the graph of units, neurons or populations; `views.graph_of` says more."""
        return self._make(level, **options)

    def __getitem__(self, name: str) -> Any:
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        return repr(dict(self._attributes))


class Asked:
    """What can be asked as a graph: networkx's functions and methods that read reach the graph of units, pre to post.

    Example:
        >>> import networkx as nx
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
        >>> nx.density(c), c.has_edge(("x", 1), ("y", 0)), len(c)
        (0.3333333333333333, True, 3)
    """

    __networkx_backend__ = "circuitgraph"

    @property
    @abstractmethod
    def graph(self) -> Graphs:
        """Give the attributes, and called the graph."""

    def is_directed(self) -> bool:
        """Tell networkx that edges have a direction, pre to post."""
        return True

    def is_multigraph(self) -> bool:
        """Tell networkx that edges are not parallel: projections between the same units are added up."""
        return False

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.graph())

    def __len__(self) -> int:
        return len(self.graph())

    def __bool__(self) -> bool:
        return True  # never asked of a graph, and an empty circuit is one

    def __contains__(self, name: object) -> bool:
        return name in self.graph()

    def __getitem__(self, name: Hashable) -> Any:
        return self.graph()[name]


class _Forward:
    """An attribute of the graph, looked up on what stands for it; a `__getattr__` would keep torch.compile out."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, asked: Asked | None, kind: type | None = None) -> Any:
        return self if asked is None else getattr(asked.graph(), self._name)


for _name in _ASKED:
    setattr(Asked, _name, _Forward(_name))
