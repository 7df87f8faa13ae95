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
        x = x.flatten(1)
        carried = x[:, self.at_pre] * self._factor(x, w)
        out = carried.new_zeros(len(x), n_neurons(self.post)).index_add(1, self.at_post, carried)
        return out.view(-1, *self.post).to(x.dtype)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        g = g.flatten(1)
        carried = g[:, self.at_post] * self._factor(x, w, g.dtype)
        out = carried.new_zeros(len(g), n_neurons(self.pre)).index_add(1, self.at_pre, carried)
        return out.view(-1, *self.pre).to(g.dtype)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        x, g = x.flatten(1).to(wide(x.dtype)), g.flatten(1).to(wide(x.dtype))
        met = (x[:, self.at_pre] * g[:, self.at_post] * self._factor(x, None)).sum(0)
        return met.new_zeros(self.n_slots).index_add(0, self.at_slot, met)

    def _factor(self, x: Tensor | None, w: Tensor | None, dtype: torch.dtype | None = None) -> Tensor:
        kind = wide(dtype or (x.dtype if x is not None else torch.float64))
        factor = self.coef.to(kind) if w is None else self.coef.to(kind) * w.to(kind)[self.at_slot]
        return factor * self._heard(x.flatten(1)).to(kind) if self.topology.reduce == "max" and x is not None else factor

    def _heard(self, x: Tensor) -> Tensor:
        """Mark, per sample, the one synapse that each postsynaptic neuron hears.  Shape: (B, pre) -> (B, E)."""
        offered = x[:, self.at_pre]
        post = self.at_post.expand_as(offered)
        best = x.new_full((len(x), n_neurons(self.post)), -torch.inf).scatter_reduce(1, post, offered, "amax")
        rank = torch.arange(len(self.at_post), device=x.device).expand_as(offered)
        tied = torch.where(offered == best.gather(1, post), rank, len(self.at_post))
        first = rank.new_full(best.shape, len(self.at_post)).scatter_reduce(1, post, tied, "amin")
        return rank == first.gather(1, post)
