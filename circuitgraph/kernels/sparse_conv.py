"""Pruned convolutions in work proportional to the slots that are left."""

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.conv import ConvKernel
from circuitgraph.kernels.kernel import Kernel, alike, wide
from circuitgraph.registry import kernels
from circuitgraph.topologies import Conv, Pruned

if TYPE_CHECKING:
    from circuitgraph.kernels.cpu.wiring import Wiring


@kernels.register("numba-conv")
class SparseConv(Kernel):
    """Add, for each slot left of a convolution, its weight times a shifted plane of its presynaptic unit.

    Nothing is unfolded, and groups and depthwise wiring cost what their slots cost.  Weights stay one vector in slot
    order; the index takes two bytes a slot where windows have at most 65,536 entries.
    """

    devices = ("cpu",)
    opaque = True
    topology: Pruned
    perm: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        from circuitgraph.kernels.cpu.planes import Grid
        from circuitgraph.kernels.cpu.wires import narrow, row_begins
        from circuitgraph.kernels.cpu.wiring import Wiring

        assert isinstance(self.topology.topology, Conv)
        topology.check(pre, post)
        self.conv = ConvKernel(self.topology.topology, pre, post)
        law = self.topology.topology
        self.grid = Grid(pre[1:], tuple(self.conv.padding), law.mode, tuple(self.conv.stride), post[1:])
        self.split, self.shift = self.grid.of_taps(self.conv.kernel, self.conv.dilation)
        self.n_keys = pre[0] * len(self.split)
        self.key_unit, tap = self._units_and_taps(np.arange(self.n_keys))
        self.key_site = self.split[tap] * self.grid.size + self.shift[tap]
        row, key = self._rows_and_keys()
        self.forth = Wiring(row_begins(row, post[0]), key.astype(narrow(self.n_keys)), self.n_keys)
        self.back: Wiring | None = None
        self.register_buffer("perm", None, persistent=False)

    @classmethod
    def present(cls) -> bool:
        return importlib.util.find_spec("numba") is not None

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return isinstance(topology, Pruned) and isinstance(topology.topology, Conv)

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        # Measured on one Zen 5 core, 96 to 1536 units, 5 to 20 % of 3x3 windows left: against oneDNN's convolution, a
        # synapse takes as long as six, and a number of activity, moved into or out of its plane, as long as a hundred.
        return 6.0 * topology.n_synapses(pre, post) + 100.0 * (n_neurons(pre) + n_neurons(post))

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        from circuitgraph.kernels.cpu.planes import post_places, push_planes, row_lanes

        self.need(x=x, w=w)
        if not len(x):
            return x.new_empty(0, *self.post)
        assert w is not None
        real, batch = _real(x), len(x)
        y = torch.empty(batch, *self.post, dtype=real.dtype, memory_format=self.conv.format)
        places = post_places(self.grid, batch, _strides(y))
        vals = w.detach().to(wide(real.dtype)).contiguous()
        used = self.grid.reach * row_lanes(batch)
        push_planes(self.forth, *self._pre_planes(real), vals, y, places, used)
        return y.to(x.dtype)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        from circuitgraph.kernels.cpu.planes import from_planes, row_lanes, sum_planes
        from circuitgraph.kernels.cpu.wiring import reorder

        self.need(g=g, w=w)
        if not len(g):
            return g.new_empty(0, *self.pre)
        assert w is not None
        real, batch = _real(g), len(g)
        back, lanes = self._transposed(), row_lanes(batch)
        errors = self._post_planes(real, before=int(self.shift.max()) * lanes)
        assert self.perm is not None
        vals = reorder(w.detach().to(wide(real.dtype)).contiguous(), self.perm)
        rows = sum_planes(back, errors, self._post_table(lanes, errors.stride(0)), vals, self.grid.size * lanes)
        return self.conv.unpad(from_planes(rows, self.grid, batch, self.pre[0])).to(g.dtype)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        from circuitgraph.kernels.cpu.planes import pair_planes, row_lanes

        self.need(x=x, g=g)
        x, g = alike(x, g)
        if not len(x):
            return x.new_zeros(len(self.topology.keep), dtype=wide(x.dtype))
        errors = self._post_planes(_real(g))
        return pair_planes(self.forth, *self._pre_planes(_real(x)), errors, self.grid.reach * row_lanes(len(x)))

    def _pre_planes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Lay presynaptic activity out, and say where the plane that each key reads begins, in numbers."""
        from circuitgraph.kernels.cpu.planes import pre_places, row_lanes, to_planes

        planes, lanes = to_planes(x, pre_places(self.grid, len(x), _strides(x))), row_lanes(len(x))
        begin = self.key_unit * planes.stride(0) + self.key_site * lanes
        return planes, torch.from_numpy(begin)

    def _post_planes(self, g: Tensor, before: int = 0) -> Tensor:
        from circuitgraph.kernels.cpu.planes import post_places, to_planes

        return to_planes(g, post_places(self.grid, len(g), _strides(g)), before=before)

    def _rows_and_keys(self) -> tuple[np.ndarray, np.ndarray]:
        """Give each slot's postsynaptic unit, and its presynaptic unit and tap as one number, rising within a unit."""
        keep, fan_in = self.topology.keep, self.conv.fan_in
        row = keep // fan_in
        group = row // (self.post[0] // self.conv.topology.groups)
        return row, group * fan_in + keep % fan_in

    def _units_and_taps(self, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fan_in, inner = self.conv.fan_in, self.pre[0] // self.conv.topology.groups
        return key // fan_in * inner + key % inner, key % fan_in // inner

    def _post_table(self, lanes: int, length: int) -> Tensor:
        """Say where in rows of errors, with room before them, each pair of a postsynaptic unit and a tap begins."""
        unit, tap = np.divmod(np.arange(self.post[0] * len(self.split)), len(self.split))
        return torch.from_numpy(unit * length + (self.shift.max() - self.shift[tap]) * lanes)

    def _transposed(self) -> "Wiring":
        if self.back is None:
            from circuitgraph.kernels.cpu.wires import narrow, row_begins, sort_pairs
            from circuitgraph.kernels.cpu.wiring import Wiring

            unit, key = self._rows_and_keys()
            pre_unit, tap = self._units_and_taps(key)
            row, col = pre_unit * self.grid.splits + self.split[tap], unit * len(self.split) + tap
            n_rows, n_cols = self.pre[0] * self.grid.splits, self.post[0] * len(self.split)
            order = sort_pairs(row, col, n_rows, n_cols)
            self.back = Wiring(row_begins(row[order], n_rows), col[order].astype(narrow(n_cols)), n_cols)
            self.perm = torch.from_numpy(order)
        return self.back


def _strides(x: Tensor) -> tuple[int, ...]:
    return (x.stride(0), *x.stride()[2:])


def _real(x: Tensor) -> Tensor:
    x = x.detach()
    return x.float() if x.dtype == torch.float16 else x
