"""Products of two activities, computed tile by tile in registers, of which only listed entries are kept.

A whole product would go through memory twice: where most entries are kept, that costs as much as a quarter of it.
"""

from collections.abc import Callable
from functools import cache
from math import sqrt

import numpy as np
import torch
from numba import njit
from torch import Tensor

from circuitgraph.kernels.cpu.bits import squeeze
from circuitgraph.kernels.cpu.lanes import BF16, F32, has_pairs
from circuitgraph.kernels.cpu.registers import tile_product, tile_shape
from circuitgraph.kernels.cpu.tasks import FAST, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wiring import INDICES

BLOCK, CHUNK = 128, 384
"""Columns after which it is known where entries begin; columns whose tiles are kept at a time, in 12 kB."""
MOST_ROWS = 128
"""Rows in one task, at most."""
MOST_SAMPLES = 512
"""Beyond this batch, the activity of a chunk fits no second cache of 1 MB."""


def pack(x: Tensor, lanes: int) -> Tensor:
    """Lay neurons side by side, sample after sample; bfloat16 by two samples.  Shape: (B, N) -> (panels, B, lanes)."""
    pairs = x.dtype == torch.bfloat16
    panels, steps = -(-x.shape[1] // lanes), -(-len(x) // 2) if pairs else len(x)
    out = torch.empty(panels, steps, lanes, dtype=torch.int32)
    run(
        pack_loop("u2" if pairs else "u4", lanes), panels, x=x.data_ptr(), sample=x.stride(0) * x.element_size(),
        neuron=x.stride(1) * x.element_size(), batch=len(x), neurons=x.shape[1], out=out.data_ptr(), steps=steps,
    )  # fmt: skip
    return out


@loop("x sample neuron batch neurons out steps")
def pack_loop(word: str, lanes: int) -> Callable[[int], None]:
    """Copy one panel a task, zero where neurons or samples end; strides of x are in bytes."""
    pairs = word == "u2"

    def copy(p: int) -> None:
        x, sample, neuron, batch, steps = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 8)
        task = take_task(p)
        while task < peek(p, 1):
            out, here = pointer("u4", peek(p, 7) + 4 * task * steps * lanes), x + task * lanes * neuron
            used = min(lanes, peek(p, 6) - task * lanes)
            for k in range(steps):
                for i in range(used):
                    at = here + i * neuron
                    if not pairs:
                        out[k * lanes + i] = pointer(word, at + k * sample)[0]
                    elif 2 * k + 1 < batch:
                        low, high = pointer(word, at + 2 * k * sample)[0], pointer(word, at + (2 * k + 1) * sample)[0]
                        out[k * lanes + i] = low | (high << 16)
                    else:
                        out[k * lanes + i] = pointer(word, at + 2 * k * sample)[0]
                for i in range(used, lanes):
                    out[k * lanes + i] = 0
            task = take_task(p)

    return copy


def fits(x: Tensor, g: Tensor) -> bool:
    """Tell whether tiles know the type of activity, the same on both sides, and hold its batch."""
    return x.dtype == g.dtype and x.dtype in (torch.float32, torch.bfloat16) and 0 < len(x) <= MOST_SAMPLES


def product(
    x: Tensor, g: Tensor, begins: Tensor, where: Tensor, out: Tensor, *factors: Tensor, unit_norm: bool = False
) -> Callable[[], None]:
    """Prepare the product of two activities, of which entries go to `out` or, with factors, change what is there.

    `begins` (blocks + 1, rows) says where the entries of each BLOCK columns begin, `where` is the column of each (E,)
    or, with long registers, bits (rows, words); the factors are those of `use`.  It needs no memory when it runs.

    Shape: x (B, columns), g (B, rows), out (E,) float32.
    """
    shape, pairs, threads = tile_shape(), x.dtype == torch.bfloat16 and has_pairs(), torch.get_num_threads()
    x, g = (pack(t if pairs else t.float(), lanes) for t, lanes in ((x, shape.columns), (g, shape.rows)))
    n_rows = begins.shape[1]
    each = min(MOST_ROWS, -(-n_rows // (4 * threads * shape.rows)) * shape.rows)
    room = torch.empty(threads, (shape.rows + 1) * CHUNK + 16 + MOST_ROWS)
    index, words = ("bits", where.shape[1]) if where.ndim == 2 else (INDICES[where.dtype][1], 0)
    code = product_loop(BF16 if pairs else F32, index, *shape)

    def ready() -> None:
        gain, keep, shift = [f.data_ptr() for f in factors] or [0, 0, 0]
        run(
            code, -(-n_rows // each), seats=threads, x=x.data_ptr(), g=g.data_ptr(), steps=x.shape[1], panels=len(x),
            rows=n_rows, each=each, room=room.data_ptr(), size=4 * room.stride(0), begins=begins.data_ptr(),
            blocks=len(begins) - 1, where=where.data_ptr(), words=words, out=out.data_ptr(), gain=gain, keep=keep,
            shift=shift, unit=int(unit_norm), seat=0,
        )  # fmt: skip

    return ready


@loop("x g steps panels rows each room size begins blocks where words out gain keep shift unit seat")
def product_loop(kind: int, index: str, high: int, vectors: int, width: int) -> Callable[[int], None]:
    """Multiply `high` rows by a chunk of columns at a time; tasks are `each` rows.

    `room` holds the tiles and the sums of squares of each thread, `size` bytes.
    """
    lanes, word, step = vectors * width, 4, 4 * high
    per_chunk, collect = CHUNK // lanes, by_bits if index == "bits" else by_columns(index)

    def multiply(p: int) -> None:
        steps, panels, n_rows, each, gain = peek(p, 4), peek(p, 5), peek(p, 6), peek(p, 7), peek(p, 15)
        begins, blocks, where = peek(p, 10), peek(p, 11), (peek(p, 12), peek(p, 13))
        factors = pointer("f4", gain), pointer("f4", peek(p, 16)), pointer("f4", peek(p, 17)), gain != 0
        room, out = peek(p, 8) + take_task(p + 8 * 19) * peek(p, 9), pointer("f4", peek(p, 14))
        there = room + 4 * high * CHUNK
        found, totals = pointer("f4", there), pointer("f4", there + 4 * (CHUNK + 16))
        task = take_task(p)
        while task < peek(p, 1):
            start, last = task * each, min(n_rows, (task + 1) * each)
            for i in range(each):
                totals[i] = 0
            for first in range(0, panels, per_chunk):
                here, after = row_of(begins, blocks, n_rows, first * lanes)
                for top in range(start, last, high):
                    errors = peek(p, 3) + 4 * steps * top
                    for q in range(first, min(panels, first + per_chunk)):
                        x, to = peek(p, 2) + 4 * steps * lanes * q, room + 4 * lanes * (q - first)
                        tile_product(kind, high, vectors, width, step, word, x, errors, steps, to, 4 * CHUNK, 0)
                    for r in range(top, min(top + high, last)):
                        e, end = peek(here, r), peek(after, r)
                        collect(room + 4 * CHUNK * (r - top), where, r, first * lanes, e, end, there)
                        totals[r - start] += use(found, out, e, end, r, factors)
            if peek(p, 18):
                divide_rows(out, begins, begins + 8 * n_rows * blocks, start, last, totals)
            task = take_task(p)

    return multiply


@njit
def row_of(begins, blocks, n_rows, column):
    """Find where the table says where each row's entries of a chunk begin, and where they end."""
    block = column // BLOCK
    return begins + 8 * n_rows * block, begins + 8 * n_rows * min(blocks, block + CHUNK // BLOCK)


@njit(fastmath=FAST)
def use(found, out, begin, end, row, factors):
    """Keep what was found for entries of a row: out = found, or with factors keep * out + gain * found + shift.

    Gives the sum of squares of what was changed.
    """
    gains, keeps, shifts, changes = factors
    total = np.float32(0)
    if changes:
        gain, keep, shift = gains[row], keeps[row], shifts[row]
        for i in range(end - begin):
            new = keep * out[begin + i] + (gain * found[i] + shift)
            out[begin + i] = new
            total += new * new
    else:
        for i in range(end - begin):
            out[begin + i] = found[i]
    return total


@njit
def by_bits(tile, where, row, column, begin, end, found):
    """Put what is found in a row's entries, from a column on, side by side."""
    bits, words = where
    squeeze(tile, bits + 2 * (row * words + column // 16), min(words - column // 16, CHUNK // 16), found)


@cache
def by_columns(index: str) -> Callable[..., None]:
    """As `by_bits`, where columns are listed."""

    @njit
    def collect(tile, where, row, column, begin, end, found):
        cols, tile, found = pointer(index, where[0]), pointer("f4", tile - 4 * column), pointer("f4", found)
        for e in range(begin, end):
            found[e - begin] = tile[cols[e]]

    return collect


@njit(fastmath=FAST)
def divide_rows(w, begins, ends, first, last, totals):
    """Take rows to unit norm, whose sums of squares are known; rows of zeros stay."""
    for r in range(first, last):
        if totals[r - first] > 0:
            norm = sqrt(totals[r - first])
            for e in range(peek(begins, r), peek(ends, r)):
                w[e] /= norm
