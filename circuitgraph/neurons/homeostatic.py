"""Neurons that keep their own activity at a target."""

from typing import Any

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError, StateError
from circuitgraph.ir import Shape, value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons


@neurons.register("homeostatic")
@value
class Homeostatic(Neuron):
    """Fire above a threshold that keeps each unit active in a `target` share of samples and sites: y = max(u - t, 0).

    `learn` moves the running rate r by `momentum` towards the share in which the unit fired, and then the threshold:
    t += learning_rate * (r - target) (Foldiak 1990, where r is the present activity: momentum 1).  A unit that never
    fires lowers its threshold by learning_rate * target each time, until it does.  Eval changes nothing, and the
    threshold passes no gradient.

    Raises:
        ShapeError: for a target or a momentum that is no share above 0, or a learning rate that is not positive.

    Example:
        >>> import torch, circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 2, Homeostatic(0.25, 0.5, 1.0)))
        >>> net.learn(net.step(torch.tensor([[3.0, -0.1]])))
        >>> net.memory["x"].values["threshold"].tolist(), net(torch.tensor([[3.0, -0.1]])).gt(0).tolist()
        ([0.375, -0.125], [[True, True]])
    """

    target: float = 0.1
    learning_rate: float = 0.01
    momentum: float = 0.1

    def __post_init__(self) -> None:
        for field in ("target", "learning_rate", "momentum"):
            need_positive(self, field, getattr(self, field))
        if self.target >= 1:
            raise ShapeError(f"Homeostatic: target (got {self.target!r}, expected a share above 0 and below 1)")
        if self.momentum > 1:
            raise ShapeError(f"Homeostatic: momentum (got {self.momentum!r}, expected above 0 and at most 1)")

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"threshold": torch.zeros(shape[0]), "rate": torch.full((shape[0],), float(self.target))}

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        z = u - memory["threshold"].to(u.dtype).view(-1, *[1] * (u.ndim - 2))
        return z, {"rate": _share(z)} if training else {}

    def respond(self, z: Tensor) -> Tensor:
        return z.relu()

    def learn(self, columns: Columns, memory: dict[str, Tensor]) -> None:
        if "rate" not in columns:
            raise StateError("Homeostatic: the state has no 'rate' of its batch (made in eval mode); step in train()")
        rate = memory["rate"].lerp_(columns["rate"][0].to(memory["rate"].dtype), self.momentum)
        memory["threshold"].add_(rate - self.target, alpha=self.learning_rate)

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(0.5, 1.0, 1.0)]


@torch.no_grad()
def _share(z: Tensor) -> Tensor:
    """Give the share of samples and sites in which each unit fires.  Shape: (B, U, *S) -> (1, U)."""
    axes: Any = [d for d in range(z.ndim) if d != 1]
    return (z > 0).to(torch.float64 if z.dtype == torch.float64 else torch.float32).mean(axes)[None]
