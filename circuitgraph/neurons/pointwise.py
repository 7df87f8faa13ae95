"""Neurons that mind only their own input."""

import math
from numbers import Real

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons


class _Pointwise(Neuron):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"], {}


@neurons.register("linear")
@value
class Linear(_Pointwise):
    """Pass the input on: y = u."""


@neurons.register("relu")
@value
class ReLU(_Pointwise):
    """Rectify: y = max(u, 0)."""

    def respond(self, z: Tensor) -> Tensor:
        return z.relu()


@neurons.register("exponential")
@value
class Exponential(_Pointwise):
    """Fire at the rate y = exp(gain * u); with a divisive interneuron this is softmax.

    In float32 it overflows above u = 88 / gain; the softmax that `compile` makes of the motif does not.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        need_positive(self, "gain", self.gain)

    def respond(self, z: Tensor) -> Tensor:
        return (z if self.gain == 1 else z * self.gain).exp()

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.5)]


@neurons.register("divide")
@value
class Divide(Neuron):
    """Divide the input by shunting inhibition: y = in / shunt, and 0 where nothing shunts.

    Example:
        >>> import torch
        >>> ports = {"in": torch.tensor([[6.0, 6.0]]), "shunt": torch.tensor([[2.0, 0.0]])}
        >>> Divide().drive(ports, {}, training=False)[0].tolist()
        [[3.0, 0.0]]
    """

    ports = ("in", "shunt")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        shunt = ports["shunt"]
        silent = shunt == 0
        return torch.where(silent, 0, ports["in"] / torch.where(silent, 1, shunt)), {}


def need_positive(neuron: Neuron, field: str, given: float) -> None:
    """Raise ShapeError unless a parameter is a positive finite number."""
    number = float(given) if isinstance(given, Real) and not isinstance(given, bool) else math.nan
    if not 0 < number < math.inf:
        raise ShapeError(f"{type(neuron).__name__}: {field} (got {given!r}, expected a positive number)")
