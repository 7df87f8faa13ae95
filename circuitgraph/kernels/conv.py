"""Convolution through torch's own operators, channels last, and three ways to pair."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv

IM2COL_FAN_IN = 2048
"""From this fan-in on, one product with the unfolded input beats the convolution's weight gradient on CPUs: 1.8 times
at 384 units of 3x3 (two Zen 4 cores, torch 2.13); below it the two are even or the gradient wins."""
EVENT_DENSITY = 0.25
"""Below this share of nonzero postsynaptic activity, pairing only what is active wins on CPUs."""


@kernels.register("conv")
class ConvKernel(Kernel):
    """Convolve; weights are kept as (post units, *kernel, pre units per group), which is channels-last order."""

    topology: Conv

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        self.rank = len(pre) - 1
        window = self.topology.window(self.rank)
        self.kernel, self.stride = list(window["kernel"]), list(window["stride"])
        self.padding, self.dilation = list(window["padding"]), list(window["dilation"])
        self.mode = "constant" if self.topology.mode == "zeros" else self.topology.mode
        self.format = {2: torch.channels_last, 3: torch.channels_last_3d}.get(self.rank, torch.contiguous_format)
        self.fan_in = topology.n_slots(pre, post) // post[0]

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Conv)

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self._convolve(self.pad(x), self._filters(w, x))

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        padded = g.new_empty(1).expand(len(g), self.pre[0], *self.padded_sites())
        return self.unpad(self._backward(g, padded, self._filters(w, g), to_input=True))

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        padded, like = self.pad(x), self._filters(None, x)
        if g.device.type == "cpu" and self.topology.groups == 1 and not torch.is_grad_enabled() and len(g):
            rows = g.movedim(1, -1).reshape(-1, self.post[0])
            # A graph cannot branch on what is active.
            large = rows.dtype != torch.float64 and self.fan_in >= IM2COL_FAN_IN // 8 and padded.numel() < 1 << 31
            if large and not torch.compiler.is_compiling() and _share_active(rows) < EVENT_DENSITY:
                from circuitgraph.kernels.cpu.windows import pair_windows

                return pair_windows(padded, g, self.kernel, self.stride, self.dilation)
            if self.fan_in >= IM2COL_FAN_IN:
                return (rows.t() @ self._unfold(padded)).flatten().to(wide(x.dtype))
        filters = self._backward(g, padded, like, to_input=False)
        return filters.movedim(1, -1).reshape(-1).to(wide(x.dtype))

    def _convolve(self, padded: Tensor, filters: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.rank - 1]
        return convolve(padded, filters, None, self.stride, 0, self.dilation, self.topology.groups)

    def _filters(self, w: Tensor | None, like: Tensor) -> Tensor:
        """See the flat weights as torch's (post, pre per group, *kernel), without a copy beyond the change of type."""
        shape = (self.post[0], *self.kernel, self.pre[0] // self.topology.groups)
        if w is None:  # only the shape and the type matter: nothing is read
            return like.new_empty(shape).movedim(-1, 1)
        return w.to(like.dtype).view(shape).movedim(-1, 1)

    def _backward(self, g: Tensor, padded: Tensor, filters: Tensor, *, to_input: bool) -> Tensor:
        none = [0] * self.rank
        grads = torch.ops.aten.convolution_backward(
            g, padded, filters, None, self.stride, none, self.dilation, False, none, self.topology.groups,
            [to_input, not to_input, False],
        )  # fmt: skip
        return grads[0] if to_input else grads[1]

    def padded_sites(self) -> list[int]:
        return [n + 2 * p for n, p in zip(self.pre[1:], self.padding, strict=True)]

    def pad(self, x: Tensor) -> Tensor:
        if any(self.padding):
            x = F.pad(x, [p for axis in reversed(self.padding) for p in (axis, axis)], mode=self.mode)
        return x.contiguous(memory_format=self.format)

    def unpad(self, padded: Tensor) -> Tensor:
        """Undo padding: what arrived at a padded site returns to the site that it was read from."""
        for axis, p in enumerate(self.padding, start=2):
            if not p:
                continue
            n = padded.shape[axis] - 2 * p
            low, core, high = padded.split([p, n, p], dim=axis)
            if self.mode == "constant":
                padded = core
                continue
            padded = core.clone()
            if self.mode == "reflect":
                first, last, low, high = 1, n - 1 - p, low.flip(axis), high.flip(axis)
            else:
                first, last = n - p, 0
            padded.narrow(axis, first, p).add_(low)
            padded.narrow(axis, last, p).add_(high)
        return padded

    def _unfold(self, padded: Tensor) -> Tensor:
        """List the window of every postsynaptic site as a row.

        Shape: (B, I, *padded) -> (B * sites, prod(kernel) * I).
        """
        x = padded.movedim(1, -1)
        step = x.stride()
        size = (len(x), *self.post[1:], *self.kernel, self.pre[0])
        slide = [s * n for s, n in zip(step[1:-1], self.stride, strict=True)]
        taps = [s * n for s, n in zip(step[1:-1], self.dilation, strict=True)]
        windows = x.as_strided(size, (step[0], *slide, *taps, step[-1]))
        return windows.reshape(len(x) * math.prod(self.post[1:]), self.fan_in)


def _share_active(rows: Tensor) -> float:
    """Estimate the share of nonzero activity from up to 512 sites: to count all would take as long as a tenth of it."""
    few = rows[:: max(1, len(rows) // 512)]
    return int(torch.count_nonzero(few)) / max(1, few.numel())
