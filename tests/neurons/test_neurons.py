"""Neurons against plain formulas and torch.nn."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StateError
from circuitgraph.neurons import softmax_units


def fire(
    neuron: cg.Neuron, *, training: bool = False, memory: dict[str, Tensor] | None = None, **ports: Tensor
) -> Tensor:
    given = {("in" if k == "u" else k): v for k, v in ports.items()}
    return neuron.respond(neuron.drive(given, memory or {}, training=training)[0])


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def test_linear_relu_and_exponential_are_their_formulas() -> None:
    u = noise(3, 4)
    assert torch.equal(fire(cg.Linear(), u=u), u)
    assert torch.equal(fire(cg.ReLU(), u=u), u.clamp(min=0))
    torch.testing.assert_close(fire(cg.Exponential(0.5), u=u), torch.exp(0.5 * u))


def test_dividing_by_nothing_gives_nothing() -> None:
    y = fire(cg.Divide(), u=torch.tensor([[6.0, 5.0, 0.0]]), shunt=torch.tensor([[3.0, 0.0, 0.0]]))
    assert y.tolist() == [[2.0, 0.0, 0.0]]


@pytest.mark.parametrize("power", [0.7, 1.0, 1.4])
def test_triangle_fires_above_the_mean_of_its_site(power: float) -> None:
    u = noise(2, 5, 3, 2)
    y = fire(cg.Triangle(power), u=u)
    for b, r, c in np.ndindex(2, 3, 2):
        site = u[b, :, r, c]
        expected = [max(float(v - site.mean()), 0.0) ** power for v in site]
        torch.testing.assert_close(y[b, :, r, c], torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("power", [0.7, 1.0, 2.0])
def test_the_mean_of_triangle_passes_no_gradient_and_silence_none_at_all(power: float) -> None:
    u = torch.tensor([[3.0, 0.0, 0.0]], requires_grad=True)
    fire(cg.Triangle(power), u=u).sum().backward()
    assert u.grad is not None
    torch.testing.assert_close(u.grad, torch.tensor([[power * 2 ** (power - 1), 0.0, 0.0]]))


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (6, 4, 3, 3)])
def test_batch_norm_is_torch_batch_norm_in_training_eval_and_memory(shape: tuple[int, ...]) -> None:
    torch_norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](shape[1], affine=False).double()
    net = cg.compile(
        cg.Circuit().add("x", shape[1:], cg.BatchNorm()), dtype=torch.float64, activity_dtype=torch.float64
    )
    for step in range(3):
        u = noise(*shape) * (1 + step) + step
        state = net.step(u)
        torch.testing.assert_close(state["x"], torch_norm(u))
        net.learn(state)
        memory = net.memory["x"].values
        torch.testing.assert_close(memory["mean"], torch_norm.running_mean)
        torch.testing.assert_close(memory["variance"], torch_norm.running_var)
    net.eval(), torch_norm.eval()
    torch.testing.assert_close(net(u), torch_norm(u))


def test_batch_norm_has_the_gradient_of_torch() -> None:
    ours, theirs = (noise(5, 3, 2).requires_grad_() for _ in range(2))
    weight = torch.arange(30.0, dtype=torch.float64).view(5, 3, 2)
    (fire(cg.BatchNorm(), u=ours, training=True) * weight).sum().backward()
    (nn.BatchNorm1d(3, affine=False).double()(theirs) * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_batch_norm_keeps_bfloat16_activity_and_float32_statistics() -> None:
    z, seen = cg.BatchNorm().drive({"in": noise(8, 3, dtype=torch.bfloat16)}, {}, training=True)
    assert z.dtype == torch.bfloat16
    assert {v.dtype for v in seen.values()} == {torch.float32}


@pytest.mark.parametrize("batch", [0, 1])
def test_batch_norm_needs_two_values_per_unit_to_train(batch: int) -> None:
    with pytest.raises(ShapeError, match="use eval"):
        fire(cg.BatchNorm(), u=torch.ones(batch, 3), training=True)


def test_batch_norm_does_not_learn_from_a_state_made_in_eval() -> None:
    net = cg.compile(cg.Circuit().add("x", 3, cg.BatchNorm()))
    state = net.eval().step(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(StateError, match="eval mode"):
        net.train().learn(state)


@pytest.mark.parametrize("among", ["units", "neurons"])
def test_exactly_k_win_and_they_are_the_strongest(among: str) -> None:
    u = noise(3, 5, 4)
    y = fire(cg.KWinners(2, among), u=u)
    rivals = (lambda t: t.movedim(1, -1).reshape(-1, 5)) if among == "units" else (lambda t: t.flatten(1))
    for before, after in zip(rivals(u), rivals(y), strict=True):
        best = sorted(before.tolist())[-2:]
        assert sorted(after[after != 0].tolist()) == best


def test_exactly_k_win_among_equals_too() -> None:
    assert (fire(cg.KWinners(2), u=torch.ones(3, 5)) != 0).sum(1).tolist() == [2, 2, 2]


def test_more_winners_than_rivals_are_refused_when_compiled() -> None:
    circuit = cg.Circuit().add("x", (3, 4), cg.KWinners(4))
    with pytest.raises(ShapeError, match="at most 3"):
        cg.compile(circuit)
    cg.compile(circuit.replace_population("x", neuron=cg.KWinners(4, "neurons")))


def test_softmax_competes_among_the_units_of_a_site() -> None:
    u = noise(2, 3, 4)
    torch.testing.assert_close(fire(cg.Softmax(2.0), u=u), torch.softmax(2 * u, 1))
    laid_out = noise(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert softmax_units(laid_out, 1.0).is_contiguous(memory_format=torch.channels_last)


def test_softmax_is_the_inhibition_motif() -> None:
    plain = cg.Circuit().add("x", (4, 3)).connect("x", "y", cg.Conv(1), units=5, neuron=cg.Softmax(0.7))
    wired, _ = cg.Inhibit("y", 0.7).apply(plain.replace_population("y", neuron=None))
    x = noise(2, 4, 3)
    expected = cg.compile(plain, dtype=torch.float64)(x)
    for exact in (False, True):
        net = cg.compile(wired, dtype=torch.float64, exact=exact)
        torch.testing.assert_close(net(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cg.Triangle(0), "power"),
        (lambda: cg.Triangle(math.nan), "power"),
        (lambda: cg.Exponential(-1), "gain"),
        (lambda: cg.Softmax(True), "gain"),
        (lambda: cg.Softmax("1"), "gain"),
        (lambda: cg.BatchNorm(momentum=1.5), "momentum"),
        (lambda: cg.BatchNorm(eps=math.inf), "eps"),
        (lambda: cg.KWinners(0), "positive integer"),
        (lambda: cg.KWinners(True), "positive integer"),
        (lambda: cg.KWinners(1, "sites"), "among"),
    ],
)
def test_bad_arguments_are_refused_at_once(make: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make()  # type: ignore[operator]


def test_numbers_of_numpy_are_numbers() -> None:
    assert cg.Triangle(np.float32(1.5)).power == 1.5
    assert cg.KWinners(np.int64(2)).k == 2
