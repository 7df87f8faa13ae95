"""Names of cells in files of text: numbers where nothing is lost by that, else the text as it stands."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

_WHOLE = "0|-?[1-9][0-9]*"  # as integers print
_DIGITS = "[+-]?[0-9]+"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def with_ids(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Turn columns of text into numbers: of 64 bits where all are whole, of floats where all are numbers.

    All of them stay text if any holds a whole number that is not written as it prints (007, which is not 07), one
    beyond 64 bits, or numbers beside words: else one cell could get two names, or two cells the same.

    Example:
        >>> with_ids(pd.DataFrame({"pre": ["7"], "post": ["11"]}), ["pre", "post"]).to_numpy().tolist()
        [[7, 11]]
        >>> with_ids(pd.DataFrame({"pre": ["007"], "post": ["11"]}), ["pre", "post"]).to_numpy().tolist()
        [['007', '11']]
    """
    text = {name: table[name].astype("category") for name in columns}
    said = {name: series.cat.categories.astype(str).str.strip() for name, series in text.items()}
    dtype = _integers([v for names in said.values() if _all(names, _WHOLE) for v in names.to_numpy(object)])
    if dtype is None or any(_must_stay(names) for names in said.values()):
        return table.assign(**text)
    return table.assign(**{name: _numbers(text[name], said[name], dtype) for name in columns})


def _must_stay(said: pd.Index) -> bool:
    number = said.str.fullmatch(_NUMBER)
    odd = said.str.fullmatch(_DIGITS) & ~said.str.fullmatch(_WHOLE)
    return bool(odd.any() or (number.any() and not number.all()))


def _integers(said: list[str]) -> type[np.integer[Any]] | None:
    """Choose the type that holds all these integers; None if there is none."""
    numbers = list(map(int, said))
    low, high = min(numbers, default=0), max(numbers, default=0)
    if low >= -(2**63) and high < 2**63:
        return np.int64
    return np.uint64 if low >= 0 and high < 2**64 else None


def _numbers(series: "pd.Series[Any]", said: pd.Index, dtype: type[np.integer[Any]]) -> "pd.Series[Any]":
    codes = series.cat.codes.to_numpy()
    if not len(said) or (codes < 0).any() or not _all(said, _NUMBER):
        return series
    whole = _all(said, _WHOLE)
    found = np.array(list(map(int if whole else float, said.to_numpy(object))), dtype if whole else np.float64)
    return pd.Series(found[codes], index=series.index)


def _all(said: pd.Index, pattern: str) -> bool:
    return bool(said.str.fullmatch(pattern).all())
