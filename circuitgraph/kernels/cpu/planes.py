"""Convolution as a product with a sparse matrix: every tap of a window is the same plane, read from another place.

A plane holds one unit's sites with the batch innermost, padded once.  Then a slot adds its weight times a whole plane,
shifted by a constant, to the plane of its postsynaptic unit: no window is unfolded, and work is in proportion to slots.
For a stride s, each plane is split into the s**rank grids of every s-th site, which shift alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from circuitgraph.kernels.cpu import loops
from circuitgraph.kernels.cpu.lanes import INT32, TABLE16, TABLE32, U16
from circuitgraph.kernels.cpu.packing import WORDS
from circuitgraph.kernels.cpu.team import run
from circuitgraph.kernels.cpu.wiring import INDICES, LANES, NO_CHANGE, VALUES, Wiring, kind_of

_TABLES = {U16: TABLE16, INT32: TABLE32}
SLACK = 64
"""Numbers that a last, partly empty tile may read or write beyond a plane's end."""
WIDEST = 64
"""Sites of a plane that are summed at a time, at most."""
_NOWHERE = -(1 << 60)


@dataclass(frozen=True)
class Grid:
    """How sites are laid out, all per dimension: presynaptic sites, their border, stride, postsynaptic sites."""

    pre: tuple[int, ...]
    padding: tuple[int, ...]
    mode: str
    stride: tuple[int, ...]
    post: tuple[int, ...]

    @property
    def padded(self) -> tuple[int, ...]:
        """Count presynaptic sites with their border."""
        return tuple(n + 2 * p for n, p in zip(self.pre, self.padding, strict=True))

    @cached_property
    def sites(self) -> tuple[int, ...]:
        """Give the sites of one split plane."""
        return tuple(-(-n // s) for n, s in zip(self.padded, self.stride, strict=True))

    @cached_property
    def steps(self) -> np.ndarray:
        """Say how many sites of a split plane lie between neighbours along each dimension."""
        return np.array([math.prod(self.sites[axis + 1 :]) for axis in range(len(self.sites))])

    @cached_property
    def reach(self) -> int:
        """Count the sites of a split plane up to the last that holds a postsynaptic one."""
        return int((np.array(self.post) - 1) @ self.steps) + 1

    @property
    def splits(self) -> int:
        """Count the planes that one unit's sites are split into."""
        return math.prod(self.stride)

    @property
    def size(self) -> int:
        """Count the sites of a split plane."""
        return math.prod(self.sites)

    def of_taps(self, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Say which split plane each tap reads, and from which site on.  Shape: two arrays (taps,)."""
        at = np.indices(tuple(kernel)).reshape(len(kernel), -1) * np.array(dilation)[:, None]
        stride = np.array(self.stride)[:, None]
        return np.ravel_multi_index(tuple(at % stride), self.stride), self.steps @ (at // stride)

    def pre_sites(self, axis: int) -> np.ndarray:
        """Give the presynaptic site at each place of the split planes, -1 for none.  Shape: (stride, sites)."""
        at = (
            np.arange(self.stride[axis])[:, None] + self.stride[axis] * np.arange(self.sites[axis]) - self.padding[axis]
        )
        n = self.pre[axis]
        if self.mode == "reflect":
            at = np.where(at < 0, -at, np.where(at >= n, 2 * (n - 1) - at, at))
        elif self.mode == "circular":
            at = at % n
        # A split plane may be longer than the border.
        beyond = np.arange(self.stride[axis])[:, None] + self.stride[axis] * np.arange(self.sites[axis])
        return np.where((at >= 0) & (at < n) & (beyond < self.padded[axis]), at, -1)


def row_lanes(batch: int) -> int:
    """Choose how many lanes one site takes: whole vectors where that wastes little, so that no load is split.

    Example:
        >>> row_lanes(10), row_lanes(100)
        (10, 112)
    """
    whole = -(-batch // 16) * 16
    return whole if whole <= 1.25 * batch else batch


@lru_cache(maxsize=64)
def pre_places(grid: Grid, batch: int, strides: tuple[int, ...]) -> Tensor:
    """Say where in the activity of unit 0 each lane of its planes comes from, -1 for zero.

    `strides` are those of the batch and of each dimension of sites.  Shape: (splits * size * row_lanes(batch),).
    """
    rank = len(grid.pre)
    total = _batch_places(batch, strides[0])
    for axis in reversed(range(rank)):
        at = grid.pre_sites(axis)
        offset = np.where(at >= 0, at * strides[1 + axis], _NOWHERE)
        total = offset[:, :, None] + total.reshape(1, 1, -1) if axis == rank - 1 else _beneath(offset, total)
    return torch.from_numpy(np.where(total < 0, -1, total).reshape(-1))


def _beneath(offset: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Put an axis's splits before all other splits, and its sites before all other sites."""
    splits, sites, rest = *total.shape[:1], total.shape[1], total.shape[2]
    grown = offset[:, None, :, None, None] + total[None, :, None]
    return grown.reshape(len(offset) * splits, offset.shape[1] * sites, rest)


@lru_cache(maxsize=64)
def post_places(grid: Grid, batch: int, strides: tuple[int, ...]) -> Tensor:
    """Say where the output of unit 0 at each lane of its plane goes, -1 for nowhere.  Shape: (size * lanes,)."""
    total = _batch_places(batch, strides[0])
    for axis in reversed(range(len(grid.post))):
        at = np.arange(grid.sites[axis])
        offset = np.where(at < grid.post[axis], at * strides[1 + axis], _NOWHERE)
        total = (offset[:, None] + total.reshape(1, -1)).reshape(-1)
    return torch.from_numpy(np.where(total < 0, -1, total))


def _batch_places(batch: int, stride: int) -> np.ndarray:
    return np.append(np.arange(batch) * stride, np.full(row_lanes(batch) - batch, _NOWHERE))


def to_planes(x: Tensor, at: Tensor, *, before: int = 0) -> Tensor:
    """Lay activity out as a row of lanes for each unit.  Shape: x (B, U, ...), at (lanes,) -> (U, L), with slack."""
    units, lanes = x.shape[1], len(at)
    out = x.new_empty(units, _spaced(before + lanes + SLACK, x.element_size()))
    if before:
        out[:, :before].zero_()
    out[:, before + lanes :].zero_()
    run(
        loops.spread_loop(WORDS[x.element_size()]),
        -(-lanes // 64),
        x=x.data_ptr(), x_unit=x.stride(1), at=at.data_ptr(), units=units, lanes=lanes,
        out=out.data_ptr() + before * x.element_size(), out_row=out.stride(0),
    )  # fmt: skip
    return out


def from_planes(rows: Tensor, grid: Grid, batch: int, units: int) -> Tensor:
    """Undo the layout, border included.  Shape: rows (U * splits, L) -> (B, U, *padded)."""
    rank, lanes, row = len(grid.sites), row_lanes(batch), rows.stride(0)
    steps = [int(n) * lanes for n in grid.steps]
    splits = [row * math.prod(grid.stride[axis + 1 :]) for axis in range(rank)]
    seen = rows.as_strided((units, *grid.stride, *grid.sites, batch), (row * grid.splits, *splits, *steps, 1))
    order = [axis for pair in zip(range(1 + rank, 1 + 2 * rank), range(1, 1 + rank), strict=True) for axis in pair]
    room = [n * s for n, s in zip(grid.sites, grid.stride, strict=True)]
    whole = seen.permute(1 + 2 * rank, 0, *order).reshape(batch, units, *room)
    for axis, n in enumerate(grid.padded, start=2):
        whole = whole.narrow(axis, 0, n)
    return whole


def push_planes(wiring: Wiring, planes: Tensor, table: Tensor, vals: Tensor, y: Tensor, at: Tensor, used: int) -> None:
    """Sum weighted, shifted planes for each row, and put the first `used` lanes where `at` says.

    Shape: planes flat, `table` (keys,) where each key's lanes begin, vals (E,), y (B, R, ...), at (lanes,).
    """
    kind, size = kind_of(planes.dtype), planes.element_size()
    lanes, offsets = _lanes(kind, used), table * size
    tiles, chunks, threads = -(-used // lanes), len(wiring.starts) - 1, torch.get_num_threads()
    parts = min(chunks, -(-4 * threads // tiles)) if threads > 1 else 1
    room = planes.new_empty(min(tiles * parts, threads), (len(table) + wiring.most_rows) * lanes)
    begins, step, blocks = wiring.blocks_of_sums(planes.dtype, lanes)
    run(
        loops.push_planes_loop(kind, INDICES[wiring.cols.dtype][0], lanes, WORDS[size]),
        tiles * parts,
        x=planes.data_ptr(), x_tile=lanes * size, table=offsets.data_ptr(), keys=len(table),
        cols=wiring.cols.data_ptr(), vals=vals.data_ptr(), begins=begins, step=step, blocks=blocks,
        starts=wiring.starts.data_ptr(), chunks=chunks, parts=parts, room=room.data_ptr(),
        rows=len(table) * lanes * size, size=room.stride(0) * size, used=used, y=y.data_ptr(), y_unit=y.stride(1),
        at=at.data_ptr(), seat=0,
    )  # fmt: skip


def sum_planes(wiring: Wiring, planes: Tensor, table: Tensor, vals: Tensor, used: int) -> Tensor:
    """Sum weighted, shifted planes for each row.  Shape: as `push_planes` -> (R, used and a rest)."""
    kind, size = kind_of(planes.dtype), planes.element_size()
    lanes, offsets = _lanes(kind, used), table * size
    tiles, chunks = -(-used // lanes), len(wiring.starts) - 1
    rows = planes.new_empty(wiring.n_rows, _spaced(tiles * lanes, size))
    run(
        loops.push_loop(kind, _TABLES[INDICES[wiring.cols.dtype][0]], lanes),
        tiles * chunks,
        x=planes.data_ptr(), x_tile=lanes * size, stride=offsets.data_ptr(), cols=wiring.cols.data_ptr(),
        vals=vals.data_ptr(), begins=wiring.begins.data_ptr(), step=8, blocks=1, starts=wiring.starts.data_ptr(),
        chunks=chunks, out=rows.data_ptr(), out_row=rows.stride(0) * size, out_tile=lanes * size,
    )  # fmt: skip
    return rows


def pair_planes(wiring: Wiring, planes: Tensor, table: Tensor, g: Tensor, used: int) -> Tensor:
    """Correlate shifted planes with each row of `g`, over `used` lanes.  Shape: g (R, L), zero where no site is."""
    kind, size = kind_of(planes.dtype), planes.element_size()
    met = planes.new_zeros(len(wiring.cols), dtype=torch.float64 if planes.dtype == torch.float64 else torch.float32)
    lanes, offsets = _lanes(kind, used), table * size
    run(
        loops.pair_loop(kind, _TABLES[INDICES[wiring.cols.dtype][0]], lanes, VALUES[met.dtype]),
        len(wiring.starts) - 1,
        x=planes.data_ptr(), x_tile=lanes * size, stride=offsets.data_ptr(), cols=wiring.cols.data_ptr(),
        g=g.data_ptr(), g_tile=lanes * size, g_row=g.stride(0) * size, begins=wiring.begins.data_ptr(), step=8,
        blocks=1, starts=wiring.starts.data_ptr(), tiles=-(-used // lanes), out=met.data_ptr(), add=0, room=0, seat=0,
        **NO_CHANGE.parameters,
    )  # fmt: skip
    return met


def _spaced(length: int, size: int) -> int:
    """Round a row up to an odd number of cache lines: rows an even number apart compete for the same few of them."""
    line = 64 // size
    return (-(-length // line) | 1) * line


def _lanes(kind: int, used: int) -> int:
    lanes = [n for n in LANES[kind] if n <= WIDEST]
    return next((n for n in lanes if n >= used), lanes[-1])
