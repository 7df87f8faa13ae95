"""The k strongest of each sample, by bisection on the bits of floating-point numbers."""

from collections.abc import Callable
from typing import Any

import torch
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.tasks import loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

GROUP = 64
"""Bytes of one cache line: in neuron-major memory it holds one neuron's values for the samples of one task."""
_I64 = ir.IntType(64)
_KEYS = {torch.float32: "i4", torch.float64: "i8"}


def k_winners(u: Tensor, k: int) -> Tensor:
    """Keep the k largest numbers of each sample and zero the rest; of equals the first win.

    Shape: (B, N) float32 or float64 -> (B, N), in the same memory order; k from 1 to N.
    """
    key, (batch, n), lanes = _KEYS[u.dtype], u.shape, GROUP // u.element_size()
    if not u.numel():
        return torch.empty_like(u)
    if u.stride(1) == 1:
        out = u.new_empty(batch, n)
        run(
            _winners_loop(key), batch, u=u.data_ptr(), u_sample=_bytes(u, 0), n=n, k=k,
            out=out.data_ptr(), out_sample=_bytes(out, 0),
        )  # fmt: skip
        return out
    tasks = -(-batch // lanes)
    if u.stride(0) != 1 or batch % lanes:
        padded = u.new_zeros(n, tasks * lanes)
        padded[:, :batch] = u.t()
        return k_winners(padded.t(), k)[:batch]
    rows, room = u.new_empty(n, batch), u.new_empty(min(tasks, torch.get_num_threads()), n + 4, lanes)
    run(
        _across_loop(key), tasks, u=u.data_ptr(), u_row=_bytes(u, 1), n=n, k=k,
        out=rows.data_ptr(), out_row=_bytes(rows, 0), room=room.data_ptr(), room_size=_bytes(room, 0), seat=0,
    )  # fmt: skip
    return rows.t()


@loop("u u_sample n k out out_sample")
def _winners_loop(key: str) -> Callable[[int], None]:
    """Search sample after sample, each a task; the output is room for the keys."""
    size = int(key[1])
    sign, magnitude = 8 * size - 1, 2 ** (8 * size - 1) - 1

    def winners(p: int) -> None:
        n, k = peek(p, 4), peek(p, 5)
        task = take_task(p)
        while task < peek(p, 1):
            source, here = pointer(key, peek(p, 2) + task * peek(p, 3)), peek(p, 6) + task * peek(p, 7)
            keys = pointer(key, here)
            for i in range(n):
                keys[i] = source[i] ^ ((source[i] >> sign) & magnitude)
            least, ties = threshold(key, here, n, k, magnitude)
            keep_winners(source, keys, n, least, ties)
            task = take_task(p)

    return winners


@loop("u u_row n k out out_row room room_size seat")
def _across_loop(key: str) -> Callable[[int], None]:
    """Search the samples of a cache line side by side, in the lanes of a vector: neurons lie one after another.

    `room` has for each thread the keys of these samples, and four rows of what is known of each sample.  Tasks that are
    taken at the same time are lines far apart, up to a tenth faster than neighbouring ones (two threads, Zen 4).
    """
    lanes, most = GROUP // int(key[1]), 2 ** (8 * int(key[1]) - 1) - 1

    def across(p: int) -> None:
        u_row, n, k, out_row = peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 7)
        keys = peek(p, 8) + take_task(p + 8 * 10) * peek(p, 9)
        known = keys + n * GROUP
        low, high = pointer(key, known), pointer(key, known + GROUP)
        middle, count = pointer(key, known + 2 * GROUP), pointer(key, known + 3 * GROUP)
        task = take_task(p)
        while task < peek(p, 1):
            line = task // 2 + (peek(p, 1) + 1) // 2 * (task % 2)
            read_across(key, peek(p, 2) + line * GROUP, u_row, n, keys, known)
            searching = True
            while searching:
                for b in range(lanes):
                    middle[b] = (low[b] | high[b]) - ((low[b] ^ high[b]) >> 1)
                at_least_across(key, keys, n, known + 2 * GROUP)
                searching = halve(low, high, middle, count, lanes, k)
            for b in range(lanes):
                middle[b] = low[b] + (low[b] < most)
            at_least_across(key, keys, n, known + 2 * GROUP)
            for b in range(lanes):
                high[b] = k - count[b] * (low[b] < most)
            write_across(key, peek(p, 2) + line * GROUP, u_row, n, keys, known, peek(p, 6) + line * GROUP, out_row)
            task = take_task(p)

    return across


@njit
def halve(low, high, middle, count, lanes, k):
    """Move the ends between which each sample's k-th largest key lies, and tell whether any are apart still."""
    apart = False
    for b in range(lanes):
        if low[b] < high[b]:
            if count[b] >= k:
                low[b] = middle[b]
            if count[b] <= k:
                high[b] = middle[b] - (count[b] < k)
            apart |= low[b] < high[b]
    return apart


@njit
def keep_winners(source, keys, n, least, ties):
    """Replace the keys of winners by their numbers and the others by zero."""
    if ties >= n:
        for i in range(n):
            keys[i] = source[i] & -(keys[i] >= least)
        return
    for i in range(n):
        tied = keys[i] == least
        keys[i] = source[i] & -((keys[i] > least) | (tied & (ties > 0)))
        ties -= tied


@njit
def threshold(key, keys, n, k, most):
    """Find the k-th largest key, and how many of those equal to it are among the first k."""
    low, high = -most - 1, most
    while low < high:
        middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without overflow
        count = at_least(key, keys, n, middle)
        if count == k:
            return middle, n
        if count > k:
            low = middle
        else:
            high = middle - 1
    return low, k - (at_least(key, keys, n, low + 1) if low < most else 0)


@intrinsic(prefer_literal=True)
def at_least(context: Any, key: Any, keys: Any, n: Any, bound: Any) -> Any:
    """Count the keys at an address that are at least a bound."""
    size = 8 * int(key.literal_value[1])
    whole, lanes = ir.IntType(64), 512 // size

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        one = ir.IntType(size)
        many = ir.VectorType(one, lanes)
        keys, n, bound = arguments[1:]
        bound = b.trunc(bound, one) if size < 64 else bound
        empty = ir.Constant(many, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        bounds = b.shuffle_vector(b.insert_element(empty, bound, ir.IntType(32)(0)), empty, zeros)
        counts = cgutils.alloca_once_value(b, ir.Constant(many, [0] * lanes))
        rest = cgutils.alloca_once_value(b, whole(0))
        even = b.and_(n, whole(-lanes))
        with cgutils.for_range_slice(b, whole(0), even, whole(lanes), whole) as (i, _):
            found = b.load(b.bitcast(b.gep(b.inttoptr(keys, one.as_pointer()), [i]), many.as_pointer()))
            found.align = size // 8
            b.store(b.sub(b.load(counts), b.sext(b.icmp_signed(">=", found, bounds), many)), counts)
        with cgutils.for_range_slice(b, even, n, whole(1), whole) as (i, _):
            found = b.load(b.gep(b.inttoptr(keys, one.as_pointer()), [i]))
            b.store(b.add(b.load(rest), b.zext(b.icmp_signed(">=", found, bound), whole)), rest)
        total = b.load(rest)
        for lane in range(lanes):
            part = b.extract_element(b.load(counts), ir.IntType(32)(lane))
            total = b.add(total, b.sext(part, whole) if size < 64 else part)
        return total

    return types.intp(key, types.intp, types.intp, types.intp), generate


class _Lanes:
    """Emit code over vectors of one cache line, one after another."""

    def __init__(self, b: Any, key: Any) -> None:
        self.b, self.size = b, 8 * int(key.literal_value[1])
        self.many = ir.VectorType(ir.IntType(self.size), 8 * GROUP // self.size)

    def splat(self, value: int) -> Any:
        return ir.Constant(self.many, [value] * self.many.count)

    def load(self, address: Any) -> Any:
        found = self.b.load(self.b.inttoptr(address, self.many.as_pointer()))
        found.align = self.size // 8
        return found

    def store(self, value: Any, address: Any) -> None:
        self.b.store(value, self.b.inttoptr(address, self.many.as_pointer())).align = self.size // 8

    def at(self, base: Any, index: Any, step: Any) -> Any:
        return self.b.add(base, self.b.mul(index, step))


@intrinsic(prefer_literal=True)
def read_across(context: Any, key: Any, u: Any, u_row: Any, n: Any, keys: Any, known: Any) -> Any:
    """Turn numbers into integers of the same order; their least and greatest go to the first two rows of `known`.

    Negative numbers order backwards, so their bits other than the sign are flipped.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (u, u_row, n, keys, known) = _Lanes(b, key), arguments[1:]
        sign, most = code.size - 1, 2 ** (code.size - 1) - 1
        least, greatest = (cgutils.alloca_once_value(b, code.splat(v)) for v in (most, -most - 1))
        with cgutils.for_range_slice(b, _I64(0), n, _I64(1), _I64) as (i, _):
            bits = code.load(code.at(u, i, u_row))
            found = b.xor(bits, b.and_(b.ashr(bits, code.splat(sign)), code.splat(most)))
            code.store(found, code.at(keys, i, _I64(GROUP)))
            for slot, order in ((least, "<"), (greatest, ">")):
                old = b.load(slot)
                b.store(b.select(b.icmp_signed(order, found, old), found, old), slot)
        code.store(b.load(least), known)
        code.store(b.load(greatest), b.add(known, _I64(GROUP)))
        return context.get_dummy_value()

    return types.void(key, *[types.intp] * 5), generate


@intrinsic(prefer_literal=True)
def at_least_across(context: Any, key: Any, keys: Any, n: Any, bounds: Any) -> Any:
    """Count, lane by lane, the keys that are at least the lane's bound; the counts go to the row after the bounds."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (keys, n, bounds) = _Lanes(b, key), arguments[1:]
        bound, found = code.load(bounds), [cgutils.alloca_once_value(b, code.splat(0)) for _ in range(2)]

        def count(i: Any, into: Any) -> None:
            wins = b.icmp_signed(">=", code.load(code.at(keys, i, _I64(GROUP))), bound)
            b.store(b.sub(b.load(into), b.sext(wins, code.many)), into)

        even = b.and_(n, _I64(-2))
        with cgutils.for_range_slice(b, _I64(0), even, _I64(2), _I64) as (i, _):
            count(i, found[0])
            count(b.add(i, _I64(1)), found[1])
        with b.if_then(b.icmp_signed("<", even, n)):
            count(even, found[0])
        code.store(b.add(*map(b.load, found)), b.add(bounds, _I64(GROUP)))
        return context.get_dummy_value()

    return types.void(key, *[types.intp] * 3), generate


@intrinsic(prefer_literal=True)
def write_across(
    context: Any, key: Any, u: Any, u_row: Any, n: Any, keys: Any, known: Any, out: Any, out_row: Any
) -> Any:
    """Keep the numbers above the least winner, and of those equal to it the first few.

    The rows of `known` are the least winning key, and how many of those equal to it win.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        code, (u, u_row, n, keys, known, out, out_row) = _Lanes(b, key), arguments[1:]
        least, zero = code.load(known), code.splat(0)
        ties = cgutils.alloca_once_value(b, code.load(b.add(known, _I64(GROUP))))
        with cgutils.for_range_slice(b, _I64(0), n, _I64(1), _I64) as (i, _):
            found = code.load(code.at(keys, i, _I64(GROUP)))
            tied = b.and_(b.icmp_signed("==", found, least), b.icmp_signed(">", b.load(ties), zero))
            b.store(b.add(b.load(ties), b.sext(tied, code.many)), ties)
            wins = b.or_(b.icmp_signed(">", found, least), tied)
            code.store(b.select(wins, code.load(code.at(u, i, u_row)), zero), code.at(out, i, out_row))
        return context.get_dummy_value()

    return types.void(key, *[types.intp] * 7), generate


def _bytes(t: Tensor, axis: int) -> int:
    return t.stride(axis) * t.element_size()
