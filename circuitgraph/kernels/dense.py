"""All-to-all wiring as matrix products, and relays as broadcasts."""

import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.registry import kernels
from circuitgraph.topologies import Dense, Gather, OneToOne, Spread


@kernels.register("dense")
class DenseKernel(Kernel):
    """Multiply by the weights seen as a matrix (post neurons, pre neurons)."""

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Dense)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return F.linear(x.flatten(1), self._matrix(w, x)).view(-1, *self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return (g.flatten(1) @ self._matrix(w, g)).view(-1, *self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        return (g.flatten(1).t() @ x.flatten(1)).flatten().to(wide(x.dtype))

    def _matrix(self, w: Tensor | None, like: Tensor) -> Tensor:
        assert w is not None
        return w.to(like.dtype).view(n_neurons(self.post), n_neurons(self.pre))


@kernels.register("relay")
class Relay(Kernel):
    """Broadcast or sum over units; the weight of a unit is shared by its sites."""

    takes_unit_weights = True

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, OneToOne | Gather | Spread)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self._fit(self._weigh(x, w), self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return self._fit(self._weigh(g, w), self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        met = x.to(wide(x.dtype)) * g.to(wide(x.dtype))
        return met.sum(tuple(d for d in range(met.ndim) if d != 1))

    def _weigh(self, x: Tensor, w: Tensor | None) -> Tensor:
        return x if w is None else x * w.to(x.dtype).view(-1, *[1] * (x.ndim - 2))

    def _fit(self, x: Tensor, shape: Shape) -> Tensor:
        if x.shape[1] > shape[0]:
            return x.sum(1, keepdim=True)
        return x.expand(len(x), *shape)
