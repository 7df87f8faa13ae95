"""The CPU engine of huge random wiring and few samples: synapses tile by tile."""

import importlib.util
import math
from collections.abc import Callable

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel, factors_for, wide
from circuitgraph.registry import kernels
from circuitgraph.topologies.sparse import check_range

FEWEST = 1 << 15
"""Postsynaptic neurons of eight strips: fewer cannot be shared out evenly."""


@kernels.register("numba-tiles")
class TileKernel(Kernel):
    """Take synapses tile by tile, 4,096 postsynaptic by 16,384 presynaptic neurons, so that both ends stay in a cache.

    For activity that fits no cache of its own (from about 100,000 neurons) and few samples: they are summed one after
    another.  It reads weights as pairs are listed; `tile_order` gives the order in which nothing need be gathered.
    One index, four bytes a synapse, serves all three methods.  Sums do not depend on the number of threads.
    """

    devices = ("cpu",)
    opaque = True
    slot: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        from circuitgraph.kernels.cpu.tiles import Tiles, in_tiles
        from circuitgraph.kernels.cpu.wires import sort_pairs
        from circuitgraph.kernels.cpu.wiring import shared
        from circuitgraph.topologies.tiles import STRIP

        listed = topology.listed(pre, post)
        assert listed is not None
        (at_pre, at_post), n_pre, n_post = listed, n_neurons(pre), n_neurons(post)
        for name, index, size in (("pre", at_pre, n_pre), ("post", at_post, n_post)):
            check_range(topology, name, index, size)
        slot = None
        if not in_tiles(at_pre, at_post):
            slot = sort_pairs(at_post // STRIP, at_pre, n_post // STRIP + 1, n_pre)
            at_pre, at_post = at_pre[slot], at_post[slot]
        self.tiles = Tiles(at_pre, at_post, n_pre, n_post)
        self.register_buffer("slot", None if slot is None else shared(slot), persistent=False)

    @classmethod
    def present(cls) -> bool:
        return importlib.util.find_spec("numba") is not None

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return topology.reduce == "sum" and topology.is_listed(pre, post)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        from circuitgraph.kernels.cpu.tiles import in_tiles

        if n_neurons(post) < FEWEST:
            return math.inf
        listed = topology.listed(pre, post)
        fits = listed is not None and in_tiles(*listed)
        # Two Zen 5 cores, a million neurons, a hundred synapses each, one sample: 0.2 to 0.3 ns a synapse; where pairs
        # lie otherwise, weights are gathered first, from all over memory.
        return (15.0 if fits else 300.0) * topology.n_synapses(pre, post)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        self.need(x=x, w=w)
        return self.tiles.push(x.detach().flatten(1), self._values(w, x)).to(x.dtype).view(-1, *self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        self.need(g=g, w=w)
        return self.tiles.pull(g.detach().flatten(1), self._values(w, g)).to(g.dtype).view(-1, *self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        from circuitgraph.kernels.cpu.tiles import empty

        self.need(x=x, g=g)
        met = empty(self.n_weights, wide(x.dtype))
        if len(x):
            self.tiles.pair(x.detach().flatten(1), g.detach().flatten(1), met)
        else:
            met.zero_()
        return met if self.slot is None else torch.empty_like(met).index_copy_(0, self.slot, met)

    def update(
        self,
        x: Tensor,
        g: Tensor,
        w: Tensor,
        ends: Ends,
        *,
        gain: Tensor,
        decay: Tensor | None = None,
        shift: Tensor | None = None,
        unit_norm: bool = False,
    ) -> Callable[[], None]:
        self.need(x=x, g=g, w=w)
        in_place = self.slot is None and w.is_contiguous() and w.dtype == wide(x.dtype)
        if not in_place or not len(x) or not len(w) or ends.size != self.tiles.n_post:
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        gain, decay, shift = factors_for(w, ends, gain, decay, shift)
        keep = torch.ones_like(gain) if decay is None else 1 + gain * decay
        add = None if shift is None else gain * shift
        rows, errors = (t.detach().flatten(1).to(w.dtype) for t in (x, g))
        change = self.tiles.change(rows, errors * gain, w, keep=keep, add=add, unit_norm=unit_norm)

        def commit() -> None:
            change()
            torch.autograd.graph.increment_version(w)

        return commit

    def _values(self, w: Tensor | None, like: Tensor) -> Tensor:
        """Give each synapse its weight, in the order of tiles."""
        from circuitgraph.kernels.cpu.wiring import reorder

        assert w is not None
        vals = w.detach().to(wide(like.dtype)).contiguous()
        return vals if self.slot is None else reorder(vals, self.slot)
