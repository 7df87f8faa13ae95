"""The definition: gather and scatter over every synapse."""

import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.registry import kernels


@kernels.register("reference")
class Reference(Kernel):
    """Compute by enumerating synapses; slow, correct, and right for every topology."""

    takes_unit_weights = True
    at_pre: Tensor
    at_post: Tensor
    at_slot: Tensor
    coef: Tensor

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        table = topology.synapses(pre, post)
        for column in ("pre", "post", "slot"):
            self.register_buffer(f"at_{column}", torch.tensor(getattr(table, column)), persistent=False)
        self.register_buffer("coef", torch.tensor(table.coef), persistent=False)
        self.n_slots = topology.n_slots(pre, post)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return True

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 300.0 * (topology.n_synapses(pre, post) + 1)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        carried = x.flatten(1)[:, self.at_pre] * self._factor(w, x, wide(x.dtype))
        out = carried.new_zeros(len(x), n_neurons(self.post)).index_add(1, self.at_post, carried)
        return out.view(-1, *self.post).to(x.dtype)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        carried = g.flatten(1)[:, self.at_post] * self._factor(w, x, wide(g.dtype))
        out = carried.new_zeros(len(g), n_neurons(self.pre)).index_add(1, self.at_pre, carried)
        return out.view(-1, *self.pre).to(g.dtype)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        kind = wide(x.dtype)
        rows, errors = x.flatten(1).to(kind), g.flatten(1).to(kind)
        met = (rows[:, self.at_pre] * errors[:, self.at_post] * self._factor(None, x, kind)).sum(0)
        return met.new_zeros(self.n_slots).index_add(0, self.at_slot, met)

    def _factor(self, w: Tensor | None, x: Tensor | None, kind: torch.dtype) -> Tensor:
        """Give what each synapse multiplies by.  Shape: (E,), or (B, E) where the topology reduces by "max"."""
        factor = self.coef.to(kind) if w is None else self.coef.to(kind) * w.to(kind)[self.at_slot]
        if self.topology.reduce == "sum":
            return factor
        assert x is not None
        return factor * self._heard(x.flatten(1)).to(kind)

    def _heard(self, x: Tensor) -> Tensor:
        """Mark, per sample, the one synapse that each postsynaptic neuron hears.  Shape: (B, pre) -> (B, E)."""
        offered = x[:, self.at_pre]
        post = self.at_post.expand_as(offered)
        best = x.new_full((len(x), n_neurons(self.post)), -torch.inf).scatter_reduce(1, post, offered, "amax")
        rank = torch.arange(len(self.at_post), device=x.device).expand_as(offered)
        tied = torch.where(offered == best.gather(1, post), rank, len(self.at_post))
        first = rank.new_full(best.shape, len(self.at_post)).scatter_reduce(1, post, tied, "amin")
        return rank == first.gather(1, post)
