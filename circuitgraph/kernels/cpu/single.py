"""Products of one sample with a matrix of which bits say what is there: no tiles, each weight is read as it lies."""

from collections.abc import Callable

import torch
from torch import Tensor

from circuitgraph.kernels.cpu.bits import expand_dot, expand_rows, squeeze
from circuitgraph.kernels.cpu.products import BLOCK, change, divide_rows
from circuitgraph.kernels.cpu.tasks import count_on, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

EACH = 64
"""Rows in one task; on the way back also those whose sums are added to those of others, so that none is long."""
WORDS = 128
"""Words of 16 columns whose sums are kept in the first cache: 8 kB."""
KNOWN = (torch.float32, torch.bfloat16)
"""Types of activity; it is multiplied in float32."""
HIGH = 4
"""Rows that are added to the sums at a time."""


def fits(x: Tensor, g: Tensor, where: Tensor) -> bool:
    """Tell whether `product` knows the activity, one sample, and where entries are, by bits."""
    return x.shape[0] == 1 and x.dtype == g.dtype and x.dtype in KNOWN and where.ndim == 2


def forward(x: Tensor, begins: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """As `sums.forward`, for one sample.  Shape: x (1, columns) -> (1, rows)."""
    n_rows, row = begins.shape[1], x.float().contiguous()
    out = torch.empty(1, n_rows)
    run(
        forward_loop(), -(-n_rows // EACH), x=row.data_ptr(), rows=n_rows, begins=begins.data_ptr(),
        bits=bits.data_ptr(), words=bits.shape[1], values=values.data_ptr(), out=out.data_ptr(),
    )  # fmt: skip
    return out.to(x.dtype)


def backward(g: Tensor, n_cols: int, begins: Tensor, bits: Tensor, values: Tensor) -> Tensor:
    """As `sums.backward`, for one sample.  Shape: g (1, rows) -> (1, columns)."""
    (n_rows, words), errors = bits.shape, g.float().contiguous()
    parts = -(-n_rows // EACH)
    sums = torch.empty(parts, 16 * words)
    run(
        backward_loop(), parts, g=errors.data_ptr(), rows=n_rows, begins=begins.data_ptr(), bits=bits.data_ptr(),
        words=words, values=values.data_ptr(), sums=sums.data_ptr(),
    )  # fmt: skip
    return (sums if parts == 1 else sums.sum(0, keepdim=True))[:, :n_cols].to(g.dtype)


def product(
    x: Tensor, g: Tensor, begins: Tensor, bits: Tensor, out: Tensor, *factors: Tensor, unit_norm: bool = False
) -> Callable[[], None]:
    """As `products.product`, for one sample that `fits`.  Shape: x (1, columns), g (1, rows), out (E,) float32."""
    (n_rows, words), threads = bits.shape, torch.get_num_threads()
    x, g = x.float().contiguous(), g.float().contiguous()
    room = torch.empty(threads, 16 * (words + 2) if factors else 0)  # no cache line is of two threads

    def ready() -> None:
        gain, keep, shift = [f.data_ptr() for f in factors] or [0, 0, 0]
        run(
            product_loop(), -(-n_rows // EACH), seats=threads, x=x.data_ptr(), g=g.data_ptr(), rows=n_rows,
            begins=begins.data_ptr(), blocks=begins.shape[0] - 1, bits=bits.data_ptr(), words=words, out=out.data_ptr(),
            gain=gain, keep=keep, shift=shift, unit=int(unit_norm), room=room.data_ptr(), size=4 * room.stride(0),
            seat=0,
        )  # fmt: skip

    return ready


@loop("x rows begins bits words values out")
def forward_loop() -> Callable[[int], None]:
    """Multiply one row after another; tasks are EACH rows."""

    def multiply(p: int) -> None:
        x, rows, begins, bits, words = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        values, out = peek(p, 7), pointer("f4", peek(p, 8))
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * EACH, min(rows, (task + 1) * EACH)):
                out[r] = expand_dot(values + 4 * peek(begins, r), bits + 2 * r * words, words, x)
            task = take_task(p)

    return multiply


@loop("g rows begins bits words values sums")
def backward_loop() -> Callable[[int], None]:
    """Add rows, each times its error, to the sums of their task; tasks are EACH rows, with sums of their own."""

    def multiply(p: int) -> None:
        g, rows, begins, bits, words, values = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6), peek(p, 7)
        task = take_task(p)
        while task < peek(p, 1):
            start, last, sums = task * EACH, min(rows, (task + 1) * EACH), peek(p, 8) + 64 * words * task
            for i in range(16 * words):
                pointer("f4", sums)[i] = 0
            for word in range(0, words, WORDS):
                here, count, out = begins + 8 * rows * (16 * word // BLOCK), min(WORDS, words - word), sums + 64 * word
                several = start + (last - start) // HIGH * HIGH
                for r in range(start, several, HIGH):
                    mine = bits + 2 * (r * words + word)
                    expand_rows(HIGH, here + 8 * r, values, mine, 2 * words, count, g + 4 * r, out)
                for r in range(several, last):
                    mine = bits + 2 * (r * words + word)
                    expand_rows(1, here + 8 * r, values, mine, 2 * words, count, g + 4 * r, out)
            task = take_task(p)

    return multiply


@loop("x g rows begins blocks bits words out gain keep shift unit room size seat")
def product_loop() -> Callable[[int], None]:
    """Write each row's entries of the product, or change them by it; tasks are EACH rows.

    `room` holds a row of each thread and the sum of its squares, `size` bytes.
    """

    def multiply(p: int) -> None:
        x, g, rows, begins = peek(p, 2), pointer("f4", peek(p, 3)), peek(p, 4), peek(p, 5)
        bits, words = peek(p, 7), peek(p, 8)
        ends, out, changes = begins + 8 * rows * peek(p, 6), peek(p, 9), peek(p, 10) != 0
        found = peek(p, 14) + count_on(p + 8 * 16) * peek(p, 15)
        total = pointer("f4", found + 64 * words)
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * EACH, min(rows, (task + 1) * EACH)):
                at, end = out + 4 * peek(begins, r), out + 4 * peek(ends, r)
                to = found if changes else at
                squeeze(x, bits + 2 * r * words, words, to, to + (end - at), g[r])
                if changes:
                    total[0] = change(found, at, (end - at) // 4, p + 8 * 10, r)
                    if peek(p, 13):
                        divide_rows(pointer("f4", out), begins, ends, r, r + 1, total)
            task = take_task(p)

    return multiply
