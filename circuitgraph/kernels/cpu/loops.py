"""The loops over rows, tiles and synapses.  Rows are postsynaptic in `push`, presynaptic in `pull`."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numba import njit

from circuitgraph.kernels.cpu.lanes import ENTRY, WEIGHT, row_dots, row_sum
from circuitgraph.kernels.cpu.tasks import FAST, count_on, loop, peek, pointer, prefetch, take_task

ROWS_AHEAD, AHEAD = 8, 128
"""How far ahead memory is asked for: rows within a block of columns, and numbers that are gathered.  No processor
guesses where the next row's part of a block begins, or which line a gather reads next."""


@njit(fastmath=FAST)
def change_rows(w, dw, bounds, factors, first, last, unit):
    """Add gain * (dw + decay * w + shift) to the weights of some rows, then give each unit norm if asked to."""
    begins, ends = bounds
    gain, decay, shift = factors
    for r in range(first, last):
        total = 0.0
        for e in range(begins[r], ends[r]):
            new = w[e] + gain[r] * (dw[e] + decay[r] * w[e] + shift[r])
            w[e] = new
            total += new * new
        if unit and total > 0.0:
            scale = 1.0 / sqrt(total)  # one division for a row, not one for each weight
            for e in range(begins[r], ends[r]):
                w[e] *= scale


@loop("x x_tile stride cols vals begins step blocks starts chunks out out_row out_tile")
def push_loop(kind: int, index: int, lanes: int) -> Callable[[int], None]:
    """Sum weighted tile rows onto every row; tasks are (tile, chunk of rows), blocks of columns within a chunk.

    `begins` are the first synapses of each row, of each block `step` bytes further; `starts` the first row of each
    chunk; strides are in bytes.
    """
    weight, entry = WEIGHT[kind], ENTRY[index]

    def push(p: int) -> None:
        x, x_tile, stride, cols, vals = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        step, blocks, starts, chunks = peek(p, 8), peek(p, 9), peek(p, 10), peek(p, 11)
        out, out_row, out_tile = peek(p, 12), peek(p, 13), peek(p, 14)
        task = take_task(p)
        while task < peek(p, 1):
            tile, chunk = task // chunks, task % chunks
            for block in range(blocks):
                begins = peek(p, 7) + step * block
                for r in range(peek(starts, chunk), peek(starts, chunk + 1)):
                    here = out + r * out_row + tile * out_tile
                    if blocks > 1:
                        soon = peek(begins, min(r + ROWS_AHEAD, peek(starts, chunk + 1) - 1))
                        for line in range(2):
                            prefetch(vals + weight * soon + 64 * line, 0)
                            prefetch(cols + entry * soon + 64 * line, 0)
                    begin, end = peek(begins, r), peek(begins + step, r)
                    row_sum(kind, index, lanes, x + tile * x_tile, cols, vals, begin, end, here, stride, block)
            task = take_task(p)

    return push


@loop("x x_tile stride cols g g_tile g_row begins step blocks starts tiles out add w gain decay shift unit room seat")
def pair_loop(kind: int, index: int, lanes: int, value: str, seldom: int = 0) -> Callable[[int], None]:
    """Correlate the two tile rows of every synapse, tile after tile; tasks are chunks of rows.

    With `seldom`, vectors of `x` that would be multiplied by zeros are not read.
    With `w`, the weights of the chunk are then changed in place, while what was found is still in the cache.  With
    `room`, `out` is only room for a chunk, of so many bytes for each thread.
    """
    size, entry = int(value[1]), ENTRY[index]

    def pair(p: int) -> None:
        x, x_tile, stride, cols = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 5)
        g, g_tile, g_row, step, blocks = peek(p, 6), peek(p, 7), peek(p, 8), peek(p, 10), peek(p, 11)
        starts, tiles, add, w = peek(p, 12), peek(p, 13), peek(p, 15), peek(p, 16)
        mine = peek(p, 14) + count_on(p + 8 * 22) * peek(p, 21)
        task = take_task(p)
        while task < peek(p, 1):
            first, last = peek(starts, task), peek(starts, task + 1)
            out = mine - size * peek(peek(p, 9), first) if peek(p, 21) else mine
            for tile in range(tiles):
                for block in range(blocks):
                    begins = peek(p, 9) + step * block
                    for r in range(first, last):
                        here = g + tile * g_tile + r * g_row
                        if blocks > 1:
                            soon = peek(begins, min(r + ROWS_AHEAD, last - 1))
                            for line in range(2):
                                prefetch(out + size * soon + 64 * line, 1)
                                prefetch(cols + entry * soon + 64 * line, 0)
                        begin, end = peek(begins, r), peek(begins + step, r)
                        at = x + tile * x_tile
                        row_dots(kind, index, lanes, seldom, at, cols, begin, end, here, out, stride, add + tile)
            if w:
                ends = pointer("i8", peek(p, 9)), pointer("i8", peek(p, 9) + step * blocks)
                factors = pointer(value, peek(p, 17)), pointer(value, peek(p, 18)), pointer(value, peek(p, 19))
                change_rows(pointer(value, w), pointer(value, out), ends, factors, first, last, peek(p, 20))
            task = take_task(p)

    return pair


@njit(fastmath=FAST)
def row_dot(zero, x, cols, vals, begin, end):
    """Sum vals[e] * x[cols[e]], in four chains: one would wait for each addition before the next."""
    a = b = c = d = zero
    for e in range(begin, end - 3, 4):
        a += vals[e] * x[cols[e]]
        b += vals[e + 1] * x[cols[e + 1]]
        c += vals[e + 2] * x[cols[e + 2]]
        d += vals[e + 3] * x[cols[e + 3]]
    for e in range(end - (end - begin) % 4, end):
        a += vals[e] * x[cols[e]]
    return (a + b) + (c + d)


@njit
def find_active(value, errors, step, batch, active):
    """List the samples in which a row is active, and count them."""
    found = 0
    for b in range(batch):
        if pointer(value, errors + b * step)[0] != 0:
            active[found] = b
            found += 1
    return found


@njit(fastmath=FAST)
def add_events(value, x, x_row, cols, begin, end, errors, step, active, found, out):
    """Add what a row's active samples bring to each of its synapses, four samples at a time."""
    for i in range(0, found - 3, 4):
        b0, b1, b2, b3 = active[i], active[i + 1], active[i + 2], active[i + 3]
        g0, g1 = pointer(value, errors + b0 * step)[0], pointer(value, errors + b1 * step)[0]
        g2, g3 = pointer(value, errors + b2 * step)[0], pointer(value, errors + b3 * step)[0]
        x0, x1 = pointer(value, x + b0 * x_row), pointer(value, x + b1 * x_row)
        x2, x3 = pointer(value, x + b2 * x_row), pointer(value, x + b3 * x_row)
        for e in range(begin, end):
            c = cols[e]
            out[e] += g0 * x0[c] + g1 * x1[c] + g2 * x2[c] + g3 * x3[c]
    for i in range(found - found % 4, found):
        g0, x0 = pointer(value, errors + active[i] * step)[0], pointer(value, x + active[i] * x_row)
        for e in range(begin, end):
            out[e] += g0 * x0[cols[e]]


@loop("x x_row cols g g_sample g_row samples batch begins starts out w gain decay shift unit room seat")
def pair_events_loop(value: str, index: str) -> Callable[[int], None]:
    """As `pair_loop`, but only over nonzero postsynaptic activity; `x` is (batch, neurons), strides in bytes.

    `samples` (rows, batch) is room for the samples in which each row is active; `room` as there.
    """
    size = int(value[1])

    def pair_events(p: int) -> None:
        cols, begins, starts = pointer(index, peek(p, 4)), pointer("i8", peek(p, 10)), pointer("i8", peek(p, 11))
        w, g_sample, g_row, batch = peek(p, 13), peek(p, 6), peek(p, 7), peek(p, 9)
        mine = peek(p, 12) + count_on(p + 8 * 19) * peek(p, 18)
        task = take_task(p)
        while task < peek(p, 1):
            first, last = starts[task], starts[task + 1]
            out = pointer(value, mine - size * begins[first] if peek(p, 18) else mine)
            for r in range(first, last):
                active, errors = pointer("i4", peek(p, 8) + 4 * r * batch), peek(p, 5) + r * g_row
                found = find_active(value, errors, g_sample, batch, active)
                for e in range(begins[r], begins[r + 1]):
                    out[e] = 0
                add_events(
                    value, peek(p, 2), peek(p, 3), cols, begins[r], begins[r + 1], errors, g_sample, active, found, out
                )
            if w:
                ends = begins, pointer("i8", peek(p, 10) + 8)
                factors = pointer(value, peek(p, 14)), pointer(value, peek(p, 15)), pointer(value, peek(p, 16))
                change_rows(pointer(value, w), out, ends, factors, first, last, peek(p, 17))
            task = take_task(p)

    return pair_events


@loop("x x_sample x_row n_pre n_post begins others perm vals out out_sample parts")
def push_events_loop(value: str, index: str, order: str) -> Callable[[int], None]:
    """Scatter nonzero activity along its synapses; tasks are (sample, part of the postsynaptic neurons).

    `begins`, `others` and `perm` list each presynaptic neuron's synapses: to whom, rising, and where the weight
    is.  `out` is zero at first; strides in bytes.
    """

    def push_events(p: int) -> None:
        begins, others, perm = pointer("i8", peek(p, 7)), pointer(index, peek(p, 8)), pointer(order, peek(p, 9))
        vals, parts = pointer(value, peek(p, 10)), peek(p, 13)
        task = take_task(p)
        while task < peek(p, 1):
            sample, part = task // parts, task % parts
            low, high = peek(p, 6) * part // parts, peek(p, 6) * (part + 1) // parts
            out, x = pointer(value, peek(p, 11) + sample * peek(p, 12)), peek(p, 2) + sample * peek(p, 3)
            for n in range(peek(p, 5)):
                strength = pointer(value, x + n * peek(p, 4))[0]
                if strength != 0:
                    end = begins[n + 1]
                    e = first_at_least(others, begins[n], end, low) if low else begins[n]
                    while e < end and others[e] < high:
                        out[others[e]] += vals[perm[e]] * strength
                        e += 1
            task = take_task(p)

    return push_events


@loop("g g_sample g_row cols vals begins starts parts out out_part out_sample")
def strew_loop(value: str, index: str) -> Callable[[int], None]:
    """Carry nonzero activity of rows to columns; tasks are (sample, part of the rows), each with an `out` of its own.

    `starts` are the first rows of the parts; `out` is zero at first; strides in bytes.
    """

    def strew(p: int) -> None:
        cols, vals, begins = pointer(index, peek(p, 5)), pointer(value, peek(p, 6)), pointer("i8", peek(p, 7))
        starts, parts = peek(p, 8), peek(p, 9)
        task = take_task(p)
        while task < peek(p, 1):
            sample, part = task // parts, task % parts
            g, at = peek(p, 2) + sample * peek(p, 3), peek(p, 10) + part * peek(p, 11) + sample * peek(p, 12)
            out = pointer(value, at)
            for r in range(peek(starts, part), peek(starts, part + 1)):
                strength = pointer(value, g + r * peek(p, 4))[0]
                if strength != 0:
                    for e in range(begins[r], begins[r + 1]):
                        out[cols[e]] += vals[e] * strength
            task = take_task(p)

    return strew


@loop("x x_sample cols vals begins starts chunks out out_sample")
def dot_loop(value: str, index: str) -> Callable[[int], None]:
    """Sum each row, one sample after another, for batches too small to fill lanes.  Tasks are (sample, chunk)."""
    zero = np.float32(0) if value == "f4" else np.float64(0)

    def dot(p: int) -> None:
        cols, vals, begins = pointer(index, peek(p, 4)), pointer(value, peek(p, 5)), pointer("i8", peek(p, 6))
        task = take_task(p)
        while task < peek(p, 1):
            sample, chunk = task // peek(p, 8), task % peek(p, 8)
            x, out = pointer(value, peek(p, 2) + sample * peek(p, 3)), pointer(value, peek(p, 9) + sample * peek(p, 10))
            for r in range(peek(peek(p, 7), chunk), peek(peek(p, 7), chunk + 1)):
                out[r] = row_dot(zero, x, cols, vals, begins[r], begins[r + 1])
            task = take_task(p)

    return dot


@loop("x x_tile table keys cols vals begins step blocks starts chunks parts room rows size used y y_unit at seat")
def push_planes_loop(kind: int, index: int, lanes: int, word: str) -> Callable[[int], None]:
    """As `push_loop` over planes; tasks are (tile, part of the chunks of rows).

    A tile of what every key reads is laid out in `room` first: read once for each synapse, it would cost a page table
    lookup each time.  `rows` is where the sums of a chunk begin in it, before they are put where `at` says for each
    lane; `size` is its bytes for each thread.  `y_unit` and `at` count numbers, negative where a lane is no site.
    """
    width = int(word[1]) * lanes

    def push(p: int) -> None:
        table, keys, cols, vals = pointer("i8", peek(p, 4)), peek(p, 5), peek(p, 6), peek(p, 7)
        step, blocks, starts, chunks, parts = peek(p, 9), peek(p, 10), peek(p, 11), peek(p, 12), peek(p, 13)
        used, y, y_unit, at = peek(p, 17), pointer(word, peek(p, 18)), peek(p, 19), pointer("i8", peek(p, 20))
        room = peek(p, 14) + count_on(p + 8 * 21) * peek(p, 16)
        rows = room + peek(p, 15)
        task = take_task(p)
        while task < peek(p, 1):
            tile, part = task // parts, task % parts
            x = peek(p, 2) + tile * peek(p, 3)
            lay_out(word, x, table, keys, room, lanes)
            for chunk in range(chunks * part // parts, chunks * (part + 1) // parts):
                first, last = peek(starts, chunk), peek(starts, chunk + 1)
                for block in range(blocks):
                    begins = peek(p, 8) + step * block
                    for r in range(first, last):
                        begin, end, out = peek(begins, r), peek(begins + step, r), rows + (r - first) * width
                        row_sum(kind, index, lanes, room, cols, vals, begin, end, out, width, block)
                for r in range(first, last, 16):
                    for lane in range(min(lanes, used - tile * lanes)):
                        to = at[tile * lanes + lane]
                        if to >= 0:
                            for i in range(r, min(r + 16, last)):
                                y[to + i * y_unit] = pointer(word, rows + (i - first) * width)[lane]
            task = take_task(p)

    return push


@njit
def lay_out(word, x, table, keys, room, lanes):
    """Copy the lanes that each key reads."""
    for key in range(keys):
        source, target = pointer(word, x + table[key]), pointer(word, room)
        for i in range(lanes):
            target[key * lanes + i] = source[i]


@loop("x x_unit at units lanes out out_row")
def spread_loop(word: str) -> Callable[[int], None]:
    """Lay activity out as planes: `at` says where each lane of unit 0 comes from, in numbers; negative gives zero.

    Tasks are 64 lanes of all units; `x_unit` and `out_row` count numbers.
    """

    def spread(p: int) -> None:
        x, x_unit, at, units, lanes = (
            pointer(word, peek(p, 2)),
            peek(p, 3),
            pointer("i8", peek(p, 4)),
            peek(p, 5),
            peek(p, 6),
        )
        out, out_row = pointer(word, peek(p, 7)), peek(p, 8)
        task = take_task(p)
        while task < peek(p, 1):
            for first in range(64 * task, min(lanes, 64 * task + 64), 16):
                last = min(lanes, first + 16)
                for u in range(units):
                    for q in range(first, last):
                        out[u * out_row + q] = x[at[q] + u * x_unit] if at[q] >= 0 else 0
            task = take_task(p)

    return spread


@loop("vals order size chunk out")
def gather_loop(value: str, order: str) -> Callable[[int], None]:
    """Copy numbers into another order; tasks are chunks."""
    size = int(value[1])

    def gather(p: int) -> None:
        vals, at, out = pointer(value, peek(p, 2)), pointer(order, peek(p, 3)), pointer(value, peek(p, 6))
        task = take_task(p)
        while task < peek(p, 1):
            first, last = task * peek(p, 5), min(peek(p, 4), (task + 1) * peek(p, 5))
            rest = max(first, last - AHEAD)
            for e in range(first, rest):
                prefetch(peek(p, 2) + size * np.int64(at[e + AHEAD]), 0)
                out[e] = vals[at[e]]
            for e in range(rest, last):
                out[e] = vals[at[e]]
            task = take_task(p)

    return gather


@njit
def first_at_least(values, begin, end, bound):
    """Find the first position from begin to end whose value, of rising ones, is at least the bound."""
    while begin < end:
        middle = (begin + end) // 2
        if values[middle] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin
