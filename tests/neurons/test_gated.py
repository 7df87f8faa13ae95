"""The voltage-gated neuron against the equations of 1952, one number at a time."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError
from circuitgraph.neurons import HodgkinHuxley
from circuitgraph.neurons.gated import rates, sodium_share


def over_expm1(x: float) -> float:
    return x / math.expm1(x) if x else 1.0


# Resting potential 0 and depolarisation negative, as they wrote it: equations 12, 13, 20, 21, 23 and 24.
EQUATIONS = {
    "n": (lambda v: 0.1 * over_expm1((v + 10) / 10), lambda v: 0.125 * math.exp(v / 80)),
    "m": (lambda v: over_expm1((v + 25) / 10), lambda v: 4 * math.exp(v / 18)),
    "h": (lambda v: 0.07 * math.exp(v / 20), lambda v: 1 / (math.exp((v + 30) / 10) + 1)),
}
SINGULAR_MV = (-55.0, -40.0)


def clamped(gate: str, v_mv: float, time_ms: float, steps: int) -> float:
    """Integrate dg/dt = alpha (1 - g) - beta g from the steady state at rest, in many steps of Heun's method."""
    alpha, beta = (f(-65.0 - v_mv) for f in EQUATIONS[gate])
    alpha_rest, beta_rest = (f(0.0) for f in EQUATIONS[gate])
    g, dt = alpha_rest / (alpha_rest + beta_rest), time_ms / steps

    def slope(g: float) -> float:
        return alpha * (1 - g) - beta * g

    for _ in range(steps):
        first = slope(g)
        g += dt * (first + slope(g + dt * first)) / 2
    return g


def by_hand(u: float, gain: float, offset: float, time_ms: float) -> float:
    v = min(max(-65 + offset + gain * u, -120.0), 80.0)
    n, m, h = (clamped(gate, v, time_ms, 20_000) for gate in "nmh")
    sodium, potassium = 120 * m**3 * h, 36 * n**4
    return u * sodium / (sodium + potassium + 0.3)


def fire(neuron: cg.Neuron, u: Tensor, *, training: bool = False) -> Tensor:
    return neuron.respond(neuron.drive({"in": u}, {}, training=training)[0])


@pytest.mark.parametrize(
    "neuron", [HodgkinHuxley(), HodgkinHuxley(25.0, 10.0, 1.0), HodgkinHuxley(60.0, -20.0)], ids=repr
)
def test_the_output_is_the_equations_integrated_step_by_step(neuron: HodgkinHuxley) -> None:
    u = torch.tensor([[-3.1, -1.0, -0.2, 0.0, 0.3], [0.7, 1.0, 1.6, 2.5, 4.4]], dtype=torch.float64)
    expected = [[by_hand(x, neuron.gain_mv, neuron.offset_mv, neuron.time_ms) for x in row] for row in u.tolist()]
    torch.testing.assert_close(fire(neuron, u), torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-9)


def test_rates_are_those_of_the_paper() -> None:
    for v in (-119.3, -90.0, -65.0, -55.1, -54.999, -39.9999, -20.0, 0.0, 79.0):
        for gate, found in zip("nmh", rates(torch.tensor(v, dtype=torch.float64)), strict=True):
            alpha, beta = (f(-65.0 - v) for f in EQUATIONS[gate])
            assert found.alpha.item() == pytest.approx(alpha, rel=1e-10)
            assert found.beta.item() == pytest.approx(beta, rel=1e-12)


def test_at_rest_the_gates_have_their_published_values() -> None:
    steady = [r.alpha / (r.alpha + r.beta) for r in rates(torch.tensor(-65.0, dtype=torch.float64))]
    assert [round(g.item(), 4) for g in steady] == [0.3177, 0.0529, 0.5961]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nothing_jumps_where_a_rate_is_zero_by_zero(dtype: torch.dtype) -> None:
    for at, gate, limit in ((-55.0, 0, 0.1), (-40.0, 1, 1.0)):
        exact = rates(torch.tensor(at, dtype=dtype))[gate]
        assert exact.alpha.item() == pytest.approx(limit, rel=1e-6)
        assert exact.alpha_slope.item() == pytest.approx(limit / 20, rel=1e-6)
        near = at + torch.linspace(-1.5, 1.5, 4001, dtype=torch.float64)  # across both ends of the series
        found, wide = rates(near.to(dtype))[gate], rates(near)[gate]
        tolerance = 1e-11 if dtype == torch.float64 else 3e-5
        torch.testing.assert_close(found.alpha.double(), wide.alpha, rtol=tolerance, atol=0)
        torch.testing.assert_close(found.alpha_slope.double(), wide.alpha_slope, rtol=tolerance, atol=0)
        exactly = [limit * x / -math.expm1(-x) if x else limit for x in ((near - at) / 10).tolist()]
        torch.testing.assert_close(wide.alpha, torch.tensor(exactly, dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("time_ms", [0.1, 0.5, 2.0])
def test_slopes_are_those_of_finite_differences(time_ms: float) -> None:
    v = torch.cat([torch.linspace(-119, 79, 397), torch.tensor(SINGULAR_MV)]).double()
    step = 1e-4
    _, slope = sodium_share(v, time_ms)
    above, below = (sodium_share(v + s, time_ms)[0] for s in (step, -step))
    torch.testing.assert_close(slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("neuron", HodgkinHuxley.examples(), ids=repr)
def test_narrow_types_give_what_float64_gives_and_so_do_their_gradients(neuron: HodgkinHuxley) -> None:
    u = torch.linspace(-200, 200, 40_001, dtype=torch.float64) / neuron.gain_mv
    for dtype, tolerance in ((torch.float32, 3e-6), (torch.bfloat16, 4e-3)):
        narrow = u.to(dtype).requires_grad_()
        same = narrow.detach().double().requires_grad_()
        (y := fire(neuron, narrow)).sum().backward()
        (expected := fire(neuron, same)).sum().backward()
        torch.testing.assert_close(y.double(), expected, rtol=tolerance, atol=tolerance)
        assert narrow.grad is not None
        assert same.grad is not None
        inside = (neuron.gain_mv * same.detach() - 65 + neuron.offset_mv + 20).abs() < 99.9  # at the bounds it jumps
        torch.testing.assert_close(
            narrow.grad.double()[inside], same.grad[inside], rtol=3 * tolerance, atol=3 * tolerance
        )


@pytest.mark.parametrize("neuron", HodgkinHuxley.examples(), ids=repr)
def test_the_gradient_is_right_also_at_the_singular_points_and_beyond_the_bounds(neuron: HodgkinHuxley) -> None:
    zero = -65 + neuron.offset_mv
    singular = [(v - zero) / neuron.gain_mv for v in SINGULAR_MV]
    inside = torch.linspace(-0.5, 1.3, 11).tolist()
    u = torch.tensor([[*singular, *inside, 300 / neuron.gain_mv, -300 / neuron.gain_mv]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: fire(neuron, x), (u.requires_grad_(),))


def test_second_derivatives_are_right_too() -> None:
    u = torch.tensor([[-1.0, -0.2, 0.4, 0.51, 1.0, 1.249, 2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: fire(HodgkinHuxley(), x), (u,))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_no_input_however_large_gives_nan(dtype: torch.dtype) -> None:
    u = torch.tensor([[-1e30, -1e4, -2.75, 0.0, 0.5, 1.25, 1e4, 1e30]], dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = fire(HodgkinHuxley(), u)
        y.sum().backward()
    assert y.dtype == dtype
    assert torch.isfinite(y).all()
    assert u.grad is not None
    assert torch.isfinite(u.grad).all()
    assert 0 < y[0, -1] / u[0, -1] < 1
    assert 0 <= y[0, 0] / u[0, 0] < 1e-4


def test_it_is_silent_at_rest_and_below_and_passes_on_most_of_a_depolarisation() -> None:
    u = torch.tensor([[-2.0, -1.0, 0.0, 2.0, 3.0]], dtype=torch.float64)
    y = fire(HodgkinHuxley(), u)
    assert y[0, :3].abs().max() < 1e-3
    assert (y[0, 3:] / u[0, 3:] > 0.8).all()


def test_longer_steps_inactivate_sodium() -> None:
    u = torch.tensor([[2.0]], dtype=torch.float64)
    passed = [fire(HodgkinHuxley(time_ms=t), u).item() for t in (0.5, 1.0, 2.0, 4.0)]
    assert all(np.diff(passed) < 0)


def test_the_same_input_gives_the_same_output_whatever_came_before() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, neuron=HodgkinHuxley(), rng=0)
    net = cg.compile(circuit)
    assert not net.memory["y"].values
    rng = torch.Generator().manual_seed(0)
    x, other = (torch.randn(6, 3, generator=rng) for _ in range(2))
    before = net.eval()(x)
    for mode in (True, False):
        net.train(mode)
        net(5 * other)
        net(x.flip(0))
    net.train()
    net.learn(net.step(other))
    assert torch.equal(net.eval()(x), before)
    assert torch.equal(net.train()(x), before)


# What torch does while it traces warns, of itself (torch 2.13).
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_it_runs_in_a_compiled_graph_forward_and_backward() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, neuron=HodgkinHuxley(), rng=0)
    net = cg.compile(circuit, dtype=torch.float64)
    traced = torch.compile(net, fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    found = [(y := run(x), *torch.autograd.grad(y.square().sum(), [x, *net.parameters()])) for run in (net, traced)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    ("field", "value"),
    [("gain_mv", 0.0), ("gain_mv", math.nan), ("time_ms", -1.0), ("offset_mv", 51.0), ("offset_mv", True),
     ("offset_mv", math.nan), ("offset_mv", "5")],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_at_once(field: str, value: object) -> None:
    with pytest.raises(ShapeError, match=field):
        HodgkinHuxley(**{field: value})  # type: ignore[arg-type]
