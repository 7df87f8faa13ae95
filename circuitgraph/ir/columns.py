"""Checks that populations and projections share: names, ids, and named columns of numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir.value import frozen_array, index_array, n_different, same

Columns = Mapping[str, np.ndarray]


def check_name(what: str, name: object) -> None:
    """Raise StructureError unless this is a name that files and parameter lists can hold: text without '.' and '/'."""
    if not isinstance(name, str) or not name or not name.isprintable() or "/" in name or "." in name:
        raise StructureError(f"{what}: bad name (got {name!r}, expected a non-empty text without '.' and '/')")


def frozen_ids(ids: Any, size: int, where: str) -> np.ndarray | None:
    """Read one identity for each of `size` things; ShapeError unless all differ."""
    if ids is None:
        return None
    out = index_array(ids, f"{where}: ids")
    different = n_different(out)
    if len(out) != size or different != size:
        got = f"got {different} different of {len(out)}, expected {size} different"
        raise ShapeError(f"{where}: ids name each one once ({got}); leave ids out to number them")
    return out


def first_free_id(ids: np.ndarray | None, size: int, known: int) -> int:
    """Give the first identity that nothing has or had: at least `known`, and above all of `ids`, by default 0, 1, 2."""
    return max(int(known), size if ids is None else int(ids.max(initial=-1)) + 1)


def frozen_columns(columns: Mapping[str, Any], where: str, size: int | None = None) -> Columns:
    """Freeze named arrays; ShapeError unless each has one value for each of `size` things."""
    out = {}
    for key, column in columns.items():
        try:
            array = np.asarray(column)
        except ValueError as error:
            raise ShapeError(f"{where} {key!r}: one value each (got ragged rows); pass an array of objects") from error
        if size is not None and array.shape != (size,):
            raise ShapeError(f"{where} {key!r}: one value each (got shape {array.shape}, expected ({size},))")
        out[key] = frozen_array(array, array.dtype)
    return MappingProxyType(out)


def same_columns(a: Columns, b: Columns) -> bool:
    """Tell whether two sets of columns hold the same arrays under the same names."""
    return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
