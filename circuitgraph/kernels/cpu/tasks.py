"""How compiled loops get their parameters and their tasks."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from circuitgraph.machine_code import named_by_source

_I64 = ir.IntType(64)
_TYPES = {"f4": types.float32, "f8": types.float64, "u2": types.uint16, "u4": types.uint32, "i4": types.int32,
          "u8": types.uint64, "i8": types.int64}  # fmt: skip

FAST = {"contract", "reassoc", "nsz"}
"""What machine code may change: products and sums may be fused and sums reordered, but NaN and infinity stay right."""


@dataclass(frozen=True)
class Loop:
    """Machine code that takes tasks until none is left, and the names of its parameters from number 2 on.

    It is a C function of the address of its parameters, 64-bit integers: 0 is the address of what `take_task` needs, 1
    the number of tasks.  A task writes what no other task writes, and its sums have a fixed order, so that results do
    not depend on the number of threads, nor on which of them does it.
    """

    code: Any
    names: tuple[str, ...]

    @property
    def address(self) -> int:
        """Say where the machine code begins."""
        found: int = self.code.address
        return found


def loop(names: str) -> Callable[[Callable[..., Callable[[int], None]]], Callable[..., Loop]]:
    """Decorate a factory of loops: what it makes is compiled at first use and kept on disk, once for each argument.

    `names` lists the loop's parameters, from number 2 on.
    """

    def decorate(make: Callable[..., Callable[[int], None]]) -> Callable[..., Loop]:
        compiled = cfunc(types.void(types.intp), cache=True, fastmath=FAST)

        @cache
        def made(*arguments: Any) -> Loop:
            return Loop(compiled(named_by_source(make(*arguments))), tuple(names.split()))

        return made

    return decorate


@intrinsic
def peek(context: Any, address: Any, index: Any) -> Any:
    """Read entry `index` of 64-bit integers at an address."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load(b.gep(b.inttoptr(arguments[0], _I64.as_pointer()), [arguments[1]]))

    return types.intp(types.intp, types.intp), generate


@intrinsic(prefer_literal=True)
def pointer(context: Any, kind: Any, address: Any) -> Any:
    """See an address as a pointer to numbers of a type, "f4" to "i8"; read and write as p[i]."""
    result = types.CPointer(_TYPES[kind.literal_value])

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.inttoptr(arguments[1], context.get_value_type(result))

    return result(kind, types.intp), generate


def ask_for(b: Any, place: Any, write: int) -> None:
    """Emit a request for the cache line of a pointer, which is soon to be read (0) or written (1)."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    ask = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0")
    b.call(ask, [b.bitcast(place, byte), word(write), word(3), word(1)])


@intrinsic(prefer_literal=True)
def prefetch(context: Any, address: Any, write: Any) -> Any:
    """Ask for the cache line of an address, which is soon to be read (0) or written (1); it may be any address."""
    soon = write.literal_value

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        ask_for(b, b.inttoptr(arguments[0], ir.IntType(8).as_pointer()), soon)
        return context.get_dummy_value()

    return types.void(types.intp, write), generate


@intrinsic
def count_on(context: Any, address: Any) -> Any:
    """Give the number at an address, to nobody else, and leave one more there."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.atomic_rmw("add", b.inttoptr(arguments[0], _I64.as_pointer()), _I64(1), "monotonic")

    return types.intp(types.intp), generate


@intrinsic
def _ask(context: Any, function: Any) -> Any:
    """Call a C function without arguments that gives an int."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        return b.sext(b.call(b.inttoptr(arguments[0], kind.as_pointer()), []), _I64)

    return types.intp(types.intp), generate


LINE = 8
"""64-bit integers in a cache line."""


def shares(threads: int, number: int) -> "array[int]":
    """Make what `take_task` needs: a counter for each thread, and a C function that says which thread asks, or 0."""
    return array("q", [threads, number] + [0] * (LINE * (threads + 1) - 2))


@njit
def take_task(p):
    """Take a task that nobody else gets; from the number of tasks on there is none left.

    Each thread has a share, side by side, and helps another when it is done.  From call to call a thread so works on
    the same rows, which it finds in its own cache: to get them from that of another core takes 10 times as long.
    """
    mine, tasks = peek(p, 0), peek(p, 1)
    threads, number = peek(mine, 0), peek(mine, 1)
    asks = _ask(number) if number else 0
    for k in range(threads):
        share = (asks + k) % threads
        task = share * tasks // threads + count_on(mine + 8 * LINE * (share + 1))
        if task < (share + 1) * tasks // threads:
            return task
    return tasks
