"""How many dimensions activity fills: a number that gradient can lower."""

from collections.abc import Iterable

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError

ROUNDING = 1e-6
"""Deviation of a unit, relative to its size, up to which it is constant."""


def participation_ratio(y: Tensor, *, standardize: bool = False) -> Tensor:
    """Count the dimensions that a population's activity fills, from 1 to its number of units; 0 where it is constant.

    (tr C)^2 / tr C^2 = (sum of l)^2 / (sum of l^2),   l the eigenvalues of the covariance C over samples and sites

    k equal eigenvalues make k.  A common scale cancels, so it is not the size of activity that is measured.  With
    `standardize` each unit is first divided by its own deviation (C holds correlations), so that a few loud units do
    not hide the others; constant units are left out.  No eigenvalue is computed: tr C^2 is the squared norm of C, or of
    the smaller matrix of products between samples.  Gao et al. (2017).

    Shape: (B, U, *sites) -> (), differentiable, float32 at least.

    Raises:
        ShapeError: for fewer than two axes, or no sample.

    Example:
        >>> participation_ratio(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])).item()
        2.0
    """
    if y.ndim < 2 or not y.numel():
        raise ShapeError(f"participation_ratio: activity (got shape {tuple(y.shape)}, expected (samples, units, ...))")
    rows = y.movedim(1, -1).flatten(0, -2)
    rows = rows.double() if rows.dtype == torch.float64 else rows.float()
    scale = rows.square().mean(0)
    rows = rows - rows.mean(0)
    if standardize:
        size = rows.square().mean(0)
        alive = size > ROUNDING**2 * scale
        rows = torch.where(alive, rows / torch.where(alive, size, 1).sqrt(), 0)
    # The mean square is divided out first, or squares of small activity would underflow.
    spread = rows.square().mean()
    rows = rows / torch.where(spread > 0, spread, 1).sqrt()
    products = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T
    squares = products.square().sum()
    return products.diagonal().sum().square() / torch.where(squares > 0, squares, 1)


def dimension_penalty(activities: Iterable[Tensor], *, standardize: bool = False) -> Tensor:
    """Add up the logarithm of the dimension of several populations: the order-2 entropy of each spectrum, in nats.

    -log(sum of q^2) = log(participation ratio),   q the eigenvalues' shares of their sum

    Added to a loss it draws activity into fewer dimensions, whatever its size; redundant units follow.  A constant
    population adds nothing.  Without `standardize` the cheapest way down is one loud unit, which changes nothing else.

    Shape: each (B, U, *sites) -> ().

    Raises:
        ShapeError: as `participation_ratio`, and for no activity at all.

    Example:
        >>> line = torch.linspace(-1, 1, 5)[:, None] * torch.tensor([1.0, 2.0, -3.0])
        >>> abs(round(dimension_penalty([line, line]).item(), 5))
        0.0
    """
    found = [participation_ratio(y, standardize=standardize).clamp(min=1).log() for y in activities]
    if not found:
        raise ShapeError("dimension_penalty: no activity (got 0 populations, expected at least 1)")
    return torch.stack(found).sum()
