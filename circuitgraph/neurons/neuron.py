"""The contract of a neuron: what a population does with what arrives at its ports."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from circuitgraph.ir import Shape, Value

Columns = Mapping[str, Tensor]


class Neuron(Value, ABC):
    """Turn the inputs of a population into its output, in two parts: y = respond(drive(ports)).

    `drive` may look at other units, at the batch and at memory.  `respond` is elementwise and never falls where its
    argument rises, so the compiler may move it behind a max pool, where there is less of it to compute.

    Shape: every port and y (B, units, *sites).
    """

    kind: ClassVar[str] = "neuron"
    ports: ClassVar[tuple[str, ...]] = ("in",)
    """Names of the inputs that projections may land on; the first also takes external input."""
    keeps: ClassVar[tuple[str, ...]] = ()
    """Names of columns that `drive` returns and finds among its ports at the next step; absent at rest."""

    @property
    def trained(self) -> tuple[str, ...]:
        """Name the memory that gradients train, as they train weights; `learn` leaves it alone."""
        return ()

    @abstractmethod
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Combine the ports into one drive.

        Returns the drive and the columns that `learn` needs later, each with batch first (1 where it has no batch).
        """

    def respond(self, z: Tensor) -> Tensor:
        """Turn the drive into output, elementwise and monotone.  Never in place."""
        return z

    def check(self, shape: Shape) -> None:
        """Raise ShapeError unless the neuron fits a population of this shape."""

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        """Give the initial values of what is kept for each unit between runs.  Shape: first axis is units."""
        return {}

    def learn(self, columns: Columns, memory: dict[str, Tensor]) -> None:
        """Update memory in place from the columns that `drive` returned; called by `Network.learn` only."""

    @classmethod
    def examples(cls) -> "list[Neuron]":
        """Give small instances for the contract tests."""
        return [cls()]
