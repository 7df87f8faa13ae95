"""Columns of any type in a file: numbers as arrays of the file, text and objects as JSON."""

import math
import re
from typing import Any

import numpy as np

from circuitgraph.errors import FileError
from circuitgraph.ir import ABSENT

_NATIVE = re.compile(r"<[fiu][248]|\|[iub]1")  # types that safetensors has
_RAW = re.compile(r"[<>](?:[fiu][248]|c(?:8|16)|[mM]8(?:\[\d*[A-Za-zμ]+\])?)")  # stored as bytes beside their type


def encode_column(a: np.ndarray, key: str, arrays: dict[str, np.ndarray]) -> Any:
    """Turn an array into JSON data; its numbers move into `arrays` under `key`.

    Raises:
        FileError: for types and objects that a file cannot hold.

    Example:
        >>> encode_column(np.array(["a", ABSENT], dtype=object), "label", {})
        {'items': ['a', {'absent': True}], 'type': 'object'}
    """
    if a.dtype == object:
        _need_flat(a, key)
        return {"items": [encode_item(v, key) for v in a], "type": "object"}
    if a.dtype.kind == "U" and a.ndim == 1:
        return {"items": a.tolist(), "type": "text"}
    if _NATIVE.fullmatch(a.dtype.str):
        arrays[key] = a
        return {"array": key}
    if not _RAW.fullmatch(a.dtype.str):
        raise FileError(f"{key}: type {a.dtype} cannot be saved (expected numbers, dates, text or objects)")
    arrays[key] = np.ascontiguousarray(a).view(np.uint8).reshape(*a.shape, a.itemsize)
    return {"array": key, "dtype": a.dtype.str}


def decode_column(spec: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Rebuild what `encode_column` wrote; FileError for anything else."""
    keys = set(spec) if isinstance(spec, dict) else set()
    if "array" in keys and keys <= {"array", "dtype"}:
        a = named_array(spec["array"], arrays)
        return a if keys == {"array"} else _from_bytes(a, spec["dtype"])
    if keys != {"items", "type"} or not isinstance(spec["items"], list):
        raise FileError(f"column: unreadable entry (got {sorted(map(str, keys))}, expected array, or items and type)")
    if spec["type"] == "object":
        out = np.empty(len(spec["items"]), dtype=object)
        for k, item in enumerate(spec["items"]):
            out[k] = decode_item(item)
        return out
    if spec["type"] != "text" or not all(isinstance(v, str) for v in spec["items"]):
        raise FileError(f"column: unreadable items (got type {spec['type']!r}, expected text or objects)")
    return np.array(spec["items"], dtype=np.str_)


def named_array(key: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Look up an array of the file; FileError if it is not there."""
    if not isinstance(key, str) or key not in arrays:
        raise FileError(f"array {key!r}: missing from the file")
    return arrays[key]


def encode_item(v: Any, where: str) -> Any:
    """Turn one object into JSON data: text, numbers, None, ABSENT, and lists, tuples and dictionaries of them."""
    v = v.item() if isinstance(v, np.generic) and v.dtype.kind in "biuf" else v
    if v is ABSENT:
        return {"absent": True}
    if isinstance(v, float) and not math.isfinite(v):
        return {"float": str(float(v))}
    if v is None or isinstance(v, bool | int | float | str):
        return v
    if type(v) is list:
        return [encode_item(i, where) for i in v]
    if type(v) is tuple:
        return {"tuple": [encode_item(i, where) for i in v]}
    if type(v) is dict:
        return {"dict": [[encode_item(i, where) for i in pair] for pair in v.items()]}
    raise FileError(
        f"{where}: {type(v).__name__} cannot be saved (got {v!r}, expected text, numbers, None, lists of them)"
    )


def decode_item(spec: Any) -> Any:
    """Rebuild what `encode_item` wrote; FileError for anything else."""
    if isinstance(spec, list):
        return [decode_item(i) for i in spec]
    if not isinstance(spec, dict):
        return spec
    match spec:
        case {"absent": True} if len(spec) == 1:
            return ABSENT
        case {"float": "nan" | "inf" | "-inf" as text} if len(spec) == 1:
            return float(text)
        case {"tuple": list(items)} if len(spec) == 1:
            return tuple(decode_item(i) for i in items)
        case {"dict": list(pairs)} if len(spec) == 1:
            return {decode_item(key): decode_item(v) for key, v in pairs}
    raise FileError(f"column: unreadable item (got keys {sorted(spec)}, expected absent, float, tuple or dict)")


def _need_flat(a: np.ndarray, key: str) -> None:
    if a.ndim != 1:
        raise FileError(
            f"{key}: objects in {a.ndim} dimensions cannot be saved (got shape {a.shape}, expected one dimension)"
        )


def _from_bytes(a: np.ndarray, dtype: Any) -> np.ndarray:
    if not isinstance(dtype, str) or not _RAW.fullmatch(dtype):
        raise FileError(f"column: unknown type (got {dtype!r})")
    kind = np.dtype(dtype)
    if a.dtype != np.uint8 or a.ndim < 1 or a.shape[-1] != kind.itemsize:
        raise FileError(
            f"column: wrong size for {dtype!r} (got {a.dtype} {a.shape}, expected rows of {kind.itemsize} bytes)"
        )
    return np.ascontiguousarray(a).view(kind).reshape(a.shape[:-1])
