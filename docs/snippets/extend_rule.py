"""A learning rule of your own: Krotov and Hopfield's competition, with an oracle of explicit loops."""

# --8<-- [start:code]
from collections.abc import Sequence
from typing import ClassVar

import torch

import circuitgraph as cg
from circuitgraph.ir import value
from circuitgraph.registry import rules
from circuitgraph.rules import Rule, Signals, Term
from circuitgraph.testing import check_rule


@rules.register("krotov")
@value
class Krotov(Rule):
    """Let the strongest unit learn and the second unlearn: dw = v * (x - u * w) (Krotov and Hopfield 2019, p = 2).

    At each sample and site v is 1 for the unit with the largest u, -anti for the one after it, 0 elsewhere.
    """

    reads: ClassVar[tuple[str, ...]] = ("x", "u")

    anti: float = 0.4

    def terms(self, signals: Signals) -> Sequence[Term]:
        u = signals.u.movedim(1, -1)
        first_two = u.topk(min(2, u.shape[-1]), dim=-1).indices
        share = u.new_tensor([1.0, -self.anti])[: first_two.shape[-1]].expand(first_two.shape)
        v = torch.zeros_like(u).scatter(-1, first_two, share).movedim(-1, 1)
        return [Term(v, signals.x), Term(-v * signals.u, times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, anti=0.0)]


for example in Krotov.examples():
    check_rule(example)  # on every registered topology, by every kernel
# --8<-- [end:code]

# --8<-- [start:oracle]
circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, rule=Krotov(0.1))
net = cg.compile(circuit, dtype=torch.float64)
x = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
w = net.weights["x->y"].detach().clone().view(4, 3)
dw = torch.zeros(4, 3, dtype=torch.float64)
for sample in x:
    u = [float(w[j] @ sample) for j in range(4)]
    second, first = sorted(range(4), key=u.__getitem__)[-2:]
    for j, v in ((first, 1.0), (second, -0.4)):
        for i in range(3):
            dw[j, i] += v * (sample[i] - u[j] * w[j, i])
net.learn(net.step(x))
torch.testing.assert_close(net.weights["x->y"].detach().view(4, 3), w + 0.1 * dw)
# --8<-- [end:oracle]
