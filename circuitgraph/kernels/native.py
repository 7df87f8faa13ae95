"""The CPU engine: irregular wiring over compressed rows, in machine code made by numba."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel, alike, factors_for, wide
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, Gather, GraphConv, GraphEdges, OneToOne, Pruned, Spread

if TYPE_CHECKING:
    from circuitgraph.kernels.cpu.wiring import Wiring


@kernels.register("numba")
class NumbaKernel(Kernel):
    """Sum over compressed rows with the batch in the vector lanes, one copy of the weights, in slot order.

    Fastest where slots are listed by (post, pre), as all random wiring is; else weights are gathered first.  The way
    back goes through an index that is made when it is first needed.  Activity that is mostly zero is carried and
    learned from in proportion to what is not.  Sums do not depend on the number of threads.
    """

    devices = ("cpu",)
    opaque = True
    slot: Tensor | None
    coef: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        from circuitgraph.kernels.cpu.build import compress

        self.forth, slot, coef = compress(topology, pre, post)
        self.n_slots, self.one_each = topology.n_slots(pre, post), topology.n_slots(pre, post) == self.forth.n_edges
        self.register_buffer("slot", slot, persistent=False)
        self.register_buffer("coef", coef, persistent=False)
        self.back: Wiring | None = None
        self.register_buffer("perm", None, persistent=False)

    @classmethod
    def present(cls) -> bool:
        return importlib.util.find_spec("numba") is not None

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        regular = Conv | GraphConv | GraphEdges | OneToOne | Gather | Spread
        whole = topology.topology if isinstance(topology, Pruned) else topology
        return topology.reduce == "sum" and not isinstance(whole, regular)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 1.8 * topology.n_synapses(pre, post)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        self.need(x=x, w=w)
        rows, vals = _flat(x), self._values(w, x)
        if _few_events(rows):
            return self._transposed().scatter(rows, vals, self.perm).to(x.dtype).view(-1, *self.post)
        return self.forth.sum(rows, vals).to(x.dtype).reshape(-1, *self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        from circuitgraph.kernels.cpu.wiring import SMALL_BATCH, reorder

        self.need(g=g, w=w)
        rows, vals = _flat(g), self._values(w, g)
        if len(g) <= SMALL_BATCH or _few_events(rows):
            return self.forth.strew(rows, vals).to(g.dtype).reshape(-1, *self.pre)
        return self._transposed().sum(rows, reorder(vals, self.perm)).to(g.dtype).reshape(-1, *self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        self.need(x=x, g=g)
        x, g = alike(x, g)
        met = x.new_empty(self.forth.n_edges, dtype=wide(x.dtype))
        if x.shape[0] and self.forth.n_edges:
            self.forth.dots(_flat(x), _flat(g), met)
        else:
            met.zero_()
        met = met if self.coef is None else met * self.coef.to(met.dtype)
        if self.slot is None:
            return met
        if self.one_each:
            return torch.empty_like(met).index_copy_(0, self.slot, met)
        return torch.bincount(self.slot, met, self.n_slots).to(met.dtype)

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
        x, g = alike(x, g)
        in_place = self.slot is None and self.coef is None and w.is_contiguous() and w.dtype == wide(x.dtype)
        if not in_place or not len(x) or not len(w) or ends.size != self.forth.n_rows:
            return super().update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=unit_norm)
        from circuitgraph.kernels.cpu.wiring import Change

        gain, decay, shift = factors_for(w, ends, gain, decay, shift)
        decay, shift = (torch.zeros_like(gain) if f is None else f for f in (decay, shift))
        ready = self.forth.change(_flat(x), _flat(g), Change(w, gain, decay, shift, unit_norm))

        def commit() -> None:
            ready()
            torch.autograd.graph.increment_version(w)

        return commit

    def _values(self, w: Tensor | None, like: Tensor) -> Tensor:
        """Give each synapse its factor, in the order of the rows."""
        from circuitgraph.kernels.cpu.wiring import reorder

        assert w is not None
        vals = w.detach().to(wide(like.dtype))
        vals = vals.contiguous() if self.slot is None else reorder(vals.contiguous(), self.slot)
        return vals if self.coef is None else vals * self.coef.to(vals.dtype)

    def _transposed(self) -> "Wiring":
        if self.back is None:
            from circuitgraph.kernels.cpu.build import turn

            self.back, self.perm = turn(self.forth)
        return self.back


def _flat(x: Tensor) -> Tensor:
    """See activity as (B, neurons) in a type that the loops know."""
    x = x.detach().flatten(1)
    return x.float() if x.dtype == torch.float16 else x


def _few_events(rows: Tensor) -> bool:
    batch = len(rows)
    if not batch or batch > 16:
        return False
    return int(torch.count_nonzero(rows)) < rows.numel() * 0.2 / batch
