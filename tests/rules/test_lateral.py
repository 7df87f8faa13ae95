"""Anti-Hebbian learning against loops, and what it is for."""

import math

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import RuleError
from circuitgraph.ir import Shape, Topology
from circuitgraph.rules import AntiHebb
from circuitgraph.topologies import Lateral

WIRINGS = [
    (cg.Pruned(cg.Dense(), [1, 2, 3, 5, 6, 7]), (3,)),
    (cg.Explicit([1, 0, 2], [0, 1, 0]), (3,)),
    (Lateral((2, 2), 1.0), (4,)),
    (Lateral((1, 3), 1.0), (3, 2)),
    (cg.Pruned(cg.Conv(1), [1, 2]), (2, 3)),
    (cg.Conv(3, padding=1), (2, 4)),
    (cg.GraphEdges([0, 1, 2], [1, 0, 0]), (2, 3)),
]


@pytest.mark.parametrize(("topology", "shape"), WIRINGS, ids=[repr(w[0]) for w in WIRINGS])
@pytest.mark.parametrize("normalize", [None, "layer"])
def test_a_learning_step_is_the_published_formula(topology: Topology, shape: Shape, normalize: str | None) -> None:
    rng, target, rate = np.random.default_rng(3), 0.4, 0.1
    xs, w = rng.standard_normal((2, 3, *shape)), -rng.random(topology.n_slots(shape, shape))
    rule = AntiHebb(rate, target, normalize=normalize)  # type: ignore[arg-type]
    circuit = cg.Circuit().add("x", shape, cg.ReLU())
    net = cg.compile(circuit.connect("x", "x", topology, weight=w, rule=rule, delay=1))
    first = net.step(torch.tensor(xs[0]))
    net.learn(first)  # nothing has arrived yet
    assert np.array_equal(net.weights["x->x"].detach().numpy(), w)
    second = net.step(torch.tensor(xs[1]), first)
    net.learn(second)

    before, now = (s["x"].detach().numpy().reshape(3, -1) for s in (first, second))
    dw, table = [0.0] * len(w), topology.synapses(shape, shape)
    for sample in range(3):
        for i, j, k, coef in zip(table.pre, table.post, table.slot, table.coef, strict=True):
            dw[k] -= coef * (before[sample, i] * now[sample, j] - target**2)
    size = max(map(abs, dw)) if normalize else 1.0
    expected = w + rate * np.array(dw) / size
    assert not np.allclose(expected, w, atol=1e-3)
    np.testing.assert_allclose(net.weights["x->x"].detach().numpy(), expected, rtol=1e-11, atol=1e-12)


def test_units_that_fire_together_come_to_inhibit_each_other_and_independent_ones_do_not() -> None:
    rng = torch.Generator().manual_seed(0)
    pairs = cg.Explicit([1, 2], [0, 0])  # unit 0 hears unit 1, its twin, and unit 2, a stranger
    circuit = cg.Circuit().add("x", 3).connect("x", "x", pairs, weight=0.0, rule=AntiHebb(1e-3, 0.5), delay=1)
    net = cg.compile(circuit)
    for _ in range(20):
        twin, stranger = torch.rand(2, 64, 1, generator=rng) < 0.5
        x = torch.cat([twin, twin, stranger], 1).float()
        state = net.step(x)
        # The pattern stays for a second step, whose output is read before it is inhibited.
        net.learn(net.step(x, state))
        with torch.no_grad():
            net.weights["x->x"].clamp_(max=0)
    twins, strangers = net.weights["x->x"].tolist()
    assert twins < -0.2
    assert strangers > twins / 2


def test_foldiaks_network_makes_correlated_units_fire_at_the_target_and_apart() -> None:
    # Feedforward inputs of both units are nearly the same: without lateral learning they correlate by 0.99.
    def correlation(lateral: bool) -> float:
        circuit = cg.Circuit().add("x", 2).add("y", 2, cg.ReLU())
        circuit = circuit.connect("x", "y", cg.Dense(), weight=[1.0, 0.1, 0.9, -0.1], fixed=True)
        if lateral:
            circuit, _ = cg.edits.LateralInhibition("y", AntiHebb(0.002, 0.3)).apply(circuit)
        net, rng = cg.compile(circuit), torch.Generator().manual_seed(1)
        for _ in range(200):
            x = torch.randn(32, 2, generator=rng)
            net.learn(net.run(x.expand(4, -1, -1))[1])
        x = torch.randn(2000, 2, generator=rng)
        y = net.run(x.expand(9, -1, -1))[0][-1]
        assert math.isfinite(float(y.sum()))
        return float(torch.corrcoef(y.detach().T)[0, 1])

    assert correlation(False) > 0.95
    assert correlation(True) < 0.6


@pytest.mark.parametrize("target", [-0.1, 1.0, math.nan, "p"])
def test_a_target_out_of_range_is_refused_at_once(target: object) -> None:
    with pytest.raises(RuleError, match="target"):
        AntiHebb(0.1, target)  # type: ignore[arg-type]
