"""Columns of attributes: from Python values to one array, and back."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import is_, is_not
from typing import Any

import numpy as np

from circuitgraph.errors import NumericError, StructureError
from circuitgraph.ir import ABSENT
from circuitgraph.ir.value import Absent

_PLAIN: dict[type, type] = {bool: np.bool_, int: np.int64, float: np.float64}
AT_ONCE = 4096
"""Rows that are looked at twice while they are in the cache."""
_INT64 = range(-(2**63), 2**63)


def column(values: Iterable[Any], where: str) -> np.ndarray:
    """Gather values in one array: of numbers where all are of one plain type, else of objects.

    Raises:
        StructureError: for a value that is an array, which columns cannot compare.

    Example:
        >>> column([1, 2], "x").dtype, column([1, "a"], "x").dtype
        (dtype('int64'), dtype('O'))
    """
    items = list(values)
    if any(issubclass(kind, np.ndarray | np.generic) for kind in set(map(type, items))):
        items = [_plain(v, where) for v in items]
    kinds = set(map(type, items))
    dtype = _PLAIN.get(kinds.pop()) if len(kinds) == 1 else None
    if dtype is not None:
        try:
            return np.array(items, dtype=dtype)
        except OverflowError:  # integers of more than 64 bits
            pass
    return np.fromiter(items, dtype=object, count=len(items))


def columns_of(rows: Sequence[Mapping[str, Any]], where: str, skip: str | None = None) -> dict[str, np.ndarray]:
    """Turn one mapping per row into one column per name, in the order of first appearance; ABSENT where there is none.

    Example:
        >>> columns_of([{"a": 1}, {"b": "x"}], "node")
        {'a': array([1, ABSENT], dtype=object), 'b': array([ABSENT, 'x'], dtype=object)}
    """
    names = [name for name in dict.fromkeys(chain.from_iterable(rows)) if name != skip]
    return {name: column(cells(rows, name), f"{where} attribute {name!r}") for name in names}


def cells(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Give one attribute of every row, ABSENT where there is none.

    Example:
        >>> cells([{"a": 1}, {"b": "x"}], "a")
        [1, ABSENT]
    """
    get: Any = dict.get
    try:
        return [*map(get, rows, repeat(name), repeat(ABSENT))]
    except TypeError:  # other mappings
        return [row.get(name, ABSENT) for row in rows]


def alone(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[Any], bool]:
    """Give one attribute of every row, as `cells` does, and tell whether no row has another one.

    Example:
        >>> alone([{"a": 1}, {}], "a"), alone([{"b": 2}], "a")
        (([1, ABSENT], True), ([ABSENT], False))
    """
    given: list[Any] = []
    others = 0
    for first in range(0, len(rows), AT_ONCE):
        here = rows[first : first + AT_ONCE]
        found = cells(here, name)
        others += sum(map(len, here)) - sum(map(is_not, found, repeat(ABSENT)))
        given += found
    return given, not others


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
    given = [*map(values, columns.values())]
    if len(names) == 1:
        (name,) = names
        rows = [{name: v} for v in given[0]]
    else:
        rows = [dict(zip(names, row, strict=True)) for row in zip(*given, strict=True)]
    if any(a.dtype == object and absent_in(v) for a, v in zip(columns.values(), given, strict=True)):
        return [{name: v for name, v in row.items() if v is not ABSENT} for row in rows]
    return rows


def absent_in(items: Sequence[Any]) -> bool:
    """Tell whether any value is missing.

    Example:
        >>> absent_in([0, ABSENT])
        True
    """
    return any(map(is_, items, repeat(ABSENT)))


def named_weight(weight: str | None) -> tuple[str, ...]:
    """List the columns of weights that have to be there: the one of the default name may be missing.

    Example:
        >>> named_weight("weight"), named_weight("synapses")
        ((), ('synapses',))
    """
    return () if weight is None or weight == "weight" else (weight,)


def weight_column(given: Iterable[Any], edges: Sequence[tuple[Hashable, Hashable]]) -> np.ndarray:
    """Read one finite weight per edge; an ABSENT one counts as 1, as everywhere in networkx.

    Raises:
        NumericError: for a weight that is not a finite number.
    """
    items = list(given)
    fast = _plain_weights(items)
    if fast is not None:
        return fast
    bad = bad_weight(items)
    if bad is not None:
        where = "edge {!r} -> {!r}".format(*edges[bad])
        raise NumericError(f"{where}: weight is not a finite number (got {items[bad]!r}, expected e.g. 1.0)")
    return np.array([1.0 if w is ABSENT else _number(w) for w in items], dtype=np.float64)


def bad_weight(items: Sequence[Any]) -> int | None:
    """Find the weight to blame: the first that is no finite number, not even as text; else the first that is text.

    One cell that is no number makes text of a whole column in a file.

    Example:
        >>> bad_weight(["1", "x"]), bad_weight(["1", "2"]), bad_weight([1, ABSENT])
        (1, 0, None)
    """
    if _plain_weights(items) is not None:
        return None
    bad = [k for k, w in enumerate(items) if w is not ABSENT and not math.isfinite(_number(w))]
    return next((k for k in bad if not _says_number(items[k])), bad[0] if bad else None)


def _plain_weights(items: Sequence[Any]) -> np.ndarray | None:
    """Read Python's numbers at once; None where there is anything else."""
    kinds = set(map(type, items))
    if not kinds <= {float, int, Absent}:
        return None
    try:
        out = np.array([1.0 if w is ABSENT else w for w in items] if Absent in kinds else items, dtype=np.float64)
    except OverflowError:
        return None
    return out if np.isfinite(out).all() else None


def _number(w: Any) -> float:
    try:
        return math.nan if isinstance(w, str) else float(w)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _says_number(w: Any) -> bool:
    try:
        return isinstance(w, str) and math.isfinite(float(w))
    except ValueError:
        return False


def _plain(v: Any, where: str) -> Any:
    if isinstance(v, np.ndarray):
        raise StructureError(f"{where}: an array (got shape {v.shape}, expected one value); pass tuple(map(float, x))")
    return v.item() if isinstance(v, np.generic) and v.dtype.kind not in "mM" else v
