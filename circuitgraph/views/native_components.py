"""networkx's components, on arrays."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np

from circuitgraph.graphs import components
from circuitgraph.graphs.components import Components
from circuitgraph.graphs.paths import breadth_first
from circuitgraph.views.graph import Graph
from circuitgraph.views.native_tools import Predicate, named, sets_by, sets_of

_POINTLESS = "Connectivity is undefined for the null graph."


def connected_components(G: Graph) -> Iterator[set[Any]]:
    """Give sets of nodes that edges hold together."""
    yield from sets_by(G, _weak(G).labels)


def number_connected_components(G: Graph) -> int:
    """Tell how many sets of nodes edges hold together."""
    return _weak(G).count


def is_connected(G: Graph) -> bool:
    """Tell whether edges hold all nodes together."""
    return _one(G, _weak(G))


def node_connected_component(G: Graph, n: Any) -> set[Any]:
    """Give the nodes that edges hold together with one."""
    return set(named(G, breadth_first(G.arrays(None), np.array([G.index[n]])).order))


def weakly_connected_components(G: Graph) -> Iterator[set[Any]]:
    """Give sets of nodes that edges hold together, whatever their direction."""
    yield from sets_by(G, _weak(G).labels)


def number_weakly_connected_components(G: Graph) -> int:
    """Tell how many sets of nodes edges hold together, whatever their direction."""
    return _weak(G).count


def is_weakly_connected(G: Graph) -> bool:
    """Tell whether edges hold all nodes together, whatever their direction."""
    return _one(G, _weak(G))


def strongly_connected_components(G: Graph) -> Iterator[set[Any]]:
    """Give sets of nodes that all reach each other."""
    yield from sets_by(G, _strong(G).labels)


def number_strongly_connected_components(G: Graph) -> int:
    """Tell how many sets of nodes that all reach each other there are."""
    return _strong(G).count


def is_strongly_connected(G: Graph) -> bool:
    """Tell whether all nodes reach each other."""
    return _one(G, _strong(G))


def _weak(G: Graph) -> Components:
    return components.weak(G.arrays(None))


def _strong(G: Graph) -> Components:
    return components.strong(G.arrays(None))


def _one(G: Graph, parts: Components) -> bool:
    if not len(G):
        raise nx.NetworkXPointlessConcept(_POINTLESS)
    return parts.count == 1


def condensation(G: Graph, scc: Any = None) -> Graph:
    """Give the acyclic graph of strong components."""
    parts = _strong(G)
    pre, post = components.condensed(G.arrays(None), parts)
    members = np.empty(parts.count, object)
    members[:] = sets_by(G, parts.labels)
    mapping = {name: c for c, part in enumerate(members) for name in part}
    columns = {"members": members} if parts.count else {}
    return Graph.from_edges(range(parts.count), pre, post, node_columns=columns, graph={"mapping": mapping})


def _own_parts(G: Any, scc: Any = None) -> bool | str:
    return True if scc is None else "scc is given"


def is_semiconnected(G: Graph) -> bool:
    """Tell whether of any two nodes one reaches the other."""
    if not len(G):
        raise nx.NetworkXPointlessConcept(_POINTLESS)
    # Components are numbered so that edges lead to lower numbers: they must form a chain.
    parts = _strong(G)
    pre, post = components.condensed(G.arrays(None), parts)
    return int((pre == post + 1).sum()) == parts.count - 1


def attracting_components(G: Graph) -> Iterator[set[Any]]:
    """Give strong components that no edge leaves."""
    parts = _strong(G)
    yield from sets_of(G, (parts.members[c] for c in components.attracting(G.arrays(None), parts)))


def number_attracting_components(G: Graph) -> int:
    """Tell how many strong components no edge leaves."""
    return len(components.attracting(G.arrays(None), _strong(G)))


def is_attracting_component(G: Graph) -> bool:
    """Tell whether all nodes are one strong component."""
    return _strong(G).count == 1


def biconnected_components(G: Graph) -> Iterator[set[Any]]:
    """Give sets of nodes that stay together whichever one is taken away."""
    for pre, post in components.biconnected(G.arrays(None)).groups:
        yield set(named(G, pre)) | set(named(G, post))


def biconnected_component_edges(G: Graph) -> Iterator[list[tuple[Any, Any]]]:
    """Give the edges of each biconnected component."""
    for pre, post in components.biconnected(G.arrays(None)).groups:
        yield list(zip(named(G, pre), named(G, post), strict=True))


def is_biconnected(G: Graph) -> bool:
    """Tell whether all nodes stay together whichever one is taken away."""
    groups = components.biconnected(G.arrays(None)).groups
    return len(groups) == 1 and len(set(groups[0][0].tolist()) | set(groups[0][1].tolist())) == len(G)


def articulation_points(G: Graph) -> Iterator[Any]:
    """Give nodes whose loss would cut a component."""
    yield from named(G, components.biconnected(G.arrays(None)).cuts)


def bridges(G: Graph, root: Any = None) -> Iterator[tuple[Any, Any]]:
    """Give edges whose loss would cut a component; with root, its component only."""
    a = G.arrays(None)
    kept = components.bridges(a) & (a.pre <= a.post)
    if root is not None:
        if root not in G.index:
            raise nx.NodeNotFound(f"Root node {root} is not in graph")
        labels = components.weak(a).labels
        kept &= labels[a.pre] == labels[G.index[root]]
    yield from zip(named(G, a.pre[kept]), named(G, a.post[kept]), strict=True)


def has_bridges(G: Graph, root: Any = None) -> bool:
    """Tell whether the loss of one edge would cut a component."""
    return next(bridges(G, root), None) is not None


NATIVE = (
    connected_components, number_connected_components, is_connected, node_connected_component,
    weakly_connected_components, number_weakly_connected_components, is_weakly_connected,
    strongly_connected_components, number_strongly_connected_components, is_strongly_connected,
    condensation, is_semiconnected, attracting_components, number_attracting_components, is_attracting_component,
    biconnected_components, biconnected_component_edges, is_biconnected, articulation_points, bridges, has_bridges,
)  # fmt: skip
CAN_RUN: dict[str, Predicate] = {"condensation": _own_parts}
