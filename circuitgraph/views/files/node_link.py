"""Node-link JSON, as networkx and d3 write it: lists of nodes and edges."""

import json
from collections.abc import Hashable
from typing import IO, Any

import numpy as np

from circuitgraph.errors import FileError, StructureError
from circuitgraph.io.columns import decode_item, encode_item
from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import column, values
from circuitgraph.views.files.listing import HEADER, Listing, from_text, to_text


def parse(file: IO[bytes]) -> Listing:
    """Read a node-link file: "nodes" with "id", "edges" (or "links") with "source" and "target".

    Raises:
        FileError: for what is not strict JSON (NaN, a key twice), or not of this form.
        StructureError: for a node that comes twice, or an edge to one that is not there.
    """
    data = _strict(file.read())
    if not isinstance(data, dict):
        raise FileError(f"not node-link JSON (got {type(data).__name__}, expected an object with nodes and edges)")
    edges = _rows(data, "edges" if "edges" in data else "links")
    graph = data.get("graph", {})
    if not isinstance(graph, dict) or not isinstance(data.get("directed", True), bool):
        raise FileError("not node-link JSON (expected graph to be an object, and directed true or false)")
    index: dict[Hashable, int] = {}
    nodes = _rows(data, "nodes")
    for k, node in enumerate(nodes):
        name = _name(node, "id", f"nodes[{k}]")
        if name in index:
            raise StructureError(f"nodes[{k}]: {name!r} comes twice; names are unique")
        index[name] = k
    ends = np.array([[_end(edge, e, k, index) for e in ("source", "target")] for k, edge in enumerate(edges)], np.int64)
    ends = ends.reshape(-1, 2)
    header = graph.get(HEADER)
    ours = header is not None
    return Listing(
        list(index),
        _columns(nodes, {"id"}, ours),
        ends[:, 0].copy(),
        ends[:, 1].copy(),
        _columns(edges, {"source", "target", "key"}, ours),
        from_text(header) if ours else None,
        {k: v for k, v in graph.items() if k != HEADER},
        data.get("directed", True),
        native=True,
        where=[f"edges[{k}]" for k in range(len(edges))],
    )


def text_of(listing: Listing) -> bytes:
    """Write a node-link file, one node or edge a line."""
    assert listing.names is not None, "listed with nodes"
    graph = {**listing.attributes, **({} if listing.header is None else {HEADER: to_text(listing.header)})}
    graph = {k: encode_item(v, "attribute of the circuit") for k, v in graph.items()}
    nodes = _written(listing.nodes, [{"id": name} for name in listing.names])
    names = listing.names
    edges: list[dict[str, Any]] = [
        {"source": names[a], "target": names[b]}
        for a, b in zip(listing.pre.tolist(), listing.post.tolist(), strict=True)
    ]
    parallel = len(set(zip(listing.pre.tolist(), listing.post.tolist(), strict=True))) < len(edges)
    if parallel:
        edges = [{**edge, "key": k} for k, edge in enumerate(edges)]
    head = json.dumps({"directed": True, "multigraph": parallel, "graph": graph}, allow_nan=False)[:-1]
    text = f'{head},\n"nodes": [\n{nodes}\n],\n"edges": [\n{_written(listing.edges, edges)}\n]}}\n'
    return text.encode("utf-8")


def _written(columns: dict[str, np.ndarray], rows: list[dict[str, Any]]) -> str:
    for name, a in columns.items():
        for row, v in zip(rows, values(a), strict=True):
            if v is not ABSENT:
                row[name] = encode_item(v, name)
    return ",\n".join(json.dumps(row, allow_nan=False) for row in rows)


def _strict(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FileError(f"not strict JSON; {error}") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError(f"a key comes twice among {[key for key, _ in pairs][:8]}")
    return out


def _rows(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = data.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FileError(f"not node-link JSON (got {sorted(data)[:8]}, expected {key!r} to be a list of objects)")
    return rows


def _name(row: dict[str, Any], key: str, where: str) -> Hashable:
    name = row.get(key)
    name = tuple(name) if isinstance(name, list) else name
    if not isinstance(name, str | int | float | tuple) or not _hashable(name):
        raise FileError(f"{where}: {key!r} names no node (got {row.get(key)!r}, expected text or a number)")
    return name


def _hashable(name: Any) -> bool:
    return not isinstance(name, tuple) or all(isinstance(part, str | int | float) for part in name)


def _end(edge: dict[str, Any], key: str, k: int, index: dict[Hashable, int]) -> int:
    name = _name(edge, key, f"edges[{k}]")
    if name not in index:
        raise StructureError(f"edges[{k}]: {name!r} is not a node; add it to the nodes")
    return index[name]


def _columns(rows: list[dict[str, Any]], skip: set[str], ours: bool) -> dict[str, np.ndarray]:
    names = {name: None for row in rows for name in row if name not in skip}
    out = {}
    for name in names:
        items = (row.get(name, ABSENT) for row in rows)
        out[name] = column((decode_item(v) if ours else v for v in items), f"attribute {name!r}")
    return out
