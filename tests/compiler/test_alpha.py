"""`alpha`: how much of a projection's learning is its rule's, and how much the gradient's."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.compiler.parts import bundled

# What torch does while it traces warns, of itself (torch 2.13).
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
W = np.linspace(-1, 1, 12)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def mixed(alpha: float | None, **how: Any) -> cg.Network:
    """Make a network of which the first projection has a rule that counts for `alpha`; None for no rule."""
    rule = None if alpha is None else cg.Oja(0.1, alpha=alpha)
    circuit = cg.Circuit().add("x", 4)
    circuit = circuit.connect("x", "h", cg.Dense(), units=3, neuron=cg.ReLU(), weight=W, rule=rule)
    return cg.compile(circuit.connect("h", "y", cg.Dense(), units=2), dtype=torch.float64, **how)


def gradients(net: cg.Network, x: Tensor) -> dict[str, Tensor]:
    net.zero_grad()
    net(x).square().sum().backward()
    return {name: w.grad.clone() for name, w in net.weights.items() if w.grad is not None}


def hebbian_change(net: cg.Network, x: Tensor) -> Tensor:
    before = net.weights["x->h"].detach().clone()
    net.learn(net.step(x))
    return net.weights["x->h"].detach() - before


def test_by_default_no_gradient_reaches_what_has_a_rule() -> None:
    net = mixed(1.0)
    assert not net.weights["x->h"].requires_grad
    assert set(gradients(net, noise(5, 4))) == {"h->y"}
    assert hebbian_change(net, noise(5, 4)).abs().max() > 0.01


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9])
@pytest.mark.parametrize("exact", [False, True])
def test_gradient_and_rule_share_the_learning(alpha: float, exact: bool) -> None:
    x, net, plain, hebbian = noise(5, 4), mixed(alpha, exact=exact), mixed(None), mixed(1.0)
    assert net.weights["x->h"].requires_grad
    assert torch.equal(net(x), plain(x))
    ours, whole = gradients(net, x), gradients(plain, x)
    torch.testing.assert_close(ours["x->h"], (1 - alpha) * whole["x->h"])
    torch.testing.assert_close(ours["h->y"], whole["h->y"])
    torch.testing.assert_close(hebbian_change(net, x), alpha * hebbian_change(hebbian, x))


def test_gradients_to_what_comes_before_are_whole() -> None:
    x, inputs = noise(5, 4), []
    for alpha in (0.25, None):
        leaf = x.clone().requires_grad_()
        mixed(alpha)(leaf).square().sum().backward()
        inputs.append(leaf.grad)
    torch.testing.assert_close(*inputs)


def test_a_share_of_zero_trains_as_if_there_were_no_rule() -> None:
    nets = [mixed(0.0), mixed(None)]
    for net in nets:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        for seed in range(10):
            state = net.step(noise(8, 4, seed=seed))
            loss = (state["y"] - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            net.learn(state)
    assert torch.equal(nets[0].weights["x->h"], nets[1].weights["x->h"])
    assert not torch.allclose(nets[0].weights["x->h"].detach(), torch.tensor(W))


def test_one_training_step_adds_both_parts() -> None:
    x, rate, alpha = noise(5, 4), 0.01, 0.25
    # A rule that does not read the weights, which the optimiser has moved before it is its turn.
    circuit = mixed(alpha).snapshot().replace_projection("x->h", rule=cg.Hebb(0.1, alpha=alpha))
    net = cg.compile(circuit, dtype=torch.float64)
    state = net.step(x)
    state["y"].square().sum().backward()
    torch.optim.SGD(net.parameters(), lr=rate).step()
    net.learn(state)
    by_gradient, by_rule = gradients(mixed(None), x)["x->h"], torch.einsum("bi,bo->oi", x, state["h"].detach())
    expected = torch.tensor(W) - rate * (1 - alpha) * by_gradient + 0.1 * alpha * by_rule.flatten()
    torch.testing.assert_close(net.weights["x->h"].detach(), expected)


def test_gradients_of_a_projection_that_comes_again_in_time_are_scaled_once_each() -> None:
    found = []
    for rule in (cg.Oja(0.1, alpha=0.25), None):
        circuit = cg.Circuit().add("x", 2).connect("x", "h", cg.Dense(), units=3, weight=W[:6])
        circuit = circuit.connect("h", "h", cg.Dense(), delay=1, weight=W[:9], rule=rule)
        net = cg.compile(circuit, dtype=torch.float64)
        net.run(noise(4, 3, 2))[0].square().sum().backward()
        found.append([net.weights[name].grad for name in ("h->h", "x->h")])
    torch.testing.assert_close(found[0][0], 0.75 * found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])


INPUTS = {name: noise(5, 4, seed=k) for k, name in enumerate("abcd")}


def merged(*alphas: float | None) -> cg.Network:
    """Make a network of which four projections run as one operation."""
    circuit = cg.Circuit()
    for name in INPUTS:
        circuit = circuit.add(name, 4)
    for k, (pre, alpha) in enumerate(zip(INPUTS, alphas, strict=True)):
        rule = None if alpha is None else cg.Oja(0.1, alpha=alpha)
        circuit = circuit.connect(pre, f"h{k}", cg.ErdosRenyi(0.6, seed=k), units=3, weight=cg.normal(1.0), rule=rule)
    net = cg.compile(circuit, dtype=torch.float64)
    assert [len(op.projections) for op in bundled(net.plan)] == [4]
    return net


def test_each_part_of_a_merged_operation_has_its_own_share() -> None:
    found, alphas = [], (0.25, None, 1.0, 0.5)
    for net in (merged(*alphas), merged(None, None, None, None)):
        out = net(INPUTS)
        assert isinstance(out, dict)
        torch.stack([y.square().sum() for y in out.values()]).sum().backward()
        found.append([w.grad for w in net.weights.values()])
    for alpha, ours, whole in zip(alphas, *found, strict=True):
        if alpha == 1:
            assert ours is None
        else:
            torch.testing.assert_close(ours, (1 - (alpha or 0)) * whole)


def conv(alpha: float) -> cg.Network:
    rule = cg.BCM(0.1, alpha=alpha)
    circuit = cg.Circuit().add("x", (2, 5, 5), cg.BatchNorm())
    circuit = circuit.connect("x", "c", cg.Conv(3, padding=1), units=4, neuron=cg.Triangle(), rule=rule)
    return cg.compile(circuit.connect("c", "p", cg.Pool(2)).connect("p", "y", cg.Dense(), units=3), dtype=torch.float64)


def recurrent(alpha: float) -> cg.Network:
    circuit = cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=4, rule=cg.Oja(0.1, alpha=alpha))
    circuit = circuit.connect("h", "h", cg.ErdosRenyi(0.5), delay=1, rule=cg.AntiHebb(0.1, alpha=alpha))
    return cg.compile(circuit.connect("h", "y", cg.ErdosRenyi(0.7), units=2), dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda a: mixed(a), {"x": noise(5, 4)}),
        (conv, {"x": noise(5, 2, 5, 5)}),
        (recurrent, {"x": noise(5, 4)}),
        (lambda a: merged(a, 0.5, None, 0.0), INPUTS),
    ],
    ids=["dense", "conv", "recurrent", "merged"],
)
@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_the_gradient_path_is_one_graph(make: Any, x: dict[str, Tensor], alpha: float) -> None:
    torch._dynamo.reset()
    net, results = make(alpha), []
    net.learn(net.step(x))  # what rules keep is among the buffers that the graph reads
    for run in (torch.compile(net.run, fullgraph=True, backend="aot_eager"), net.run):
        ys, _ = run({name: torch.stack([v, 0.5 * v]) for name, v in x.items()})
        every = sum(y.square().sum() for y in ys.values()) if isinstance(ys, dict) else ys.square().sum()
        trained = [w for w in net.parameters() if w.requires_grad]
        results.append([every, *torch.autograd.grad(every, trained)])
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)
    assert len(results[0]) > 1


def test_an_edit_keeps_the_share() -> None:
    net, x = mixed(0.25), noise(5, 4)
    net.edit(cg.RemoveUnits("h", [1]))
    plain = mixed(None)
    plain.edit(cg.RemoveUnits("h", [1]))
    torch.testing.assert_close(gradients(net, x)["x->h"], 0.75 * gradients(plain, x)["x->h"])


def test_a_rule_whose_share_an_edit_of_the_circuit_changes_changes_the_share() -> None:
    x, whole = noise(5, 4), gradients(mixed(None), noise(5, 4))["x->h"]
    for alpha in (1.0, 0.5, 0.0):
        circuit = mixed(0.25).snapshot().replace_projection("x->h", rule=cg.Oja(0.1, alpha=alpha))
        found = gradients(cg.compile(circuit, dtype=torch.float64), x)
        assert ("x->h" in found) is (alpha < 1)
        torch.testing.assert_close(found.get("x->h", torch.zeros_like(whole)), (1 - alpha) * whole)


def test_fixed_weights_take_no_share() -> None:
    net = mixed(0.25)
    net.weights["x->h"].requires_grad_(False)
    assert set(gradients(net, noise(5, 4))) == {"h->y"}
