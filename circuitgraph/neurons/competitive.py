"""Neurons that compete with, or are normalised by, others of their population."""

from typing import Literal

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError, StateError
from circuitgraph.ir import Shape, n_neurons, value
from circuitgraph.ir.shape import is_integer
from circuitgraph.kernels import k_winners, units
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons


@neurons.register("triangle")
@value
class Triangle(Neuron):
    """Fire above the mean of the units at the same site: y = max(u - mean over units of u, 0) ** power.

    The mean passes no gradient.  Coates, Ng and Lee (2011); the power is from Journe et al. (2023).

    Example:
        >>> import torch
        >>> z, _ = Triangle(2.0).drive({"in": torch.tensor([[0.0, 2.0, 4.0]])}, {}, training=False)
        >>> Triangle(2.0).respond(z).tolist()
        [[0.0, 0.0, 4.0]]
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        need_positive(self, "power", self.power)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        return units.centre(u), {}

    def respond(self, z: Tensor) -> Tensor:
        y = z.relu()
        if self.power == 1:
            return y
        return y.pow(self.power) if y.requires_grad else y.pow_(self.power)

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(1.4), cls(2)]


@neurons.register("batch-norm")
@value
class BatchNorm(Neuron):
    """Normalise each unit over batch and sites, without scale and shift.

    y = (u - mean) / sqrt(variance + eps): of the batch while training, running values in eval.  `learn` moves the
    running values by `momentum` (the variance unbiased), as torch's batch normalisation does.
    """

    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        need_positive(self, "momentum", self.momentum)
        need_positive(self, "eps", self.eps)
        if self.momentum > 1:
            raise ShapeError(f"BatchNorm: momentum (got {self.momentum!r}, expected above 0 and at most 1)")

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"mean": torch.zeros(shape[0]), "variance": torch.ones(shape[0])}

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        if not training:
            return _normalise(u, memory["mean"], memory["variance"], self.eps), {}
        n = u.numel() // u.shape[1]
        if n < 2:
            got = f"got input {tuple(u.shape)}, expected two values per unit or more"
            raise ShapeError(f"BatchNorm: too little to normalise while training ({got}); use eval()")
        mean, variance = units.mean_and_variance(u)
        seen = {"mean": mean.detach()[None], "variance": variance.detach()[None] * (n / (n - 1))}
        return _normalise(u, mean, variance, self.eps), seen

    def learn(self, columns: Columns, memory: dict[str, Tensor]) -> None:
        for name in ("mean", "variance"):
            if name not in columns:
                raise StateError(
                    f"BatchNorm: the state has no {name!r} of its batch (made in eval mode); step in train()"
                )
            memory[name].lerp_(columns[name][0].to(memory[name].dtype), self.momentum)


@neurons.register("k-winners")
@value
class KWinners(Neuron):
    """Let the k strongest pass and silence the rest: among the units of each site, or among all neurons.

    Exactly k pass, also where inputs are equal; which of equals is the device's choice.  The fixed point of strong
    lateral inhibition; k = 1 is a hard winner.

    Example:
        >>> import torch
        >>> KWinners(2).drive({"in": torch.tensor([[3.0, 1.0, 2.0]])}, {}, training=False)[0].tolist()
        [[3.0, 0.0, 2.0]]
    """

    k: int
    among: Literal["units", "neurons"] = "units"

    def __post_init__(self) -> None:
        if not is_integer(self.k, 1):
            raise ShapeError(f"KWinners: k (got {self.k!r}, expected a positive integer)")
        if self.among not in ("units", "neurons"):
            raise ShapeError(f"KWinners: among (got {self.among!r}, expected 'units' or 'neurons')")

    def check(self, shape: Shape) -> None:
        rivals = shape[0] if self.among == "units" else n_neurons(shape)
        if self.k > rivals:
            raise ShapeError(f"{self!r}: more winners than rivals (got k={self.k}, expected at most {rivals})")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        if self.among == "neurons" or u.ndim == 2:
            return k_winners(u.flatten(1), self.k).view_as(u), {}
        rows = u.movedim(1, -1)
        return k_winners(rows.reshape(-1, u.shape[1]), self.k).view(rows.shape).movedim(-1, 1), {}

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(1), cls(2), cls(2, "neurons")]


@neurons.register("softmax")
@value
class Softmax(Neuron):
    """Compete softly among the units of each site: y = exp(gain * u) / sum over units of exp(gain * u).

    The stable, fused form of exponential neurons with a divisive interneuron (`Inhibit`).

    Example:
        >>> import torch
        >>> Softmax().drive({"in": torch.zeros(1, 4)}, {}, training=False)[0].tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        need_positive(self, "gain", self.gain)

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return softmax_units(ports["in"], self.gain), {}

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(5.0)]


def softmax_units(u: Tensor, gain: float) -> Tensor:
    """Softmax over units; with units last in memory (channels-last) no element is moved.  Shape: (B, U, *S) -> same."""
    rows = u.movedim(1, -1)
    return torch.softmax(rows if gain == 1 else rows * gain, dim=-1).movedim(-1, 1)


def _normalise(u: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    rate = (variance + eps).rsqrt()
    shape = (-1, *[1] * (u.ndim - 2))
    return torch.addcmul((-mean * rate).to(u.dtype).view(shape), u, rate.to(u.dtype).view(shape))
