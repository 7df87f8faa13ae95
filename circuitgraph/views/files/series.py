"""Columns of a table: names numbered, weights checked, the rest kept."""

from typing import Any

import numpy as np
import pandas as pd

from circuitgraph.errors import NumericError, StructureError
from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import column


def need_labels(series: "pd.Series[Any]", table: str) -> "pd.Series[Any]":
    """Return a column of names as it is; StructureError unless each row has one, a whole number or text."""
    missing = series.isna().to_numpy()
    if missing.any():
        raise StructureError(f"{table}: no name in row {first_row(missing)}, column {series.name!r}; drop the row")
    if series.dtype.kind not in "iu" and not _is_text(series):
        got = f"got {series.dtype}, expected whole numbers below 2**64 or text"
        raise StructureError(
            f"{table}: column {series.name!r} does not hold names ({got}); write numbers without a point"
        )
    return series


def _is_text(series: "pd.Series[Any]") -> bool:
    values = series.cat.categories if isinstance(series.dtype, pd.CategoricalDtype) else series
    return pd.api.types.is_string_dtype(values)


def coded(series: "pd.Series[Any]", table: str) -> tuple[np.ndarray, pd.Index]:
    """Count the names of a column in order of first appearance, padding stripped: one code per row, and the names.

    Example:
        >>> codes, names = coded(pd.Series(["b ", "a", "b"]), "edges")
        >>> codes.tolist(), names.tolist()
        ([0, 1, 0], ['b', 'a'])
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, seen = pd.factorize(series.cat.codes.to_numpy())
        found = pd.Index(series.cat.categories)[seen]
    else:
        codes, found = pd.factorize(series)
    if found.dtype.kind in "iu":
        return codes, found
    stripped = pd.Index(found.astype(object).str.strip(), dtype=object)
    if (stripped == "").any():
        row = first_row(np.isin(codes, np.flatnonzero(stripped == "")))
        raise StructureError(f"{table}: no name in row {row}, column {series.name!r}; drop the row")
    to, again = pd.factorize(stripped)
    return (codes, again) if len(again) == len(found) else (to[codes], again)


def weights(edges: pd.DataFrame, name: str | None) -> np.ndarray:
    """Read one finite number per row; 1 where there is no column of weights.

    Raises:
        NumericError: for a weight that is not a finite number.
    """
    if name is None:
        return np.ones(len(edges))
    series = edges[name]
    numbers = series if series.dtype.kind in "iuf" else pd.to_numeric(series.astype(object), errors="coerce")
    out = numbers.to_numpy(np.float64, na_value=np.nan)
    finite = np.isfinite(out)
    if not finite.all():
        row = int(np.argmin(finite))
        got = f"got {shown(series.iloc[row])}, expected e.g. 1.0"
        raise NumericError(f"edges: weight is not a finite number in row {row + 1}, column {name!r} ({got})")
    return out


def column_of(series: "pd.Series[Any]", where: str) -> np.ndarray:
    """Turn a column into an array: ABSENT where a value is missing, text as objects.

    Example:
        >>> column_of(pd.Series(["a", None], dtype="category"), "type").tolist()
        ['a', ABSENT]
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        items = np.append(series.cat.categories.to_numpy(object), [None])
        items[-1] = ABSENT
        return items[series.cat.codes.to_numpy()]
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    return column((ABSENT if gone else v for v, gone in zip(series, series.isna(), strict=True)), where)


def shown(v: Any) -> str:
    """Print a value as people write it, not as NumPy does."""
    return repr(v.item() if isinstance(v, np.generic) else v)[:80]


def first_row(bad: np.ndarray) -> int:
    """Give the first row that is bad, counted from 1."""
    return int(np.argmax(bad)) + 1
