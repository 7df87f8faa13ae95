"""What engines in Triton share: where they run, how activity is laid out, how code is launched."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape, Synapses, Topology, n_neurons
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel

PRESENT = find_spec("triton") is not None
INTERPRETED = os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on", "yes", "y")
"""True where Triton interprets its code with numpy, slowly, on any device: for tests without a GPU."""
RATE = 1e6 if INTERPRETED else 1.0
"""What estimates are multiplied with: interpreted code is for tests alone."""
DEVICES = ("cuda", "cpu") if INTERPRETED else ("cuda",)
PROGRAMS = 1 if INTERPRETED else 1024
"""Programs that fill a GPU, several on each of its 100 to 150 processors: work is put together only beyond them."""
TILE, TILE_EDGES = 2048, 512
"""Products, and edges, that a program for rows takes at a time: 16 and 4 for each thread of its four warps."""
OPTIONS = {"enable_fp_fusion": True}
"""How code is compiled; Triton 3.9 warns that its own choice for products and sums in one operation will change."""


@dataclass(frozen=True)
class Launch:
    """One call of compiled code on given operands: `prepare` does all that can fail or takes memory, `run` the rest."""

    code: Any
    grid: tuple[int, ...]
    on: Tensor
    operands: Mapping[str, Any]

    def prepare(self) -> "Launch":
        """Compile the code and load it onto the device, without running it."""
        if all(self.grid):
            with torch.cuda.device_of(self.on):
                made = self.code.warmup(grid=self.grid, **self.operands, **OPTIONS)
                # Reading `run` loads the binary; the interpreter makes none.
                assert made is None or made.run is not None
        return self

    def run(self) -> None:
        """Launch on the current stream of the operands' device."""
        if all(self.grid):
            with torch.cuda.device_of(self.on):
                self.code[self.grid](**self.operands, **OPTIONS)


def code() -> Any:
    """Import the code, which takes a quarter of a second: only on use."""
    from circuitgraph.kernels import triton_code

    return triton_code


def list_synapses(topology: Topology, pre: Shape, post: Shape) -> Synapses:
    """List the synapses, without those that were pruned where the topology knows them."""
    listed = topology.listed(pre, post)
    if listed is None:
        return topology.synapses(pre, post)
    return Synapses.build(*listed, np.arange(len(listed[0])))


def neuron_major(x: Tensor) -> Tensor:
    """Turn (B, *shape) into (neurons, B); a view where the memory already lies so.

    Example:
        >>> x = torch.ones(3, 4)
        >>> neuron_major(x.t()).data_ptr() == x.data_ptr()
        True
    """
    return x.flatten(1).t().contiguous()


def batch_first(y: Tensor, shape: Shape) -> Tensor:
    """View (neurons, B) as (B, *shape).

    Example:
        >>> batch_first(torch.ones(4, 3), (2, 2)).shape
        torch.Size([3, 2, 2])
    """
    return y.t().view(y.shape[1], *shape)


def ceil_power(n: float, most: int) -> int:
    """Give the least power of two that is at least n, between 1 and `most`, itself one.

    Example:
        >>> [ceil_power(n, 64) for n in (0, 1, 5, 64, 1000)]
        [1, 1, 8, 64, 64]
    """
    size = 1
    while size < n and size < most:
        size *= 2
    return size


def ceil_div(n: int, size: int) -> int:
    """Count the blocks of one size that n things fill.

    Example:
        >>> ceil_div(5, 4)
        2
    """
    return -(-n // size)


def tile(n_rows: int, row_length: float, batch: int) -> dict[str, int]:
    """Choose how many rows, edges and samples a program takes at a time.

    Example:
        >>> tile(1000, 40.0, 128)
        {'ROWS': 1, 'EDGES': 16, 'BATCH': 128}
    """
    samples = ceil_power(batch, 128)
    edges = ceil_power(row_length, min(64, TILE // samples))
    rows = ceil_power(n_rows / PROGRAMS, min(TILE // (samples * edges), TILE_EDGES // edges))
    return {"ROWS": rows, "EDGES": edges, "BATCH": samples}


def parts(programs: int, steps: int) -> int:
    """Choose into how many parts to cut the work of each program, which it does in so many steps, to fill a GPU.

    Example:
        >>> parts(10**6, 100)
        1
    """
    return max(1, min(PROGRAMS // max(1, programs), steps))


def narrow(column: Tensor) -> Tensor:
    """Make indices 32-bit where they fit.

    Example:
        >>> narrow(torch.tensor([2**31 - 1])).dtype, narrow(torch.tensor([2**31])).dtype
        (torch.int32, torch.int64)
    """
    return column if len(column) and column.max() >= 2**31 else column.to(torch.int32)


def row_starts(count: Tensor) -> Tensor:
    """Sum up how many edges come before each row.  Shape: (R,) -> (R + 1,).

    Example:
        >>> row_starts(torch.tensor([2, 0, 1])).tolist()
        [0, 2, 2, 3]
    """
    return torch.cat([count.new_zeros(1), count.cumsum(0)])


class TritonKernel(Kernel):
    """Share among kernels in Triton where they run, and how a change of weights is made."""

    devices = DEVICES
    opaque = True
    end_starts: Tensor | None
    end_slots: Tensor | None

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        self.register_buffer("end_starts", None, persistent=False)
        self.register_buffer("end_slots", None, persistent=False)

    @classmethod
    def present(cls) -> bool:
        return PRESENT

    def need_device(self, x: Tensor) -> None:
        """Raise StructureError unless the kernel runs where the activity is."""
        if x.device.type not in self.devices:
            got = f"got activity on {x.device.type}, expected {' or '.join(self.devices)}"
            raise StructureError(f"kernel {self.name!r}: does not run here ({got}); move the network or choose another")

    def normalize(self, w: Tensor, ends: Ends) -> Launch:
        """Prepare to divide the weights of each end by their norm, in place."""
        if self.end_starts is None or self.end_slots is None:
            at = ends.of_slots(w)
            self.end_starts = narrow(row_starts(torch.bincount(at, minlength=ends.size)))
            self.end_slots = narrow(torch.argsort(at, stable=True))
        sizes = tile(ends.size, len(w) / max(1, ends.size), 1)
        operands = {
            "w": w, "starts": self.end_starts, "slot": self.end_slots, "n_rows": ends.size,
            "DOUBLE": code().double(w), "ROWS": sizes["ROWS"], "EDGES": sizes["EDGES"],
        }  # fmt: skip
        return Launch(code().norm_rows, (ceil_div(ends.size, sizes["ROWS"]),), w, operands)


def ends_at(ends: Ends) -> dict[str, Any]:
    """Say how the end of a postsynaptic neuron is found: its number divided by `sites`, or with SITE the remainder."""
    sites = 1 if ends.end == "neuron" else n_neurons(ends.post) // ends.post[0]
    return {"sites": sites, "SITE": ends.end == "site"}


def in_place(w: Tensor, *launches: Launch) -> Callable[[], None]:
    """Prepare launches that change w, as one call that also tells autograd of the change."""
    ready = [launch.prepare() for launch in launches]

    def commit() -> None:
        for launch in ready:
            launch.run()
        torch.autograd.graph.increment_version(w)

    return commit
