"""The k strongest of each sample, by bisection: of what lies between two numbers, then between their bits."""

from collections.abc import Callable
from typing import Any

import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.tasks import count_on, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

GROUP = 64
"""Bytes of one cache line: in neuron-major memory it holds one neuron's values for the samples of one task."""
LINEAR, SQUEEZE = 8, 6
"""Steps of the search that halve what lies between two numbers, before those that halve their bits; and after how many,
and after twice as many, neurons that can no longer be the last winner of any sample are left out."""
KNOWN = 5
"""Rows of what is known of each sample: `low`, `high`, `middle`, `count` and `left`.

Between the first two lies its k-th largest key; `count` are the keys from `middle` on, of which `left` are no longer
among those that are searched."""
_I64 = ir.IntType(64)
_KEYS = {torch.float32: "i4", torch.float64: "i8"}


def k_winners(u: Tensor, k: int) -> Tensor:
    """Keep the k largest numbers of each sample and zero the rest; of equals the first win, NaN is above all.

    Shape: (B, N) float32 or float64 -> (B, N), in the same memory order; k from 1 to N.
    """
    key, (batch, n), lanes = _KEYS[u.dtype], u.shape, GROUP // u.element_size()
    if not u.numel():
        return torch.empty_like(u)
    if u.stride(1) == 1:
        out = u.new_empty(batch, n)
        room = u.new_empty(min(batch, torch.get_num_threads()), -(-n // lanes) + KNOWN, lanes)
        run(
            _winners_loop(key), batch, u=u.data_ptr(), u_sample=_bytes(u, 0), n=n, k=k,
            out=out.data_ptr(), out_sample=_bytes(out, 0), room=room.data_ptr(), room_size=_bytes(room, 0), seat=0,
        )  # fmt: skip
        return out
    tasks = -(-batch // lanes)
    if u.stride(0) != 1 or batch % lanes:
        padded = u.new_zeros(n, tasks * lanes)
        padded[:, :batch] = u.t()
        return k_winners(padded.t(), k)[:batch]
    rows, room = u.new_empty(n, batch), u.new_empty(min(tasks, torch.get_num_threads()), n + KNOWN, lanes)
    run(
        _across_loop(key), tasks, u=u.data_ptr(), u_row=_bytes(u, 1), n=n, k=k,
        out=rows.data_ptr(), out_row=_bytes(rows, 0), room=room.data_ptr(), room_size=_bytes(room, 0), seat=0,
    )  # fmt: skip
    return rows.t()


@loop("u u_sample n k out out_sample room room_size seat")
def _winners_loop(key: str) -> Callable[[int], None]:
    """Search sample after sample, each a task, its neurons row by row in the lanes of a vector; `room` as below."""
    lanes, most = GROUP // int(key[1]), 2 ** (8 * int(key[1]) - 1) - 1

    def winners(p: int) -> None:
        n, k = peek(p, 4), peek(p, 5)
        keys = peek(p, 8) + count_on(p + 8 * 10) * peek(p, 9)
        rows = (n + lanes - 1) // lanes
        known = keys + rows * GROUP
        low, high, count = pointer(key, known), pointer(key, known + GROUP), pointer(key, known + 3 * GROUP)
        task = take_task(p)
        while task < peek(p, 1):
            here = peek(p, 2) + task * peek(p, 3)
            source, out = pointer(key, here), pointer(key, peek(p, 6) + task * peek(p, 7))
            read_across(key, here, GROUP, n // lanes, keys, known)
            read_rest(source, pointer(key, keys), n, lanes, low, high, most)
            reach = search(key, 1, keys, rows, known, k, lanes, most)
            keep_winners(source, out, n, low[0], n if reach == k else k - count[0], most)
            task = take_task(p)

    return winners


@loop("u u_row n k out out_row room room_size seat")
def _across_loop(key: str) -> Callable[[int], None]:
    """Search the samples of a cache line side by side, in the lanes of a vector: neurons lie one after another.

    `room` has for each thread the keys of these samples, and five rows of what is known of each sample.  Tasks that are
    taken at the same time are lines far apart, up to a tenth faster than neighbouring ones (two threads, Zen 4).
    """
    lanes, most = GROUP // int(key[1]), 2 ** (8 * int(key[1]) - 1) - 1

    def across(p: int) -> None:
        u_row, n, k, out_row = peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 7)
        keys = peek(p, 8) + count_on(p + 8 * 10) * peek(p, 9)
        known = keys + n * GROUP
        high, count = pointer(key, known + GROUP), pointer(key, known + 3 * GROUP)
        task = take_task(p)
        while task < peek(p, 1):
            line = task // 2 + (peek(p, 1) + 1) // 2 * (task % 2)
            read_across(key, peek(p, 2) + line * GROUP, u_row, n, keys, known)
            search(key, 0, keys, n, known, k, lanes, most)
            for b in range(lanes):
                high[b] = k - count[b]
            write_across(key, peek(p, 2) + line * GROUP, u_row, n, known, peek(p, 6) + line * GROUP, out_row)
            task = take_task(p)

    return across


@njit
def read_rest(source, keys, n, lanes, low, high, most):
    """Read what fills no row of one sample, and give every lane the sample's least and greatest key."""
    for i in range(n - n % lanes, n):
        keys[i] = key_of(source[i], most)
        low[0], high[0] = min(low[0], keys[i]), max(high[0], keys[i])
    for i in range(n, n + -n % lanes):
        keys[i] = -most - 1  # never counted: bounds are above the least key
    for b in range(1, lanes):
        low[0], high[0] = min(low[0], low[b]), max(high[0], high[b])
    for b in range(1, lanes):
        low[b], high[b] = low[0], high[0]


@njit
def key_of(bits, most):
    """As `_Lanes.key`, of one number."""
    infinity = 0x7F800000 if most == 0x7FFFFFFF else 0x7FF0000000000000
    return most if (bits & most) > infinity else bits ^ (-(bits < 0) & most)


@njit
def search(key, alone, keys, rows, known, k, lanes, most):
    """Find each sample's k-th largest key, `low`, and `count` the keys above it; say how many are from it on in lane 0.

    Each lane is a sample, or with `alone` all are the same one.
    """
    low, middle = pointer(key, known), pointer(key, known + 2 * GROUP)
    count, left = pointer(key, known + 3 * GROUP), pointer(key, known + 4 * GROUP)
    for b in range(lanes):
        left[b] = 0
    searching, steps = True, 0
    while searching:
        middle_across(key, known, steps < LINEAR)
        at_least_across(key, alone, keys, rows, known)
        searching = halve_across(key, known, k)
        steps += 1
        if steps == SQUEEZE or steps == 2 * SQUEEZE:
            rows = squeeze_across(key, keys, rows, known)
    for b in range(lanes):
        middle[b] = low[b]
    at_least_across(key, alone, keys, rows, known)
    reach = count[0]
    for b in range(lanes):
        middle[b] = low[b] + (low[b] < most)
    at_least_across(key, alone, keys, rows, known)
    for b in range(lanes):
        count[b] *= low[b] < most
    return reach


@njit
def keep_winners(source, out, n, least, ties, most):
    """Keep one sample's winners, of those equal to the least `ties`."""
    if ties >= n:
        for i in range(n):
            out[i] = source[i] & -(key_of(source[i], most) >= least)
        return
    for i in range(n):
        found = key_of(source[i], most)
        tied = found == least
        out[i] = source[i] & -((found > least) | (tied & (ties > 0)))
        ties -= tied


class _Lanes:
    """Emit code over vectors of one cache line, one after another."""

    def __init__(self, b: Any, key: Any) -> None:
        self.b, self.size = b, 8 * int(key.literal_value[1])
        self.many = ir.VectorType(ir.IntType(self.size), 8 * GROUP // self.size)

    def splat(self, value: int) -> Any:
        return ir.Constant(self.many, [value] * self.many.count)

    def spread(self, value: Any) -> Any:
        single = self.b.insert_element(ir.Constant(self.many, ir.Undefined), value, ir.IntType(32)(0))
        return self.turned(single, 0, 0)

    def turned(self, vector: Any, far: int, every: int = 1) -> Any:
        """Give each lane what the lane `far` from it has, or with `every` 0 what lane `far` has."""
        lanes = ir.VectorType(ir.IntType(32), vector.type.count)
        index = ir.Constant(lanes, [every * i ^ far for i in range(lanes.count)])
        return self.b.shuffle_vector(vector, vector, index)

    def load(self, address: Any) -> Any:
        found = self.b.load(self.b.inttoptr(address, self.many.as_pointer()))
        found.align = self.size // 8
        return found

    def store(self, value: Any, address: Any) -> None:
        self.b.store(value, self.b.inttoptr(address, self.many.as_pointer())).align = self.size // 8

    def at(self, base: Any, index: Any, step: Any) -> Any:
        return self.b.add(base, self.b.mul(index, step))

    def key(self, bits: Any) -> Any:
        """Turn the bits of numbers into integers of the same order; what is not a number becomes the largest."""
        most = 2 ** (self.size - 1) - 1
        infinity = 0x7F800000 if self.size == 32 else 0x7FF0000000000000
        no_number = self.b.icmp_signed(">", self.b.and_(bits, self.splat(most)), self.splat(infinity))
        return self.b.select(no_number, self.splat(most), self.ordered(bits))

    def ordered(self, bits: Any) -> Any:
        """Turn the bits of numbers into integers of the same order, or back: negative numbers order backwards."""
        flips = self.b.and_(self.b.ashr(bits, self.splat(self.size - 1)), self.splat(2 ** (self.size - 1) - 1))
        return self.b.xor(bits, flips)


@intrinsic(prefer_literal=True)
def read_across(context: Any, key: Any, u: Any, u_row: Any, n: Any, keys: Any, known: Any) -> Any:
    """Turn numbers into integers of the same order; their least and greatest go to the first two rows of `known`."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (u, u_row, n, keys, known) = _Lanes(b, key), arguments[1:]
        most = 2 ** (code.size - 1) - 1
        least, greatest = (cgutils.alloca_once_value(b, code.splat(v)) for v in (most, -most - 1))
        with cgutils.for_range_slice(b, _I64(0), n, _I64(1), _I64) as (i, _):
            found = code.key(code.load(code.at(u, i, u_row)))
            code.store(found, code.at(keys, i, _I64(GROUP)))
            for slot, order in ((least, "<"), (greatest, ">")):
                old = b.load(slot)
                b.store(b.select(b.icmp_signed(order, found, old), found, old), slot)
        code.store(b.load(least), known)
        code.store(b.load(greatest), b.add(known, _I64(GROUP)))
        return context.get_dummy_value()

    return types.void(key, *[types.intp] * 5), generate


@intrinsic(prefer_literal=True)
def at_least_across(context: Any, key: Any, alone: Any, keys: Any, n: Any, known: Any) -> Any:
    """Count, lane by lane or `alone` for all, the keys that are at least `middle`, those left out included."""
    together = alone.literal_value

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (keys, n, known) = _Lanes(b, key), arguments[2:]
        middle, left = (code.load(b.add(known, _I64(row * GROUP))) for row in (2, 4))
        found = [cgutils.alloca_once_value(b, v) for v in (left, code.splat(0))]

        def count(i: Any, into: Any) -> None:
            wins = b.icmp_signed(">=", code.load(code.at(keys, i, _I64(GROUP))), middle)
            b.store(b.sub(b.load(into), b.sext(wins, code.many)), into)

        even = b.and_(n, _I64(-2))
        with cgutils.for_range_slice(b, _I64(0), even, _I64(2), _I64) as (i, _):
            count(i, found[0])
            count(b.add(i, _I64(1)), found[1])
        with b.if_then(b.icmp_signed("<", even, n)):
            count(even, found[0])
        counts = b.add(*map(b.load, found))
        far = code.many.count // 2 if together else 0
        while far:  # each lane adds the one that is so far away
            counts = b.add(counts, code.turned(counts, far))
            far //= 2
        code.store(counts, b.add(known, _I64(3 * GROUP)))
        return context.get_dummy_value()

    return types.void(key, alone, *[types.intp] * 3), generate


@intrinsic(prefer_literal=True)
def halve_across(context: Any, key: Any, known: Any, k: Any) -> Any:
    """Move the ends between which each sample's k-th largest key lies, and tell whether any are apart still."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (known, k) = _Lanes(b, key), arguments[1:]
        low, high, middle, count = (code.load(b.add(known, _I64(row * GROUP))) for row in range(4))
        wanted = code.spread(b.trunc(k, code.many.element) if code.size < 64 else k)
        below = b.add(middle, b.sext(b.icmp_signed("<", count, wanted), code.many))
        low = b.select(b.icmp_signed(">=", count, wanted), middle, low)
        high = b.select(b.icmp_signed("<=", count, wanted), below, high)
        code.store(low, known)
        code.store(high, b.add(known, _I64(GROUP)))
        bits = ir.IntType(code.many.count)
        return b.icmp_unsigned("!=", b.bitcast(b.icmp_signed("<", low, high), bits), bits(0))

    return types.boolean(key, types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def middle_across(context: Any, key: Any, known: Any, linear: Any) -> Any:
    """Choose, lane by lane, a bound above `low` and up to `high`: half-way between the numbers, or between their bits.

    Numbers of one size are parted faster by their mean; where they are of many sizes, or infinite, bits are.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (known, linear) = _Lanes(b, key), arguments[1:]
        low, high = code.load(known), code.load(b.add(known, _I64(GROUP)))
        bits = b.sub(b.or_(low, high), b.ashr(b.xor(low, high), code.splat(1)))
        numbers = ir.VectorType(ir.FloatType() if code.size == 32 else ir.DoubleType(), code.many.count)
        half = ir.Constant(numbers, [0.5] * code.many.count)
        parts = [b.fmul(b.bitcast(code.ordered(end), numbers), half) for end in (low, high)]
        mean = code.ordered(b.bitcast(b.fadd(*parts), code.many))
        inside = b.and_(b.icmp_signed(">", mean, low), b.icmp_signed("<=", mean, high))
        found = b.select(linear, b.select(inside, mean, bits), bits)
        code.store(found, b.add(known, _I64(2 * GROUP)))
        return context.get_dummy_value()

    return types.void(key, types.intp, types.boolean), generate


@intrinsic(prefer_literal=True)
def squeeze_across(context: Any, key: Any, keys: Any, n: Any, known: Any) -> Any:
    """Keep the rows in which a lane lies between its ends, side by side, and give their number.

    Keys above these ends in rows that go are added to the fifth row of `known`.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (keys, n, known) = _Lanes(b, key), arguments[1:]
        low, high, place = code.load(known), code.load(b.add(known, _I64(GROUP))), b.add(known, _I64(4 * GROUP))
        left, kept = cgutils.alloca_once_value(b, code.load(place)), cgutils.alloca_once_value(b, keys)
        bits = ir.IntType(code.many.count)
        with cgutils.for_range_slice(b, _I64(0), n, _I64(1), _I64) as (i, _):
            found, to = code.load(code.at(keys, i, _I64(GROUP))), b.load(kept)
            above = b.icmp_signed(">", found, high)
            inside = b.and_(b.icmp_signed(">=", found, low), b.not_(above))
            stays = b.icmp_unsigned("!=", b.bitcast(inside, bits), bits(0))
            code.store(found, to)
            b.store(b.add(to, b.select(stays, _I64(GROUP), _I64(0))), kept)
            gone = b.select(stays, code.splat(0), b.sext(above, code.many))
            b.store(b.sub(b.load(left), gone), left)
        code.store(b.load(left), place)
        return b.udiv(b.sub(b.load(kept), keys), _I64(GROUP))

    return types.intp(key, *[types.intp] * 3), generate


@intrinsic(prefer_literal=True)
def write_across(context: Any, key: Any, u: Any, u_row: Any, n: Any, known: Any, out: Any, out_row: Any) -> Any:
    """Keep the numbers above the least winner, and of those equal to it the first few.

    The rows of `known` are the least winning key, and how many of those equal to it win.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (u, u_row, n, known, out, out_row) = _Lanes(b, key), arguments[1:]
        least, zero = code.load(known), code.splat(0)
        ties = cgutils.alloca_once_value(b, code.load(b.add(known, _I64(GROUP))))
        with cgutils.for_range_slice(b, _I64(0), n, _I64(1), _I64) as (i, _):
            number = code.load(code.at(u, i, u_row))
            found = code.key(number)
            tied = b.and_(b.icmp_signed("==", found, least), b.icmp_signed(">", b.load(ties), zero))
            b.store(b.add(b.load(ties), b.sext(tied, code.many)), ties)
            wins = b.or_(b.icmp_signed(">", found, least), tied)
            code.store(b.select(wins, number, zero), code.at(out, i, out_row))
        return context.get_dummy_value()

    return types.void(key, *[types.intp] * 6), generate


def _bytes(t: Tensor, axis: int) -> int:
    return t.stride(axis) * t.element_size()
