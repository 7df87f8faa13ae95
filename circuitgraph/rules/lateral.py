"""Learning between units of one population: what fires together comes to inhibit each other."""

from collections.abc import Sequence

import torch

from circuitgraph.ir import value
from circuitgraph.registry import rules
from circuitgraph.rules.rule import Part, Rule, Signals, Term, need_number


@rules.register("anti-hebb")
@value
class AntiHebb(Rule):
    """Decorrelate: dw = -(x * y - target^2) (Foldiak 1990, whose p is `target`).

    x and y are outputs of units of one population; their weights grow more inhibitory while both fire together more
    often than units that fire independently with probability `target` would.  That weights stay at or below zero is the
    projection's business (sign -1, see `LateralInhibition`), and so is that they are delayed: x is one time step older
    than y, which is the same once the population has settled.

    Raises:
        RuleError: for a target outside 0 to 1.

    Example:
        >>> import torch, circuitgraph as cg
        >>> loop = {"rule": AntiHebb(1.0, 0.5), "delay": 1, "weight": 0.0}
        >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "x", cg.Explicit([0], [1]), **loop))
        >>> _, state = net.run(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), learn=True)
        >>> net.weights["x->x"].tolist()
        [-0.75]
    """

    target: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "target", self.target, 0, 1)

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        # Chance is counted over the same synapses as the coincidences, so that shared and missing ones stay in balance.
        chance = torch.full_like(signals.y, self.target**2)
        return [Term(-signals.y, signals.x), Term(chance, torch.ones_like(signals.x))]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, 0.5, normalize="layer"), cls(0.1, 0.0, normalize="neuron")]
