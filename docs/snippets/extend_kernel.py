"""A kernel of your own: the ring as rolled vectors."""

import runpy
from pathlib import Path

# --8<-- [start:imports]
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Kernel
from circuitgraph.registry import kernels
from circuitgraph.testing import check_kernel

# --8<-- [end:imports]

Ring = runpy.run_path(str(Path(__file__).with_name("extend_topology.py")))["Ring"]


# --8<-- [start:code]
@kernels.register("ring")
class RingKernel(Kernel):
    """Turn the ring by one neighbour at a time; no index is read."""

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Ring)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return 0.5 * topology.n_synapses(pre, post)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return sum(column * x.roll(-d, 1) for d, column in self._columns(w, x))

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return sum((column * g).roll(d, 1) for d, column in self._columns(w, g))

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        kind = torch.promote_types(x.dtype, torch.float32)  # sums are never kept in a narrow type
        met = [(x.roll(-d, 1).to(kind) * g.to(kind)).sum(0) for d in self.topology.steps]
        return torch.stack(met, dim=1).flatten()

    def _columns(self, w: Tensor, like: Tensor) -> list[tuple[int, Tensor]]:
        return list(zip(self.topology.steps, w.to(like.dtype).view(self.post[0], -1).unbind(1), strict=True))


for example in Ring.examples():
    check_kernel(RingKernel, *example)
circuit = cg.Circuit().add("x", 12).connect("x", "y", Ring(2))
print(cg.compile(circuit).plan.kernels)
# --8<-- [end:code]
