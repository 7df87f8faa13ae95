"""Products of two activities, computed tile by tile in registers, of which only listed entries are kept.

A whole product would go through memory twice: where most entries are kept, that costs as much as a quarter of it.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
import torch
from numba import njit
from numba.extending import overload
from torch import Tensor

from circuitgraph.kernels.cpu.bits import squeeze
from circuitgraph.kernels.cpu.lanes import BF16, F32, has_pairs
from circuitgraph.kernels.cpu.panels import Panels, fill, wait
from circuitgraph.kernels.cpu.registers import tile_product, tile_shape
from circuitgraph.kernels.cpu.tasks import FAST, count_on, loop, peek, pointer, prefetch, take_task
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wiring import INDICES

BLOCK, CHUNK = 128, 384
"""Columns after which it is known where entries begin; columns whose tiles are kept at a time, in 12 kB."""
MOST_ROWS, SIDE = 128, 16
"""Rows in one task, at most; rows whose errors are packed side by side."""
MOST_SAMPLES = 512
"""Beyond this batch, the activity of a chunk fits no second cache of 1 MB."""


def fits(x: Tensor, g: Tensor) -> bool:
    """Tell whether tiles know the type of activity, the same on both sides, and hold its batch."""
    return x.dtype == g.dtype and x.dtype in (torch.float32, torch.bfloat16) and 0 < x.shape[0] <= MOST_SAMPLES


def product(
    x: Tensor, g: Tensor, begins: Tensor, where: Tensor, out: Tensor, *factors: Tensor, unit_norm: bool = False
) -> Callable[[], None]:
    """Prepare the product of two activities, of which entries go to `out` or, with factors, change what is there.

    `begins` (blocks + 1, rows) says where the entries of each BLOCK columns begin, `where` is the column of each (E,)
    or, with long registers, bits (rows, words); the factors are those of `change`.  It needs no memory when it runs,
    which is when activity is read.

    Shape: x (B, columns), g (B, rows), out (E,) float32.
    """
    shape, pairs, threads = tile_shape(), x.dtype == torch.bfloat16 and has_pairs(), torch.get_num_threads()
    before, after = (Panels(t if pairs else t.float(), lanes) for t, lanes in ((x, shape.columns), (g, SIDE)))
    n_rows = begins.shape[1]
    each = min(MOST_ROWS, -(-n_rows // (4 * threads * shape.rows)) * shape.rows)
    room = torch.empty(threads, (shape.rows + 1) * CHUNK + MOST_ROWS)
    index, words = ("bits", where.shape[1]) if where.ndim == 2 else (INDICES[where.dtype][1], 0)
    code = product_loop(BF16 if pairs else F32, index, *shape)

    def ready() -> None:
        gain, keep, shift = [f.data_ptr() for f in factors] or [0, 0, 0]
        run(
            code, -(-n_rows // each), seats=threads, x=before.record(), g=after.record(), steps=before.steps,
            columns=before.neurons, rows=n_rows, each=each, room=room.data_ptr(), size=4 * room.stride(0),
            begins=begins.data_ptr(), blocks=begins.shape[0] - 1, where=where.data_ptr(), words=words,
            out=out.data_ptr(), gain=gain, keep=keep, shift=shift, unit=int(unit_norm), seat=0,
        )  # fmt: skip

    return ready


@loop("x g steps columns rows each room size begins blocks where words out gain keep shift unit seat")
def product_loop(kind: int, index: str, high: int, vectors: int, width: int) -> Callable[[int], None]:
    """Multiply `high` rows by a chunk of columns at a time; tasks are `each` rows.

    `room` holds the tiles and the sums of squares of each thread, `size` bytes.
    """

    def multiply(p: int) -> None:
        steps, columns, n_rows, each, changes = peek(p, 4), peek(p, 5), peek(p, 6), peek(p, 7), peek(p, 15) != 0
        begins, blocks, where, out = peek(p, 10), peek(p, 11), (peek(p, 12), peek(p, 13)), peek(p, 14)
        room = peek(p, 8) + count_on(p + 8 * 19) * peek(p, 9)
        found, totals = room + 4 * high * CHUNK, pointer("f4", room + 4 * high * CHUNK + 4 * CHUNK)
        before, errors = filled(peek(p, 2), peek(p, 3))
        task = take_task(p)
        while task < peek(p, 1):
            start, last = task * each, min(n_rows, (task + 1) * each)
            for i in range(each):
                totals[i] = 0
            for column in range(0, columns, CHUNK):
                here, after = row_of(begins, blocks, n_rows, column)
                for top in range(start, last, high):
                    x, g = before + 4 * steps * column, errors + 4 * (steps * (top // SIDE * SIDE) + top % SIDE)
                    left, entries = min(columns - column, CHUNK), (out, here, after)
                    multiply_rows(kind, high, vectors, width, x, g, steps, left, room, entries, top, last)
                    for r in range(top, min(top + high, last)):
                        e, end, tile = peek(here, r), peek(after, r), room + 4 * CHUNK * (r - top)
                        collect(index, tile, where, r, column, e, end, found if changes else out + 4 * e)
                        if changes:
                            totals[r - start] += change(found, out + 4 * e, end - e, p + 8 * 15, r)
            if peek(p, 18):
                divide_rows(pointer("f4", out), begins, begins + 8 * n_rows * blocks, start, last, totals)
            task = take_task(p)

    return multiply


def multiply_rows(
    kind: int, high: int, vectors: int, width: int, x: int, g: int, steps: int, columns: int, to: int,
    entries: tuple[int, int, int], top: int, last: int,
) -> None:  # fmt: skip
    """Multiply `high` rows by some columns, a panel after another; what is left of the last takes fewer vectors."""


@overload(multiply_rows, prefer_literal=True)  # numba finds no loop that it kept if it is closed over compiled code
def _multiply_rows(kind, high, vectors, width, x, g, steps, columns, to, entries, top, last):
    form, rows, most, wide = (t.literal_value for t in (kind, high, vectors, width))
    lanes, line, step, word, one, two = most * wide, 4 * most * wide, 4 * SIDE, 4, 1, 2

    def multiply(kind, high, vectors, width, x, g, steps, columns, to, entries, top, last):
        for panel in range((columns + lanes - 1) // lanes):
            if top + panel < last:  # all at once would wait for memory
                ask(entries, top + panel)
            left, here, at = columns - lanes * panel, x + line * steps * panel, to + line * panel
            if left > two * wide:
                tile_product(form, rows, most, wide, line, step, word, here, g, steps, at, 4 * CHUNK, 0)
            elif left > wide:
                tile_product(form, rows, two, wide, line, step, word, here, g, steps, at, 4 * CHUNK, 0)
            else:
                tile_product(form, rows, one, wide, line, step, word, here, g, steps, at, 4 * CHUNK, 0)

    return multiply


@njit
def ask(entries, row):
    """Ask for what of a row is soon to be written, a line of memory after another."""
    out, begins, ends = entries
    for at in range(out + 4 * peek(begins, row), out + 4 * peek(ends, row), 64):
        prefetch(at, 1)


@njit
def filled(x, g):
    """Fill the panels of both activities and give where they begin."""
    fill(x)
    fill(g)
    wait(x)
    wait(g)
    return peek(x, 8), peek(g, 8)


@njit
def row_of(begins, blocks, n_rows, column):
    """Find where the table says where each row's entries of a chunk begin, and where they end."""
    block = column // BLOCK
    return begins + 8 * n_rows * block, begins + 8 * n_rows * min(blocks, block + CHUNK // BLOCK)


@njit(fastmath=FAST)
def change(found, out, count, factors, row):
    """Make a row's numbers keep * out + gain * found + shift, and give the sum of their squares."""
    gain = pointer("f4", peek(factors, 0))[row]
    keep, shift = pointer("f4", peek(factors, 1))[row], pointer("f4", peek(factors, 2))[row]
    found, out, total = pointer("f4", found), pointer("f4", out), np.float32(0)
    for i in range(count):
        new = keep * out[i] + (gain * found[i] + shift)
        out[i] = new
        total += new * new
    return total


def collect(
    index: str, tile: int, where: tuple[int, int], row: int, column: int, begin: int, end: int, to: int
) -> None:
    """Put what is found in a row's entries, from a column on, side by side; bits say where it is, or columns."""


@overload(collect, prefer_literal=True)
def _collect(index, tile, where, row, column, begin, end, to):
    kind = index.literal_value

    def by_bits(index, tile, where, row, column, begin, end, to):
        bits, words = where
        squeeze(
            tile,
            bits + 2 * (row * words + column // 16),
            min(words - column // 16, CHUNK // 16),
            to,
            to + 4 * (end - begin),
            np.float32(1),
        )

    def by_columns(index, tile, where, row, column, begin, end, to):
        cols, tile, found = pointer(kind, where[0]), pointer("f4", tile - 4 * column), pointer("f4", to)
        for e in range(begin, end):
            found[e - begin] = tile[cols[e]]

    return by_bits if kind == "bits" else by_columns


@njit(fastmath=FAST)
def divide_rows(w, begins, ends, first, last, totals):
    """Take rows to unit norm, whose sums of squares are known; rows of zeros stay."""
    for r in range(first, last):
        if totals[r - first] > 0:
            norm = sqrt(totals[r - first])
            for e in range(peek(begins, r), peek(ends, r)):
                w[e] /= norm
