"""Columns as files hold them: all truth values, integers, floats or text, or else each value as JSON text."""

import json
import re
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from circuitgraph.errors import FileError
from circuitgraph.io.columns import decode_item, encode_item
from circuitgraph.ir import ABSENT

Kind = Literal["bool", "int", "float", "text", "json"]
_TYPES: dict[type, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
_INT64 = range(-(2**63), 2**63)
# What neither XML nor UTF-8 can hold.
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def kind_of_column(a: np.ndarray) -> Kind:
    """Say how a column is written; ABSENT is written as nothing in every kind.

    Example:
        >>> kind_of_column(np.array(["a", ABSENT], dtype=object)), kind_of_column(np.array([1, None], dtype=object))
        ('text', 'json')
    """
    if a.dtype != object:
        kinds: dict[str, Kind] = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text"}
        kind = kinds.get(a.dtype.kind, "json")
    else:
        types = {type(v) for v in a if v is not ABSENT}
        kind = _TYPES.get(types.pop(), "json") if len(types) == 1 else ("json" if types else "text")
    if kind == "text" and any(v is not ABSENT and _NO_TEXT.search(v) for v in a.tolist()):
        return "json"
    if kind == "int" and a.dtype == object and not all(v is ABSENT or v in _INT64 for v in a):
        return "json"
    return kind


def to_cells(a: np.ndarray, kind: Kind, where: str) -> list[Any]:
    """Turn a column into plain Python values, ABSENT among them; JSON text where the kind says so."""
    if kind != "json":
        out: list[Any] = a.tolist()
        return out
    return [v if v is ABSENT else json.dumps(encode_item(v, where)) for v in a.tolist()]


def from_cells(cells: Iterable[Any], kind: Kind, dtype: str, where: str) -> np.ndarray:
    """Rebuild a column from what `to_cells` gave; `dtype` is its NumPy type, "text" or "object".

    Raises:
        FileError: for a value that the column cannot hold.
    """
    items = list(cells) if kind != "json" else [_parsed(v, where) for v in cells]
    if dtype == "object":
        out = np.empty(len(items), dtype=object)
        for k, item in enumerate(items):
            out[k] = item
        return out
    to = np.dtype(np.str_ if dtype == "text" else dtype)
    fits = {"U": (str,), "b": (bool,), "i": (int,), "u": (int,), "f": (float, int)}.get(to.kind, ())
    for k, item in enumerate(items):
        if type(item) not in fits:
            got = "none" if item is ABSENT else repr(item)[:40]
            raise FileError(f"{where}: a value in row {k + 1} that does not fit (got {got}, expected {dtype}); mend it")
    try:
        return np.array(items, to)
    except OverflowError as error:
        raise FileError(f"{where}: a number too large for {dtype}; {error}") from error


def fitted(column: np.ndarray, kind: Kind, dtype: str, where: str) -> np.ndarray:
    """Rebuild a column from what a file gave: at once where the types agree, else cell by cell as `from_cells` does."""
    to = None if dtype in ("object", "text") else np.dtype(dtype)
    if to is not None and (column.dtype == to or (column.dtype.kind == to.kind == "f")):
        return column.astype(to, copy=False)
    return from_cells(column.tolist(), kind, dtype, where)


def dtype_of(a: np.ndarray) -> str:
    """Name the type of a column as `from_cells` reads it."""
    return {"O": "object", "U": "text"}.get(a.dtype.kind, a.dtype.str)


def _parsed(v: Any, where: str) -> Any:
    if v is ABSENT:
        return ABSENT
    try:
        return decode_item(json.loads(v))
    except (TypeError, ValueError, RecursionError) as error:
        raise FileError(f"{where}: not JSON (got {str(v)[:40]!r}); {error}") from error
