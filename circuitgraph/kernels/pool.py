"""Pooling through torch's own operators; gradients route as the operator does."""

import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.kernels.units import max_pool
from circuitgraph.registry import kernels
from circuitgraph.topologies import Pool


@kernels.register("pool")
class PoolKernel(Kernel):
    """Pool windows of sites; the weight of a unit scales what it passes on."""

    takes_unit_weights = True
    topology: Pool

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Pool)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self._weigh(self._pool(x), w)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        at = g.new_zeros(len(g), *self.pre) if x is None else x
        routed: Tensor = torch.func.vjp(self._pool, at.to(g.dtype))[1](self._weigh(g, w))[0]
        return routed

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        met = self._pool(x).to(wide(x.dtype)) * g.to(wide(x.dtype))
        return met.sum(tuple(d for d in range(met.ndim) if d != 1))

    def _pool(self, x: Tensor) -> Tensor:
        rank = len(self.pre) - 1
        window = self.topology.window(rank)
        args = window["kernel"], window["stride"], window["padding"]
        if self.topology.how == "max":
            return max_pool(x, *args)
        return (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[rank - 1](x, *args)

    def _weigh(self, x: Tensor, w: Tensor | None) -> Tensor:
        return x if w is None else x * w.to(x.dtype).view(-1, *[1] * (x.ndim - 2))
