"""Pruned convolutions whose dead units are left out: a smaller convolution between those that live."""

import numpy as np
import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.kernel import Kernel
from circuitgraph.kernels.select import choose_kernel, make_kernel
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, Pruned


@kernels.register("compact")
class CompactConv(Kernel):
    """Convolve between the units that still have a slot, on the kernel that is best for what is left there.

    A unit that reaches nobody is not read, and one that hears nobody is silent: neither is computed.  Where pruning
    took whole units and nothing else, what is left is an ordinary, smaller, dense convolution.
    """

    devices = ("cpu",)  # what is left runs on the engine that is best there
    opaque = True
    topology: Pruned
    alive_pre: Tensor
    alive_post: Tensor

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        alive_pre, alive_post = _alive(self.topology, pre, post)
        smaller, shapes = _smaller(self.topology, pre, post)
        self.inner = make_kernel(smaller, *shapes)
        self.register_buffer("alive_pre", torch.from_numpy(alive_pre), persistent=False)
        self.register_buffer("alive_post", torch.from_numpy(alive_post), persistent=False)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        if not isinstance(topology, Pruned) or not isinstance(topology.topology, Conv) or topology.topology.groups > 1:
            return False
        alive_pre, alive_post = _alive(topology, pre, post)
        return 0 < len(alive_pre) * len(alive_post) < pre[0] * post[0]

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        assert isinstance(topology, Pruned)
        smaller, shapes = _smaller(topology, pre, post)
        inner = kernels[choose_kernel(smaller, *shapes).name]
        # A number copied in or out takes as long as seventy multiply-adds of a convolution (two Zen 5 cores).
        copied = [n_neurons(shape) for shape, whole in zip(shapes, (pre, post), strict=True) if shape != whole]
        return float(inner.cost(smaller, *shapes)) + 70.0 * (sum(copied) + n_neurons(post))

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return _place(self.inner.push(_take(x, self.alive_pre), w), self.alive_post, self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return _place(self.inner.pull(_take(g, self.alive_post), w), self.alive_pre, self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        return self.inner.pair(_take(x, self.alive_pre), _take(g, self.alive_post))


def _take(x: Tensor, units: Tensor) -> Tensor:
    """Read some units only; rows of units are several times faster to copy from than planes of sites."""
    if len(units) == x.shape[1]:
        return x
    rows = x.movedim(1, -1)
    taken = rows.reshape(-1, x.shape[1]).index_select(1, units)
    return taken.view(*rows.shape[:-1], len(units)).movedim(-1, 1)


def _place(y: Tensor, units: Tensor, shape: Shape) -> Tensor:
    """Put the units that live among the silent ones.  Shape: (B, alive, *sites) -> (B, *shape)."""
    if len(units) == shape[0]:
        return y
    rows = y.movedim(1, -1)
    out = y.new_zeros(rows.numel() // len(units), shape[0])
    out.index_copy_(1, units, rows.reshape(-1, len(units)))
    return out.view(*rows.shape[:-1], shape[0]).movedim(-1, 1)


def _alive(topology: Pruned, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray]:
    """List the presynaptic and the postsynaptic units that have a slot."""
    fan_in = topology.topology.n_slots(pre, post) // post[0]
    found = []
    for unit, size in ((topology.keep % pre[0], pre[0]), (topology.keep // fan_in, post[0])):
        alive = np.zeros(size, bool)
        alive[unit] = True
        found.append(np.flatnonzero(alive))
    return found[0], found[1]


def _smaller(topology: Pruned, pre: Shape, post: Shape) -> tuple[Topology, tuple[Shape, Shape]]:
    """Give the wiring between the units that live, its slots in the same order, and the shapes of their populations."""
    alive_pre, alive_post = _alive(topology, pre, post)
    law, taps = topology.topology, topology.topology.n_slots(pre, post) // (pre[0] * post[0])
    shapes = (len(alive_pre), *pre[1:]), (len(alive_post), *post[1:])
    out, rest = np.divmod(topology.keep, taps * pre[0])
    tap, unit = np.divmod(rest, pre[0])
    keep = (np.searchsorted(alive_post, out) * taps + tap) * len(alive_pre) + np.searchsorted(alive_pre, unit)
    return (law if len(keep) == law.n_slots(*shapes) else Pruned(law, keep)), shapes
