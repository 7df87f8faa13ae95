"""Columns of attributes: from Python values to one array, and back."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from circuitgraph.errors import NumericError, StructureError
from circuitgraph.ir import ABSENT

_PLAIN: dict[type, type] = {bool: np.bool_, int: np.int64, float: np.float64}
_INT64 = range(-(2**63), 2**63)


def column(values: Iterable[Any], where: str) -> np.ndarray:
    """Gather values in one array: of numbers where all are of one plain type, else of objects.

    Raises:
        StructureError: for a value that is an array, which columns cannot compare.

    Example:
        >>> column([1, 2], "x").dtype, column([1, "a"], "x").dtype
        (dtype('int64'), dtype('O'))
    """
    items = [_plain(v, where) for v in values]
    kinds = set(map(type, items))
    dtype = _PLAIN.get(kinds.pop()) if len(kinds) == 1 else None
    if dtype is not None and (dtype is not np.int64 or all(v in _INT64 for v in items)):
        return np.array(items, dtype=dtype)
    out = np.empty(len(items), dtype=object)
    for k, v in enumerate(items):  # not out[:] = items, which would unpack tuples
        out[k] = v
    return out


def columns_of(rows: Sequence[Mapping[str, Any]], where: str, skip: str | None = None) -> dict[str, np.ndarray]:
    """Turn one mapping per row into one column per name, in the order of first appearance; ABSENT where there is none.

    Example:
        >>> columns_of([{"a": 1}, {"b": "x"}], "node")
        {'a': array([1, ABSENT], dtype=object), 'b': array([ABSENT, 'x'], dtype=object)}
    """
    names = {name: None for row in rows for name in row if name != skip}
    return {name: column((row.get(name, ABSENT) for row in rows), f"{where} attribute {name!r}") for name in names}


def values(a: np.ndarray) -> list[Any]:
    """Give the Python values of a column: the inverse of `column`."""
    # tolist turns dates finer than microseconds into bare integers.
    out: list[Any] = list(a) if a.dtype.kind in "mM" else a.tolist()
    return out


def rows_of(columns: Mapping[str, np.ndarray], n_rows: int) -> list[dict[str, Any]]:
    """Turn columns into one dictionary per row, without what is ABSENT: the inverse of `columns_of`."""
    names = list(columns)
    if not names:
        return [{} for _ in range(n_rows)]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*map(values, columns.values()), strict=True)]
    if any(a.dtype == object for a in columns.values()):
        return [{name: v for name, v in row.items() if v is not ABSENT} for row in rows]
    return rows


def weight_column(given: Iterable[Any], edges: Sequence[tuple[Hashable, Hashable]]) -> np.ndarray:
    """Read one finite weight per edge; an ABSENT one counts as 1, as everywhere in networkx.

    Raises:
        NumericError: for a weight that is not a finite number.
    """
    out = np.ones(len(edges))
    for k, w in enumerate(given):
        if w is not ABSENT:
            out[k] = _number(w)
            if not np.isfinite(out[k]):
                where = "edge {!r} -> {!r}".format(*edges[k])
                raise NumericError(f"{where}: weight is not a finite number (got {w!r}, expected e.g. 1.0)")
    return out


def _number(w: Any) -> float:
    try:
        return math.nan if isinstance(w, str) else float(w)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _plain(v: Any, where: str) -> Any:
    if isinstance(v, np.ndarray):
        raise StructureError(f"{where}: an array (got shape {v.shape}, expected one value); pass tuple(map(float, x))")
    return v.item() if isinstance(v, np.generic) and v.dtype.kind not in "mM" else v
