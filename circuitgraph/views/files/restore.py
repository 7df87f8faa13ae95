"""From nodes, edges and header back to the circuit that was written."""

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import FileError, StructureError
from circuitgraph.io.columns import decode_item
from circuitgraph.io.container import read_json, unpack
from circuitgraph.io.file import REFUSALS
from circuitgraph.io.spec import decode_circuit
from circuitgraph.ir import Circuit, Population, Projection
from circuitgraph.topologies import Explicit
from circuitgraph.views.files.cells import Kind, fitted, from_cells
from circuitgraph.views.files.listing import HEADER, SCHEMA, Columns, Listing, absent, names_of


def restored(listing: Listing) -> Circuit:
    """Rebuild the circuit that `listed` listed.

    Raises:
        FileError: for a header that was not written here, or nodes and edges that are not those it describes.
        CircuitGraphError: of any kind, if a part refuses what is in the file.
    """
    assert listing.header is not None, "the caller has looked"
    text, arrays = unpack(listing.header)
    header = read_json(text)
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise FileError("header of an unknown schema; read the file with the version that wrote it")
    try:
        return _restored(listing, header, arrays)
    except FileError:
        raise
    except REFUSALS as error:
        if isinstance(error, StructureError):
            raise
        raise FileError(f"header does not describe a circuit; {error}") from error


def _restored(listing: Listing, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Circuit:
    projection_of = listing.edges.get("projection")
    counted = [p["name"] for p in header["circuit"]["projections"] if p["name"] in header["edges"]]
    rows = {
        name: np.arange(len(listing.pre)) if projection_of is None else np.flatnonzero(projection_of == name)
        for name in counted
    }
    if sum(map(len, rows.values())) != len(listing.pre):
        raise FileError(
            f"edges of no projection (got {len(listing.pre)} edges, expected projection to be one of {counted})"
        )
    for name in counted:  # weights of a law are as many as its edges: the law itself checks that they are enough
        if header["edges"][name]["law"]:
            arrays[f"projections.{name}.weight"] = np.zeros(len(rows[name]), header["edges"][name]["weight"])
    sizes = [p["shape"][0] for p in header["circuit"]["populations"]]
    if listing.names is not None and len(listing.names) != sum(sizes):
        raise FileError(f"another number of nodes than units (got {len(listing.names)}, expected {sum(sizes)})")
    circuit = decode_circuit(header["circuit"], dict(arrays))
    if listing.names is None:
        listing = _resolved(listing, names_of(circuit))
    order = _order(circuit, listing, header)
    start: dict[str, int] = {}
    for p in circuit.populations:
        start[p.name] = sum(q.n_units for q in circuit.populations[: len(start)])
    populations = tuple(
        _with_columns(p, listing, order[start[p.name] : start[p.name] + p.n_units], header) for p in circuit.populations
    )
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    projections = tuple(
        _with_edges(circuit, p, listing, rows[p.name], rank, start, header) if p.name in rows else p
        for p in circuit.projections
    )
    return Circuit(populations, projections, circuit.attributes)


def _order(circuit: Circuit, listing: Listing, header: dict[str, Any]) -> np.ndarray:
    """Find the node of each unit: nodes of a network are called population/unit and may come in any order."""
    assert listing.names is not None, "resolved"
    if header["plain"] or not header["nodes"]:
        return np.arange(len(listing.names))
    index = {name: k for k, name in enumerate(listing.names)}
    wanted = [f"{p.name}/{unit}" for p in circuit.populations for unit in range(p.n_units)]
    for name in wanted:
        if name not in index:
            raise FileError(
                f"no node {name!r} (expected population/unit for every unit); delete the header to read any"
            )
    return np.array([index[name] for name in wanted], np.int64)


def _resolved(listing: Listing, names: list[Hashable]) -> Listing:
    """Look up the names at both ends of the edges."""
    index = {name: k for k, name in enumerate(names)}
    ends = []
    for end in (listing.pre, listing.post):
        try:
            ends.append(np.fromiter((index[name] for name in end.tolist()), np.int64, len(end)))
        except KeyError as error:
            raise FileError(f"edges: {error.args[0]!r} is not a unit of the header's circuit") from None
    return dataclasses.replace(listing, names=names, pre=ends[0], post=ends[1])


def _with_columns(p: Population, listing: Listing, at: np.ndarray, header: dict[str, Any]) -> Population:
    if not header["nodes"]:
        return p
    as_json = [] if listing.native else header["json"][0]
    own, ids = _cells(header["nodes"][p.name], listing.nodes, at, as_json, f"population {p.name!r}")
    if header["plain"]:
        own["label"] = from_cells(_labels(listing.names or [], header["names"]), "text", header["label"], "nodes")
    return dataclasses.replace(p, attributes={**p.attributes, **own}, ids=p.ids if ids is None else ids)


def _labels(names: list[Hashable], kind: str) -> list[Hashable]:
    """Turn names into labels: in XML integers are text, too."""
    return [int(name) if kind == "int" and isinstance(name, str) else name for name in names]


def _with_edges(
    circuit: Circuit,
    p: Projection,
    listing: Listing,
    rows: np.ndarray,
    rank: np.ndarray,
    start: Mapping[str, int],
    header: dict[str, Any],
) -> Projection:
    where, spec = f"projection {p.name!r}", header["edges"][p.name]
    pre = rank[listing.pre[rows]] - start[p.pre]
    post = rank[listing.post[rows]] - start[p.post]
    as_json = [] if listing.native else header["json"][1]
    own, ids = _cells(spec["columns"], listing.edges, rows, as_json, where)
    changes: dict[str, Any] = {"attributes": {**p.attributes, **own}, "ids": p.ids if ids is None else ids}
    given = listing.edges["weight"][rows] if len(rows) else np.zeros(0)
    weight = fitted(given, "float", spec["weight"], f"{where}: weight")
    if not spec["law"]:
        return dataclasses.replace(p, topology=Explicit(pre, post), weight=weight, **changes)
    slots = circuit.slots(p)
    if not (np.array_equal(slots.pre, pre) and np.array_equal(slots.post, post)):
        got = f"got other edges than {p.topology!r} makes"
        raise FileError(
            f"{where}: wiring and edges differ ({got}); delete the attribute {HEADER!r} to read a plain graph"
        )
    return dataclasses.replace(p, weight=weight, **changes)


def _cells(
    specs: list[list[Any]], columns: Columns, at: np.ndarray, as_json: list[str], where: str
) -> tuple[Columns, np.ndarray | None]:
    out: Columns = {}
    ids = None
    for name, called, dtype in specs:
        kind: Kind = "json" if called in as_json else "text"
        given = columns[called][at] if called in columns else absent(len(at))
        found = fitted(given, kind, dtype, f"{where}: {called}")
        if name == {"ids": True}:
            ids = found
        else:
            out[decode_item(name)] = found
    return out, ids
