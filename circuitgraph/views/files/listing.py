"""A circuit as files hold it: named nodes, edges with columns, and a header with all that these cannot say."""

import base64
import binascii
import dataclasses
import json
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import FileError
from circuitgraph.io.columns import encode_item
from circuitgraph.io.container import pack
from circuitgraph.io.spec import encode_circuit
from circuitgraph.ir import ABSENT, Circuit, Population, Projection
from circuitgraph.topologies import Explicit
from circuitgraph.views import tables
from circuitgraph.views.columns import values
from circuitgraph.views.files.cells import dtype_of, kind_of_column

HEADER = "circuitgraph"
"""The name under which a file carries the header; without it a file is a plain graph."""
SCHEMA = 1
"""The version of the header, which a reader of another version refuses."""
_TAKEN = {"id", "label", "population", "projection", "pre", "post", "source", "target", "key", "weight"}
Columns = dict[str, np.ndarray]
Block = dict[Any, np.ndarray]
"""Columns by the names of attributes, which may be anything, and two stand-ins: _Ids, _Weight."""


@dataclasses.dataclass(eq=False)
class Listing:
    """Nodes, edges and header of a file; names are None where the header alone knows them, and pre and post are names.

    Shape: names N; nodes (N,) each; pre, post (E,) indices of nodes; edges (E,) each, "weight" among them.  Columns
    hold Python values where `native`; else those that the header lists hold JSON text.
    """

    names: list[Hashable] | None
    nodes: Columns
    pre: np.ndarray
    post: np.ndarray
    edges: Columns
    header: bytes | None = None
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    directed: bool = True
    native: bool = False
    where: list[str] | None = None

    def place(self, edge: int) -> str:
        """Say where an edge stands: its line, or its number counted from 1."""
        return self.where[edge] if self.where else f"edge {edge + 1}"


def listed(circuit: Circuit, *, nodes: bool = True) -> Listing:
    """List the units and slots of a circuit; without `nodes` the attributes of units are left in the header.

    Units are called by their labels where a circuit is a plain graph with labels of one kind, text or integers; else
    "population/unit".  Slots between neurons or sites are no edges between units: they are left in the header.

    Raises:
        FileError: for what no file can hold.
    """
    names = names_of(circuit)
    plain = nodes and _labels(circuit) is not None
    sizes = np.cumsum([0, *(p.n_units for p in circuit.populations)])
    start = {p.name: int(at) for p, at in zip(circuit.populations, sizes, strict=False)}
    left: set[str] = {"label"} if plain else set()
    node_blocks = [_node_columns(p, left) if nodes else {} for p in circuit.populations]
    shown = [p for p in circuit.projections if _between_units(circuit, p)]
    edge_blocks = [_edge_columns(p) for p in shown]
    slots = [circuit.slots(p) for p in shown]
    pre = [s.pre + start[p.pre] for p, s in zip(shown, slots, strict=True)]
    post = [s.post + start[p.post] for p, s in zip(shown, slots, strict=True)]
    ends = [np.concatenate([np.zeros(0, np.int64), *parts]) for parts in (pre, post)]
    of_nodes = _together(node_blocks, [p.n_units for p in circuit.populations])
    of_edges = _together(edge_blocks, [p.n_slots for p in shown])
    if not plain and nodes:
        of_nodes = {"population": _repeated([p.name for p in circuit.populations], np.diff(sizes))} | of_nodes
    if len(shown) > 1:
        of_edges = {"projection": _repeated([p.name for p in shown], [p.n_slots for p in shown])} | of_edges
    header = _header(circuit, plain, nodes, node_blocks, dict(zip([p.name for p in shown], edge_blocks, strict=True)))
    header["json"] = [[k for k, a in block.items() if kind_of_column(a) == "json"] for block in (of_nodes, of_edges)]
    return Listing(names, of_nodes, ends[0], ends[1], of_edges, _packed(header), _open(circuit.attributes))


def names_of(circuit: Circuit) -> list[Hashable]:
    """Call the units by their labels in a plain graph, if those are text or integers; else population/unit.

    Example:
        >>> names_of(Circuit().add("x", 2))
        ['x/0', 'x/1']
    """
    labels = _labels(circuit)
    if labels is not None:
        return labels
    return [f"{p.name}/{unit}" for p in circuit.populations for unit in range(p.n_units)]


def to_text(header: bytes) -> str:
    """Write a header as text that JSON and XML can hold."""
    return base64.b64encode(header).decode("ascii")


def from_text(text: Any) -> bytes:
    """Read what `to_text` wrote; FileError for anything else."""
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise FileError(
            f"header {HEADER!r} is unreadable; {error}; delete it to read the file as a plain graph"
        ) from error


def _labels(circuit: Circuit) -> list[Hashable] | None:
    """Give the labels of a plain graph, if they are all text or all integers and differ."""
    if not tables.is_graph(circuit, "label"):
        return None
    (p,) = circuit.populations
    labels = values(p.attributes["label"])
    kind = kind_of_column(p.attributes["label"])
    differ = kind in ("text", "int") and ABSENT not in labels and len(set(labels)) == len(labels)
    return labels if differ else None


def _between_units(circuit: Circuit, p: Projection) -> bool:
    pre, post = circuit.shapes(p)
    if type(p.topology) is Explicit:  # its table is as long as the wiring
        return len(pre) == len(post) == 1
    slots = circuit.slots(p)
    return slots.pre_end == slots.post_end == "unit"


def _node_columns(p: Population, left: set[str]) -> Block:
    own: Block = {name: a for name, a in p.attributes.items() if name not in left and _is_cells(a)}
    return own if p.ids is None else {**own, _Ids: p.ids}


def _edge_columns(p: Projection) -> Block:
    own: Block = {name: a for name, a in p.attributes.items() if _is_cells(a)}
    ids: Block = {} if p.ids is None else {_Ids: p.ids}
    return {_Weight: p.weight, **own, **ids}


def _is_cells(a: np.ndarray) -> bool:
    """Tell whether the values of a column are Python's, so that cells hold them exactly."""
    return a.dtype.kind in "OU" or (a.dtype.kind in "fiub" and a.dtype.itemsize <= 8)


class _Ids:
    """Stand for the column of identities, which no attribute can be called."""


class _Weight:
    """Stand for the column of weights."""


def _called(name: Any) -> str:
    """Say how a column is called in a file: as its attribute, unless files need the name, or it is no text."""
    if name in (_Ids, _Weight):
        return {_Ids: "unit_or_slot_id", _Weight: "weight"}[name]
    if isinstance(name, str) and name not in _TAKEN and not name.startswith("attribute:") and name != "unit_or_slot_id":
        return name
    return f"attribute:{name if isinstance(name, str) else json.dumps(encode_item(name, 'name of an attribute'))}"


def _together(blocks: list[Block], sizes: list[int]) -> Columns:
    """Lay the columns of several populations or projections one after the other."""
    names = list(dict.fromkeys(name for block in blocks for name in block))
    out = {}
    for name in names:
        parts = [block[name] if name in block else absent(n) for block, n in zip(blocks, sizes, strict=True)]
        alike = len({dtype_of(a) for a in parts}) == 1 or all(a.dtype.kind == "f" for a in parts)
        out[_called(name)] = np.concatenate(parts if alike else [_objects(a) for a in parts])
    return out


def _objects(a: np.ndarray) -> np.ndarray:
    out = np.empty(len(a), dtype=object)
    for k, v in enumerate(a.tolist()):
        out[k] = v
    return out


def absent(n: int) -> np.ndarray:
    """Make a column that says nothing."""
    out = np.empty(n, dtype=object)
    out[:] = ABSENT
    return out


def _repeated(names: list[str], counts: Any) -> np.ndarray:
    return np.repeat(np.array(names, dtype=object), counts)


def _header(
    circuit: Circuit, plain: bool, nodes: bool, node_blocks: list[Block], edge_blocks: dict[str, Block]
) -> dict[str, Any]:
    label = dtype_of(circuit.populations[0].attributes["label"]) if plain else None
    populations, laws = [], {}
    for p, block in zip(circuit.populations, node_blocks, strict=True):
        taken = {*block, *(["label"] if plain else [])}
        rest = {name: a for name, a in p.attributes.items() if name not in taken}
        populations.append(dataclasses.replace(p, attributes=rest, ids=None if _Ids in block else p.ids))
    projections = []
    for q in circuit.projections:
        if q.name in edge_blocks:
            laws[q.name] = type(q.topology) is not Explicit
            projections.append(_bare(q, edge_blocks[q.name], laws[q.name]))
        else:
            projections.append(q)
    arrays: dict[str, np.ndarray] = {}
    spec = encode_circuit(Circuit(tuple(populations), tuple(projections), circuit.attributes), arrays)
    for name, law in laws.items():
        if law:
            del arrays[f"projections.{name}.weight"]
    return {
        "schema": SCHEMA,
        "plain": plain,
        "label": label,
        "names": kind_of_column(circuit.populations[0].attributes["label"]) if plain else None,
        "circuit": spec,
        "nodes": {p.name: _specs(block) for p, block in zip(circuit.populations, node_blocks, strict=True)}
        if nodes
        else {},
        "edges": {
            name: {"columns": _specs(block), "law": laws[name], "weight": block[_Weight].dtype.str}
            for name, block in edge_blocks.items()
        },
        "arrays": arrays,
    }


def _bare(q: Projection, block: Block, law: bool) -> Projection:
    rest = {name: a for name, a in q.attributes.items() if name not in block}
    if law:
        weight = np.zeros(q.n_slots, q.weight.dtype)
        return dataclasses.replace(q, weight=weight, attributes=rest, ids=None)
    if rest:  # columns that no file holds as cells need their slots
        raise FileError(f"projection {q.name!r}: attribute {next(iter(rest))!r} has a type that cannot be written")
    none = np.zeros(0, q.weight.dtype)
    return dataclasses.replace(q, topology=Explicit([], []), weight=none, attributes={}, ids=None)


def _specs(block: Block) -> list[list[Any]]:
    return [
        [{"ids": True} if name is _Ids else encode_item(name, "name of an attribute"), _called(name), dtype_of(a)]
        for name, a in block.items()
        if name is not _Weight
    ]


def _packed(header: dict[str, Any]) -> bytes:
    arrays = header.pop("arrays")
    return pack(json.dumps(header, allow_nan=False, separators=(",", ":")), arrays)


def _open(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the attributes of a circuit that every tool can read."""
    plain = {k: v for k, v in attributes.items() if isinstance(k, str) and isinstance(v, bool | int | float | str)}
    return {k: v for k, v in plain.items() if k != HEADER}
