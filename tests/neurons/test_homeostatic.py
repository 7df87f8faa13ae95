"""Thresholds that find their rate."""

import math

import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StateError
from circuitgraph.neurons import Homeostatic


def batch(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 2)])
def test_learning_moves_rate_and_threshold_by_the_formula(shape: tuple[int, ...]) -> None:
    neuron = Homeostatic(0.25, 0.5, 0.2)
    net = cg.compile(cg.Circuit().add("x", shape, neuron), dtype=torch.float64, activity_dtype=torch.float64)
    rate, threshold = [0.25] * 3, [0.0] * 3
    for step in range(4):
        x = batch(5, *shape, seed=step) + step
        state = net.step(x)
        net.learn(state)
        for unit in range(3):
            seen = x[:, unit].flatten().tolist()
            got = state["x"][:, unit].flatten().tolist()
            assert got == pytest.approx([max(u - threshold[unit], 0.0) for u in seen])
            share = sum(u > threshold[unit] for u in seen) / len(seen)
            rate[unit] += 0.2 * (share - rate[unit])
            threshold[unit] += 0.5 * (rate[unit] - 0.25)
        assert net.memory["x"].values["rate"].tolist() == pytest.approx(rate)
        assert net.memory["x"].values["threshold"].tolist() == pytest.approx(threshold)


def test_dead_and_tireless_units_come_to_fire_at_the_target() -> None:
    offset = torch.tensor([-6.0, 0.0, 6.0], dtype=torch.float64)  # of normal input: dead, half of the time, always
    net = cg.compile(cg.Circuit().add("x", 3, Homeostatic(0.2, 0.2)), dtype=torch.float64)
    x = batch(4000, 3, seed=99) + offset
    assert (net.eval()(x) > 0).double().mean(0).tolist() == pytest.approx([0, 0.5, 1], abs=0.03)
    net.train()
    for step in range(600):
        net.learn(net.step(batch(64, 3, seed=step) + offset))
    assert (net.eval()(x) > 0).double().mean(0).tolist() == pytest.approx([0.2] * 3, abs=0.05)


def test_a_dead_unit_learns_again_once_its_threshold_has_fallen() -> None:
    # Two equal inputs, of which the second unit hears the mirror image: it never fires, so Instar never moves it.
    def taught(neuron: cg.Neuron) -> float:
        circuit = cg.Circuit().add("x", 2).add("y", 2, neuron)
        wired = circuit.connect("x", "y", cg.Dense(), weight=[1.0, 1.0, -1.0, -1.0], rule=cg.Instar(0.005))
        net = cg.compile(wired, dtype=torch.float64)
        for step in range(200):
            net.learn(net.step(batch(16, 2, seed=step).abs() + 0.5))
        return float(net.weights["x->y"][2:].min())

    assert taught(cg.ReLU()) == -1
    assert taught(Homeostatic(0.3, 0.1)) > 0


def test_nothing_changes_in_eval_and_by_stepping_alone() -> None:
    net = cg.compile(cg.Circuit().add("x", 3, Homeostatic()))
    net.step(torch.ones(2, 3))
    state = net.eval().step(torch.ones(2, 3))
    assert ("x", "rate") not in state
    assert not net.memory["x"].values["threshold"].any()
    with pytest.raises(StateError, match="eval mode"):
        net.train().learn(state)


def test_threshold_and_rate_survive_a_round_trip_and_the_loss_of_a_unit() -> None:
    net = cg.compile(cg.Circuit().add("w", 3).connect("w", "x", cg.Dense(), units=3, neuron=Homeostatic(0.2, 0.5)))
    net.learn(net.step(batch(8, 3).float()))
    kept = {k: v.clone() for k, v in net.memory["x"].values.items()}
    again = cg.compile(net.snapshot())
    assert all(torch.equal(v, kept[k]) for k, v in again.memory["x"].values.items())
    assert kept["threshold"].any()


def test_the_gradient_passes_where_a_unit_fires_and_ignores_the_threshold() -> None:
    neuron, u = Homeostatic(), torch.tensor([[1.0, 0.4]], requires_grad=True)
    z, _ = neuron.drive({"in": u}, {"threshold": torch.tensor([0.5, 0.5]), "rate": torch.zeros(2)}, training=True)
    neuron.respond(z).sum().backward()
    assert u.grad is not None
    assert u.grad.tolist() == [[1.0, 0.0]]


def test_bfloat16_activity_keeps_its_type_and_counts_in_float32() -> None:
    memory = {"threshold": torch.zeros(2), "rate": torch.zeros(2)}
    z, seen = Homeostatic().drive({"in": torch.ones(3, 2, dtype=torch.bfloat16)}, memory, training=True)
    assert z.dtype == torch.bfloat16
    assert seen["rate"].dtype == torch.float32


@pytest.mark.parametrize(
    ("field", "value"),
    [("target", 0.0), ("target", 1.0), ("learning_rate", 0.0), ("momentum", 1.5), ("momentum", math.nan)],
)
def test_numbers_out_of_range_are_refused_at_once(field: str, value: float) -> None:
    with pytest.raises(ShapeError, match=field):
        Homeostatic(**{field: value})
