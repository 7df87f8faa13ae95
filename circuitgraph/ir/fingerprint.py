"""A short hash of structure: what is hashed is framed, so that no two structures run together."""

import hashlib
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from circuitgraph.ir.value import Value


def fingerprint(item: object) -> str:
    """Hash nested tuples of values, arrays, numbers and text to 16 hexadecimal digits, the same in every process.

    Example:
        >>> fingerprint((1, "a")) == fingerprint((1, "a")), fingerprint(("a", "b")) == fingerprint(("ab",))
        (True, False)
    """
    digest = hashlib.sha256()
    _feed(item, digest)
    return digest.hexdigest()[:16]


@singledispatch
def _feed(item: object, digest: Any) -> None:
    text = repr(item).encode()
    digest.update(f"{type(item).__name__} {len(text)} ".encode() + text)


@_feed.register
def _(item: Value, digest: Any) -> None:
    name = vars(type(item)).get("name", type(item).__qualname__)
    _feed((item.kind, name, *item._fields().items()), digest)


@_feed.register(tuple)
@_feed.register(list)
def _(item: Sequence[object], digest: Any) -> None:
    digest.update(f"items {len(item)} ".encode())
    for part in item:
        _feed(part, digest)


@_feed.register
def _(item: np.ndarray, digest: Any) -> None:
    digest.update(f"array {item.dtype.str} {item.shape} ".encode())
    digest.update(np.ascontiguousarray(item).data)


@_feed.register
def _(item: np.generic, digest: Any) -> None:
    _feed(item.item(), digest)
