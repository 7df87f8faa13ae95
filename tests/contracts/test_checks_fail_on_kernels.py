"""A check that cannot fail is none: each finds what is wrong with a wrong implementation, and says it."""

import dataclasses
from typing import ClassVar

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph import testing
from circuitgraph.ir import Shape, Slots, Synapses, Topology, value
from circuitgraph.kernels import DenseKernel, Kernel, PoolKernel
from circuitgraph.registry import edits, neurons, rules, topologies

DENSE = cg.Dense(), (3,), (2,)


@pytest.fixture(autouse=True)
def _registries_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (topologies, neurons, rules, edits):
        list(registry)  # the built-in entries are registered on the first look-up
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def register(registry: object, cls: type) -> type:
    return registry.register(f"wrong-{cls.__name__}")(value(cls))  # type: ignore[attr-defined]


class LosesArguments(cg.Triangle):
    def __post_init__(self) -> None:
        object.__setattr__(self, "power", self.power + 1)


class EqualsEverything(cg.Linear):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = cg.Linear.__hash__


class UnevenHash(cg.Linear):
    def __hash__(self) -> int:
        return id(self)


@pytest.mark.parametrize(
    ("cls", "message"),
    [(LosesArguments, "changed by encode"), (EqualsEverything, "equals anything"), (UnevenHash, "hash differently")],
)
def test_check_value_finds(cls: type, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_value(register(neurons, cls)())


class WrongCount(cg.Dense):
    def slots(self, pre: Shape, post: Shape) -> Slots:
        table = super().slots(pre, post)
        return Slots(table.pre, table.post, table.count + 1, table.pre_end, table.post_end)


class WrongEnds(cg.Dense):
    def slots(self, pre: Shape, post: Shape) -> Slots:
        table = super().slots(pre, post)
        return Slots(table.pre[::-1].copy(), table.post, table.count, table.pre_end, table.post_end)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return cg.Dense().synapses(pre, post)


class WrongSlotNumber(cg.Dense):
    def n_slots(self, pre: Shape, post: Shape) -> int:
        return super().n_slots(pre, post) + 1


class WrongSynapseNumber(cg.Dense):
    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return super().n_synapses(pre, post) - 1


class WrongRows(cg.Dense):
    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return 2


class Moody(cg.Dense):
    calls: ClassVar[list[int]] = []

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        self.calls.append(1)
        table = super().synapses(pre, post)
        return dataclasses.replace(table, coef=table.coef * len(self.calls))


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (WrongCount, "synapses per slot differ"),
        (WrongEnds, "pre end of slots"),
        (WrongSlotNumber, "n_slots differs"),
        (WrongSynapseNumber, "n_synapses differs"),
        (WrongRows, "row_length does not group"),
        (Moody, "coef of a second call"),
    ],
)
def test_check_topology_finds(cls: type[Topology], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_topology(register(topologies, cls)(), (3,), (2,))


class Off(DenseKernel):
    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return super().push(x, w) * (1 + 1e-9)


class WrongPull(DenseKernel):
    def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
        return super().pull(g, w) + 1


class Averages(DenseKernel):
    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        return super().pair(x, g) / max(1, len(x))


class NarrowSums(DenseKernel):
    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        return super().pair(x, g).to(x.dtype)


class Widens(DenseKernel):
    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return super().push(x, w).double()


class Overwrites(DenseKernel):
    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        y = super().push(x, w)
        x.zero_()
        return y


class ReadsMemoryOrder(DenseKernel):
    def pair(self, x: Tensor, g: Tensor) -> Tensor:
        if not x.is_contiguous():
            x = torch.as_strided(x, x.shape, (x.shape[1], 1))
        return super().pair(x, g)


class FailsOnNothing(DenseKernel):
    def push(self, x: Tensor, w: Tensor | None) -> Tensor:
        return super().push(x, w) if len(x) else x


class SavesIndices(DenseKernel):
    def __init__(self, topology: Topology, pre: Shape, post: Shape) -> None:
        super().__init__(topology, pre, post)
        self.register_buffer("index", torch.arange(3))


class CutsGradient(DenseKernel):
    def forward(self, x: Tensor, w: Tensor | None) -> Tensor:
        return super().forward(x, w) + super().forward(x.detach(), w) - self.push(x.detach(), w.detach())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (Off, "push of Dense.* off by"),
        (WrongPull, "pull of Dense.* off by"),
        (Averages, "pair of Dense.* off by"),
        (NarrowSums, "pair of Dense.* type torch.bfloat16, expected torch.float32"),
        (Widens, "push of Dense.* type torch.float64"),
        (Overwrites, "changed in place|off by"),
        (ReadsMemoryOrder, "non-contiguous activity: off by"),
        (FailsOnNothing, r"batch 0: shape \(0, 3\), expected \(0, 2\)"),
        (SavesIndices, "persistent=False"),
    ],
)
def test_check_kernel_finds(kernel: type[Kernel], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_kernel(kernel, *DENSE)


def test_check_kernel_finds_gradients_that_are_not_those_of_push() -> None:
    with pytest.raises(AssertionError, match="finite differences"):
        testing.check_kernel(CutsGradient, *DENSE)


def test_check_kernel_finds_a_max_pool_that_hears_the_wrong_one_of_equals() -> None:
    class HearsLast(PoolKernel):
        def pull(self, g: Tensor, w: Tensor | None, x: Tensor | None = None) -> Tensor:
            assert x is not None
            return super().pull(g.flip(-1), w, x.flip(-1)).flip(-1)

    topology, pre, post = cg.Pool(2), (2, 4), (2, 2)
    testing.check_kernel(PoolKernel, topology, pre, post)
    with pytest.raises(AssertionError, match="pull of Pool"):
        testing.check_kernel(HearsLast, topology, pre, post)


def test_check_kernel_finds_a_kernel_that_cannot() -> None:
    with pytest.raises(AssertionError, match="does not support"):
        testing.check_kernel(PoolKernel, *DENSE)
