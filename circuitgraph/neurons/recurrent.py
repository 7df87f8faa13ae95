"""Gated cells: neurons with one port for each gate, on which projections from the input and from the past land."""

import torch
from torch import Tensor

from circuitgraph.ir import Shape, value
from circuitgraph.neurons.bias import kept, of_units
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons


class _Gated(Neuron):
    """A neuron with a bias for each port that projections land on."""

    @property
    def trained(self) -> tuple[str, ...]:
        return tuple(f"bias_{port}" for port in self.ports)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {name: torch.zeros(shape[0]) for name in self.trained}

    def _biased(self, ports: Columns, memory: Columns) -> dict[str, Tensor]:
        return {port: ports[port] + of_units(memory[f"bias_{port}"], ports[port]) for port in self.ports}


@neurons.register("lstm")
@value
class LSTM(_Gated):
    """Remember in a cell whose gates are ports (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    c = sigmoid(forget) * c before + sigmoid(input) * tanh(cell);  y = sigmoid(output) * tanh(c).
    Each port has a bias.  The cell is kept from step to step as the column "c"; the loop through y is wiring: a
    projection from the population to each of its own ports, with a delay of one.

    Example:
        >>> import torch, circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).add("h", 2, LSTM())
        >>> for port in LSTM.ports:
        ...     c = c.connect("x", "h", cg.Dense(), port=port, name=f"x to {port}")
        ...     c = c.connect("h", "h", cg.Dense(), port=port, name=f"h to {port}", delay=1)
        >>> cg.compile(c).run(torch.ones(5, 1, 3))[0].shape
        torch.Size([5, 1, 2])
    """

    ports = ("input", "forget", "cell", "output")
    keeps = ("c",)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = self._biased(ports, memory)
        c = u["forget"].sigmoid() * kept(ports, "c", u["cell"]) + u["input"].sigmoid() * u["cell"].tanh()
        return u["output"].sigmoid() * c.tanh(), {"c": c}


@neurons.register("gru")
@value
class GRU(_Gated):
    """Mix the past with a candidate, by gates that are ports (Cho et al. 2014, in the form that torch computes).

    n = tanh(new + sigmoid(reset) * again);  y = (1 - sigmoid(update)) * n + sigmoid(update) * y before.
    Each port has a bias.  "again" is what the population tells itself about the candidate; y is kept as the column
    "h", and the loops are wiring with a delay of one, onto "reset", "update" and "again".
    """

    ports = ("reset", "update", "new", "again")
    keeps = ("h",)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = self._biased(ports, memory)
        candidate, update = (u["new"] + u["reset"].sigmoid() * u["again"]).tanh(), u["update"].sigmoid()
        y = (1 - update) * candidate + update * kept(ports, "h", candidate)
        return y, {"h": y}
