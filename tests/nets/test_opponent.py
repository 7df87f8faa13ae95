"""Cells for more and cells for less: what they compute, that no sign ever turns, wrong input."""

import pytest
import torch
import torch.nn.functional as F

import circuitgraph as cg
from circuitgraph.errors import StructureError
from circuitgraph.nets import on_off


def base(rule: cg.Rule | None = None) -> cg.Circuit:
    circuit = cg.Circuit().add("x", (2, 8, 8)).connect("x", "y", cg.Conv(3), units=3, neuron=cg.Triangle())
    return circuit.connect("y", "p", cg.Pool(2)).connect("p", "z", cg.Conv(3), units=4, rule=rule)


def images(n: int = 8) -> torch.Tensor:
    return torch.randn(n, 2, 8, 8, generator=torch.Generator().manual_seed(0))


def test_units_hear_how_far_above_and_below_their_mean_the_others_are() -> None:
    circuit = base()
    wired = on_off(circuit, "p")
    net = cg.compile(wired, keep=["p", "p_on", "p_off", "z"])
    state = net.step(images())
    p = state["p"]
    z = (p - p.mean((0, 2, 3), keepdim=True)) / (p.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(state["p_on"], z.relu())
    torch.testing.assert_close(state["p_off"], (-z).relu())
    w = torch.tensor(circuit.projection("p->z").weight).view(4, 3, 3, 3).movedim(-1, 1)  # post, taps, pre
    expected = F.conv2d(z.relu(), w.relu()) + F.conv2d((-z).relu(), (-w).relu())
    torch.testing.assert_close(state["z"], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("by", ["rule", "gradient"])
def test_every_unit_keeps_its_sign_while_it_learns(by: str) -> None:
    net = cg.compile(on_off(base(cg.SoftHebb(0.5) if by == "rule" else None), "p"))
    split = ["p_on->z", "p_off->z"]
    before = {name: net.weights[name].detach().clone() for name in split}
    optimizer = torch.optim.SGD([net.weights[name] for name in split], lr=0.5) if by == "gradient" else None
    for _ in range(5):
        state = net.step(images())
        if optimizer is not None:
            state["z"].square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        net.learn(state)
    for name in split:
        assert (net.weights[name] >= 0).all(), name
        assert not torch.equal(before[name], net.weights[name]), name
    signs = {(p.pre, p.sign) for p in net.circuit.projections if p.post != "p" and p.pre != "x"}
    assert signs == {("p", 1), ("p_inh", -1), ("p_on", 1), ("p_off", 1)}


def test_delayed_and_named_projections_are_split_too() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, neuron=cg.ReLU())
    circuit = circuit.connect("y", "y", cg.Dense(), delay=1, name="loop")
    wired = on_off(circuit, "y")
    assert [(p.name, p.pre, p.delay) for p in wired.projections if p.delay] == [
        ("loop_on", "y_on", 1), ("loop_off", "y_off", 1),
    ]  # fmt: skip
    net = cg.compile(wired)
    state = net.step(torch.rand(4, 3))
    assert torch.isfinite(net.step(torch.rand(4, 3), state)["y"]).all()


@pytest.mark.parametrize(
    ("circuit", "name", "message"),
    [
        (base(), "z", "projects to nobody"),
        (base(), "x", "may be negative"),
        (base().replace_population("p", neuron=cg.BatchNorm()), "p", r"may be negative.*got BatchNorm"),
        (base().replace_population("y", neuron=None), "p", "may be negative"),
        (base(), "y", r"'y->p' cannot be split.*fixed"),
        (base().add("p_on", 3), "p", "p_on"),
    ],
)
def test_what_would_break_the_law_is_refused(circuit: cg.Circuit, name: str, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        on_off(circuit, name)
