"""What several folders of tests share: how GPU code runs, and a kernel that torch cannot look into, in numpy."""

import os

import numpy as np
import pytest
import torch
from torch import Tensor

if not torch.cuda.is_available():  # Triton reads it once, when it is imported
    os.environ.setdefault("TRITON_INTERPRET", "1")

from circuitgraph import registry
from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels import Kernel
from circuitgraph.kernels.kernel import wide


class Loops(Kernel):
    """Gather and scatter in numpy, as an engine that is not torch code."""

    opaque = True
    devices = ("cpu",)

    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        self.table, self.n_slots = topology.synapses(pre, post), topology.n_slots(pre, post)

    @classmethod
    def supports(cls, topology: Topology, pre: Shape, post: Shape) -> bool:
        return topology.reduce == "sum"

    @classmethod
    def cost(cls, topology: Topology, pre: Shape, post: Shape) -> float:
        return float("inf")

    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return self._carry(x, w, self.table.pre, self.table.post, self.post)

    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return self._carry(g, w, self.table.post, self.table.pre, self.pre)

    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        met = (_rows(x)[:, self.table.pre] * _rows(g)[:, self.table.post] * self.table.coef).sum(0)
        out = np.zeros(self.n_slots)
        np.add.at(out, self.table.slot, met)
        return torch.from_numpy(out).to(wide(x.dtype))

    def _carry(self, x: Tensor, w: Tensor | None, here: np.ndarray, there: np.ndarray, shape: Shape) -> Tensor:
        assert w is not None
        out = np.zeros((len(x), n_neurons(shape)))
        np.add.at(out, (slice(None), there), _rows(x)[:, here] * (self.table.coef * _rows(w[None])[0, self.table.slot]))
        return torch.from_numpy(out).view(-1, *shape).to(x.dtype)


def _rows(x: Tensor) -> np.ndarray:
    return x.detach().flatten(1).double().numpy()


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> type[Kernel]:
    """Register the opaque test kernel as "loops" for one test; nothing chooses it by itself."""
    Loops.name = "loops"
    monkeypatch.setitem(registry.kernels._classes, "loops", Loops)
    return Loops
