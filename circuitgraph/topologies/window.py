"""Windows that slide over a grid of sites: which tap meets which site, listed and counted, one axis at a time."""

from collections.abc import Mapping
from functools import reduce
from math import prod
from typing import Protocol

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, is_integer

Ints = int | tuple[int, ...]
Window = Mapping[str, tuple[int, ...]]
"""kernel, stride, padding and dilation, in this order, one number per dimension each."""

MOST_TAPS = 2**24
"""A larger window is a mistake, or a hostile file: it is refused before any table of that size is made."""


class Slides(Protocol):
    """What has a window: Conv and Pool."""

    def window(self, rank: int) -> dict[str, tuple[int, ...]]:
        """Give kernel, stride, padding and dilation as one number per dimension."""
        ...


def frozen_ints(given: object, where: str, least: int) -> Ints:
    """Read one integer, or one per dimension, of at least `least`; ShapeError otherwise.

    Example:
        >>> frozen_ints([3, 2], "kernel", 1)
        (3, 2)
    """
    items = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not items or not all(is_integer(n, least) for n in items):
        raise ShapeError(f"{where}: out of range (got {given!r}, expected integers of at least {least})")
    numbers = tuple(int(n) for n in items)
    return numbers if isinstance(given, tuple | list) else numbers[0]


def per_axis(given: Ints, rank: int, where: str) -> tuple[int, ...]:
    """Repeat one integer for every dimension; ShapeError if it was given for another number of them.

    Example:
        >>> per_axis(3, 2, "kernel")
        (3, 3)
    """
    out = (given,) * rank if isinstance(given, int) else given
    if len(out) != rank:
        raise ShapeError(f"{where} for another number of dimensions (got {len(out)}, expected {rank})")
    return out


def out_sites(topology: Slides, pre: Shape) -> Shape:
    """Give the sites that a window has when it slides over a population of shape `pre`; ShapeError if none."""
    rank = len(pre) - 1
    if not 1 <= rank <= 3:
        got = f"got {rank}, expected shape (units, length), (units, height, width) or (units, depth, height, width)"
        raise ShapeError(f"{topology!r}: needs 1 to 3 dimensions of sites, not those of {pre} ({got})")
    window = topology.window(rank)
    if prod(window["kernel"]) > MOST_TAPS:
        got = f"got {prod(window['kernel']):,} taps, expected at most {MOST_TAPS:,}"
        raise ShapeError(f"{topology!r}: kernel too large ({got}); use Dense")
    out = tuple(_out(n, *axis) for n, *axis in _axes(pre[1:], window))
    if min(out) < 1:
        mend = "pad it or use a smaller kernel"
        raise ShapeError(f"{topology!r}: window larger than the input (got sites {pre[1:]}); {mend}")
    return out


def window_edges(sites: Shape, window: Window, mode: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List (tap, pre site, post site) of every synapse between two units.  Shape: three arrays (T,) int64.

    Example:
        >>> law = {"kernel": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
        >>> [column.tolist() for column in window_edges((4,), law, "zeros")]
        [[0, 1, 0, 1], [0, 1, 2, 3], [0, 0, 1, 1]]
    """
    axes = [_axis_edges(*axis, mode=mode) for axis in _axes(sites, window)]
    sizes = window["kernel"], sites, tuple(_out(*axis) for axis in _axes(sites, window))
    tap, pre, post = (_flat([axis[column] for axis in axes], sizes[column]) for column in range(3))
    return tap, pre, post


def tap_counts(sites: Shape, window: Window, mode: str) -> np.ndarray:
    """Count the synapses of each tap between two units, without listing them.  Shape: (taps,) int64.

    Example:
        >>> law = {"kernel": (3,), "stride": (1,), "padding": (1,), "dilation": (1,)}
        >>> tap_counts((4,), law, "zeros").tolist()
        [3, 4, 3]
    """
    axes = [_axis_counts(*axis, mode=mode) for axis in _axes(sites, window)]
    counts: np.ndarray = reduce(np.multiply.outer, axes).reshape(-1)
    return counts


def _axes(sites: Shape, window: Window) -> list[tuple[int, int, int, int, int]]:
    kernel, stride, padding, dilation = (window[k] for k in ("kernel", "stride", "padding", "dilation"))
    return list(zip(sites, kernel, stride, padding, dilation, strict=True))


def _out(n: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _axis_edges(n: int, kernel: int, stride: int, padding: int, dilation: int, *, mode: str) -> np.ndarray:
    out = _out(n, kernel, stride, padding, dilation)
    post, tap = np.indices((out, kernel)).reshape(2, -1)
    pre = post * stride + tap * dilation - padding
    if mode == "reflect":
        pre = np.where(pre < 0, -pre, np.where(pre >= n, 2 * (n - 1) - pre, pre))
    elif mode == "circular":
        pre = pre % n
    inside = (pre >= 0) & (pre < n)
    return np.stack([tap[inside], pre[inside], post[inside]])


def _axis_counts(n: int, kernel: int, stride: int, padding: int, dilation: int, *, mode: str) -> np.ndarray:
    out = _out(n, kernel, stride, padding, dilation)
    if mode != "zeros":
        return np.full(kernel, out, dtype=np.int64)
    # Tap a meets the input at the sites p with  0 <= p * stride + at[a] < n.
    at = np.arange(kernel, dtype=np.int64) * dilation - padding
    first, last = np.maximum(-(at // stride), 0), np.minimum((n - 1 - at) // stride, out - 1)
    counts: np.ndarray = np.maximum(last - first + 1, 0)
    return counts


def _flat(parts: list[np.ndarray], sizes: Shape) -> np.ndarray:
    grid = np.meshgrid(*parts, indexing="ij")
    flat: np.ndarray = np.ravel_multi_index(tuple(part.ravel() for part in grid), sizes)
    return flat
