"""The Hebbian product of a convolution whose postsynaptic activity is mostly zero."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.lanes import F32, INT32, row_sum
from circuitgraph.kernels.cpu.tasks import count_on, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

UNITS = 16
"""Postsynaptic units of one task: side by side in memory, they are one cache line."""
LANES = (128, 96, 64)
"""Numbers of a window that are summed at a time."""


def pair_windows(
    padded: Tensor, g: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Tensor:
    """Sum, for each postsynaptic unit, the windows of the sites where it is active, times its activity there.

    Sums are kept in float32.  Shape: padded (B, I, *sites), g (B, O, *sites) -> (O * prod(kernel) * I,).
    """
    x, rank = padded.movedim(1, -1).float().contiguous(), len(kernel)
    rows = g.movedim(1, -1).reshape(-1, g.shape[1]).float()
    step, (batch, units) = x.stride(), g.shape[:2]
    at = _places(kernel[:-1], [s * d for s, d in zip(step[1:-1], dilation, strict=True)][: rank - 1])
    length = kernel[-1] * x.shape[-1]
    if dilation[-1] != 1 and kernel[-1] > 1:
        at = (at[:, None] + _places(kernel[-1:], [step[-2] * dilation[-1]])).reshape(-1)
        length = x.shape[-1]
    sites = _places([batch, *g.shape[2:]], [step[0], *(s * n for s, n in zip(step[1:-1], stride, strict=True))])
    lanes = min(LANES, key=lambda n: -(-length // n) * (n + 16))
    room = -(-length // lanes) * lanes
    # A last, partly empty group of lanes reads beyond the window.
    values = F.pad(x.view(-1), (0, lanes))
    out = rows.new_empty(units * len(at) * length)
    tasks = -(-units // UNITS)
    threads = min(tasks, torch.get_num_threads())
    events = torch.empty(threads, UNITS, len(sites), dtype=torch.int32)
    strength, sums = rows.new_empty(threads, UNITS, len(sites)), rows.new_empty(threads, room + 2 * UNITS)
    run(
        _pair_loop(lanes), tasks,
        x=values.data_ptr(), sites=sites.ctypes.data, positions=len(sites), g=rows.data_ptr(), units=units,
        at=at.ctypes.data, segments=len(at), length=length, events=events.data_ptr(), strength=strength.data_ptr(),
        sums=sums.data_ptr(), sums_row=4 * sums.stride(0), out=out.data_ptr(), seat=0,
    )  # fmt: skip
    return out


def _places(counts: Sequence[int], steps: Sequence[int]) -> np.ndarray:
    """Add up steps along every axis, the last one fastest.  Shape: -> (prod(counts),) int64."""
    index = np.indices(tuple(counts)).reshape(len(counts), math.prod(counts))
    return np.array(steps, np.int64) @ index if len(counts) else np.zeros(1, np.int64)


@loop("x sites positions g units at segments length events strength sums sums_row out seat")
def _pair_loop(lanes: int) -> Callable[[int], None]:
    """Tasks are groups of units: their events are listed first, then windows are summed, so many lanes at a time."""

    def pair(p: int) -> None:
        x, sites, positions, g, units = peek(p, 2), pointer("i8", peek(p, 3)), peek(p, 4), peek(p, 5), peek(p, 6)
        at, segments, length = pointer("i8", peek(p, 7)), peek(p, 8), peek(p, 9)
        seat = count_on(p + 8 * 15)
        sums = peek(p, 12) + seat * peek(p, 13)
        found = pointer("i8", sums + peek(p, 13) - 8 * UNITS)
        all_events = peek(p, 10) + 4 * UNITS * positions * seat
        all_strength = peek(p, 11) + 4 * UNITS * positions * seat
        task = take_task(p)
        while task < peek(p, 1):
            first = task * UNITS
            here = min(UNITS, units - first)
            for u in range(here):
                found[u] = 0
            events, strength = pointer("i4", all_events), pointer("f4", all_strength)
            for q in range(positions):
                row = pointer("f4", g + 4 * (q * units + first))
                active = nonzero(g + 4 * (q * units + first)) if here == UNITS else (1 << here) - 1
                while active:
                    u = first_one(active)
                    active &= active - 1
                    events[u * positions + found[u]] = sites[q]
                    strength[u * positions + found[u]] = row[u]
                    found[u] += row[u] != 0
            for u in range(here):
                mine = 4 * u * positions
                for s in range(segments):
                    for j in range(0, length, lanes):
                        row_sum(
                            F32, INT32, lanes, x + 4 * (at[s] + j), all_events + mine, all_strength + mine, 0, found[u],
                            sums + 4 * j, 4, 0,
                        )  # fmt: skip
                    source = pointer("f4", sums)
                    target = pointer("f4", peek(p, 14) + 4 * ((first + u) * segments + s) * length)
                    for j in range(length):
                        target[j] = source[j]
            task = take_task(p)

    return pair


@intrinsic
def nonzero(context: Any, address: Any) -> Any:
    """Tell which of the UNITS float32 numbers at an address are not zero, one bit for each."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        many = ir.VectorType(ir.FloatType(), UNITS)
        found = b.load(b.inttoptr(arguments[0], many.as_pointer()))
        found.align = 4
        active = b.fcmp_unordered("!=", found, ir.Constant(many, [0.0] * UNITS))
        return b.zext(b.bitcast(active, ir.IntType(UNITS)), ir.IntType(64))

    return types.intp(types.intp), generate


@intrinsic
def first_one(context: Any, bits: Any) -> Any:
    """Give the place of the lowest bit that is one."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.intp(types.intp), generate
