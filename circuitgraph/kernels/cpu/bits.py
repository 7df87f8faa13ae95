"""Which entries of a row are there, one bit each: 16 at a time go between a matrix and the list of its entries."""

from collections.abc import Callable
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from circuitgraph.kernels.cpu.lanes import FUSE, I16, I32, I64, features
from circuitgraph.kernels.cpu.tasks import loop, peek, take_task
from circuitgraph.machine_code import kept

ROWS = 16
"""Rows in one task."""
_NUMBERS, _BITS = ir.VectorType(ir.FloatType(), 16), ir.VectorType(ir.IntType(1), 16)
_NONE = ir.Constant(_NUMBERS, [0.0] * 16)


@cache
def has_bits() -> bool:
    """Tell whether this processor moves the entries that bits name in one step."""
    return "avx512f" in features()


def bits_of(begins: np.ndarray, cols: np.ndarray, n_cols: int) -> np.ndarray:
    """Set a bit for each entry.  Shape: (R + 1,), (E,) -> (R, words of 16 columns) uint16."""
    bits = np.zeros((len(begins) - 1, -(-n_cols // 16)), np.uint16)
    _set(begins, cols, bits)
    return bits


@kept()
def _set(begins, cols, bits):
    for r in range(len(begins) - 1):
        for e in range(begins[r], begins[r + 1]):
            c = np.int64(cols[e])
            bits[r, c >> 4] |= np.uint16(1 << (c & 15))


@loop("matrix rows columns begins bits values")
def expand_loop() -> Callable[[int], None]:
    """Write rows of a matrix of float32, whole words of 16 columns: `values`, and zero between; tasks are some rows."""

    def fill(p: int) -> None:
        rows, columns, begins, bits = peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        task = take_task(p)
        while task < peek(p, 1):
            for r in range(task * ROWS, min(rows, (task + 1) * ROWS)):
                values, words = peek(p, 7) + 4 * peek(begins, r), columns // 16
                expand(values, bits + 2 * words * r, words, peek(p, 2) + 4 * columns * r, 64)
            task = take_task(p)

    return fill


@intrinsic
def squeeze(context: Any, numbers: Any, bits: Any, words: Any, out: Any, end: Any, factor: Any) -> Any:
    """Write the numbers whose bits are set, times a factor, to `out`, side by side; nothing from `end` on.

    No other number is read.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        numbers, bits, words, out, end, factor = arguments
        factors = _broadcast(b, factor)
        kind = ir.FunctionType(_NUMBERS, [_NUMBERS, _NUMBERS, _BITS])
        compress = b.module.declare_intrinsic("llvm.x86.avx512.mask.compress.v16f32", (), kind)

        def move(word: Any, at: Any, there: Any) -> None:
            found = _load(b, "masked.load", b.add(numbers, b.mul(word, I64(64))), there)
            found = b.call(compress, [b.fmul(found, factors), _NONE, there])
            left = b.ashr(b.sub(end, at), I64(2))
            with b.if_else(b.icmp_signed(">=", left, I64(16))) as (inside, at_the_end):
                with inside:
                    b.store(found, b.inttoptr(at, _NUMBERS.as_pointer())).align = 4
                with at_the_end:
                    _store_first(b, found, at, left)

        _each_word(b, bits, words, out, move)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5, types.float32), generate


@intrinsic
def expand(context: Any, values: Any, bits: Any, words: Any, out: Any, step: Any) -> Any:
    """Copy numbers that lie side by side to where bits are set in `out`, zero to where they are not.

    `step` is the distance of one word's 16 numbers from the next's, in bytes.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, bits, words, out, step = arguments

        def move(word: Any, at: Any, there: Any) -> None:
            found = _load(b, "masked.expandload", at, there)
            target = b.inttoptr(b.add(out, b.mul(word, step)), _NUMBERS.as_pointer())
            b.store(found, target).align = 4

        _each_word(b, bits, words, values, move)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def expand_dot(context: Any, values: Any, bits: Any, words: Any, x: Any) -> Any:
    """Sum numbers that lie side by side, each times what `x` holds where its bit is set; no more of x is read."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, bits, words, x = arguments
        totals = [cgutils.alloca_once_value(b, _NONE) for _ in range(4)]  # a sum waits for itself
        turn = cycle(totals)

        def add(word: Any, at: Any, there: Any) -> None:
            held = _load(b, "masked.load", b.add(x, b.mul(word, I64(64))), there)
            _add_product(b, next(turn), _load(b, "masked.expandload", at, there), held)

        _each_word(b, bits, words, values, add, by=len(totals))
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), _NUMBERS])
        reduce = cgutils.get_or_insert_function(b.module, kind, "llvm.vector.reduce.fadd.v16f32")
        first, second, third, last = map(b.load, totals)
        total = b.fadd(b.fadd(first, second), b.fadd(third, last))
        return b.call(reduce, [ir.Constant(ir.FloatType(), -0.0), total], fastmath=["reassoc"])

    return types.float32(*[types.intp] * 4), generate


@intrinsic(prefer_literal=True)
def expand_rows(
    context: Any, count: Any, begins: Any, values: Any, bits: Any, line: Any, words: Any, factors: Any, out: Any
) -> Any:
    """out[column] += sum over `count` rows of factors[row] * the row's number in this column, if its bit is set.

    There are `words` times 16 columns; `begins` holds where each row's numbers begin, `line` is the stride of bits
    from row to row, in bytes.
    """
    rows = range(count.literal_value)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        begins, values, bits, line, words, factors, out = arguments[1:]
        starts = [b.load(b.gep(b.inttoptr(begins, I64.as_pointer()), [I64(r)])) for r in rows]
        places = [cgutils.alloca_once_value(b, b.add(values, b.mul(start, I64(4)))) for start in starts]
        held = [b.load(b.gep(b.inttoptr(factors, ir.FloatType().as_pointer()), [I64(r)])) for r in rows]
        weights, mine = [_broadcast(b, f) for f in held], [b.add(bits, b.mul(line, I64(r))) for r in rows]
        with cgutils.for_range_slice(b, I64(0), words, I64(1), I64) as (word, _):
            target = b.inttoptr(b.add(out, b.mul(word, I64(64))), _NUMBERS.as_pointer())
            total = cgutils.alloca_once(b, _NUMBERS)
            before = b.load(target)
            before.align = 4
            b.store(before, total)
            for r in rows:
                there = b.load(b.gep(b.inttoptr(mine[r], I16.as_pointer()), [word]))
                at = b.load(places[r])
                _add_product(b, total, _load(b, "masked.expandload", at, b.bitcast(there, _BITS)), weights[r])
                b.store(_after(b, at, there), places[r])
            b.store(b.load(total), target).align = 4
        return context.get_dummy_value()

    return types.void(count, *[types.intp] * 7), generate


def _each_word(b: Any, bits: Any, words: Any, listed: Any, move: Callable[..., None], by: int = 1) -> None:
    """Emit a loop over words of bits, `by` at a time; `listed` moves on by as many numbers as bits are set."""
    place = cgutils.alloca_once_value(b, listed)

    def each(word: Any) -> None:
        there, at = b.load(b.gep(b.inttoptr(bits, I16.as_pointer()), [word])), b.load(place)
        move(word, at, b.bitcast(there, _BITS))
        b.store(_after(b, at, there), place)

    whole = b.sub(words, b.srem(words, I64(by)))
    with cgutils.for_range_slice(b, I64(0), whole, I64(by), I64) as (word, _):
        for i in range(by):
            each(b.add(word, I64(i)))
    if by > 1:
        with cgutils.for_range_slice(b, whole, words, I64(1), I64) as (word, _):
            each(word)


def _after(b: Any, at: Any, there: Any) -> Any:
    """Emit where numbers go on, after as many as bits are set."""
    return b.add(at, b.mul(b.zext(b.ctpop(there), I64), I64(4)))


def _store_first(b: Any, numbers: Any, at: Any, count: Any) -> None:
    """Emit a store of the first numbers, fewer than 16."""
    words = ir.VectorType(I32, 16)
    many = _broadcast(b, b.trunc(count, I32))
    kind = ir.FunctionType(ir.VoidType(), [_NUMBERS, _NUMBERS.as_pointer(), I32, _BITS])
    store = cgutils.get_or_insert_function(b.module, kind, "llvm.masked.store.v16f32.p0")
    there = b.icmp_unsigned("<", ir.Constant(words, list(range(16))), many)
    b.call(store, [numbers, b.inttoptr(at, _NUMBERS.as_pointer()), I32(4), there])


def _broadcast(b: Any, number: Any) -> Any:
    """Emit a vector that holds a number 16 times."""
    kind = ir.VectorType(number.type, 16)
    none, first = ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(I32, 16), [0] * 16)
    return b.shuffle_vector(b.insert_element(none, number, I32(0)), none, first)


def _load(b: Any, name: str, address: Any, there: Any) -> Any:
    """Emit a load of numbers whose bits are set, zero where they are not: from their places, or from side by side."""
    if name == "masked.load":
        kind = ir.FunctionType(_NUMBERS, [_NUMBERS.as_pointer(), I32, _BITS, _NUMBERS])
        load = cgutils.get_or_insert_function(b.module, kind, "llvm.masked.load.v16f32.p0")
        return b.call(load, [b.inttoptr(address, _NUMBERS.as_pointer()), I32(4), there, _NONE])
    single = ir.FloatType().as_pointer()
    kind = ir.FunctionType(_NUMBERS, [single, _BITS, _NUMBERS])
    load = b.module.declare_intrinsic("llvm.masked.expandload.v16f32", (), kind)
    return b.call(load, [b.inttoptr(address, single), there, _NONE])


def _add_product(b: Any, total: Any, one: Any, other: Any) -> None:
    """Emit total += one * other."""
    b.store(b.fadd(b.fmul(one, other, flags=FUSE), b.load(total), flags=FUSE), total)
