"""Attributes of PyG's graphs as columns of circuits: matrices column by column, tensors beside their type."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.errors import StructureError

_COLUMN = re.compile(r"(.+)\[(\d+)\]")


def to_columns(given: Mapping[str, Any], where: str, size: int) -> dict[str, np.ndarray]:
    """Turn attributes into columns (U,): a matrix "x" becomes "x[0]", "x[1]", ...

    Raises:
        StructureError: for what is neither a tensor of one or two axes nor a list, or has another length.

    Example:
        >>> list(to_columns({"x": torch.eye(2), "name": ["a", "b"]}, "nodes", 2))
        ['x[0]', 'x[1]', 'name']
    """
    out: dict[str, np.ndarray] = {}
    for key, value in given.items():
        column = _array(value)
        if column is None or len(column) != size or column.ndim > 2:
            got = f"got {tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__}"
            raise StructureError(
                f"{where}: attribute {key!r} cannot be kept ({got}, expected {size} values); delete it"
            )
        if column.ndim == 1:
            out[key] = column
        else:
            out |= {f"{key}[{j}]": np.ascontiguousarray(column[:, j]) for j in range(column.shape[1])}
    return out


def from_columns(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Turn columns into attributes: numbers become tensors, columns "x[0]", "x[1]", ... one matrix "x", others lists.

    Example:
        >>> from_columns({"x[0]": np.ones(2), "x[1]": np.zeros(2), "name": np.array(["a", "b"])})["name"]
        ['a', 'b']
    """
    out: dict[str, Any] = {}
    parts: dict[str, list[np.ndarray]] = {}
    for key, column in columns.items():
        found = _COLUMN.fullmatch(str(key))
        if found and int(found[2]) == len(parts.get(found[1], [])) and column.dtype.kind in "fiub":
            parts.setdefault(found[1], []).append(column)
            out[found[1]] = None  # keeps its place
        elif column.dtype.kind in "fiub":
            out[str(key)] = torch.tensor(column)
        else:
            out[str(key)] = column.tolist()
    return out | {key: torch.tensor(np.stack(columns, 1)) for key, columns in parts.items()}


def packed(value: Any, where: str) -> Any:
    """Turn an attribute of a whole graph into what circuits and files hold: tensors into lists beside their type.

    Raises:
        StructureError: for what is neither a tensor, a number nor text.
    """
    if isinstance(value, Tensor):
        return {"tensor": value.tolist(), "dtype": str(value.dtype).removeprefix("torch.")}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [packed(v, where) for v in value]
    raise StructureError(
        f"{where}: cannot be kept (got {type(value).__name__}, expected tensors, numbers, text); delete it"
    )


def unpacked(value: Any) -> Any:
    """Turn what `packed` made back.

    Example:
        >>> unpacked(packed(torch.tensor([1.0]), "y"))
        tensor([1.])
    """
    if isinstance(value, dict) and set(value) == {"tensor", "dtype"}:
        return torch.tensor(value["tensor"], dtype=getattr(torch, value["dtype"]))
    return [unpacked(v) for v in value] if isinstance(value, list) else value


def _array(value: Any) -> np.ndarray | None:
    if isinstance(value, Tensor) and value.ndim:
        found: np.ndarray = value.detach().cpu().numpy()
        return found
    if not isinstance(value, list | tuple):
        return None
    if all(isinstance(v, str) for v in value):
        return np.array(value, dtype=np.str_)
    out = np.empty(len(value), dtype=object)
    out[:] = list(value)
    return out
