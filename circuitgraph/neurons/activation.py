"""The usual activation functions, by name."""

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.ir import value
from circuitgraph.neurons.bias import finite
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.registry import neurons

Function = Callable[[Tensor, float], Tensor]

RISING: dict[str, Function] = {
    "tanh": lambda u, _: u.tanh(),
    "sigmoid": lambda u, _: u.sigmoid(),
    "leaky-relu": lambda u, slope: F.leaky_relu(u, slope),
    "elu": lambda u, alpha: F.elu(u, alpha),
    "selu": lambda u, _: F.selu(u),
    "softplus": lambda u, beta: F.softplus(u, beta),
    "relu6": lambda u, _: F.relu6(u),
    "hardsigmoid": lambda u, _: F.hardsigmoid(u),
}
"""Functions that never fall: a max pool may stand before them as well as behind."""
BENT: dict[str, Function] = {
    "gelu": lambda u, _: F.gelu(u),
    "silu": lambda u, _: F.silu(u),
    "hardswish": lambda u, _: F.hardswish(u),
    "mish": lambda u, _: F.mish(u),
}
"""Functions that fall somewhere."""
DEFAULTS = {"leaky-relu": 0.01, "elu": 1.0, "softplus": 1.0}
Name = Literal[
    "tanh", "sigmoid", "leaky-relu", "elu", "selu", "softplus", "relu6", "hardsigmoid", "gelu", "silu", "hardswish",
    "mish",
]  # fmt: skip


@neurons.register("activation")
@value
class Activation(Neuron):
    """Apply one of torch's activation functions: y = f(u).

    `parameter` is the slope below zero of "leaky-relu" (0.01), the alpha of "elu" (1), the beta of "softplus" (1).

    Raises:
        UnknownNameError: for a function of another name.  ShapeError: for a parameter that is no finite number, or is
            not positive where the function would fall.

    Example:
        >>> import torch
        >>> Activation("leaky-relu", 0.5).respond(torch.tensor([-2.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    function: Name
    parameter: float | None = None

    def __post_init__(self) -> None:
        if self.function not in RISING and self.function not in BENT:
            known = ", ".join((*RISING, *BENT))
            raise UnknownNameError(f"Activation: unknown function (got {self.function!r}, expected one of {known})")
        given = DEFAULTS.get(self.function, 1.0) if self.parameter is None else self.parameter
        number = finite(f"Activation: parameter of {self.function!r}", given)
        if number < 0 or (number == 0 and self.function == "softplus"):
            got = f"got {number!r}, expected a positive number"
            raise ShapeError(f"Activation: parameter of {self.function!r} ({got})")
        object.__setattr__(self, "parameter", number if self.function in DEFAULTS else None)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        return (BENT[self.function](u, 1.0) if self.function in BENT else u), {}

    def respond(self, z: Tensor) -> Tensor:
        return RISING[self.function](z, self.parameter or 0.0) if self.function in RISING else z

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(name) for name in (*RISING, *BENT)]  # type: ignore[arg-type]
