"""Which entries of a row are there, one bit each: 16 at a time go between a matrix and the list of its entries."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from circuitgraph.kernels.cpu.lanes import I16, I32, I64, features
from circuitgraph.kernels.cpu.tasks import loop, peek, take_task
from circuitgraph.machine_code import kept

ROWS = 16
"""Rows in one task."""
_NUMBERS, _BITS = ir.VectorType(ir.FloatType(), 16), ir.VectorType(ir.IntType(1), 16)


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
def squeeze(context: Any, numbers: Any, bits: Any, words: Any, out: Any, end: Any) -> Any:
    """Copy the numbers whose bits are set to `out`, side by side; nothing is written from `end` on."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        numbers, bits, words, out, end = arguments
        kind = ir.FunctionType(_NUMBERS, [_NUMBERS, _NUMBERS, _BITS])
        compress = b.module.declare_intrinsic("llvm.x86.avx512.mask.compress.v16f32", (), kind)

        def move(word: Any, at: Any, there: Any) -> None:
            found = b.load(b.inttoptr(b.add(numbers, b.mul(word, I64(64))), _NUMBERS.as_pointer()))
            found.align = 4
            found = b.call(compress, [found, ir.Constant(_NUMBERS, [0.0] * 16), there])
            left = b.ashr(b.sub(end, at), I64(2))
            with b.if_else(b.icmp_signed(">=", left, I64(16))) as (inside, at_the_end):
                with inside:
                    b.store(found, b.inttoptr(at, _NUMBERS.as_pointer())).align = 4
                with at_the_end:
                    _store_first(b, found, at, left)

        _each_word(b, bits, words, out, move)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


@intrinsic
def expand(context: Any, values: Any, bits: Any, words: Any, out: Any, step: Any) -> Any:
    """Copy numbers that lie side by side to where bits are set in `out`, zero to where they are not.

    `step` is the distance of one word's 16 numbers from the next's, in bytes.
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        values, bits, words, out, step = arguments
        single = ir.FloatType().as_pointer()
        kind = ir.FunctionType(_NUMBERS, [single, _BITS, _NUMBERS])
        load = b.module.declare_intrinsic("llvm.masked.expandload.v16f32", (), kind)

        def move(word: Any, at: Any, there: Any) -> None:
            found = b.call(load, [b.inttoptr(at, single), there, ir.Constant(_NUMBERS, [0.0] * 16)])
            target = b.inttoptr(b.add(out, b.mul(word, step)), _NUMBERS.as_pointer())
            b.store(found, target).align = 4

        _each_word(b, bits, words, values, move)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), generate


def _each_word(b: Any, bits: Any, words: Any, listed: Any, move: Callable[[Any, Any, Any], None]) -> None:
    """Emit a loop over words of bits; `listed` moves on by as many numbers as bits are set."""
    place = cgutils.alloca_once_value(b, listed)
    with cgutils.for_range_slice(b, I64(0), words, I64(1), I64) as (word, _):
        there = b.load(b.gep(b.inttoptr(bits, I16.as_pointer()), [word]))
        at = b.load(place)
        move(word, at, b.bitcast(there, _BITS))
        b.store(b.add(at, b.mul(b.zext(b.ctpop(there), I64), I64(4))), place)


def _store_first(b: Any, numbers: Any, at: Any, count: Any) -> None:
    """Emit a store of the first numbers, fewer than 16."""
    words = ir.VectorType(I32, 16)
    single = b.insert_element(ir.Constant(words, ir.Undefined), b.trunc(count, I32), I32(0))
    many = b.shuffle_vector(single, ir.Constant(words, ir.Undefined), ir.Constant(words, [0] * 16))
    kind = ir.FunctionType(ir.VoidType(), [_NUMBERS, _NUMBERS.as_pointer(), I32, _BITS])
    store = cgutils.get_or_insert_function(b.module, kind, "llvm.masked.store.v16f32.p0")
    there = b.icmp_unsigned("<", ir.Constant(words, list(range(16))), many)
    b.call(store, [numbers, b.inttoptr(at, _NUMBERS.as_pointer()), I32(4), there])
