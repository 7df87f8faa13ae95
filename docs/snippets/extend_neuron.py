"""A neuron of your own: a leaky rectifier."""

# --8<-- [start:code]
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError
from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons
from circuitgraph.testing import check_neuron


@neurons.register("leaky-relu")
@value
class LeakyReLU(Neuron):
    """Rectify with a leak: y = u where u > 0, else slope * u (Maas, Hannun and Ng 2013)."""

    slope: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.slope < 1:
            raise ShapeError(f"LeakyReLU: slope (got {self.slope!r}, expected 0 to below 1)")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"], {}

    def respond(self, z: Tensor) -> Tensor:  # elementwise and rising: the compiler may move it behind a max pool
        return z.where(z > 0, self.slope * z)

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.2)]


for example in LeakyReLU.examples():
    check_neuron(example)
print(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, neuron=LeakyReLU(0.1)))
# --8<-- [end:code]
