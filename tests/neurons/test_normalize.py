"""Division by the norm, against loops."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError


def fire(neuron: cg.Normalize, u: Tensor) -> Tensor:
    return neuron.respond(neuron.drive({"in": u}, {}, training=False)[0])


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def scaled(values: list[float], eps: float, *, centre: bool) -> list[float]:
    mean = sum(values) / len(values) if centre else 0.0
    size = math.sqrt(sum((v - mean) ** 2 for v in values) + eps)
    return [(v - mean) / size for v in values]


@pytest.mark.parametrize("centre", [False, True])
def test_each_site_is_divided_by_its_norm_over_units(centre: bool) -> None:
    u = noise(2, 5, 3, 2)
    y = fire(cg.Normalize(0.3, centre), u)
    for b, r, c in np.ndindex(2, 3, 2):
        assert y[b, :, r, c].tolist() == pytest.approx(scaled(u[b, :, r, c].tolist(), 0.3, centre=centre))


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 2), (3, 2, 3, 2)])
def test_all_neurons_of_a_sample_are_divided_by_their_norm(shape: tuple[int, ...], centre: bool) -> None:
    u = noise(*shape)
    y = fire(cg.Normalize(0.3, centre, "neurons"), u)
    for before, after in zip(u, y, strict=True):
        assert after.flatten().tolist() == pytest.approx(scaled(before.flatten().tolist(), 0.3, centre=centre))


def test_silence_stays_silence_and_passes_a_finite_gradient() -> None:
    u = torch.zeros(2, 3, requires_grad=True)
    y = fire(cg.Normalize(), u)
    y.sum().backward()
    assert not y.any()
    assert u.grad is not None
    assert torch.isfinite(u.grad).all()


def test_sums_of_bfloat16_are_kept_in_float32() -> None:
    u = torch.full((1, 4096), 1.0, dtype=torch.bfloat16)
    torch.testing.assert_close(fire(cg.Normalize(1e-6), u), torch.full_like(u, 1 / 64), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cg.Normalize(0), "eps"),
        (lambda: cg.Normalize(math.nan), "eps"),
        (lambda: cg.Normalize(among="sites"), "among"),
    ],
)
def test_bad_arguments_are_refused_at_once(make: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make()  # type: ignore[operator]
