"""Passes over rows of units: activity of which the units of a site lie side by side, as channels-last memory has them.

Each does in one read and one write what takes several operators.  Tasks are chunks of ROWS rows, whatever the number of
threads, so that sums do not depend on it.
"""

from collections.abc import Callable

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.tasks import FAST, Loop, count_on, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

ROWS = 64
"""Rows of one chunk, for which sums are kept in float32; sums over chunks are kept in float64."""
EXACT = {"contract"}
"""What may change in code that rounds on purpose."""


def centred(rows: Tensor) -> Tensor:
    """Subtract from each number the mean of its row.  Shape: (R, U) float32 -> same."""
    out = torch.empty_like(rows)
    _run(_centre_loop(), rows, out=out.data_ptr())
    return out


def shares(rows: Tensor, gain: float, cutoff: float, *, anti: bool) -> tuple[Tensor, Tensor]:
    """Give each unit its share of the win, softmax of gain * u over a row, and minus that times u.

    With `anti`, all but the strongest are negative; shares not above `cutoff` are 0, but the strongest stays.
    Shape: (R, U) float32 -> (R, U), (R, U).
    """
    y, product, settings = torch.empty_like(rows), torch.empty_like(rows), np.array([gain, cutoff], np.float32)
    _run(
        _shares_loop(), rows, settings=settings.ctypes.data, anti=int(anti),
        out=y.data_ptr(), product=product.data_ptr(),
    )  # fmt: skip
    return y, product


def totals(rows: Tensor) -> Tensor:
    """Sum over rows.  Shape: (R, U) float32 -> (U,) float64."""
    return _moments(rows, squares=False)[0].sum(0, dtype=torch.float64)


def mean_and_variance(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Give mean and (biased) variance over rows.  Shape: (R, U) float32, R at least 1 -> (U,), (U,), float64."""
    sums, squares = _moments(rows, squares=True)
    count = torch.full((len(sums), 1), ROWS, dtype=torch.float64)
    count[-1] = len(rows) - ROWS * (len(sums) - 1)
    mean = sums.sum(0, dtype=torch.float64) / len(rows)
    between = ((sums / count - mean) ** 2 * count).sum(0)
    return mean, (squares.sum(0, dtype=torch.float64) + between) / len(rows)


def _moments(rows: Tensor, *, squares: bool) -> tuple[Tensor, Tensor]:
    """Sum each chunk of rows, and its squared distances from its own mean.  Shape: -> (chunks, U), (chunks, U)."""
    sums, around = rows.new_empty(2, -(-len(rows) // ROWS), rows.shape[1])
    _run(_moments_loop(), rows, sums=sums.data_ptr(), squares=around.data_ptr() if squares else 0)
    return sums, around


def max_pooled(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """Take the strongest of each window.  Shape: (B, H, W, U) float32, contiguous -> (B, H', W', U)."""
    (batch, *sizes, units), threads = x.shape, torch.get_num_threads()
    high, wide = ((n + 2 * p - k) // s + 1 for n, k, s, p in zip(sizes, kernel, stride, padding, strict=True))
    out = x.new_empty(batch, high, wide, units)
    room = x.new_empty(min(threads, batch * high), sizes[1] * units)
    run(
        _max_pool_loop(), batch * high,
        x=x.data_ptr(), height=sizes[0], width=sizes[1], units=units, out=out.data_ptr(), high=high, wide=wide,
        kernel_y=kernel[0], kernel_x=kernel[1], stride_y=stride[0], stride_x=stride[1],
        padding_y=padding[0], padding_x=padding[1], room=room.data_ptr(), seat=0,
    )  # fmt: skip
    return out


def _run(code: Loop, rows: Tensor, **more: int) -> None:
    tasks = -(-len(rows) // ROWS)
    run(code, tasks, x=rows.data_ptr(), rows=len(rows), units=rows.shape[1], **more)


@intrinsic
def bits_of(context, x):
    """See a float32 as an int32."""

    def generate(context, b, signature, arguments):
        return b.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def number_of(context, bits):
    """See an int32 as a float32."""

    def generate(context, b, signature, arguments):
        return b.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(fastmath=EXACT)
def _exp(x):
    """Give exp(x) for x up to 0, to 2 units in the last place: 2**n times a series for the rest (Cephes, 1992)."""
    x = max(x, np.float32(-87.0))
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)  # the low bits are now round(x / log 2)
    n = shifted - np.float32(12582912.0)
    r = x - n * np.float32(0.693359375)
    r = r + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    return number_of(np.int32(bits_of(p) + (bits_of(shifted) << np.int32(23))))


@njit
def order(x):
    """Give an int32 that rises where a float32 does; NaN is above all."""
    bits = bits_of(x)
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@njit
def _largest(x, n):
    best = np.int32(-0x80000000)
    for i in range(n):
        best = max(best, order(x[i]))
    at = 0
    while order(x[at]) != best:
        at += 1
    return at


@loop("x rows units out")
def _centre_loop() -> Callable[[int], None]:
    def centre(p: int) -> None:
        units, task = peek(p, 4), take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), task * ROWS + ROWS)):
                x, out = pointer("f4", peek(p, 2) + 4 * r * units), pointer("f4", peek(p, 5) + 4 * r * units)
                _centre_row(x, out, units)
            task = take_task(p)

    return centre


@njit(fastmath=FAST)
def _centre_row(x, out, units):
    total = np.float32(0)
    for i in range(units):
        total += x[i]
    mean = total / np.float32(units)
    for i in range(units):
        out[i] = x[i] - mean


@njit(fastmath=FAST)
def _share_row(u, y, product, units, gain, cutoff, anti):
    best = _largest(u, units)
    top, total = u[best] * gain, np.float32(0)
    for i in range(units):
        y[i] = _exp(u[i] * gain - top)
    for i in range(units):
        total += y[i]
    rate = np.float32(1) / total
    won, sign = y[best] * rate, np.float32(-1) if anti else np.float32(1)
    for i in range(units):
        share = y[i] * rate
        share = np.float32(0) if share <= cutoff else share
        y[i] = share * sign
        product[i] = -(share * sign) * u[i]
    y[best] = won
    product[best] = -won * u[best]


@loop("x rows units settings anti out product")
def _shares_loop() -> Callable[[int], None]:
    def share(p: int) -> None:
        units, settings, anti, task = peek(p, 4), pointer("f4", peek(p, 5)), peek(p, 6), take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), task * ROWS + ROWS)):
                at = 4 * r * units
                u, y = pointer("f4", peek(p, 2) + at), pointer("f4", peek(p, 7) + at)
                product = pointer("f4", peek(p, 8) + at)
                _share_row(u, y, product, units, settings[0], settings[1], anti)
            task = take_task(p)

    return share


@njit(fastmath=FAST)
def _add_rows(x, rows, units, sums):
    for i in range(units):
        sums[i] = 0
    for r in range(rows):
        for i in range(units):
            sums[i] += x[r * units + i]


@njit(fastmath=FAST)
def _add_squares(x, rows, units, sums, squares):
    for i in range(units):
        squares[i] = 0
    share = np.float32(1) / np.float32(rows)
    for r in range(rows):
        for i in range(units):
            off = x[r * units + i] - sums[i] * share
            squares[i] += off * off


@loop("x rows units sums squares")
def _moments_loop() -> Callable[[int], None]:
    def add_up(p: int) -> None:
        units, task = peek(p, 4), take_task(p)
        while task < peek(p, 1):
            x, here = pointer("f4", peek(p, 2) + 4 * task * ROWS * units), min(ROWS, peek(p, 3) - task * ROWS)
            sums = pointer("f4", peek(p, 5) + 4 * task * units)
            _add_rows(x, here, units, sums)
            if peek(p, 6):
                _add_squares(x, here, units, sums, pointer("f4", peek(p, 6) + 4 * task * units))
            task = take_task(p)

    return add_up


@njit
def _strongest(x, out, n, first):
    """Take the larger of each pair of numbers, NaN above all; the first time, what is there."""
    if first:
        for i in range(n):
            out[i] = x[i]
    else:
        for i in range(n):
            out[i] = out[i] if x[i] <= out[i] or out[i] != out[i] else x[i]


@loop("x height width units out high wide kernel_y kernel_x stride_y stride_x padding_y padding_x room seat")
def _max_pool_loop() -> Callable[[int], None]:
    """Tasks are rows of output: the strongest down each column first, then along the row."""

    def pool(p: int) -> None:
        height, width, units, high, wide = peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 7), peek(p, 8)
        room = peek(p, 15) + count_on(p + 8 * 16) * 4 * width * units
        task = take_task(p)
        while task < peek(p, 1):
            begin = (task % high) * peek(p, 11) - peek(p, 13)
            first, last = max(0, begin), min(height, begin + peek(p, 9))
            for y in range(first, last):
                x = pointer("f4", peek(p, 2) + 4 * ((task // high) * height + y) * width * units)
                _strongest(x, pointer("f4", room), width * units, y == first)
            for column in range(wide):
                out = pointer("f4", peek(p, 6) + 4 * (task * wide + column) * units)
                begin = column * peek(p, 12) - peek(p, 14)
                first, last = max(0, begin), min(width, begin + peek(p, 10))
                for c in range(first, last):
                    _strongest(pointer("f4", room + 4 * c * units), out, units, c == first)
            task = take_task(p)

    return pool
