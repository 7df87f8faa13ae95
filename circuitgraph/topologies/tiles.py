"""An order of pairs in which huge random wiring is fastest: strips of postsynaptic neurons, each by presynaptic one."""

import numpy as np

STRIP_BITS, BLOCK_BITS = 12, 14
STRIP = 1 << STRIP_BITS
"""Postsynaptic neurons of one strip: their sums, 4 bytes each, take a third of a first cache of 48 KB."""
BLOCK = 1 << BLOCK_BITS
"""Presynaptic neurons of one tile of a strip: their activity, 4 bytes each, stays in the second cache."""


def tile_order(pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Give the order that sorts pairs by (post // STRIP, pre, post).

    A list of pairs in this order, and weights in the same, lets a kernel find both ends of every synapse in a cache,
    where a million neurons would take a line of memory for each.  Shape: (K,), (K,) -> (K,) int64.

    Example:
        >>> tile_order(np.array([5, 0, 7]), np.array([0, 1, 9000])).tolist()
        [1, 0, 2]
    """
    key = (post.astype(np.int64) // STRIP << 31 + STRIP_BITS) + (pre.astype(np.int64) << STRIP_BITS) + post % STRIP
    return np.argsort(key)


def rises_in_tiles(pre: np.ndarray, post: np.ndarray) -> bool:
    """Tell whether pairs rise by (post // STRIP, pre, post).

    Example:
        >>> rises_in_tiles(np.array([0, 5, 7]), np.array([1, 0, 9000]))
        True
    """
    strip = post >> STRIP_BITS
    same, onward = strip[1:] == strip[:-1], (pre[1:] > pre[:-1]) | ((pre[1:] == pre[:-1]) & (post[1:] > post[:-1]))
    return bool(((strip[1:] > strip[:-1]) | (same & onward)).all())
