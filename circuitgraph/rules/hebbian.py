"""The classical rules, a few lines each."""

from collections.abc import Sequence

from circuitgraph.ir import value
from circuitgraph.registry import rules
from circuitgraph.rules.rule import Rule, Signals, Term


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

    def terms(self, signals: Signals) -> Sequence[Term]:
        assert signals.y is not None
        return [Term(signals.y, signals.x)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(-0.1, normalize="layer"), cls(0.1, normalize="neuron"), cls(0.1, unit_norm=True)]


@rules.register("oja")
@value
class Oja(Rule):
    """Converge to the first principal component at unit norm: dw = y * (x - y * w) (Oja 1982)."""

    def terms(self, signals: Signals) -> Sequence[Term]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Term(-signals.y.square(), times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, normalize="neuron"), cls(0.1, unit_norm=True)]


@rules.register("instar")
@value
class Instar(Rule):
    """Move the weights of an active neuron towards its input: dw = y * (x - w) (Grossberg 1976)."""

    def terms(self, signals: Signals) -> Sequence[Term]:
        assert signals.y is not None
        return [Term(signals.y, signals.x), Term(-signals.y, times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, normalize="layer")]
