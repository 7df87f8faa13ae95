"""Rectified powers."""

from torch import Tensor

from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons


@neurons.register("repu")
@value
class RePU(Neuron):
    """Rectify and raise to a power: y = max(u, 0) ** power (Krotov and Hopfield 2019).

    Raises:
        ShapeError: for a power that is no positive number.

    Example:
        >>> import torch
        >>> RePU(2).respond(torch.tensor([-1.0, 3.0])).tolist()
        [0.0, 9.0]
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        need_positive(self, "power", self.power)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"], {}

    def respond(self, z: Tensor) -> Tensor:
        return z.relu().pow(self.power)

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.7), cls(4.5)]


@neurons.register("square")
@value
class Square(Neuron):
    """Fire by the energy of the input: y = u ** 2, of either sign (Adelson and Bergen 1985).

    Example:
        >>> import torch
        >>> Square().drive({"in": torch.tensor([[-2.0, 3.0]])}, {}, training=False)[0].tolist()
        [[4.0, 9.0]]
    """

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"].square(), {}
