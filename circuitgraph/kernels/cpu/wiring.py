"""Compressed rows in one direction, and the sums over them."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.kernels.cpu import loops
from circuitgraph.kernels.cpu.lanes import BF16, F32, F64, INT32, INT64, PAIRS, SIZE, U16, has_pairs
from circuitgraph.kernels.cpu.packing import pack, tiles_of
from circuitgraph.kernels.cpu.tasks import Loop
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wires import block_begins, chunk_rows

KINDS = {torch.float32: F32, torch.float64: F64, torch.bfloat16: BF16}
LANES = {F32: (16, 32, 64, 128), F64: (8, 16, 32, 64), BF16: (32, 64, 128), PAIRS: (32, 64, 128)}
"""Samples side by side in a tile: as many as there are registers for their sums."""
INDICES = {torch.uint16: (U16, "u2"), torch.int32: (INT32, "i4"), torch.int64: (INT64, "i8")}
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32}
VALUES = {torch.float32: "f4", torch.float64: "f8"}

VISIT, LEAST_BLOCKS, NARROWEST, BLOCK_BYTES = 13, 2, 64, 256
"""Columns are taken in blocks, whose tile rows, if of so many bytes, stay in a cache: as many blocks as leave a row so
many synapses in each on average, fewer being none.  Narrower ones gain nothing (4096 neurons, Zen 4)."""
WIDER = 4
"""Where vectors are left out, so many blocks are taken as one."""
CHUNKS, MOST_AT_ONCE = 8, 1 << 17
"""Where there are blocks, rows are taken in so many chunks, for each of which blocks are read again: more on more than
four threads, or where a chunk would have more than so many synapses."""
READ_OFTEN = 128
"""From this mean number of synapses of a presynaptic neuron on, tiles are packed (4096 neurons, batch 128, Zen 5)."""
PARTS = 8
"""Most parts that rows are shared out in where every part has sums for all columns."""
SMALL_BATCH, SMALL_PAIR = 2, 8
"""Up to so many samples, for sums and for correlations, one after another is faster than lanes, mostly empty."""


class Indices(nn.Module):
    """A module whose buffers are indices, of unsigned types too, which torch itself does not pickle."""

    def __getstate__(self) -> dict[str, Any]:
        signed = {n: a if a is None else a.view(SIGNED.get(a.dtype, a.dtype)) for n, a in self._buffers.items()}
        return self.__dict__ | {"_buffers": signed, "_types": {n: a.dtype for n, a in self.named_buffers()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        types = state.pop("_types")
        super().__setstate__(state)
        for name, kind in types.items():
            self._buffers[name] = self.get_buffer(name).view(kind)


class Wiring(Indices):
    """Synapses row by row.  Shape: begins (R + 1,) int64, cols (E,) of a narrow type, rising within each row.

    `starts` are the first rows of the chunks that tasks are made of, `shares` those of fewer parts of equal work.
    """

    begins: Tensor
    cols: Tensor
    starts: Tensor
    shares: Tensor
    blocked: Tensor | None

    def __init__(self, begins: np.ndarray, cols: np.ndarray, n_cols: int, *, block: int = 0) -> None:
        super().__init__()
        self.n_rows, self.n_cols, self.n_edges = len(begins) - 1, n_cols, len(cols)
        block = block or block_width(self.n_rows, n_cols, len(cols))
        self.n_blocks = -(-n_cols // block)
        wide = WIDER * block * -(-self.n_blocks // WIDER)
        fewest = max(CHUNKS, 2 * torch.get_num_threads(), len(cols) // MOST_AT_ONCE)
        starts = chunk_rows(begins, *([fewest] if n_cols > block else []))
        parts = max(1, min(PARTS, len(cols) // (8 * max(1, n_cols))))
        arrays = {
            "begins": begins,
            "cols": cols,
            "starts": starts,
            "shares": np.searchsorted(begins, np.arange(parts + 1) * len(cols) // parts).astype(np.int64),
            "blocked": block_begins(begins, cols, wide, block) if n_cols > block else None,
        }
        self.reads_seldom, self.chunks = len(cols) < READ_OFTEN * n_cols, len(starts) - 1
        self.most, self.most_rows = (int(np.diff(a).max(initial=0)) for a in (begins[starts], starts))
        for name, array in arrays.items():
            self.register_buffer(name, None if array is None else shared(array), persistent=False)

    def sum(self, x: Tensor, vals: Tensor) -> Tensor:
        """Sum vals[e] * x[:, cols[e]] over each row.  Shape: x (B, C), vals (E,) -> (B, R), neuron-major in memory."""
        batch = x.shape[0]  # len() of a tensor takes a microsecond
        if not self.most or not batch:
            return x.new_zeros(batch, self.n_rows)
        if batch <= SMALL_BATCH:
            return self._sum_samples(x, vals)
        kind = kind_of(x.dtype)
        parts = list(tiles_of(batch, LANES[kind]))
        out = x.new_empty(self.n_rows, parts[-1].end)
        for part in parts:
            begins, step, blocks = self.blocks_of_sums(x.dtype, part.lanes)
            packed = pack(x, part, in_place=self.reads_seldom)
            run(
                loops.push_loop(kind, self._index[0], part.lanes),
                part.tiles * self.chunks,
                x=packed.data_ptr(), x_tile=_bytes(packed, 0), stride=_bytes(packed, 1), cols=self.cols.data_ptr(),
                vals=vals.data_ptr(), begins=begins, step=step, blocks=blocks, starts=self.starts.data_ptr(),
                chunks=self.chunks, out=out.data_ptr() + part.start * out.element_size(),
                out_row=_bytes(out, 0), out_tile=part.lanes * out.element_size(),
            )  # fmt: skip
        return out[:, :batch].t()

    def _sum_samples(self, x: Tensor, vals: Tensor) -> Tensor:
        rows = x.to(vals.dtype).contiguous()
        out = rows.new_empty(x.shape[0], self.n_rows)
        run(
            loops.dot_loop(VALUES[vals.dtype], self._index[1]),
            x.shape[0] * self.chunks,
            x=rows.data_ptr(), x_sample=_bytes(rows, 0), cols=self.cols.data_ptr(), vals=vals.data_ptr(),
            begins=self.begins.data_ptr(), starts=self.starts.data_ptr(), chunks=self.chunks,
            out=out.data_ptr(), out_sample=_bytes(out, 0),
        )  # fmt: skip
        return out.to(x.dtype)

    def scatter(self, x: Tensor, vals: Tensor, perm: Tensor) -> Tensor:
        """Carry nonzero activity of rows to columns, in proportion to it.  Shape: x (B, R), vals (E,) -> (B, C).

        `perm` says where the weight of each synapse is.
        """
        values = x.to(vals.dtype)
        out = values.new_zeros(x.shape[0], self.n_cols)
        parts = -(-4 * torch.get_num_threads() // max(1, x.shape[0]))
        run(
            loops.push_events_loop(VALUES[vals.dtype], self._index[1], INDICES[perm.dtype][1]),
            x.shape[0] * parts,
            x=values.data_ptr(), x_sample=_bytes(values, 0), x_row=_bytes(values, 1), n_pre=self.n_rows,
            n_post=self.n_cols, begins=self.begins.data_ptr(), others=self.cols.data_ptr(), perm=perm.data_ptr(),
            vals=vals.data_ptr(), out=out.data_ptr(), out_sample=_bytes(out, 0), parts=parts,
        )  # fmt: skip
        return out.to(x.dtype)

    def strew(self, g: Tensor, vals: Tensor) -> Tensor:
        """Carry nonzero activity of rows to columns, weights as they lie.  Shape: g (B, R), vals (E,) -> (B, C).

        Parts of the rows have sums of their own, as many parts as synapses pay for, whatever the number of threads.
        """
        values, parts = g.to(vals.dtype), len(self.shares) - 1
        out = values.new_zeros(parts, g.shape[0], self.n_cols)
        run(
            loops.strew_loop(VALUES[vals.dtype], self._index[1]),
            g.shape[0] * parts,
            g=values.data_ptr(), g_sample=_bytes(values, 0), g_row=_bytes(values, 1), cols=self.cols.data_ptr(),
            vals=vals.data_ptr(), begins=self.begins.data_ptr(), starts=self.shares.data_ptr(), parts=parts,
            out=out.data_ptr(), out_part=_bytes(out, 0), out_sample=_bytes(out, 1),
        )  # fmt: skip
        return out.sum(0).to(g.dtype)

    def dots(self, x: Tensor, g: Tensor, out: Tensor) -> None:
        """Correlate both ends of every synapse.  Shape: x (B, C), g (B, R), out (E,) of the type of sums."""
        self._dots(x, g, out, NO_CHANGE)()

    def change(self, x: Tensor, g: Tensor, change: "Change") -> "Prepared":
        """Prepare a change of weights by the correlation of both ends; it needs room for a chunk of synapses only."""
        return self._dots(x, g, None, change)

    def _dots(self, x: Tensor, g: Tensor, out: Tensor | None, change: "Change") -> "Prepared":
        batch = x.shape[0]
        share = nonzero_share(g) if batch > SMALL_PAIR else 0.0
        if batch <= SMALL_PAIR or (share < EVENT_SHARE and self.n_edges >= EVENT_ROW * self.n_rows):
            return self._dots_of_events(x, g, out, change)
        calls: list[Call] = []
        kind = kind_of(x.dtype)
        seldom = int(share * 64 < SELDOM * x.element_size())
        parts = list(tiles_of(batch, LANES[kind]))
        if out is None and len(parts) > 1:
            assert change.w is not None
            out = torch.empty_like(change.w)
        for part in parts:
            begins, step, blocks = self.blocks(SIZE[kind] * part.lanes, WIDER if seldom else 1)
            packed, errors = pack(x, part, in_place=self.reads_seldom), pack(g, part, in_place=True)
            found, room = self._room(change) if out is None else (out, 0)
            last = change if part is parts[-1] else NO_CHANGE
            call = dict(
                x=packed.data_ptr(), x_tile=_bytes(packed, 0), stride=_bytes(packed, 1), cols=self.cols.data_ptr(),
                g=errors.data_ptr(), g_tile=_bytes(errors, 0), g_row=_bytes(errors, 1), begins=begins, step=step,
                blocks=blocks, starts=self.starts.data_ptr(), tiles=part.tiles, out=found.data_ptr(), add=part.start,
                room=room, seat=0, seats=len(found) if room else 0, **last.parameters,
            )  # fmt: skip
            loop = loops.pair_loop(kind, self._index[0], part.lanes, VALUES[found.dtype], seldom)
            calls.append((loop, self.chunks, call, (self, packed, errors, found, last)))
        return Prepared(calls)

    def _dots_of_events(self, x: Tensor, g: Tensor, out: Tensor | None, change: "Change") -> "Prepared":
        found, room = self._room(change) if out is None else (out, 0)
        rows, errors = x.to(found.dtype).contiguous(), g.to(found.dtype)
        samples = torch.empty(self.n_rows, max(1, x.shape[0]), dtype=torch.int32)
        call = dict(
            x=rows.data_ptr(), x_row=_bytes(rows, 0), cols=self.cols.data_ptr(), g=errors.data_ptr(),
            g_sample=_bytes(errors, 0), g_row=_bytes(errors, 1), samples=samples.data_ptr(), batch=x.shape[0],
            begins=self.begins.data_ptr(), starts=self.starts.data_ptr(), out=found.data_ptr(), room=room, seat=0,
            seats=len(found) if room else 0, **change.parameters,
        )  # fmt: skip
        loop = loops.pair_events_loop(VALUES[found.dtype], self._index[1])
        return Prepared([(loop, self.chunks, call, (self, rows, errors, samples, found, change))])

    def _room(self, change: "Change") -> tuple[Tensor, int]:
        """Make room for what a chunk of rows finds, for each thread, and say how many bytes each has."""
        assert change.w is not None
        threads = min(torch.get_num_threads(), self.chunks)
        room = change.w.new_empty(threads, self.most)
        return room, _bytes(room, 0)

    @property
    def _index(self) -> tuple[int, str]:
        return INDICES[self.cols.dtype]

    def blocks(self, row_bytes: int, wider: int = 1) -> tuple[int, int, int]:
        """Give address, step and number of the tables of row begins, for tile rows of so many bytes."""
        if self.blocked is None or row_bytes < BLOCK_BYTES:
            return self.begins.data_ptr(), 8, 1
        return self.blocked.data_ptr(), 8 * self.n_rows * wider, -(-self.n_blocks // wider)

    def blocks_of_sums(self, dtype: torch.dtype, lanes: int) -> tuple[int, int, int]:
        """Give the same for sums over rows: those in bfloat16 must not be rounded midway."""
        return self.blocks(0 if dtype == torch.bfloat16 else lanes * dtype.itemsize)


def kind_of(dtype: torch.dtype) -> int:
    """Say as what activity is read: bfloat16 two by two where the processor can."""
    return PAIRS if dtype == torch.bfloat16 and has_pairs() else KINDS[dtype]


def block_width(n_rows: int, n_cols: int, n_edges: int) -> int:
    """Say how many columns to take at a time.

    Example:
        >>> [block_width(4096, 4096, int(share * 4096**2)) for share in (0.5, 0.1, 0.05, 0.01)]
        [64, 128, 288, 1376]
    """
    blocks = n_edges // max(1, VISIT * n_rows)
    return max(NARROWEST, 32 * round(n_cols / blocks / 32)) if blocks >= LEAST_BLOCKS else max(1, n_cols)


@dataclass(frozen=True)
class Change:
    """What to do with what was found: w += gain * (dw + decay * w + shift), and unit norm.  All of one type."""

    w: Tensor | None = None
    gain: Tensor | None = None
    decay: Tensor | None = None
    shift: Tensor | None = None
    unit_norm: bool = False

    @property
    def parameters(self) -> dict[str, int]:
        """Give what the loops are told."""
        arrays = {"w": self.w, "gain": self.gain, "decay": self.decay, "shift": self.shift}
        return {n: 0 if a is None else a.data_ptr() for n, a in arrays.items()} | {"unit": int(self.unit_norm)}


NO_CHANGE = Change()


Call = tuple[Loop, int, dict[str, int], tuple[object, ...]]


@dataclass(frozen=True)
class Prepared:
    """Calls that have all the memory they need, and what keeps that memory alive."""

    calls: list[Call]

    def __call__(self) -> None:
        for loop, tasks, parameters, _ in self.calls:
            run(loop, tasks, **parameters)


def reorder(vals: Tensor, order: Tensor) -> Tensor:
    """Give vals[order], which torch does several times slower.  Shape: (K,), (E,) -> (E,)."""
    out, chunk = vals.new_empty(len(order)), 1 << 15
    run(
        loops.gather_loop(VALUES[vals.dtype], INDICES[order.dtype][1]),
        -(-len(order) // chunk),
        vals=vals.data_ptr(), order=order.data_ptr(), size=len(order), chunk=chunk, out=out.data_ptr(),
    )  # fmt: skip
    return out


EVENT_SHARE, EVENT_ROW = 0.03, 256
"""Below this share of nonzero activity, and from this mean number of synapses of a row on, work in proportion to what
is nonzero is less than work in lanes (4096 neurons, batch 128, Zen 4, one thread)."""
SELDOM = 1.3
"""With fewer nonzero numbers than this in 64 bytes on average, enough of these are zero to read the others alone."""


def nonzero_share(g: Tensor) -> float:
    """Estimate which share of activity is nonzero."""
    # Counting all would take a tenth of the work that it may save; whole lines of memory are sampled.
    samples, neurons = (g.shape[0] // 4, 1) if g.stride(0) > g.stride(1) else (1, g.shape[1] // 64)
    few = g[:: max(1, samples), :: max(1, neurons)]
    return int(torch.count_nonzero(few)) / max(1, few.numel())


def shared(a: np.ndarray) -> Tensor:
    """See an array as a tensor without a copy, one that nobody may write to included: kernels only read indices."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(a)


def _bytes(t: Tensor, axis: int) -> int:
    return t.stride(axis) * t.element_size()
