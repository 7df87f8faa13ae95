"""A circuit as JSON data and named arrays.  Classes are named as they are registered, never by where they live."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import FileError
from circuitgraph.io.columns import decode_column, decode_item, encode_column, encode_item, named_array
from circuitgraph.ir import Circuit, Population, Projection
from circuitgraph.ir.value import decode, encode

SCHEMA = 1
Arrays = dict[str, np.ndarray]


def encode_circuit(circuit: Circuit, arrays: Arrays) -> dict[str, Any]:
    """Turn a circuit into JSON data; arrays move into `arrays`."""
    return {
        "schema": SCHEMA,
        "populations": [_encode_population(p, arrays) for p in circuit.populations],
        "projections": [_encode_projection(p, arrays) for p in circuit.projections],
        "attributes": encode_item(dict(circuit.attributes), "circuit attributes"),
    }


def decode_circuit(spec: Any, arrays: Arrays) -> Circuit:
    """Rebuild a circuit.

    Raises:
        FileError: if the data is not what `encode_circuit` writes.
        CircuitGraphError: of any kind, if a part refuses what is in the data.
    """
    if not isinstance(spec, dict) or spec.get("schema") != SCHEMA:
        got = spec.get("schema") if isinstance(spec, dict) else spec
        raise FileError(f"unknown schema (got {got!r}, expected {SCHEMA}); read it with the version that wrote it")
    spec = _dated(spec, attributes=encode_item({}, "circuit attributes"))
    _need(spec, "circuit", schema=int, populations=list, projections=list, attributes=dict)
    populations = tuple(_decode_population(p, arrays) for p in spec["populations"])
    projections = tuple(_decode_projection(p, arrays) for p in spec["projections"])
    attributes = decode_item(spec["attributes"])
    if not isinstance(attributes, dict):
        raise FileError(f"circuit: attributes of a wrong type (got {attributes!r}, expected names and values)")
    return Circuit(populations, projections, attributes)


def _encode_population(p: Population, arrays: Arrays) -> dict[str, Any]:
    at = f"populations.{p.name}"
    return {
        "name": p.name,
        "shape": list(p.shape),
        "neuron": encode(p.neuron, arrays),
        "memory": _encode_columns(p.memory, f"{at}.memory", arrays),
        "attributes": _encode_columns(p.attributes, f"{at}.attributes", arrays),
        "ids": _encode_ids(p.ids, f"{at}.ids", arrays),
        "next_id": p.next_id,
    }


def _decode_population(spec: Any, arrays: Arrays) -> Population:
    spec, columns = _dated(spec, next_id=0), {"memory": list, "attributes": list, "ids": str | None, "next_id": int}
    _need(spec, "population", name=str, shape=list, neuron=dict | None, **columns)
    return Population(
        spec["name"],
        tuple(spec["shape"]),
        decode(spec["neuron"], arrays),
        _decode_columns(spec["memory"], arrays),
        _decode_columns(spec["attributes"], arrays),
        _decode_ids(spec["ids"], arrays),
        spec["next_id"],
    )


def _encode_projection(p: Projection, arrays: Arrays) -> dict[str, Any]:
    at = f"projections.{p.name}"
    arrays[f"{at}.weight"] = p.weight
    return {
        "name": p.name,
        "pre": p.pre,
        "post": p.post,
        "topology": encode(p.topology, arrays),
        "weight": f"{at}.weight",
        "rule": encode(p.rule, arrays),
        "delay": p.delay,
        "port": p.port,
        "fixed": bool(p.fixed),
        "attributes": _encode_columns(p.attributes, f"{at}.attributes", arrays),
        "ids": _encode_ids(p.ids, f"{at}.ids", arrays),
        "next_id": p.next_id,
        "sign": int(p.sign),
    }


def _decode_projection(spec: Any, arrays: Arrays) -> Projection:
    spec, texts = _dated(spec, next_id=0, sign=0), dict.fromkeys(("name", "pre", "post", "weight", "port"), str)
    values = {"topology": dict, "rule": dict | None, "delay": int, "fixed": bool}
    _need(spec, "projection", **texts, **values, attributes=list, ids=str | None, next_id=int, sign=int)
    return Projection(
        spec["pre"],
        spec["post"],
        decode(spec["topology"], arrays),
        _decode_weight(spec["weight"], arrays),
        decode(spec["rule"], arrays),
        spec["delay"],
        spec["port"],
        spec["name"],
        spec["fixed"],
        _decode_columns(spec["attributes"], arrays),
        _decode_ids(spec["ids"], arrays),
        spec["next_id"],
        spec["sign"],
    )


def _dated(spec: Any, **defaults: Any) -> Any:
    """Fill in what files lack that are older than attributes of the whole, counted identities or signed weights."""
    return {**defaults, **spec} if isinstance(spec, dict) else spec


def _decode_weight(key: str, arrays: Arrays) -> np.ndarray:
    a = named_array(key, arrays)
    if a.dtype not in (np.float32, np.float64):
        raise FileError(f"array {key!r}: weights of a wrong type (got {a.dtype}, expected float32 or float64)")
    return a


def _encode_columns(columns: Mapping[str, np.ndarray], at: str, arrays: Arrays) -> list[Any]:
    # By number, because networkx allows names that are no text, and any text.
    named = enumerate(columns.items())
    return [[encode_item(name, at), encode_column(a, f"{at}.{k}", arrays)] for k, (name, a) in named]


def _decode_columns(spec: list[Any], arrays: Arrays) -> dict[str, np.ndarray]:
    out = {}
    for entry in spec:
        if not isinstance(entry, list) or len(entry) != 2:
            raise FileError("columns: unreadable entry (expected a name and a column)")
        out[decode_item(entry[0])] = decode_column(entry[1], arrays)
    if len(out) != len(spec):
        raise FileError("columns: a name comes twice")
    return out


def _encode_ids(ids: np.ndarray | None, key: str, arrays: Arrays) -> str | None:
    if ids is None:
        return None
    arrays[key] = ids
    return key


def _decode_ids(key: str | None, arrays: Arrays) -> np.ndarray | None:
    return None if key is None else named_array(key, arrays)


def _need(spec: Any, where: str, **types: Any) -> None:
    if not isinstance(spec, dict) or set(spec) != set(types):
        got = sorted(spec) if isinstance(spec, dict) else spec
        raise FileError(f"{where}: wrong entries (got {got}, expected {sorted(types)})")
    for name, kind in types.items():
        if not isinstance(spec[name], kind):
            raise FileError(f"{where}: {name} of a wrong type (got {spec[name]!r}, expected {kind})")
