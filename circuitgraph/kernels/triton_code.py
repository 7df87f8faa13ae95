"""GPU code in Triton; imported on first use only.

Activity is neuron-major, (neurons, batch), so that a synapse reads one contiguous row.  A program works on a tile of
rows, edges and samples; it owns what it writes, so nothing is atomic and sums have one order.  Addresses are 64-bit
within activity.  What is None is left out when the code is compiled.

Shape: x (pre neurons, B), g and y (post neurons, B), w (K,); indices as in `Index` and `TritonBlocks`.
"""
# Triton gives arguments their types when it compiles.
# mypy: disable-error-code="no-untyped-def, attr-defined"

from types import SimpleNamespace
from typing import Any

import torch

try:
    import triton
    import triton.language as tl
except ImportError:  # so that tools which import every module can; `present` keeps kernels from coming here
    triton: Any = SimpleNamespace(jit=lambda code: code)  # type: ignore[no-redef]
    tl: Any = SimpleNamespace(constexpr=int)  # type: ignore[no-redef]


def double(*tensors: torch.Tensor) -> bool:
    """Tell whether sums over these are kept in float64 rather than float32."""
    return any(t.dtype == torch.float64 for t in tensors)


@triton.jit
def rows_of(starts, order, n_rows, ROWS: tl.constexpr):
    """Give this program's rows, which of them exist, and where their edges start and end."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    alive = row < n_rows
    if order is not None:
        row = tl.load(order + row, mask=alive, other=0)
    first = tl.load(starts + row, mask=alive, other=0)
    last = tl.load(starts + row + 1, mask=alive, other=0)
    return row.to(tl.int64), alive, first, last


@triton.jit
def read(x, row, b, batch, met):
    """Read the samples b of neurons.  Shape: row and met (R, E), b (BATCH,) -> (R, E, BATCH)."""
    at = row.to(tl.int64)[:, :, None] * batch + b[None, None, :]
    return tl.load(x + at, mask=met[:, :, None] & (b < batch)[None, None, :], other=0.0)


@triton.jit
def slots_of(slot, e, met):
    """Give the weights' places of edges: their own where no slots are listed."""
    k = e
    if slot is not None:
        k = tl.load(slot + e, mask=met, other=0)
    return k


@triton.jit
def weighted(factor, values, at, met, WIDE: tl.constexpr):
    """Multiply by values, where there are any; 0 where there is no edge."""
    if values is not None:
        factor *= tl.load(values + at, mask=met, other=0.0).to(WIDE)
    return factor


@triton.jit
def at_end(values, row, alive, sites, SITE: tl.constexpr, WIDE: tl.constexpr):
    """Read what belongs to the postsynaptic end of each neuron: its site, or a unit of so many sites."""
    m = row % sites if SITE else row // sites
    return tl.load(values + m, mask=alive, other=0.0).to(WIDE)[:, None]


@triton.jit
def changed(
    w, k, met, new, gain, decay, shift, row, alive, sites, SITE: tl.constexpr, WIDE: tl.constexpr
):  # fmt: skip
    """Give  w[k] + gain[m] * (new + decay[m] * w[k] + shift[m])  for the end m of each row."""
    old = tl.load(w + k, mask=met, other=0.0).to(WIDE)
    if decay is not None:
        new += at_end(decay, row, alive, sites, SITE, WIDE) * old
    if shift is not None:
        new += at_end(shift, row, alive, sites, SITE, WIDE)
    return old + at_end(gain, row, alive, sites, SITE, WIDE) * new


@triton.jit
def sum_rows(
    y, x, w, starts, other, slot, coef, order, n_rows, batch,
    DOUBLE: tl.constexpr, ROWS: tl.constexpr, EDGES: tl.constexpr, BATCH: tl.constexpr,
):  # fmt: skip
    """y[n, b] = sum over edges e of row n of  w[slot[e]] * coef[e] * x[other[e], b]."""
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    row, alive, first, last = rows_of(starts, order, n_rows, ROWS)
    b = tl.program_id(1) * BATCH + tl.arange(0, BATCH)
    total = tl.zeros([ROWS, EDGES, BATCH], dtype=WIDE)
    for step in range(0, tl.max(last - first, axis=0), EDGES):
        e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
        met = e < last[:, None]
        factor = weighted(met.to(WIDE), w, slots_of(slot, e, met), met, WIDE)
        factor = weighted(factor, coef, e, met, WIDE)
        pre = tl.load(other + e, mask=met, other=0)
        total += factor[:, :, None] * read(x, pre, b, batch, met).to(WIDE)
    at = row[:, None] * batch + b[None, :]
    tl.store(y + at, tl.sum(total, axis=1).to(y.dtype.element_ty), mask=alive[:, None] & (b < batch)[None, :])


@triton.jit
def pair_rows(
    out, x, g, starts, other, slot, coef, order, gain, decay, shift, n_rows, batch, sites,
    SITE: tl.constexpr, NORM: tl.constexpr,
    DOUBLE: tl.constexpr, ROWS: tl.constexpr, EDGES: tl.constexpr, BATCH: tl.constexpr,
):  # fmt: skip
    """Correlate the two ends of every edge of a row; with a gain, change the weights `out` by it on the spot.

    dw[e] = coef[e] * sum over b of  x[other[e], b] * g[n, b].  Without gain out[slot[e]] = dw[e]; else, for end m of n,
    out[k] += gain[m] * (dw[e] + decay[m] * out[k] + shift[m]),  and NORM gives each row unit norm.
    """
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    row, alive, first, last = rows_of(starts, order, n_rows, ROWS)
    square = tl.zeros([ROWS], dtype=WIDE)
    longest = tl.max(last - first, axis=0)
    for step in range(0, longest, EDGES):
        e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
        met = e < last[:, None]
        pre = tl.load(other + e, mask=met, other=0)
        product = tl.zeros([ROWS, EDGES, BATCH], dtype=WIDE)
        for start in range(0, batch, BATCH):
            b = start + tl.arange(0, BATCH)
            error = read(g, row[:, None], b, batch, alive[:, None])
            product += read(x, pre, b, batch, met).to(WIDE) * error.to(WIDE)
        new = weighted(tl.sum(product, axis=2), coef, e, met, WIDE)
        k = slots_of(slot, e, met)
        if gain is not None:
            new = changed(out, k, met, new, gain, decay, shift, row, alive, sites, SITE, WIDE)
        if NORM:
            square += tl.sum(tl.where(met, new * new, 0.0), axis=1)
        tl.store(out + k, new.to(out.dtype.element_ty), mask=met)
    if NORM:
        tl.debug_barrier()  # another thread may have written what this one reads again
        scale = tl.where(square > 0, tl.sqrt(square), 1.0)
        for step in range(0, longest, EDGES):
            e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
            met = e < last[:, None]
            k = slots_of(slot, e, met)
            new = tl.load(out + k, mask=met, other=0.0).to(WIDE) / scale[:, None]
            tl.store(out + k, new.to(out.dtype.element_ty), mask=met)


@triton.jit
def pair_shared(
    out, x, g, starts, pre, post, coef, order, n_rows, batch, parts,
    DOUBLE: tl.constexpr, ROWS: tl.constexpr, EDGES: tl.constexpr, BATCH: tl.constexpr,
):  # fmt: skip
    """out[p, k] = sum over b and the edges e in part p of row k of  coef[e] * x[pre[e], b] * g[post[e], b]."""
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    row, alive, first, last = rows_of(starts, order, n_rows, ROWS)
    size = tl.cdiv(last - first, parts)
    first += size * tl.program_id(1)
    last = tl.minimum(first + size, last)
    total = tl.zeros([ROWS, EDGES], dtype=WIDE)
    for step in range(0, tl.max(last - first, axis=0), EDGES):
        e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
        met = e < last[:, None]
        at_pre = tl.load(pre + e, mask=met, other=0)
        at_post = tl.load(post + e, mask=met, other=0)
        product = tl.zeros([ROWS, EDGES, BATCH], dtype=WIDE)
        for start in range(0, batch, BATCH):
            b = start + tl.arange(0, BATCH)
            error = read(g, at_post, b, batch, met).to(WIDE)
            product += read(x, at_pre, b, batch, met).to(WIDE) * error
        total += weighted(tl.sum(product, axis=2), coef, e, met, WIDE)
    at = tl.program_id(1).to(tl.int64) * n_rows + row
    tl.store(out + at, tl.sum(total, axis=1), mask=alive)


@triton.jit
def norm_rows(w, starts, slot, n_rows, DOUBLE: tl.constexpr, ROWS: tl.constexpr, EDGES: tl.constexpr):
    """Divide the weights of each row by their Euclidean norm; 0 stays 0."""
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    _row, _alive, first, last = rows_of(starts, None, n_rows, ROWS)
    square = tl.zeros([ROWS, EDGES], dtype=WIDE)
    longest = tl.max(last - first, axis=0)
    for step in range(0, longest, EDGES):
        e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
        met = e < last[:, None]
        k = tl.load(slot + e, mask=met, other=0)
        old = tl.load(w + k, mask=met, other=0.0).to(WIDE)
        square += old * old
    norm = tl.sqrt(tl.sum(square, axis=1))
    scale = tl.where(norm > 0, norm, 1.0)
    for step in range(0, longest, EDGES):
        e = (first + step)[:, None] + tl.arange(0, EDGES)[None, :]
        met = e < last[:, None]
        k = tl.load(slot + e, mask=met, other=0)
        new = tl.load(w + k, mask=met, other=0.0).to(WIDE) / scale[:, None]
        tl.store(w + k, new.to(w.dtype.element_ty), mask=met)


@triton.jit
def slots_in(slot_at, tile, TALL: tl.constexpr, BROAD: tl.constexpr):
    """Read the slots of a tile, -1 for none.  Shape: -> (TALL, BROAD)."""
    inside = tl.arange(0, TALL)[:, None] * BROAD + tl.arange(0, BROAD)[None, :]
    return tl.load(slot_at + tile.to(tl.int64) * (TALL * BROAD) + inside)


@triton.jit
def rows_at(x, block, b, n, batch, SIZE: tl.constexpr):
    """Read the samples b of a block of SIZE of n neurons, 0 beyond.  Shape: b (BATCH,) -> (SIZE, BATCH)."""
    row = block.to(tl.int64) * SIZE + tl.arange(0, SIZE)
    return tl.load(x + row[:, None] * batch + b[None, :], mask=(row < n)[:, None] & (b < batch)[None, :], other=0.0)


@triton.jit
def sum_tiles(
    y, x, w, coef, slot_at, starts, other, turned, n_out, n_in, batch,
    DOUBLE: tl.constexpr, NARROW: tl.constexpr, TALL: tl.constexpr, BROAD: tl.constexpr, BATCH: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Sum over the tiles of this program's block row; where they are `turned`, of its block column.

    y[block, b] = sum over tiles t of  weights[t] @ x[other[t], b].  Shape: slot_at (tiles, TALL, BROAD), -1 for none.
    """
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    FACTOR: tl.constexpr = x.dtype.element_ty if NARROW else WIDE
    OUT: tl.constexpr = TALL if turned is None else BROAD
    IN: tl.constexpr = BROAD if turned is None else TALL
    block = tl.program_id(0)
    b = tl.program_id(1) * BATCH + tl.arange(0, BATCH)
    total = tl.zeros([OUT, BATCH], dtype=WIDE)
    for t in range(tl.load(starts + block), tl.load(starts + block + 1)):
        tile = t
        if turned is not None:
            tile = tl.load(turned + t)
        k = slots_in(slot_at, tile, TALL, BROAD)
        met = k >= 0
        factor = weighted(weighted(met.to(WIDE), w, k, met, WIDE), coef, k, met, WIDE)
        if turned is not None:
            factor = tl.trans(factor)
        seen = rows_at(x, tl.load(other + t), b, n_in, batch, IN)
        factor = factor.to(seen.dtype).to(FACTOR)
        total = tl.dot(factor, seen.to(FACTOR), total, input_precision=PRECISION, out_dtype=WIDE)
    row = block.to(tl.int64) * OUT + tl.arange(0, OUT)
    alive = (row < n_out)[:, None] & (b < batch)[None, :]
    tl.store(y + row[:, None] * batch + b[None, :], total.to(y.dtype.element_ty), mask=alive)


@triton.jit
def pair_tiles(
    out, x, g, coef, slot_at, at_post, at_pre, gain, decay, shift, n_post, n_pre, batch, sites, SITE: tl.constexpr,
    DOUBLE: tl.constexpr, NARROW: tl.constexpr, TALL: tl.constexpr, BROAD: tl.constexpr, BATCH: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Correlate the two blocks of neurons of one tile and keep what is a slot; with a gain, change the weights `out`.

    dw[k] = coef[k] * sum over b of  x[pre of k, b] * g[post of k, b];  what becomes of it is as in `pair_rows`.
    """
    WIDE: tl.constexpr = tl.float64 if DOUBLE else tl.float32
    FACTOR: tl.constexpr = x.dtype.element_ty if NARROW else WIDE
    tile = tl.program_id(0)
    post = tl.load(at_post + tile)
    pre = tl.load(at_pre + tile)
    new = tl.zeros([TALL, BROAD], dtype=WIDE)
    for start in range(0, batch, BATCH):
        b = start + tl.arange(0, BATCH)
        error = rows_at(g, post, b, n_post, batch, TALL).to(FACTOR)
        seen = rows_at(x, pre, b, n_pre, batch, BROAD).to(FACTOR)
        new = tl.dot(error, tl.trans(seen), new, input_precision=PRECISION, out_dtype=WIDE)
    k = slots_in(slot_at, tile, TALL, BROAD)
    met = k >= 0
    new = weighted(new, coef, k, met, WIDE)
    row = post.to(tl.int64) * TALL + tl.arange(0, TALL)
    if gain is not None:
        new = changed(out, k, met, new, gain, decay, shift, row, row < n_post, sites, SITE, WIDE)
    tl.store(out + k, new.to(out.dtype.element_ty), mask=met)
