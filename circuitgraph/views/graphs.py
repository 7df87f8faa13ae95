"""Circuits from networkx graphs, and networkx graphs from circuits."""

from collections.abc import Hashable
from itertools import repeat

import networkx as nx
import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views import tables
from circuitgraph.views.build import Merge, first_of_parallel, graph_circuit
from circuitgraph.views.columns import absent_in, alone, column, columns_of, rows_of, weight_column
from circuitgraph.views.pairs import MAX_EDGES, Level, check_level, check_size
from circuitgraph.views.walk import EdgeNames, fill_rows, walk


def from_networkx(
    graph: nx.Graph,
    *,
    weight: str | None = "weight",
    label: str = "label",
    merge: Merge = None,
    name: str = "neurons",
    delay: int = 1,
) -> Circuit:
    """Make a circuit of a graph: nodes become units, edges slots, direction pre to post, both in networkx's order.

    The circuit has one population `name` and one projection onto itself, which needs a delay.  Nodes are kept as the
    population's attribute `label`, other attributes as columns with ABSENT where there is none; NumPy scalars become
    Python numbers.  The edge attribute `weight` becomes the weights; an edge without one counts as 1, and loses it
    again in `to_networkx` unless it has changed.  `weight=None` makes all weights 1 and reads no attribute.

    An undirected edge becomes two slots, one in each direction (a loop: one).  The attributes of the graph
    itself become the circuit's; keys of a multigraph are not kept.

    Raises:
        StructureError: parallel edges, unless `merge="sum"` adds their weights and keeps the attributes of the first;
            a node attribute named `label`; a value that is an array.
        NumericError: a weight that is not a finite number.
        ShapeError: a graph without nodes.

    Example:
        >>> g = nx.DiGraph()
        >>> g.add_edge("AVAL", "VA1", weight=3.0)
        >>> circuit = from_networkx(g)
        >>> circuit.projection("neurons->neurons").topology
        Explicit(pre=[0], post=[1])
        >>> nx.utils.graphs_equal(to_networkx(circuit), g)
        True
    """
    columns = columns_of([data for _, data in graph.nodes(data=True)], "node")
    if label in columns:
        raise StructureError(f"node attribute {label!r} is taken by the names of the nodes; pass another label=")
    found = walk(graph)
    pre, post, data = found.pre, found.post, found.data
    edges = EdgeNames(found.names, pre, post)
    first, pair = first_of_parallel(edges, pre, post, merge)
    given, bare = ([ABSENT] * len(data), False) if weight is None else alone(data, weight)
    total = weight_column(given, edges)
    if len(first) < len(pair):
        total = np.bincount(pair, total, len(first))
        pre, post = pre[first], post[first]
        data, given = ([items[k] for k in first.tolist()] for items in (data, given))
    edge_columns = {} if bare else columns_of(data, "edge", skip=weight)
    if weight is not None and absent_in(given):
        edge_columns[weight] = column(given, f"edge attribute {weight!r}")
    nodes = {label: column(found.names, "node"), **columns}
    return graph_circuit(nodes, pre, post, total, edge_columns, name=name, delay=delay, attributes=graph.graph)


def to_networkx(
    circuit: Circuit,
    level: Level = "unit",
    *,
    weight: str | None = "weight",
    label: str | None = "label",
    max_edges: int | None = MAX_EDGES,
) -> nx.DiGraph:
    """Make a directed graph of a circuit, pre to post.

    population: nodes are populations, edges projections (keys of a MultiDiGraph), described by their attributes.
    unit: nodes are (population, unit); an edge sums the slots between two units: `weight` the sum of their weights,
        `n_slots` and `n_synapses` how many there are, `projection` and `delay`.  Slots between sites (graph edges)
        connect each unit with itself.
    neuron: nodes are (population, neuron) with their unit and site; `weight` is the sum of coef * w over synapses.

    One population without sites, with unique labels in the attribute `label` and at most one projection is a plain
    graph: nodes are called by their labels and edges have the weight and the attributes of their slot, nothing else,
    so that `to_networkx(from_networkx(g))` equals g.  `label=None` calls units by number.  Elsewhere the attributes
    of slots appear where no two slots of a projection share an edge.  Two projections between the same two
    populations make a MultiDiGraph with the projections as keys.

    Raises:
        ShapeError: more than `max_edges` slots (level unit) or synapses (level neuron); None lists them all.
        UnknownNameError: another level.
        StructureError: labels that are not unique, or an attribute with the name of one of the view's.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0])
        >>> to_networkx(c)["x", 1]["y", 0]["weight"]
        -1.0
    """
    check_level(level)
    check_size(circuit, level, max_edges)
    if level == "population":
        return _population_graph(circuit)
    graph = nx.MultiDiGraph() if _has_parallel(circuit) else nx.DiGraph()
    graph.graph.update(circuit.attributes)
    keys: dict[str, list[Hashable]] = {}
    plain = tables.is_graph(circuit, label)
    for block in tables.nodes(circuit, level, label):
        keys[block.population.name] = block.keys
        columns = {k: a for k, a in block.columns.items() if not (plain and k == label)}
        graph.add_nodes_from(zip(block.keys, rows_of(columns, len(block.keys)), strict=True))
    for edges in tables.edges(circuit, level, weight, label):
        p = edges.projection
        data = rows_of(edges.columns, len(edges.pre))
        if graph.is_multigraph():
            pre = map(keys[p.pre].__getitem__, edges.pre.tolist())
            post = map(keys[p.post].__getitem__, edges.post.tolist())
            graph.add_edges_from(zip(pre, post, repeat(p.name), data))
        else:
            fill_rows(graph._succ, keys[p.pre], edges.pre, keys[p.post], edges.post, data)
            fill_rows(graph._pred, keys[p.post], edges.post, keys[p.pre], edges.pre, data)
    return graph


def _has_parallel(circuit: Circuit) -> bool:
    return len({(p.pre, p.post) for p in circuit.projections}) < len(circuit.projections)


def _population_graph(circuit: Circuit) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.graph.update(circuit.attributes)
    described = tables.populations(circuit)
    for p, *row in zip(circuit.populations, *described.values(), strict=True):
        graph.add_node(p.name, **dict(zip(described, row, strict=True)))
    described = tables.projections(circuit)
    for q, *row in zip(circuit.projections, *described.values(), strict=True):
        graph.add_edge(q.pre, q.post, key=q.name, **dict(zip(described, row, strict=True)))
    return graph
