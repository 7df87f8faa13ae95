"""Graphs of PyG from circuits, and circuits from graphs of PyG: edges run pre to post on both sides."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.exchange.columns import from_columns, packed, to_columns, unpacked
from circuitgraph.ir import Circuit, Population, Projection, Topology, n_neurons, n_sites
from circuitgraph.topologies import Explicit

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

Level = Literal["unit", "neuron"]
EDGE_FIELDS: dict[str, Any] = {"delay": 1, "port": "in", "fixed": False, "sign": 0}
"""What a projection is beyond its edges; kept beside them where it is not what `from_pyg` takes it to be."""


def to_pyg(circuit: Circuit, level: Level = "unit", *, merged: bool = False) -> "Data | HeteroData":
    """Make a graph of PyG: `Data` of one population, `HeteroData` of several, with populations as node types and
    projections as edge types; `merged` puts all into one `Data`.

    unit: nodes are units, edges slots, in their order; slots of one pair of units (the taps of a convolution) are
    parallel edges.  neuron: nodes are neurons, edges synapses, with coef * w as weight.
    `edge_index` (2, E) is int64, `edge_weight` (E,) of the weights' own type.  Attributes of units and slots come
    along: numbers as tensors, all else as lists, columns "x[0]", "x[1]", ... as one matrix x.  Where nodes or edges of
    a merged graph come from is in `population` and `projection`, numbers into `population_names` and
    `projection_names`; other `Data` has the name of its edges in `projection_name`.  Neurons, their memory, rules and
    sites have no place in a graph and stay behind.

    Raises:
        UnknownNameError: another level.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0])
        >>> data = to_pyg(c)
        >>> data["x", "x->y", "y"].edge_index.tolist(), data["y"].num_nodes
        ([[0, 1], [0, 0]], 1)
    """
    from torch_geometric.data import Data, HeteroData

    if level not in ("unit", "neuron"):
        raise UnknownNameError(f"to_pyg: level (got {level!r}, expected 'unit' or 'neuron')")
    if merged or (len(circuit.populations) == 1 and len(circuit.projections) == 1):
        return _merged(Data(), circuit, level, merged)
    data = HeteroData()
    for p in circuit.populations:
        _fill(data[p.name], _nodes(p, level))
    kinds = circuit.attributes.get("pyg_edge_types", {})
    for q in circuit.projections:
        _fill(data[q.pre, kinds.get(q.name, q.name), q.post], _edges(circuit, q, level))
    _fill(data, _whole(circuit))
    return data


def from_pyg(data: "Data | HeteroData", *, name: str = "neurons", delay: int = 1) -> Circuit:
    """Make a circuit of a graph of PyG: nodes become units, edges slots, in their order, pre to post.

    `Data` becomes one population `name`; node types of `HeteroData` become populations, edge types projections, named
    by their relation where that is enough.  Edges without `edge_weight` count as 1, and lose it again in `to_pyg`.
    Attributes of nodes and edges are kept, a matrix x column by column as "x[0]", "x[1]", ...; so are those of
    the graph.  Edges take one step of time, as loops need, unless they say otherwise.

    Raises:
        StructureError: parallel edges, or an attribute that no circuit can hold.
        ShapeError: a graph without nodes, or edges that are none.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> data = Data(edge_index=torch.tensor([[0, 1], [1, 0]]), x=torch.eye(2), edge_weight=torch.tensor([0.5, 2.0]))
        >>> circuit = from_pyg(data)
        >>> circuit.projections[0].topology, to_pyg(circuit).x.tolist()
        (Explicit(pre=[0, 1], post=[1, 0]), [[1.0, 0.0], [0.0, 1.0]])
    """
    from torch_geometric.data import Data, HeteroData

    if isinstance(data, HeteroData):
        return _from_hetero(data, delay)
    if not isinstance(data, Data):
        got = f"got {type(data).__name__}, expected torch_geometric.data.Data or HeteroData"
        raise StructureError(f"from_pyg: not a graph ({got})")
    nodes = {k: v for k, v in data.to_dict().items() if data.is_node_attr(k)}
    edges = {k: v for k, v in data.to_dict().items() if data.is_edge_attr(k)}
    whole = {k: v for k, v in data.to_dict().items() if k not in nodes and k not in edges}
    for key in (*_FIELDS, "num_nodes", "edge_index"):
        if key in whole:
            edges[key] = whole.pop(key)
    edges.pop("num_nodes", None)
    absent = {} if "edge_weight" in edges else {"pyg_unweighted": True}
    population = _population(name, nodes, data.num_nodes)
    projection = _projection(whole.pop("projection_name", f"{name}->{name}"), name, name, edges, delay)
    return Circuit((population,), (projection,), _kept(whole) | absent)


def _from_hetero(data: "HeteroData", delay: int) -> Circuit:
    populations = tuple(_population(kind, dict(data[kind].items()), data[kind].num_nodes) for kind in data.node_types)
    relations = [relation for _, relation, _ in data.edge_types]
    projections, kinds, unweighted = [], {}, []
    for kind in data.edge_types:
        pre, relation, post = kind
        name = relation if relations.count(relation) == 1 and relation not in data.node_types else " ".join(kind)
        if name != relation:
            kinds[name] = relation
        edges = dict(data[kind].items())
        if "edge_weight" not in edges:
            unweighted.append(name)
        projections.append(_projection(name, pre, post, edges, delay))
    whole = {k: v for k, v in data.to_dict().items() if k not in data.node_types and k not in data.edge_types}
    whole = whole.pop("_global_store", {}) | {k: v for k, v in whole.items() if isinstance(k, str)}
    notes = {"pyg_edge_types": kinds} if kinds else {}
    if unweighted:
        notes["pyg_unweighted"] = unweighted  # type: ignore[assignment]
    return Circuit(populations, tuple(projections), _kept(whole) | notes)


def _merged(data: "Data", circuit: Circuit, level: Level, merged: bool) -> "Data":
    starts = np.cumsum([0, *(_size(p, level) for p in circuit.populations)])
    first = dict(zip([p.name for p in circuit.populations], starts.tolist(), strict=False))
    parts = [_edges(circuit, q, level) for q in circuit.projections]
    if not merged:
        p, q = circuit.populations[0], circuit.projections[0]
        named = {"projection_name": q.name} if q.name != f"{p.name}->{p.name}" else {}
        _fill(data, _nodes(p, level) | parts[0] | named)
    else:
        ends = [[first[q.pre], first[q.post]] for q in circuit.projections]
        moved = [e["edge_index"] + torch.tensor(at)[:, None] for e, at in zip(parts, ends, strict=True)]
        data.edge_index = torch.cat(moved, 1) if moved else torch.zeros(2, 0, dtype=torch.int64)
        weights = [torch.as_tensor(_weights(circuit, q, level)) for q in circuit.projections]
        data.edge_weight = torch.cat(weights) if weights else torch.zeros(0)
        counts = [_size(p, level) for p in circuit.populations]
        data.population = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        counts = [e["edge_index"].shape[1] for e in parts]
        data.projection = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts, dtype=torch.int64))
        data.population_names = [p.name for p in circuit.populations]
        data.projection_names = [q.name for q in circuit.projections]
        data.num_nodes = int(starts[-1])
    _fill(data, _whole(circuit))
    return data


def _nodes(p: Population, level: Level) -> dict[str, Any]:
    columns: dict[str, Any] = {"num_nodes": _size(p, level)}
    ids = {} if p.ids is None else {"unit_ids": p.ids}
    spread = n_sites(p.shape) if level == "neuron" else 1
    return columns | from_columns({k: np.repeat(v, spread) for k, v in (dict(p.attributes) | ids).items()})


def _edges(circuit: Circuit, q: Projection, level: Level) -> dict[str, Any]:
    unweighted = circuit.attributes.get("pyg_unweighted", ())
    columns: dict[str, Any] = {"edge_index": torch.as_tensor(_ends(circuit, q, level))}
    left_out = unweighted is True or (unweighted and q.name in unweighted)
    if not (left_out and bool((q.weight == 1).all())):
        columns["edge_weight"] = torch.as_tensor(_weights(circuit, q, level))
    if level == "unit":
        ids = {} if q.ids is None else {"slot_ids": q.ids}
        columns |= from_columns(dict(q.attributes) | ids)
    said = {k: getattr(q, k) for k, default in EDGE_FIELDS.items() if getattr(q, k) != default}
    return columns | said


def _ends(circuit: Circuit, q: Projection, level: Level) -> np.ndarray:
    shapes = circuit.shapes(q)
    if level == "neuron":
        table = circuit.synapses(q)
        return np.stack([table.pre, table.post]).astype(np.int64)
    slots = circuit.slots(q)
    if "site" in (slots.pre_end, slots.post_end):
        got = f"got {q.topology!r}, whose slots lie between sites"
        raise StructureError(f"to_pyg: projection {q.name!r}: no edges between units ({got}); use level='neuron'")
    ends = ((slots.pre, slots.pre_end, shapes[0]), (slots.post, slots.post_end, shapes[1]))
    return np.stack([at // n_sites(shape) if end == "neuron" else at for at, end, shape in ends]).astype(np.int64)


def _weights(circuit: Circuit, q: Projection, level: Level) -> np.ndarray:
    if level == "unit":
        return np.array(q.weight)
    table = circuit.synapses(q)
    out: np.ndarray = (q.weight[table.slot] * table.coef).astype(q.weight.dtype)
    return out


def _size(p: Population, level: Level) -> int:
    return p.n_units if level == "unit" else n_neurons(p.shape)


def _fill(store: Any, columns: Mapping[str, Any]) -> None:
    for key, value in columns.items():
        setattr(store, key, value)


def _whole(circuit: Circuit) -> dict[str, Any]:
    return {k: unpacked(v) for k, v in circuit.attributes.items() if k not in ("pyg_edge_types", "pyg_unweighted")}


def _population(name: str, columns: dict[str, Any], n_nodes: int | None) -> Population:
    columns.pop("num_nodes", None)
    if not n_nodes:
        raise ShapeError(f"from_pyg: {name!r} has no nodes (got {n_nodes}, expected at least 1); set num_nodes")
    ids = columns.pop("unit_ids", None)
    known = to_columns(columns, f"from_pyg: nodes {name!r}", n_nodes)
    return Population(name, (n_nodes,), attributes=known, ids=None if ids is None else ids.numpy())


def _projection(name: str, pre: str, post: str, columns: dict[str, Any], delay: int) -> Projection:
    where, index = f"from_pyg: edges {name!r}", columns.pop("edge_index", None)
    if not isinstance(index, Tensor) or index.ndim != 2 or len(index) != 2 or index.is_floating_point():
        got = f"got {tuple(index.shape) if isinstance(index, Tensor) else index!r}, expected edge_index (2, E) int64"
        raise ShapeError(f"{where}: no list of edges ({got})")
    n = index.shape[1]
    weight = columns.pop("edge_weight", None)
    w = np.ones(n, np.float32) if weight is None else weight.detach().cpu().numpy()
    said = {k: columns.pop(k, default) for k, default in (EDGE_FIELDS | {"delay": delay}).items()}
    ids = columns.pop("slot_ids", None)
    known = to_columns(columns, where, n)
    law: Topology = Explicit(*index.cpu().numpy())
    ids = None if ids is None else ids.numpy()
    return Projection(pre, post, law, w, name=name, attributes=known, ids=ids, **said)


def _kept(whole: Mapping[str, Any]) -> dict[str, Any]:
    return {key: packed(value, f"from_pyg: attribute {key!r}") for key, value in whole.items()}


_FIELDS = tuple(EDGE_FIELDS)
