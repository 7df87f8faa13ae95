"""Activity in tiles, the samples of each neuron side by side: (tiles, neurons, lanes)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.lanes import I32, I64
from circuitgraph.kernels.cpu.tasks import loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run

WORDS = {2: "u2", 4: "u4", 8: "u8"}
LINE, NEURONS = 64, 128
"""Bytes of a cache line, and neurons in one task."""


@dataclass(frozen=True)
class Part:
    """Samples from `start` on, in `tiles` tiles of `lanes`."""

    start: int
    tiles: int
    lanes: int

    @property
    def end(self) -> int:
        """Say where the last tile ends, which may be beyond the batch."""
        return self.start + self.tiles * self.lanes


def tiles_of(batch: int, lanes: tuple[int, ...]) -> Iterator[Part]:
    """Cut a batch into tiles of the most lanes, and the rest into few of which less than a quarter is empty.

    Example:
        >>> list(tiles_of(130, (16, 32, 64)))
        [Part(start=0, tiles=2, lanes=64), Part(start=128, tiles=1, lanes=16)]
        >>> [part.lanes for part in tiles_of(48, (16, 32, 64))]
        [32, 16]
    """
    start = 0
    while start < batch:
        rest = batch - start
        size = next((n for n in lanes if n >= rest), lanes[-1])
        if 4 * rest <= 3 * size and size // 4 in lanes:
            size //= 2
        part = Part(start, max(1, rest // size), size)
        yield part
        start = part.end


def pack(x: Tensor, part: Part, *, in_place: bool) -> Tensor:
    """Copy samples into tiles, zeros beyond the batch; what is one already is not copied.

    With `in_place`, tiles may lie side by side in neuron-major activity: each is then spread over more of the cache
    than it fills, which costs more than the copy where rows are read often.  Shape: x (B, N) -> (tiles, N, lanes).
    """
    here = x[part.start : part.end]
    neuron_major = here.shape[0] == part.lanes * part.tiles and here.stride(0) == 1 and here.stride(1) >= here.shape[0]
    if neuron_major and (in_place or part.tiles == 1):
        return here.as_strided((part.tiles, here.shape[1], part.lanes), (part.lanes, here.stride(1), 1))
    out = x.new_empty(part.tiles, x.shape[1], part.lanes)
    size = x.element_size()
    run(
        pack_loop(WORDS[size], part.lanes),
        part.tiles * -(-x.shape[1] // NEURONS),
        x=here.data_ptr(), x_sample=x.stride(0) * size, x_row=x.stride(1) * size, batch=here.shape[0],
        neurons=x.shape[1], out=out.data_ptr(), out_tile=out.stride(0) * size,
    )  # fmt: skip
    return out


@loop("x x_sample x_row batch neurons out out_tile")
def pack_loop(word: str, lanes: int) -> Callable[[int], None]:
    """Copy activity into tiles (tiles, neurons, lanes), zero where the batch ends; tasks are (tile, NEURONS neurons).

    Where a sample's neurons lie side by side, whole lines of memory are read and written.
    """
    size = int(word[1])
    whole, wide = LINE // size, min(16, LINE // size)
    samples = min(whole, lanes)

    def pack(p: int) -> None:
        x_sample, x_row, batch, neurons = peek(p, 3), peek(p, 4), peek(p, 5), peek(p, 6)
        chunks = (neurons + NEURONS - 1) // NEURONS
        task = take_task(p)
        while task < peek(p, 1):
            tile, first = task // chunks, NEURONS * (task % chunks)
            x, out = peek(p, 2) + tile * lanes * x_sample, peek(p, 7) + tile * peek(p, 8)
            last, here = min(neurons, first + NEURONS), min(lanes, batch - tile * lanes)
            for b in range(0, lanes, samples):
                n = first
                if x_row == size and b + whole <= here:
                    while n + wide <= last:
                        turn(word, x + b * x_sample + n * size, x_sample, out + (n * lanes + b) * size, lanes * size)
                        n += wide
                while n < last:
                    to = pointer(word, out + (n * lanes + b) * size)
                    for i in range(samples):
                        if b + i < here:
                            to[i] = pointer(word, x + (b + i) * x_sample + n * x_row)[0]
                        else:
                            to[i] = 0
                    n += 1
            task = take_task(p)

    return pack


@intrinsic(prefer_literal=True)
def turn(context: Any, word: Any, x: Any, x_sample: Any, out: Any, out_row: Any) -> Any:
    """Turn a block of samples by neurons: one line of memory is written for each of 16 neurons, or 8 of 64 bits.

    Words of 16 bits are joined two by two on the way.
    """
    size = int(word.literal_value[1])
    wide = min(16, LINE // size)
    many = ir.VectorType(I64 if size == 8 else I32, wide)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        x, x_sample, out, out_row = arguments[1:]

        def read(sample: int) -> Any:
            kind = ir.VectorType(ir.IntType(8 * size), wide)
            found = b.load(b.inttoptr(b.add(x, b.mul(x_sample, I64(sample))), kind.as_pointer()))
            found.align = size
            return found

        def pair(sample: int) -> Any:
            low, high = (b.zext(read(sample + i), many) for i in range(2))
            return b.or_(low, b.shl(high, ir.Constant(many, [16] * wide)))

        rows = [pair(2 * i) if size == 2 else read(i) for i in range(wide)]
        far = wide // 2
        while far:
            for i in range(wide):
                if not i & far:
                    rows[i], rows[i + far] = swap(b, rows[i], rows[i + far], far)
            far //= 2
        for i, row in enumerate(rows):
            b.store(row, b.inttoptr(b.add(out, b.mul(out_row, I64(i))), many.as_pointer())).align = size
        return context.get_dummy_value()

    return types.void(word, *[types.intp] * 4), generate


def swap(b: Any, low: Any, high: Any, far: int) -> tuple[Any, Any]:
    """Exchange blocks of `far` lanes: the odd ones of one vector for the even ones of another."""
    n = low.type.count
    first = [n + i - far if i & far else i for i in range(n)]
    second = [n + i if i & far else i + far for i in range(n)]
    return tuple(b.shuffle_vector(low, high, ir.Constant(ir.VectorType(I32, n), m)) for m in (first, second))
