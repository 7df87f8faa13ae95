"""Dimension of activity: the participation ratio, and the penalty made of it."""

import numpy as np
import pytest
import torch

from circuitgraph.errors import ShapeError
from circuitgraph.structural.dimension import dimension_penalty, participation_ratio


def activity(n: int = 30, units: int = 7, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, units, generator=rng, dtype=torch.float64) @ torch.randn(
        units, units, generator=rng, dtype=torch.float64
    )
    return mixed.relu()


def by_eigenvalues(y: torch.Tensor) -> float:
    """Loop over the eigenvalues of numpy's covariance."""
    total = squares = 0.0
    for one in np.linalg.eigvalsh(np.cov(y.numpy(), rowvar=False)):
        total += one
        squares += one * one
    return total * total / squares


@pytest.mark.parametrize(("n", "units"), [(30, 7), (5, 12), (2, 3), (9, 9)])
def test_it_is_the_ratio_of_the_eigenvalues(n: int, units: int) -> None:
    y = activity(n, units)
    assert participation_ratio(y).item() == pytest.approx(by_eigenvalues(y), rel=1e-9)


def test_sites_count_as_samples() -> None:
    y = activity(24, 5)
    sites = y.view(6, 2, 2, 5).movedim(-1, 1)
    assert participation_ratio(sites).item() == pytest.approx(by_eigenvalues(y), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_k_equal_independent_directions_make_k(k: int) -> None:
    signs = torch.cat([torch.eye(k), -torch.eye(k)]).double()
    turned = signs @ torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64, generator=torch.manual_seed(1)))[0][:k]
    assert participation_ratio(turned).item() == pytest.approx(k, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e6])
def test_neither_scale_nor_mean_of_activity_matters(scale: float) -> None:
    y = activity()
    assert participation_ratio(y * scale).item() == pytest.approx(participation_ratio(y).item(), rel=1e-6)
    assert participation_ratio((y + 3).float()).item() == pytest.approx(participation_ratio(y).item(), rel=1e-4)


def test_it_is_no_l1_in_disguise() -> None:
    # Of two activities the one with the larger mean |y| fills fewer dimensions.
    wide = torch.cat([torch.eye(6), -torch.eye(6)]).double()
    loud = 10 * torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None].expand(12, 6)
    assert loud.abs().mean() > wide.abs().mean()
    assert participation_ratio(loud) < participation_ratio(wide)
    y = activity().requires_grad_()
    (g,) = torch.autograd.grad(participation_ratio(y).log(), y)
    # Scale invariance: no part of the gradient shrinks the deviations; L1's would be their sum of |y|, not 0.
    assert (g * y).sum().item() == pytest.approx(0, abs=1e-9)
    assert (y.sign() * y).sum() > 1


def test_its_gradient_is_that_of_finite_differences() -> None:
    assert torch.autograd.gradcheck(participation_ratio, activity(6, 4).requires_grad_())
    assert torch.autograd.gradcheck(participation_ratio, activity(3, 5).requires_grad_())


def test_the_penalty_adds_the_logarithms_and_lowers_dimension_but_not_activity() -> None:
    y = activity(40, 6)
    both = dimension_penalty([y, y]).item()
    assert both == pytest.approx(2 * np.log(by_eigenvalues(y)), rel=1e-9)
    moved, size = y.clone().requires_grad_(), y.abs().mean()
    optimizer = torch.optim.Adam([moved], 0.02)
    for _ in range(100):
        optimizer.zero_grad()
        dimension_penalty([moved]).backward()
        optimizer.step()
    assert participation_ratio(moved.detach()) < 0.8 * participation_ratio(y)
    assert moved.detach().abs().mean() > 0.8 * size


def test_constant_activity_has_no_dimension_no_penalty_and_no_nan_in_its_gradient() -> None:
    y = torch.ones(5, 3, requires_grad=True)
    assert participation_ratio(y).item() == 0
    penalty = dimension_penalty([y])
    penalty.backward()
    assert penalty.item() == 0
    assert y.grad is not None
    assert torch.equal(y.grad, torch.zeros(5, 3))


def test_activity_in_bfloat16_is_summed_in_float32() -> None:
    y = activity(64, 5).bfloat16()
    assert participation_ratio(y).dtype == torch.float32
    assert participation_ratio(y).item() == pytest.approx(by_eigenvalues(y.double()), rel=1e-4)


def test_what_is_no_activity_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"got shape \(3,\)"):
        participation_ratio(torch.ones(3))
    with pytest.raises(ShapeError, match="participation_ratio"):
        participation_ratio(torch.ones(0, 3))
    with pytest.raises(ShapeError, match="0 populations"):
        dimension_penalty([])


def test_standardized_it_is_that_of_the_correlations_and_a_loud_unit_changes_nothing() -> None:
    y = activity()
    shares = np.linalg.eigvalsh(np.corrcoef(y.numpy(), rowvar=False))
    assert participation_ratio(y, standardize=True).item() == pytest.approx(shares.sum() ** 2 / (shares**2).sum())
    loud = y * torch.tensor([1000.0, 1, 1, 1, 1, 1, 1])
    assert participation_ratio(loud).item() == pytest.approx(1, abs=1e-3)
    same = participation_ratio(y, standardize=True).item()
    assert participation_ratio(loud, standardize=True).item() == pytest.approx(same, rel=1e-9)


def test_standardized_constant_units_are_left_out() -> None:
    y = activity(20, 4)
    more = torch.cat([y, torch.full((20, 2), 0.3, dtype=torch.float64), torch.zeros(20, 1)], 1).requires_grad_()
    found = dimension_penalty([more], standardize=True)
    assert found.item() == pytest.approx(participation_ratio(y, standardize=True).log().item(), rel=1e-9)
    found.backward()
    assert more.grad is not None
    assert more.grad.isfinite().all()
    assert torch.autograd.gradcheck(lambda a: participation_ratio(a, standardize=True), activity(6, 4).requires_grad_())
