"""Spiking neurons against their equations, integrated in small steps or written as a loop."""

import math

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.neurons import IF, LI, LIF, CubaLIF


def run(neuron: cg.Neuron, x: np.ndarray, **memory: float) -> tuple[np.ndarray, cg.State]:
    values = {name: np.array([value]) for name, value in memory.items()}
    circuit = cg.Circuit().add(cg.Population("n", 1, neuron, values))
    y, state = cg.compile(circuit, dtype=torch.float64, activity_dtype=torch.float64).run(
        torch.tensor(x).view(-1, 1, 1)
    )
    return y.flatten().numpy(), state


X = np.abs(np.random.default_rng(0).standard_normal(60)) * 1.5


def test_a_leaky_integrator_follows_its_differential_equation() -> None:
    y, _ = run(LI(2.0), X, tau_ms=15.0, r=0.7, v_leak=0.2)
    v, fine = 0.0, 20_000
    for t, u in enumerate(X):
        for _ in range(fine):
            v += 2.0 / fine / 15.0 * (0.2 - v + 0.7 * u)
        assert abs(v - y[t]) < 1e-4
        if t == 4:
            break


def test_leaky_integrate_and_fire_equals_a_loop() -> None:
    y, _ = run(LIF(2.0), X, tau_ms=15.0, r=1.4, v_leak=0.1, v_threshold=0.8, v_reset=-0.3)
    v, spikes = 0.0, []
    for u in X:
        v += (1 - math.exp(-2.0 / 15.0)) * (0.1 + 1.4 * u - v)
        spikes.append(float(v > 0.8))
        v = -0.3 if v > 0.8 else v
    assert y.tolist() == spikes
    assert 2 < sum(spikes) < 50


def test_integrate_and_fire_equals_a_loop() -> None:
    y, _ = run(IF(5.0), X, r=60.0, v_threshold=1.0, v_reset=0.25)
    v, spikes = 0.0, []
    for u in X:
        v += 0.005 * 60.0 * u
        spikes.append(float(v > 1.0))
        v = 0.25 if v > 1.0 else v
    assert y.tolist() == spikes
    assert 2 < sum(spikes) < 50


def test_a_current_that_decays_equals_a_loop() -> None:
    y, state = run(CubaLIF(1.0), X, tau_syn_ms=4.0, w_in=2.0, tau_ms=12.0, r=1.0, v_threshold=0.9, v_reset=0.0)
    v, i, spikes = 0.0, 0.0, []
    for u in X:
        i += (1 - math.exp(-1 / 4.0)) * (2.0 * u - i)
        v += (1 - math.exp(-1 / 12.0)) * (i - v)
        spikes.append(float(v > 0.9))
        v = 0.0 if v > 0.9 else v
    assert y.tolist() == spikes
    assert 2 < sum(spikes) < 50
    assert state["n", "i"].item() == pytest.approx(i)
    assert state["n", "v"].item() == pytest.approx(v)


def test_a_membrane_starts_at_rest_and_goes_on_from_the_state() -> None:
    whole, _ = run(LI(1.0), X)
    circuit = cg.Circuit().add("n", 1, LI(1.0))
    net = cg.compile(circuit, dtype=torch.float64, activity_dtype=torch.float64)
    x = torch.tensor(X).view(-1, 1, 1)
    _, state = net.run(x[:30])
    rest, _ = net.run(x[30:], state)
    np.testing.assert_allclose(rest.flatten().numpy(), whole[30:])
    with pytest.raises(cg.errors.StateError, match="of another batch"):
        net.run(x[30:].expand(-1, 2, -1), state)


def test_spikes_pass_a_gradient_through_time() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=5, neuron=LIF(), weight=cg.uniform(0, 2))
    net = cg.compile(circuit.connect("h", "h", cg.Dense(), delay=1))
    x = torch.rand(12, 4, 3, requires_grad=True)
    y, _ = net.run(x)
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad.flatten(1).abs().sum(1) > 0).all()
    assert net.weights["h->h"].grad.abs().sum() > 0


def test_a_step_that_is_no_time_is_refused() -> None:
    with pytest.raises(cg.errors.ShapeError, match="dt_ms"):
        LIF(0.0)
