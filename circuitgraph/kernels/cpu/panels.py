"""Activity in panels, some neurons side by side, sample after sample: (panels, steps, lanes)."""

from array import array
from typing import Any

import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from torch import Tensor

from circuitgraph.kernels.cpu.packing import turn
from circuitgraph.kernels.cpu.tasks import count_on, peek, pointer

_FILLED = 8
"""Where a record says how many panels are filled, in bytes; before it stands how many are taken."""


class Panels:
    """Room for the panels of an activity, which a loop fills in its first tasks (`fill`), and waits for (`wait`).

    bfloat16 is laid by two samples, which make one step.  Shape: x (B, N).
    """

    def __init__(self, x: Tensor, lanes: int) -> None:
        size, pairs = x.element_size(), x.dtype == torch.bfloat16
        batch, self.neurons = x.shape
        self.steps = -(-batch // 2) if pairs else batch
        joined = pairs and x.stride(0) == 1 and batch % 2 == 0  # two samples are a word as they lie
        sample, batch = (4, self.steps) if joined else (x.stride(0) * size, batch)
        count = -(-self.neurons // lanes)
        self._x, self._room = x, torch.empty(count, self.steps, lanes, dtype=torch.int32)
        self._record = array(
            "q", [0, 0, count, x.data_ptr(), sample, x.stride(1) * size, batch, self.neurons, self._room.data_ptr(),
             self.steps, lanes, pairs and not joined]
        )  # fmt: skip

    def record(self) -> int:
        """Give the address of what a loop needs to fill the panels, once for each time that it runs."""
        self._record[0] = self._record[1] = 0
        return self._record.buffer_info()[0]


@njit
def fill(record):
    """Fill panels, until all are taken."""
    panels, x, sample, neuron = peek(record, 2), peek(record, 3), peek(record, 4), peek(record, 5)
    batch, neurons, room = peek(record, 6), peek(record, 7), peek(record, 8)
    steps, lanes, joins = peek(record, 9), peek(record, 10), peek(record, 11)
    panel = count_on(record)
    while panel < panels:
        here, used, out = x + panel * lanes * neuron, neurons - panel * lanes, room + 4 * panel * steps * lanes
        if joins:
            join(here, sample, neuron, batch, min(used, lanes), lanes, out)
        else:
            copy(here, sample, neuron, batch, min(used, lanes), lanes, out)
        _arrive(record + _FILLED)
        panel = count_on(record)


@njit
def wait(record):
    """Wait until all panels are filled; none is left to be taken."""
    while _arrived(record + _FILLED) < peek(record, 2):
        pass


@njit
def copy(x, sample, neuron, batch, used, lanes, out):
    """Copy words of 32 bits, zero where neurons end; where a neuron's lie side by side, 16 by 16 in registers."""
    line, long = 4 * lanes, batch // 16 * 16 if sample == 4 else 0
    wide = used // 16 * 16 if long else 0
    for i in range(0, wide, 16):
        for k in range(0, long, 16):
            turn("u4", x + i * neuron + 4 * k, neuron, out + k * line + 4 * i, line)
    for k in range(batch):
        to = pointer("u4", out + k * line)
        for i in range(wide if k < long else 0, used):
            to[i] = pointer("u4", x + i * neuron + k * sample)[0]
        for i in range(used, lanes):
            to[i] = 0


@njit
def join(x, sample, neuron, batch, used, lanes, out):
    """Join two samples of 16 bits to a word; zero where samples or neurons end."""
    for k in range(0, batch, 2):
        to = pointer("u4", out + 2 * k * lanes)
        for i in range(used):
            at = x + i * neuron + k * sample
            low, high = pointer("u2", at)[0], pointer("u2", at + sample)[0] if k + 1 < batch else 0
            to[i] = low | (high << 16)
        for i in range(used, lanes):
            to[i] = 0


@intrinsic
def _arrive(context: Any, address: Any) -> Any:
    """Count one more, after all that was written before."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        b.atomic_rmw("add", b.inttoptr(arguments[0], word.as_pointer()), word(1), "release")
        return context.get_dummy_value()

    return types.void(types.intp), generate


@intrinsic
def _arrived(context: Any, address: Any) -> Any:
    """Read the count, before all that is read later."""

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        return b.load_atomic(b.inttoptr(arguments[0], ir.IntType(64).as_pointer()), "acquire", 8)

    return types.intp(types.intp), generate
