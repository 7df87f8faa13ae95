"""Wiring that falls into blocks, on GPUs: products of dense tiles in Triton."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.ir import Shape, Synapses, Topology, n_neurons
from circuitgraph.ir.value import n_different
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import wide
from circuitgraph.kernels.triton_launch import (
    INTERPRETED,
    RATE,
    Launch,
    TritonKernel,
    batch_first,
    ceil_div,
    ceil_power,
    code,
    ends_at,
    in_place,
    list_synapses,
    narrow,
    neuron_major,
)
from circuitgraph.kernels.triton_rows import MOST_SYNAPSES
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, Dense, Gather, GraphConv, GraphEdges, OneToOne, Pool, Spread

SIDES = (16, 32, 64)
"""Sides that a tile may have, in neurons; tensor cores need 16 at least."""
MOST_SHARE = 0.5
"""Of all tiles, the share that may hold synapses: with more, one dense product is as good."""
LEAST_FILL = 0.25
"""Of the pairs in those tiles, the share that must be synapses: with less, tiles read more than rows do."""
MARGIN = 16
"""What a tile costs beyond its area, as a rim of so many neurons: larger tiles read less activity for each synapse."""


@dataclass(frozen=True)
class Tiling:
    """Cut the matrix (post neurons, pre neurons) into tiles of `tall` by `broad`, of which `n_tiles` hold synapses."""

    tall: int
    broad: int
    n_tiles: int

    @property
    def work(self) -> int:
        """Count multiply-adds of one push, in neurons squared, with a margin around each tile."""
        return self.n_tiles * (self.tall + MARGIN) * (self.broad + MARGIN)

    def fits(self, n_synapses: int, n_pre: int, n_post: int) -> bool:
        """Tell whether few tiles hold synapses and those are well filled."""
        share = self.n_tiles / (ceil_div(n_post, self.tall) * ceil_div(n_pre, self.broad))
        return share <= MOST_SHARE and n_synapses >= LEAST_FILL * self.n_tiles * self.tall * self.broad


@lru_cache(maxsize=16)
def find_tiling(topology: Topology, pre: Shape, post: Shape) -> Tiling | None:
    """Choose the tiling with the least work among those that fit; None if the wiring does not fall into blocks.

    Example:
        >>> from circuitgraph.topologies import Explicit
        >>> index = np.arange(256)
        >>> pairs = np.flatnonzero(np.kron(np.eye(4), np.ones((64, 64))))
        >>> find_tiling(Explicit(pairs % 256, pairs // 256), (256,), (256,))
        Tiling(tall=64, broad=64, n_tiles=4)
        >>> find_tiling(Explicit(index, index), (256,), (256,)) is None
        True
    """
    n_pre, n_post, n = n_neurons(pre), n_neurons(post), topology.n_synapses(pre, post)
    # The share of tiles is no smaller than that of pairs, so that dense wiring need not be listed.
    if not 0 < n <= min(MOST_SYNAPSES, MOST_SHARE * n_pre * n_post) or n != topology.n_slots(pre, post):
        return None
    table = list_synapses(topology, pre, post)
    if n_different(table.slot) < n or ((np.diff(table.post) == 0) & (np.diff(table.pre) == 0)).any():
        return None
    least = min(SIDES)
    tall, broad = np.divmod(_filled(table.post, table.pre, least, least, n_pre), ceil_div(n_pre, least))
    tilings = [
        Tiling(a, b, len(_filled(tall, broad, a // least, b // least, ceil_div(n_pre, least))))
        for a, b in product(SIDES, SIDES)
    ]
    return min((t for t in tilings if t.fits(n, n_pre, n_post)), key=lambda t: t.work, default=None)


def _filled(post: np.ndarray, pre: np.ndarray, tall: int, broad: int, n_pre: int) -> np.ndarray:
    """List the tiles that hold any of these pairs, numbered row by row, rising."""
    tile = post // tall * ceil_div(n_pre, broad) + pre // broad
    # Pairs are sorted by post, so that most repetitions are neighbours; sorting is faster than numpy's hashing.
    tile = np.sort(tile[np.append(True, np.diff(tile) != 0)])
    return tile[np.append(True, np.diff(tile) != 0)]


@kernels.register("triton-blocks")
class TritonBlocks(TritonKernel):
    """Multiply the tiles of the (post, pre) matrix that hold synapses, on tensor cores.

    Weights stay one vector in slot order: a tile looks up its slots, so that a tile is never out of date and a change
    of weights needs no second copy.  float32 is multiplied as `torch.backends.cuda.matmul` says; weights are rounded to
    the type of the activity.  Wiring fits as `Tiling.fits` says, with one synapse for each slot.
    """

    slot_at: Tensor
    coef: Tensor | None
    post_starts: Tensor
    at_pre: Tensor
    at_post: Tensor
    pre_starts: Tensor
    turned: Tensor
    turned_post: Tensor

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        tiling = find_tiling(topology, pre, post)
        assert tiling is not None
        self.tiling, self.n_pre, self.n_post = tiling, n_neurons(pre), n_neurons(post)
        self.n_slots = topology.n_slots(pre, post)
        table = list_synapses(topology, pre, post)
        for name, column in self._columns(table, tiling).items():
            self.register_buffer(name, narrow(torch.tensor(column)), persistent=False)
        coef = table.coef[np.argsort(table.slot)]
        self.register_buffer("coef", None if (coef == 1).all() else torch.tensor(coef), persistent=False)

    def _columns(self, table: Synapses, tiling: Tiling) -> dict[str, np.ndarray]:
        """Lay out tiles by block row; and the same again by block column, `turned`."""
        tall, broad = tiling.tall, tiling.broad
        height, width = ceil_div(self.n_post, tall), ceil_div(self.n_pre, broad)
        tiles, tile = np.unique(table.post // tall * width + table.pre // broad, return_inverse=True)
        slot_at = np.full((len(tiles), tall, broad), -1, np.int64)
        slot_at[tile, table.post % tall, table.pre % broad] = table.slot
        at_post, at_pre = np.divmod(tiles, width)
        turned = np.argsort(at_pre, kind="stable")
        return {
            "slot_at": slot_at, "at_pre": at_pre, "at_post": at_post, "turned": turned, "turned_post": at_post[turned],
            "post_starts": np.searchsorted(at_post, np.arange(height + 1)),
            "pre_starts": np.searchsorted(at_pre[turned], np.arange(width + 1)),
        }  # fmt: skip

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        is_regular = isinstance(topology, Dense | Conv | Pool | GraphConv | GraphEdges | OneToOne | Gather | Spread)
        return not is_regular and topology.reduce == "sum" and find_tiling(topology, pre, post) is not None

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        tiling = find_tiling(topology, pre, post)
        assert tiling is not None
        return 0.25 * RATE * tiling.work

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        columns = {"starts": self.post_starts, "other": self.at_pre, "turned": None}
        return batch_first(self._sum(x, w, columns, self.n_post, self.tiling.tall), self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        columns = {"starts": self.pre_starts, "other": self.turned_post, "turned": self.turned}
        return batch_first(self._sum(g, w, columns, self.n_pre, self.tiling.broad), self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        self.need_device(x)
        dw = torch.empty(self.n_slots, dtype=wide(x.dtype), device=x.device)
        self._pair(dw, x, g).run()
        return dw

    def update(
        self, x: Tensor, g: Tensor, w: Tensor, ends: Ends, *,
        gain: Tensor, decay: Tensor | None = None, shift: Tensor | None = None, unit_norm: bool = False,
    ) -> Callable[[], None]:  # fmt: skip
        self.need_device(x)
        if not w.is_contiguous():
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        rates = {"gain": gain, "decay": decay, "shift": shift}
        rates = {name: None if v is None else v.contiguous() for name, v in rates.items()}
        first = self._pair(w, x, g, **rates, **ends_at(ends))
        return in_place(w, first, self.normalize(w, ends)) if unit_norm else in_place(w, first)

    def _sum(self, x: Tensor, w: Tensor | None, columns: dict[str, Any], n_out: int, side: int) -> Tensor:
        self.need_device(x)
        assert w is not None
        x = neuron_major(x)
        batch = x.shape[1]
        y = x.new_empty(n_out, batch)
        sizes = self._sizes(x, 256)
        operands = {
            "y": y, "x": x, "w": w.contiguous(), "coef": self.coef, "slot_at": self.slot_at, **columns, "n_out": n_out,
            "n_in": len(x), "batch": batch, **sizes,
        }  # fmt: skip
        Launch(code().sum_tiles, (ceil_div(n_out, side), ceil_div(batch, sizes["BATCH"])), x, operands).run()
        return y

    def _pair(self, out: Tensor, x: Tensor, g: Tensor, **rates: Any) -> Launch:
        kind = torch.promote_types(x.dtype, g.dtype)
        kind = torch.promote_types(kind, out.dtype) if out.dtype == torch.float64 else kind
        x, g = neuron_major(x.to(kind)), neuron_major(g.to(kind))
        plain = {"gain": None, "decay": None, "shift": None, "sites": 1, "SITE": False}
        operands = {
            "out": out, "x": x, "g": g, "coef": self.coef, "slot_at": self.slot_at, "at_post": self.at_post,
            "at_pre": self.at_pre, "n_post": self.n_post, "n_pre": self.n_pre, "batch": x.shape[1], **plain, **rates,
            **self._sizes(x, 128),
        }  # fmt: skip
        return Launch(code().pair_tiles, (self.tiling.n_tiles,), x, operands)

    def _sizes(self, x: Tensor, most_bytes: int) -> dict[str, Any]:
        """Choose how many samples a program takes, so that tiles fit 100 KB of shared memory, and how it multiplies."""
        tf32 = allows_tf32()
        # float32 goes without tensor cores then: with more samples, or fewer warps, compilers run out of registers.
        by_hand = x.dtype == torch.float32 and not tf32
        samples = ceil_power(x.shape[1], (128 if by_hand else most_bytes) // x.element_size())
        return {
            "TALL": self.tiling.tall, "BROAD": self.tiling.broad, "BATCH": max(16, samples), "DOUBLE": code().double(x),
            "NARROW": not INTERPRETED, "PRECISION": "tf32" if tf32 else "ieee", "num_warps": 8 if by_hand else 4,
        }  # fmt: skip


def allows_tf32() -> bool:
    """Tell whether torch may multiply float32 matrices with ten bits of mantissa."""
    matmul = torch.backends.cuda.matmul
    try:
        return bool(matmul.allow_tf32)
    except RuntimeError:  # torch refuses to say where the newer setting was used
        return bool(matmul.fp32_precision == "tf32")
