"""Products with a matrix of which bits say what is there: samples in the lanes, weights spread in a cache on the way.

A dense copy of the matrix would be made anew after each change, and be read from memory where this reads weights alone.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from circuitgraph.kernels.cpu import single
from circuitgraph.kernels.cpu.bits import expand
from circuitgraph.kernels.cpu.lanes import F32
from circuitgraph.kernels.cpu.packing import Part, pack
from circuitgraph.kernels.cpu.products import BLOCK, CHUNK, MOST_SAMPLES
from circuitgraph.kernels.cpu.registers import tile_product
from circuitgraph.kernels.cpu.tasks import count_on, loop, peek, take_task
from circuitgraph.kernels.cpu.team import run

LANES, HIGH = 32, 8
"""Samples, at most, and rows of a tile: 16 long registers."""
ROWS = 256
"""Rows of the matrix that are spread at a time on the way back, BLOCK columns of each: 128 kB."""


def fits(x: Tensor, values: Tensor) -> bool:
    """Tell whether this code knows the types of activity and weights, and is fast for the batch."""
    known = x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and x.shape[0] == 1)
    return known and values.dtype == torch.float32 and 0 < x.shape[0] <= MOST_SAMPLES


def forward(x: Tensor, begins: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """Sum each row, x[b, c] times values, neuron-major in memory as `Wiring.sum` gives it.

    Shape: x (B, columns), begins (blocks + 1, rows), bits (rows, words) -> (B, rows).
    """
    if x.shape[0] == 1:
        return single.forward(x, begins, bits, values)
    n_rows, threads, lanes = begins.shape[1], torch.get_num_threads(), _lanes(x.shape[0])
    each = _share(n_rows, 128, HIGH, threads)
    packed, room = _packed(x, lanes), torch.empty(threads, HIGH * CHUNK)
    out = torch.empty(-(-n_rows // HIGH) * HIGH, packed.shape[0] * lanes)
    run(
        forward_loop(lanes), -(-n_rows // each), x=packed.data_ptr(), panels=packed.shape[0], columns=x.shape[1],
        rows=n_rows, each=each, begins=begins.data_ptr(), bits=bits.data_ptr(), words=bits.shape[1],
        values=values.data_ptr(), out=out.data_ptr(), room=room.data_ptr(), size=4 * room.stride(0), seat=0,
    )  # fmt: skip
    return out[:n_rows, : x.shape[0]].t()


def backward(g: Tensor, n_cols: int, begins: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """Sum each column, g[b, r] times values.  Shape: g (B, rows) -> (B, columns), neuron-major in memory."""
    if g.shape[0] == 1:
        return single.backward(g, n_cols, begins, bits, values)
    n_rows, threads, lanes = begins.shape[1], torch.get_num_threads(), _lanes(g.shape[0])
    packed, room = _packed(g, lanes), torch.empty(threads, ROWS * BLOCK)
    out = torch.empty(-(-n_cols // BLOCK) * BLOCK, packed.shape[0] * lanes)
    run(
        backward_loop(lanes), -(-n_cols // BLOCK), g=packed.data_ptr(), panels=packed.shape[0], rows=n_rows,
        begins=begins.data_ptr(), bits=bits.data_ptr(), words=bits.shape[1], values=values.data_ptr(),
        out=out.data_ptr(), room=room.data_ptr(), size=4 * room.stride(0), seat=0,
    )  # fmt: skip
    return out[:n_cols, : g.shape[0]].t()


def _lanes(batch: int) -> int:
    return 8 if batch <= 8 else 16 if batch <= 16 else LANES


def _packed(x: Tensor, lanes: int) -> Tensor:
    return pack(x, Part(0, -(-x.shape[0] // lanes), lanes), in_place=False).contiguous()


def _share(n: int, most: int, multiple: int, threads: int) -> int:
    """Say how many rows one task takes: at least four tasks for each thread, if there are enough."""
    return min(most, -(-n // (4 * threads * multiple)) * multiple)


@loop("x panels columns rows each begins bits words values out room size seat")
def forward_loop(lanes: int) -> Callable[[int], None]:
    """Multiply eight rows at a time with all samples, chunk by chunk of columns; tasks are `each` rows."""
    width = min(16, lanes)
    kind, high, vectors, line, word, row = F32, HIGH, lanes // width, 4 * lanes, 4, 4 * CHUNK

    def multiply(p: int) -> None:
        x, panels, columns, n_rows, each = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        begins, bits, words, values, out = peek(p, 7), peek(p, 8), peek(p, 9), peek(p, 10), peek(p, 11)
        room, out_row = peek(p, 12) + count_on(p + 8 * 14) * peek(p, 13), line * panels
        task = take_task(p)
        while task < peek(p, 1):
            for first in range(0, columns, CHUNK):
                here, steps = begins + 8 * n_rows * (first // BLOCK), min(CHUNK, columns - first)
                for top in range(task * each, min(n_rows, (task + 1) * each), high):
                    for r in range(top, min(top + high, n_rows)):
                        where, count = bits + 2 * (r * words + first // 16), (steps + 15) // 16
                        expand(values + 4 * peek(here, r), where, count, room + row * (r - top), 64)
                    for panel in range(panels):
                        samples, to = x + line * (panel * columns + first), out + top * out_row + line * panel
                        tile_product(
                            kind, high, vectors, width, line, word, row, samples, room, steps, to, out_row, first
                        )  # fmt: skip
            task = take_task(p)

    return multiply


@loop("g panels rows begins bits words values out room size seat")
def backward_loop(lanes: int) -> Callable[[int], None]:
    """Multiply eight columns at a time with all samples, some rows after others; tasks are BLOCK columns."""
    width = min(16, lanes)
    kind, high, vectors, line, step, row = F32, HIGH, lanes // width, 4 * lanes, 64, 4

    def multiply(p: int) -> None:
        g, panels, n_rows, begins, bits = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        words, values, out = peek(p, 7), peek(p, 8), peek(p, 9)
        room, out_row = peek(p, 10) + count_on(p + 8 * 12) * peek(p, 11), line * panels
        task = take_task(p)
        while task < peek(p, 1):
            here, word = begins + 8 * n_rows * task, task * BLOCK // 16
            count = min(BLOCK // 16, words - word)
            for first in range(0, n_rows, ROWS):
                steps = min(ROWS, n_rows - first)
                for r in range(first, first + steps):
                    where = bits + 2 * (r * words + word)
                    expand(values + 4 * peek(here, r), where, count, room + 64 * (r - first), 64 * ROWS)
                for panel in range(panels):
                    samples = g + line * (panel * n_rows + first)
                    for half in range(2 * count):
                        weights = room + 64 * ROWS * (half // 2) + 32 * (half % 2)
                        to = out + (task * BLOCK + half * high) * out_row + line * panel
                        tile_product(
                            kind, high, vectors, width, line, step, row, samples, weights, steps, to, out_row, first
                        )  # fmt: skip
            task = take_task(p)

    return multiply
