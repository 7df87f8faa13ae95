"""A learning rule of your own: synaptic scaling, which keeps a running rate; with an oracle of explicit loops."""

# --8<-- [start:code]
from collections.abc import Sequence

import torch

import circuitgraph as cg
from circuitgraph.ir import Shape, value
from circuitgraph.registry import rules
from circuitgraph.rules import Moved, Rule, Signals, Term
from circuitgraph.testing import check_rule


@rules.register("scaling")
@value
class Scaling(Rule):
    """Scale all weights of a unit until it fires at a target: dw = (target - rate) * w (Turrigiano et al. 1998).

    rate follows the mean of y over batch and sites, by `momentum`.
    """

    target: float = 0.5
    momentum: float = 0.1

    def memory(self, shape: Shape) -> dict[str, torch.Tensor]:
        return {"rate": torch.full((shape[0],), self.target)}  # one number per unit, before anything was seen

    def terms(self, signals: Signals) -> Sequence[Term | Moved]:
        y, rate = signals.y, signals.memory["rate"]
        missing = torch.zeros_like(y) + (self.target - rate).view(-1, *[1] * (y.ndim - 2))
        mean = y.movedim(1, 0).flatten(1).mean(1)
        return [Term(missing, times_weight=True), Moved("rate", rate.lerp(mean, self.momentum))]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, target=1.0, momentum=0.5)]


for example in Scaling.examples():
    check_rule(example)  # on every registered topology, by every kernel
# --8<-- [end:code]

# --8<-- [start:oracle]
circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, neuron=cg.ReLU(), rule=Scaling(0.1))
net = cg.compile(circuit, dtype=torch.float64)
rng = torch.Generator().manual_seed(0)
w, rate = net.weights["x->y"].detach().clone().view(4, 3), [0.5] * 4
for _ in range(3):
    x = torch.rand(5, 3, dtype=torch.float64, generator=rng)
    net.learn(net.step(x))
    for j in range(4):
        mean = sum(max(float(w[j] @ sample), 0.0) for sample in x) / len(x)
        w[j] += 0.1 * sum(0.5 - rate[j] for _ in x) * w[j]
        rate[j] += 0.1 * (mean - rate[j])
torch.testing.assert_close(net.weights["x->y"].detach().view(4, 3), w)
torch.testing.assert_close(net.memory["y"].values["x->y rate"].tolist(), rate)
# --8<-- [end:oracle]
