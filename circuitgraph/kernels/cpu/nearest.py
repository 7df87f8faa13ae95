"""The units of a row that pass its strongest loser: a search for the threshold that starts from a normal distribution.

A row is read once and becomes integers of the same order; each guess of the threshold then counts those above it.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.lanes import I32, I64
from circuitgraph.kernels.cpu.tasks import FAST, count_on, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.units import ROWS, bits_of, number_of, order

GUESSES = 12
"""Guesses from what was counted, after which the interval is halved until the threshold is found."""
_ONE, _NAN = 0x3F80, 0x7FC0


def nearest_winners(rows: Tensor, k: int, *, rectified: bool) -> Tensor:
    """Give 1, or with `rectified` the difference, where a number is above the (k+1)-th largest of its row; else 0.

    Shape: (R, U) float32 or bfloat16 -> same; k from 1 to U - 1.
    """
    units, tasks = rows.shape[1], -(-len(rows) // ROWS)
    out = torch.empty_like(rows)
    normal = NormalDist()
    z = normal.inv_cdf(1 - k / units)
    guess = np.array([z, 1 / (units * normal.pdf(z))], np.float32)
    room = torch.empty(min(tasks, torch.get_num_threads()), units, dtype=torch.int32)
    run(
        _nearest_loop("u2" if rows.dtype == torch.bfloat16 else "f4"), tasks,
        x=rows.data_ptr(), rows=len(rows), units=units, k=k, rectified=int(rectified),
        guess=guess.ctypes.data, out=out.data_ptr(), room=room.data_ptr(), seat=0,
    )  # fmt: skip
    return out


@loop("x rows units k rectified guess out room seat")
def _nearest_loop(kind: str) -> Callable[[int], None]:
    """Tasks are chunks of rows; `room` has the keys of one row for each thread."""
    size, narrow = int(kind[1]), kind == "u2"

    def nearest(p: int) -> None:
        units, k, guess = peek(p, 4), peek(p, 5), pointer("f4", peek(p, 7))
        room = peek(p, 9) + count_on(p + 8 * 10) * 4 * units
        keys, task = pointer("i4", room), take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(peek(p, 3), task * ROWS + ROWS)):
                x, out = pointer(kind, peek(p, 2) + size * r * units), pointer(kind, peek(p, 8) + size * r * units)
                if narrow:
                    mean, spread = _read_narrow(x, keys, units)
                    bound = _bound(room, units, k, mean, spread, guess, 16)
                    _write_narrow(x, keys, out, units, bound, peek(p, 6))
                else:
                    mean, spread = _read(x, keys, units)
                    bound = _bound(room, units, k, mean, spread, guess, 0)
                    _write(x, keys, out, units, bound, peek(p, 6))
            task = take_task(p)

    return nearest


@njit
def _key(x, shift):
    """Give an integer that rises where numbers do, the same for both zeros; the bits to leave out hold nothing."""
    place = order(x) >> np.int32(shift)
    return np.int32(place + (place == -1))


@njit(fastmath=FAST)
def _read(x, keys, n):
    """Turn numbers into integers of the same order; give their mean and standard deviation."""
    total, squares = np.float32(0), np.float32(0)
    for i in range(n):
        keys[i] = _key(x[i], 0)
        total += x[i]
        squares += x[i] * x[i]
    return _moments(total, squares, n)


@njit(fastmath=FAST)
def _read_narrow(x, keys, n):
    total, squares = np.float32(0), np.float32(0)
    for i in range(n):
        u = number_of(np.int32(np.int32(x[i]) << np.int32(16)))
        keys[i] = _key(u, 16)
        total += u
        squares += u * u
    return _moments(total, squares, n)


@njit
def _moments(total, squares, n):
    mean = total / np.float32(n)
    return mean, np.sqrt(max(squares / np.float32(n) - mean * mean, np.float32(0)))


@njit
def _bound(keys, n, k, mean, spread, guess, shift):
    """Find a bound that as many keys as can be, but at most k, reach: all above the (k+1)-th largest.

    Guesses are numbers: first the quantile of a normal distribution, then a step of its density, then between the two
    nearest counts; once they leave the interval or have been many, its middle.
    """
    low, high = np.int64(-0x80000000) >> shift, np.int64(0x7FFFFFFF) >> shift
    at, below, above = mean + guess[0] * spread, np.float32(0), np.float32(0)
    n_below, n_above, tries = -1, -1, 0
    while high - low > 1:
        bound = np.int64(_key(np.float32(at), shift))
        if not low < bound < high or tries > GUESSES:
            bound = (low + high) >> 1
            at = _number_at(bound, shift)
        tries += 1
        count = at_least(keys, n, bound)
        if count == k:
            return bound
        if count > k:
            low, below, n_below = bound, at, count
        else:
            high, above, n_above = bound, at, count
        if n_below < 0 or n_above < 0:
            at += np.float32(1.5 * (count - k)) * guess[1] * spread
        else:
            part = np.float32(n_below - k) / np.float32(n_below - n_above)
            at = below + (above - below) * part
    return high


@intrinsic
def at_least(context: Any, keys: Any, n: Any, bound: Any) -> Any:
    """Count the keys, integers of 32 bits at an address, that are at least a bound."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        keys, n, bound = arguments
        many, bound = ir.VectorType(I32, 16), b.trunc(bound, I32)
        empty, zeros = ir.Constant(many, ir.Undefined), ir.Constant(many, [0] * 16)
        bounds = b.shuffle_vector(b.insert_element(empty, bound, I32(0)), empty, zeros)
        counts, rest = cgutils.alloca_once_value(b, zeros), cgutils.alloca_once_value(b, I64(0))
        even = b.and_(n, I64(-16))

        def at(i: Any, kind: Any) -> Any:
            found = b.load(b.bitcast(b.gep(b.inttoptr(keys, I32.as_pointer()), [i]), kind.as_pointer()))
            found.align = 4
            return found

        with cgutils.for_range_slice(b, I64(0), even, I64(16), I64) as (i, _):
            b.store(b.sub(b.load(counts), b.sext(b.icmp_signed(">=", at(i, many), bounds), many)), counts)
        with cgutils.for_range_slice(b, even, n, I64(1), I64) as (i, _):
            b.store(b.add(b.load(rest), b.zext(b.icmp_signed(">=", at(i, I32), bound), I64)), rest)
        total = b.load(rest)
        for lane in range(16):
            total = b.add(total, b.sext(b.extract_element(b.load(counts), I32(lane)), I64))
        return total

    return types.intp(types.intp, types.intp, types.intp), generate


@njit
def _number_at(key, shift):
    """Give the number that stands at this place of the order."""
    return number_of(np.int32((key ^ ((key >> 31) & (0x7FFFFFFF >> shift))) << shift))


@njit
def _loser(keys, n, bound):
    """Find the strongest number that does not reach the bound."""
    best = np.int32(-0x80000000)
    for i in range(n):
        best = max(best, keys[i] if keys[i] < bound else np.int32(-0x80000000))
    return best


@njit
def _write(x, keys, out, n, bound, rectified):
    bound = np.int32(bound)
    if rectified:
        least = _number_at(np.int64(_loser(keys, n, bound)), 0)
        for i in range(n):
            passed = x[i] - least
            out[i] = np.float32(0) if passed <= 0 else passed
        return
    for i in range(n):
        fires = np.float32(1) if keys[i] >= bound else np.float32(0)
        out[i] = fires if x[i] == x[i] else x[i]


@njit
def _write_narrow(x, keys, out, n, bound, rectified):
    bound = np.int32(bound)
    if rectified:
        least = _number_at(np.int64(_loser(keys, n, bound)), 16)
        for i in range(n):
            passed = number_of(np.int32(np.int32(x[i]) << np.int32(16))) - least
            bits = bits_of(passed)
            rounded = (bits + np.int32(0x7FFF) + ((bits >> np.int32(16)) & np.int32(1))) >> np.int32(16)
            kept = np.int32(0) if passed <= 0 else rounded
            out[i] = np.uint16(kept if passed == passed else np.int32(_NAN))
        return
    for i in range(n):
        fires = np.int32(_ONE) if keys[i] >= bound else np.int32(0)
        number = np.int32(x[i]) & np.int32(0x7FFF) <= np.int32(0x7F80)
        out[i] = np.uint16(fires if number else np.int32(_NAN))
