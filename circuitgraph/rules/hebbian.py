"""The classical rules, a few lines each."""

from collections.abc import Sequence
from dataclasses import field

import torch
from torch import Tensor

from circuitgraph.errors import RuleError
from circuitgraph.ir import Shape, value
from circuitgraph.registry import rules
from circuitgraph.rules.competition import HomeostaticWinners, StrongestWinners, Winners
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
        return [Term(signals.y, signals.x), Term(signals.y.square().neg_(), times_weight=True)]

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

    With `winners`, only the units whose y wins at a sample and site count as active there, others as silent, and a unit
    that is silent in a whole batch does not change: the activation threshold of HebbNet (Gupta et al. 2021).
    """

    momentum: float = 0.1
    winners: Winners | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "momentum", self.momentum, 0, 1, closed=True)
        if not isinstance(self.winners, Winners | None):
            raise RuleError(f"Covariance: winners (got {self.winners!r}, expected e.g. StrongestWinners(), or None)")

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"mean": torch.zeros(shape[0])} | (self.winners.memory(shape) if self.winners else {})

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        y, mean = signals.y, signals.memory["mean"]
        moved: Sequence[Part] = ()
        if self.winners is not None:
            won, moved = self.winners.judge(y, dict(signals.memory))
            y = won * y
        new = torch.lerp(mean, mean_over_batch(y).to(mean.dtype), self.momentum)
        varied = y - mean.to(y.dtype).view(-1, *[1] * (y.ndim - 2))
        if self.winners is not None:
            varied = varied * ((y != 0).sum([0, *range(2, y.ndim)], keepdim=True) > 0)
        return [Term(varied, signals.x), Moved("mean", new), *moved]

    @classmethod
    def examples(cls) -> list[Rule]:
        kinds = (StrongestWinners(), HomeostaticWinners(2, mu=0.5))
        return [
            cls(0.1), cls(0.1, 0.5, unit_norm=True, normalize="neuron"), cls(0.1, sparsity=0.25, alpha=0.5),
            *(cls(0.1, winners=w, normalize="activity") for w in kinds),
        ]  # fmt: skip
