"""Index structures of compressed rows, built in time proportional to the number of synapses."""

import numpy as np

from circuitgraph.machine_code import kept

CHUNK_EDGES, MOST_CHUNKS = 1 << 13, 512
"""Synapses in one task at least, and tasks at most: small enough to share out, large enough to hide a task's cost."""


def narrow(size: int) -> type[np.integer]:
    """Choose the narrowest type for indices below `size`.

    Example:
        >>> narrow(65536).__name__, narrow(65537).__name__
        ('uint16', 'int32')
    """
    return np.uint16 if size <= 1 << 16 else np.int32 if size <= 1 << 31 else np.int64


def row_begins(row: np.ndarray, n_rows: int) -> np.ndarray:
    """Say where each row of a rising list begins.  Shape: (E,) -> (n_rows + 1,) int64."""
    return np.searchsorted(row, np.arange(n_rows + 1, dtype=row.dtype)).astype(np.int64)


def block_begins(begins: np.ndarray, cols: np.ndarray, n_cols: int, width: int) -> np.ndarray:
    """Say where each row's part in each block of `width` columns begins.  Shape: -> (blocks + 1, n_rows) int64."""
    blocks = -(-n_cols // width)
    out = np.empty((blocks + 1, len(begins) - 1), np.int64)
    _split(begins, cols, width, out)
    return out


def chunk_rows(begins: np.ndarray, chunks: int = MOST_CHUNKS) -> np.ndarray:
    """Cut rows into chunks of equal work, however unequal rows are: so many, or as few as leave each CHUNK_EDGES.

    Gives first rows (chunks + 1,).
    """
    # An empty row costs about as much as eight synapses.
    work = begins + 8 * np.arange(len(begins))
    chunks = max(1, min(chunks, int(work[-1]) // CHUNK_EDGES))
    cuts = np.arange(chunks) * (int(work[-1]) / chunks)
    return np.unique(np.append(np.searchsorted(work, cuts), len(begins) - 1)).astype(np.int64)


def is_sorted(post: np.ndarray, pre: np.ndarray) -> bool:
    """Tell whether pairs rise by (post, pre)."""
    return bool(_rises(post, pre))


def sort_pairs(
    post: np.ndarray, pre: np.ndarray, n_post: int, n_pre: int, by_pre: np.ndarray | None = None
) -> np.ndarray:
    """Give the order that sorts pairs by (post, pre), stable; an order by pre may be known.  -> (E,) int64."""
    by_pre = _counted(pre, n_pre, np.arange(len(pre))) if by_pre is None else by_pre
    return _counted(post, n_post, by_pre)


def transpose(begins: np.ndarray, cols: np.ndarray, n_cols: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List compressed rows by column: where each column begins, the rows (rising), and the position of each synapse.

    Shape: (R + 1,), (E,) -> (n_cols + 1,) int64, (E,), (E,).
    """
    n_rows, n_edges = len(begins) - 1, len(cols)
    new_begins = np.zeros(n_cols + 1, np.int64)
    rows, perm = np.empty(n_edges, narrow(n_rows)), np.empty(n_edges, np.int32 if n_edges < 1 << 31 else np.int64)
    _transpose(begins, cols, new_begins, rows, perm)
    return new_begins, rows, perm


@kept()
def _split(begins, cols, width, out):
    for r in range(len(begins) - 1):
        e = begins[r]
        for block in range(len(out)):
            while e < begins[r + 1] and cols[e] < block * width:
                e += 1
            out[block, r] = e
        out[-1, r] = begins[r + 1]


@kept()
def _rises(post, pre):
    for e in range(1, len(post)):
        if post[e] < post[e - 1] or (post[e] == post[e - 1] and pre[e] <= pre[e - 1]):
            return False
    return True


@kept()
def _counted(key, n, order):
    at = np.zeros(n + 1, np.int64)
    for k in key:
        at[k + 1] += 1
    at = np.cumsum(at)
    out = np.empty_like(order)
    for e in order:
        out[at[key[e]]] = e
        at[key[e]] += 1
    return out


@kept()
def _transpose(begins, cols, new_begins, rows, perm):
    for c in cols:
        new_begins[np.int64(c) + 1] += 1
    for c in range(1, len(new_begins)):
        new_begins[c] += new_begins[c - 1]
    at = new_begins.copy()
    for r in range(len(begins) - 1):
        for e in range(begins[r], begins[r + 1]):
            c = cols[e]
            rows[at[c]] = r
            perm[at[c]] = e
            at[c] += 1
