"""Neurons with trained memory: biases, gains, chains, gated cells."""

import numpy as np
import pytest
import torch
from torch import nn

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.neurons import GRU, LSTM, Activation, Bias, Chain, Homeostatic, ScaledBatchNorm


def test_a_bias_is_a_parameter_and_learn_leaves_it_alone() -> None:
    net = cg.compile(cg.Circuit().add("x", 2, Chain((Bias(), Homeostatic()))))
    assert [tuple(p.shape) for p in net.parameters()] == [(2,)]
    x = torch.ones(4, 2)
    net(x).sum().backward()
    bias = net.memory["x"].values["bias"]
    assert bias.grad.tolist() == [4.0, 4.0]
    before = bias.detach().clone()
    net.learn(net.step(x))
    assert torch.equal(bias, before)
    assert net.memory["x"].values["threshold_1"].tolist() != [0.0, 0.0]


def test_scaled_batch_norm_is_torchs_in_both_modes() -> None:
    torch.manual_seed(0)
    theirs, x = nn.BatchNorm2d(3, momentum=0.3), torch.randn(4, 3, 5, 5)
    net = cg.compile(cg.Circuit().add("x", (3, 5, 5), ScaledBatchNorm(0.3)))
    with torch.no_grad():
        for ours, given in (("gain", theirs.weight), ("bias", theirs.bias)):
            given.uniform_(-1, 1)
            net.memory["x"].values[ours].copy_(given)
    torch.testing.assert_close(net(x), theirs(x))
    net.learn(net.step(x))
    torch.testing.assert_close(net.eval()(x), theirs.eval()(x))


def test_a_trained_memory_takes_the_type_asked_for_and_goes_through_state_dict() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3, neuron=Bias())
    net = cg.compile(circuit, dtype=torch.float64)
    assert net.memory["y"].values["bias"].dtype == torch.float64
    state = net.state_dict()
    state["memory.y.bias"] = torch.arange(3.0)
    net.load_state_dict(state)
    assert net.snapshot().population("y").memory["bias"].tolist() == [0.0, 1.0, 2.0]
    assert torch.equal(cg.compile(net.snapshot())(torch.ones(1, 2)).double(), net(torch.ones(1, 2)).double())


def test_newborn_units_start_with_the_memory_of_their_neuron() -> None:
    memory = {"bias": np.array([1.0, 2.0, 3.0], np.float32)}
    circuit = cg.Circuit().add("x", 2).add(cg.Population("h", 3, Chain((Bias(), cg.ReLU())), memory))
    net = cg.compile(circuit.connect("x", "h", cg.Dense()).connect("h", "y", cg.Dense(), units=1))
    optimizer = torch.optim.Adam(net.parameters())
    cg.carry(optimizer, net.edit(cg.Grow("h", 2, seed=0)))
    assert net.memory["h"].values["bias"].tolist() == [1.0, 2.0, 3.0, 0.0, 0.0]
    assert net.memory["h"].values["bias"].requires_grad
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in net.parameters()}


def test_a_frozen_bias_stays_frozen_when_units_go() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "h", cg.Dense(), units=3, neuron=Bias())
    net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=1))
    net.memory["h"].values["bias"].requires_grad_(False)
    net.edit(cg.RemoveUnits("h", [0]))
    assert not net.memory["h"].values["bias"].requires_grad


def test_a_max_pool_takes_the_last_response_of_a_chain_behind_itself() -> None:
    circuit = cg.Circuit().add("x", (2, 4, 4), Chain((Bias(), Activation("tanh")))).connect("x", "y", cg.Pool(2))
    net = cg.compile(circuit)
    assert net.plan.notes == ("x responds behind x->y",)
    x = torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(net(x), cg.compile(circuit, exact=True)(x))


def test_chains_of_chains_and_what_is_no_chain() -> None:
    with pytest.raises(StructureError, match="expected a tuple of neurons"):
        Chain(())
    with pytest.raises(StructureError, match="put it first"):
        Chain((Bias(), cg.Divide()))
    with pytest.raises(UnknownNameError, match="expected one of tanh"):
        Activation("swish")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="positive"):
        Activation("leaky-relu", -1.0)


@pytest.mark.parametrize("neuron", [LSTM(), GRU()], ids=repr)
def test_gradients_of_gated_cells_equal_finite_differences(neuron: cg.Neuron) -> None:
    circuit = cg.Circuit().add("x", 2).add("h", 2, neuron)
    for port in neuron.ports:
        circuit = circuit.connect("x", "h", cg.Dense(), port=port, name=f"x {port}")
        circuit = circuit.connect("h", "h", cg.Dense(), port=port, name=f"h {port}", delay=1)
    net = cg.compile(circuit, dtype=torch.float64, activity_dtype=torch.float64)
    x = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net.run(x)[0], (x,))
