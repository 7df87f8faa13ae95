"""The classical rules, a few lines each."""

from collections.abc import Sequence

import torch
from torch import Tensor

from circuitgraph.ir import Shape, value
from circuitgraph.registry import rules
from circuitgraph.rules.rule import Moved, Part, Rule, Signals, Term, mean_over_batch, need_number


@rules.register("hebb")
@value
class Hebb(Rule):
    """Strengthen what fires together: dw = x * y (Hebb 1949).  Unbounded; a negative rate makes it anti-Hebbian.

    Example:
        >>> import torch, circuitgraph as cg
        >>> circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=1.0, rule=Hebb(0.5))
        >>> net = cg.compile(circuit)
        >>> net.learn(net.step(torch.tensor([[1.0, 2.0]])))
        >>> net.weights["x->y"].tolist()
        [2.5, 4.0]
    """

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(signals.y, signals.x)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(-0.1, normalize="layer"), cls(0.1, normalize="neuron"), cls(0.1, unit_norm=True)]


@rules.register("oja")
@value
class Oja(Rule):
    """Converge to the first principal component at unit norm: dw = y * (x - y * w) (Oja 1982)."""

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Term(-signals.y.square(), times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, normalize="neuron"), cls(0.1, unit_norm=True)]


@rules.register("instar")
@value
class Instar(Rule):
    """Move the weights of an active neuron towards its input: dw = y * (x - w) (Grossberg 1976)."""

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Term(-signals.y, times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, normalize="layer")]


@rules.register("covariance")
@value
class Covariance(Rule):
    """Strengthen what varies together: dw = x * (y - mean of y) (Sejnowski 1977).

    In expectation this is the covariance of x and y.  The mean of each unit follows that over batch and sites by
    `momentum` (a share, above 0 and at most 1).
    """

    momentum: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "momentum", self.momentum, 0, 1, closed=True)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"mean": torch.zeros(shape[0])}

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        y, mean = signals.y, signals.memory["mean"]
        new = torch.lerp(mean, mean_over_batch(y).to(mean.dtype), self.momentum)
        return [Term(y - mean.to(y.dtype).view(-1, *[1] * (y.ndim - 2)), signals.x), Moved("mean", new)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, 0.5, unit_norm=True, normalize="neuron"), cls(0.1, sparsity=0.25, alpha=0.5)]
