"""Synapses in tiles, the activity of both ends in the first caches: index, and loops over one sample after another.

A tile is where a strip of postsynaptic neurons meets a block of presynaptic ones; within it, an end takes two bytes.
Tasks are strips in `push`, `pair` and `change`, blocks in `pull`: no task writes what another one writes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.lanes import FUSE, I32, I64, features
from circuitgraph.kernels.cpu.tasks import FAST, ask_for, loop, peek, pointer, take_task
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wiring import VALUES, Indices, shared
from circuitgraph.machine_code import kept

STRIP_BITS, BLOCK_BITS = 12, 14
STRIP, BLOCK = 1 << STRIP_BITS, 1 << BLOCK_BITS
"""Those of `circuitgraph.topologies.tiles`, written again: machine code on disk is renewed when its own file changes,
but not when another one does that it takes constants from."""
HIGH, LOW = np.uint32(16), np.uint32((1 << 16) - 1)
RUN, AHEAD = 16, 4096
"""Synapses that are added up in one go, and how many of them ahead memory is asked for."""


class Tiles(Indices):
    """Synapses tile by tile.  Shape: pre, post (E,) neuron indices of any type, in the order of tiles.

    `begins` (strips, blocks + 1) says where each tile's synapses begin, `ends` (E,) where in its tile each has its
    presynaptic end (upper 16 bits) and its postsynaptic one (lower 16).
    """

    begins: Tensor
    ends: Tensor

    def __init__(self, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> None:
        super().__init__()
        self.n_pre, self.n_post = n_pre, n_post
        begins = np.zeros((max(1, -(-n_post // STRIP)), max(1, -(-n_pre // BLOCK)) + 1), np.int64)
        ends = np.empty(len(pre), np.uint32)
        _fill(pre, post, begins, ends)
        self.register_buffer("begins", shared(begins), persistent=False)
        self.register_buffer("ends", shared(ends), persistent=False)

    def push(self, x: Tensor, w: Tensor) -> Tensor:
        """Sum w[e] * x[:, pre[e]] over each postsynaptic neuron.  Shape: x (B, n_pre), w (E,) -> (B, n_post)."""
        return self._sum(x, w, self.n_post, len(self.begins), "post")

    def pull(self, g: Tensor, w: Tensor) -> Tensor:
        """Sum w[e] * g[:, post[e]] over each presynaptic neuron.  Shape: g (B, n_post), w (E,) -> (B, n_pre)."""
        return self._sum(g, w, self.n_pre, self.begins.shape[1] - 1, "pre")

    def _sum(self, x: Tensor, w: Tensor, size: int, tasks: int, onto: str) -> Tensor:
        rows = x.to(w.dtype).contiguous()
        out = rows.new_empty(len(x), size)
        run(
            _sum_loop(VALUES[w.dtype], onto), tasks,
            x=rows.data_ptr(), out=out.data_ptr(), w=w.data_ptr(), **self._index, batch=len(x),
        )  # fmt: skip
        return out

    def pair(self, x: Tensor, g: Tensor, out: Tensor) -> None:
        """Sum x[b, pre[e]] * g[b, post[e]] over samples.  Shape: x (B, n_pre), g (B, n_post), out (E,)."""
        x, g = (t.to(out.dtype).contiguous() for t in (x, g))
        run(
            _pair_loop(VALUES[out.dtype]), len(self.begins),
            x=x.data_ptr(), g=g.data_ptr(), out=out.data_ptr(), **self._index, batch=len(x),
        )  # fmt: skip

    def change(
        self, x: Tensor, g: Tensor, w: Tensor, *, keep: Tensor, add: Tensor | None, unit_norm: bool
    ) -> Callable[[], None]:
        """Prepare w[e] = keep[m] * w[e] + add[m] + sum over b of x[b, pre[e]] * g[b, m], where m = post[e].

        With `unit_norm`, each neuron's weights are then divided by their Euclidean norm (0 stays 0).
        Shape: x (B, n_pre), g (B, n_post), keep and add (n_post,), w (E,), all of one type, B at least 1.
        """
        x, g, keep = (t.contiguous() for t in (x, g, keep))
        add = keep[:0] if add is None else add.contiguous()
        norm = torch.empty_like(keep) if unit_norm else keep[:0]

        def commit() -> None:
            run(
                _change_loop(VALUES[w.dtype]), len(self.begins),
                x=x.data_ptr(), g=g.data_ptr(), w=w.data_ptr(), **self._index, batch=len(x), keep=keep.data_ptr(),
                add=add.data_ptr() if len(add) else 0, norm=norm.data_ptr() if unit_norm else 0,
            )  # fmt: skip

        return commit

    @property
    def _index(self) -> dict[str, int]:
        return {
            "begins": self.begins.data_ptr(), "strips": len(self.begins), "blocks": self.begins.shape[1] - 1,
            "ends": self.ends.data_ptr(), "n_pre": self.n_pre, "n_post": self.n_post,
        }  # fmt: skip


def empty(size: int, dtype: torch.dtype) -> Tensor:
    """Make room for a number a synapse, as numpy does: in huge pages, and where an array of the same size was freed.

    What torch allocates is aligned, for which glibc needs a larger gap: memory would grow by hundreds of megabytes.
    """
    return torch.from_numpy(np.empty(size, VALUES[dtype]))


def in_tiles(pre: np.ndarray, post: np.ndarray) -> bool:
    """Tell whether pairs are listed tile after tile, in any order within each.

    Example:
        >>> in_tiles(np.array([3, 0]), np.array([7, 9])), in_tiles(np.array([0, 0]), np.array([9000, 0]))
        (True, False)
    """
    return bool(_in_tiles(pre, post))


@kept()
def _in_tiles(pre, post):
    strip = block = 0
    for e in range(len(post)):
        s, k = post[e] >> STRIP_BITS, pre[e] >> BLOCK_BITS
        if s < strip or (s == strip and k < block):
            return False
        strip, block = s, k
    return True


@kept()
def _fill(pre, post, begins, ends):
    for e in range(len(pre)):
        begins[post[e] >> STRIP_BITS, (pre[e] >> BLOCK_BITS) + 1] += 1
        ends[e] = (pre[e] & (BLOCK - 1)) << 16 | post[e] & (STRIP - 1)
    found = 0
    for s in range(len(begins)):
        begins[s, 0] = found
        for k in range(1, begins.shape[1]):
            found += begins[s, k]
            begins[s, k] = found


@intrinsic
def _add_run(
    context: Any, x: Any, out: Any, w: Any, ends: Any, begin: Any, soon: Any, source: Any, target: Any
) -> Any:  # fmt: skip
    """out[target end] += w * x[source end] for RUN synapses from `begin` on; ask for what is listed from `soon` on.

    `source` and `target` say by how many bits a pair of ends is shifted to the right for each.  A core loads two
    floating point numbers at a time, and each synapse has to read and write the activity at its ends; so weights are
    read 16 bytes at a time, and ends two by two.
    """
    size, whole = x.dtype.bitwidth // 8, "sse3" in features()

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        x, out, w, ends, begin, soon, source, target = arguments
        lanes = ir.VectorType(context.get_value_type(signature.args[0].dtype), 16 // size)
        bytes_, byte = ir.VectorType(ir.IntType(8), 16), ir.IntType(8).as_pointer()

        def weights(first: int) -> Any:
            place = b.gep(w, [b.add(begin, I64(first))])
            if whole:  # an ordinary load would be taken apart again
                load = b.module.declare_intrinsic("llvm.x86.sse3.ldu.dq", (), ir.FunctionType(bytes_, [byte]))
                return b.bitcast(b.call(load, [b.bitcast(place, byte)]), lanes)
            return aligned(b.load(b.bitcast(place, lanes.as_pointer())), size)

        def end(base: Any, pair: Any, shift: Any) -> Any:
            return b.gep(base, [b.and_(b.lshr(pair, shift), I64(0xFFFF))])

        for line in range(0, RUN, 64 // size):
            ask_for(b, b.gep(w, [b.add(soon, I64(line))]), 0)
        ask_for(b, b.gep(ends, [soon]), 0)
        for first in range(0, RUN, lanes.count):
            four, products = weights(first), []
            for k in range(0, lanes.count, 2):
                place = b.gep(ends, [b.add(begin, I64(first + k))])
                both = aligned(b.load(b.bitcast(place, I64.as_pointer())), 4)
                for i, pair in enumerate((both, b.lshr(both, I64(32)))):
                    product = b.fmul(b.extract_element(four, I32(k + i)), b.load(end(x, pair, source)), flags=FUSE)
                    products.append((end(out, pair, target), product))
            for place, product in products:
                b.store(b.fadd(product, b.load(place), flags=FUSE), place)
        return context.get_dummy_value()

    return types.void(x, out, w, ends, *[types.int64] * 4), generate


def aligned(read: Any, size: int) -> Any:
    """Say to how many bytes the address of a load is aligned."""
    read.align = size
    return read


@njit(fastmath=FAST)
def _add_tile(x, out, w, ends, source, target, begin, end, after):
    """Add up a tile, from the ends at `source` onto those at `target`; `after` begins the tile that comes next."""
    while begin + RUN <= end:
        soon = begin + AHEAD
        _add_run(x, out, w, ends, begin, soon if soon < end else after + (soon - end), source, target)
        begin += RUN
    for e in range(begin, end):
        out[ends[e] >> target & LOW] += w[e] * x[ends[e] >> source & LOW]


@loop("x out w begins strips blocks ends n_pre n_post batch")
def _sum_loop(value: str, onto: str) -> Callable[[int], None]:
    """Sum onto the neurons of one side; tasks are strips of it, or blocks."""
    size, forth = int(value[1]), onto == "post"
    source, target = (16, 0) if forth else (0, 16)

    def add_up(p: int) -> None:
        begins, strips, blocks = peek(p, 5), peek(p, 6), peek(p, 7)
        w, ends = pointer(value, peek(p, 4)), pointer("u4", peek(p, 8))
        n_pre, n_post, batch = peek(p, 9), peek(p, 10), peek(p, 11)
        task = take_task(p)
        while task < peek(p, 1):
            if forth:
                tiles, n_in, n_out, width = blocks, n_pre, n_post, STRIP
            else:
                tiles, n_in, n_out, width = strips, n_post, n_pre, BLOCK
            first = task * width
            for b in range(batch):
                _clear(pointer(value, peek(p, 3) + size * (b * n_out + first)), min(width, n_out - first))
            for tile in range(tiles):
                if forth:
                    at, begun, step = begins + 8 * (task * (blocks + 1) + tile), tile * BLOCK, 8
                else:
                    at, begun, step = begins + 8 * (tile * (blocks + 1) + task), tile * STRIP, 8 * (blocks + 1)
                after = peek(at + step, 0) if tile + 1 < tiles else peek(at, 1)
                for b in range(batch):
                    x = pointer(value, peek(p, 2) + size * (b * n_in + begun))
                    out = pointer(value, peek(p, 3) + size * (b * n_out + first))
                    _add_tile(x, out, w, ends, source, target, peek(at, 0), peek(at, 1), after)
            task = take_task(p)

    return add_up


@loop("x g out begins strips blocks ends n_pre n_post batch")
def _pair_loop(value: str) -> Callable[[int], None]:
    """Correlate both ends of every synapse; tasks are strips."""
    size = int(value[1])

    def pair(p: int) -> None:
        out, blocks, ends, batch = pointer(value, peek(p, 4)), peek(p, 7), pointer("u4", peek(p, 8)), peek(p, 11)
        task = take_task(p)
        while task < peek(p, 1):
            for block in range(blocks):
                at = peek(p, 5) + 8 * (task * (blocks + 1) + block)
                for b in range(batch):
                    x = pointer(value, peek(p, 2) + size * (b * peek(p, 9) + block * BLOCK))
                    g = pointer(value, peek(p, 3) + size * (b * peek(p, 10) + task * STRIP))
                    if b == 0:
                        for e in range(peek(at, 0), peek(at, 1)):
                            out[e] = x[ends[e] >> HIGH] * g[ends[e] & LOW]
                    else:
                        _add_pairs(out, ends, peek(at, 0), peek(at, 1), x, g)
            task = take_task(p)

    return pair


@njit(fastmath=FAST)
def _change_tile(w, ends, begin, end, x, g, keep, add, shifted):
    """Change weights by the first sample, and by what does not depend on samples."""
    if shifted:
        for e in range(begin, end):
            m = ends[e] & LOW
            w[e] = keep[m] * w[e] + (add[m] + x[ends[e] >> HIGH] * g[m])
    else:
        for e in range(begin, end):
            m = ends[e] & LOW
            w[e] = keep[m] * w[e] + x[ends[e] >> HIGH] * g[m]


@njit(fastmath=FAST)
def _add_pairs(w, ends, begin, end, x, g):
    for e in range(begin, end):
        w[e] += x[ends[e] >> HIGH] * g[ends[e] & LOW]


@njit(fastmath=FAST)
def _add_squares(w, ends, begin, end, norm):
    for e in range(begin, end):
        norm[ends[e] & LOW] += w[e] * w[e]


@njit
def _clear(out, size):
    for i in range(size):
        out[i] = 0


@njit(fastmath=FAST)
def _scale(w, ends, begin, end, norm, width):
    """Divide the weights of a strip by the norm of their neuron's, whose squares are given."""
    for i in range(width):
        norm[i] = 1 / np.sqrt(norm[i]) if norm[i] > 0 else norm[i]
    for e in range(begin, end):
        w[e] *= norm[ends[e] & LOW]


@loop("x g w begins strips blocks ends n_pre n_post batch keep add norm")
def _change_loop(value: str) -> Callable[[int], None]:
    """Change weights, tile after tile; tasks are strips."""
    size = int(value[1])

    def change(p: int) -> None:
        w, blocks, n_post = pointer(value, peek(p, 4)), peek(p, 7), peek(p, 10)
        ends, unit = pointer("u4", peek(p, 8)), peek(p, 14)
        task = take_task(p)
        while task < peek(p, 1):
            first, row = task * STRIP, peek(p, 5) + 8 * task * (blocks + 1)
            width = min(STRIP, n_post - first)
            keep, add = pointer(value, peek(p, 12) + size * first), pointer(value, peek(p, 13) + size * first)
            norm = pointer(value, unit + size * first)
            if unit:
                _clear(norm, width)
            for block in range(blocks):
                begin, end = peek(row, block), peek(row, block + 1)
                for b in range(peek(p, 11)):
                    x = pointer(value, peek(p, 2) + size * (b * peek(p, 9) + block * BLOCK))
                    g = pointer(value, peek(p, 3) + size * (b * n_post + first))
                    if b == 0:
                        _change_tile(w, ends, begin, end, x, g, keep, add, peek(p, 13))
                    else:
                        _add_pairs(w, ends, begin, end, x, g)
                if unit:
                    _add_squares(w, ends, begin, end, norm)
            if unit:
                _scale(w, ends, peek(row, 0), peek(row, blocks), norm, width)
            task = take_task(p)

    return change
