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

GROUP = 16
"""Samples of one task: in neuron-major memory their values for one neuron are one cache line."""
_KEYS = {torch.float32: "i4", torch.float64: "i8"}


def k_winners(u: Tensor, k: int) -> Tensor:
    """Keep the k largest numbers of each sample and zero the rest; of equals the first win.

    Shape: (B, N) float32 or float64 -> (B, N), in the same memory order; k from 1 to N.
    """
    out, tasks = torch.empty_like(u), -(-len(u) // GROUP)
    if not u.numel():
        return out
    keys, in_place = out, u.stride(1) == out.stride(1) == 1
    if not in_place:  # one room for each thread; rows of whole pages would share cache lines
        keys = u.new_empty(min(tasks, torch.get_num_threads()) * GROUP, u.shape[1] + 64 // u.element_size())
    run(
        _winners_loop(_KEYS[u.dtype]),
        tasks,
        u=u.data_ptr(), u_sample=_bytes(u, 0), u_row=_bytes(u, 1), batch=len(u), n=u.shape[1], k=k,
        keys=keys.data_ptr(), keys_sample=_bytes(keys, 0), in_place=in_place, seat=0, out=out.data_ptr(),
        out_sample=_bytes(out, 0), out_row=_bytes(out, 1),
    )  # fmt: skip
    return out


@loop("u u_sample u_row batch n k keys keys_sample in_place seat out out_sample out_row")
def _winners_loop(key: str) -> Callable[[int], None]:
    """Tasks are groups of samples; `keys` is where the output goes, or room for each thread."""
    size = int(key[1])
    magnitude = 2 ** (8 * size - 1) - 1

    def winners(p: int) -> None:
        u, u_sample, u_row, n, k = peek(p, 2), peek(p, 3), peek(p, 4), peek(p, 6), peek(p, 7)
        row, out, out_sample, out_row = peek(p, 9), peek(p, 12), peek(p, 13), peek(p, 14)
        seat = take_task(p + 8 * 11)  # which thread this is
        task = take_task(p)
        while task < peek(p, 1):
            first, last = task * 16, min(peek(p, 5), task * 16 + 16)
            keys = peek(p, 8) + (first if peek(p, 10) else 16 * seat) * row
            read_keys(key, u + first * u_sample, u_sample, u_row, keys, row, last - first, n, size)
            for b in range(last - first):
                least, ties = threshold(key, keys + b * row, n, k, magnitude)
                mark(pointer(key, keys + b * row), n, least, ties)
            write_winners(
                key, u + first * u_sample, u_sample, u_row, keys, row, out + first * out_sample, out_sample, out_row,
                last - first, n, size,
            )  # fmt: skip
            task = take_task(p)

    return winners


@njit
def read_keys(key, u, u_sample, u_row, keys, row, batch, n, size):
    """Turn numbers into integers of the same order: negative ones order backwards, so their other bits are flipped."""
    sign, magnitude = 8 * size - 1, (1 << (8 * size - 1)) - 1
    if u_row == size:
        for b in range(batch):
            source, target = pointer(key, u + b * u_sample), pointer(key, keys + b * row)
            for i in range(n):
                target[i] = source[i] ^ ((source[i] >> sign) & magnitude)
    else:
        for i in range(n):
            for b in range(batch):
                bits = pointer(key, u + b * u_sample + i * u_row)[0]
                pointer(key, keys + b * row)[i] = bits ^ ((bits >> sign) & magnitude)


@njit
def write_winners(key, u, u_sample, u_row, keys, row, out, out_sample, out_row, batch, n, size):
    """Keep the numbers whose keys are all ones."""
    if u_row == size:
        for b in range(batch):
            source, mask = pointer(key, u + b * u_sample), pointer(key, keys + b * row)
            target = pointer(key, out + b * out_sample)
            for i in range(n):
                target[i] = source[i] & mask[i]
    else:
        for i in range(n):
            for b in range(batch):
                value = pointer(key, u + b * u_sample + i * u_row)[0] & pointer(key, keys + b * row)[i]
                pointer(key, out + b * out_sample + i * out_row)[0] = value


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


@njit
def mark(keys, n, least, ties):
    """Turn the keys of winners into all ones and the others into zero."""
    if ties >= n:
        for i in range(n):
            keys[i] = -(keys[i] >= least)
        return
    for i in range(n):
        tied = keys[i] == least
        keys[i] = -((keys[i] > least) | (tied & (ties > 0)))
        ties -= tied


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


def _bytes(t: Tensor, axis: int) -> int:
    return t.stride(axis) * t.element_size()
