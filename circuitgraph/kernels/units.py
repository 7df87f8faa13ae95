"""What populations do across their units, in one compiled pass where no gradient is asked for, else by torch.

The passes take float32 on CPUs, of which the units of a site lie side by side in memory (channels-last, or no sites).
They equal torch's operators to rounding.
"""

import importlib.util

import torch
import torch.autograd.forward_ad as forward
import torch.nn.functional as F
from torch import Tensor

LEAST = 1 << 13
"""Numbers from which on a compiled pass is faster than torch's operators: it takes ten microseconds to begin."""


def rows_of(x: Tensor, kinds: tuple[torch.dtype, ...] = (torch.float32,)) -> Tensor | None:
    """See activity of some types as rows of units, (B * sites, U), where a compiled pass may take it; else None.

    Example:
        >>> rows_of(torch.ones(2, 3)) is None, rows_of(torch.ones(2, 3, requires_grad=True)) is None
        (True, True)
    """
    if x.dtype not in kinds or x.device.type != "cpu" or not _is_plain(x):
        return None
    # Only now: to an exporter sizes are symbols, and comparing one binds it.
    if x.ndim < 2 or x.numel() < LEAST:
        return None
    rows = x.movedim(1, -1)
    if not rows.is_contiguous() or not _has_numba():
        return None
    return rows.detach().view(-1, x.shape[1])


def _is_plain(x: Tensor) -> bool:
    """Tell whether nobody records, traces or transforms what is computed."""
    recorded = x.requires_grad and torch.is_grad_enabled()
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._are_functorch_transforms_active()
    known = type(x) is Tensor or type(x) is torch.nn.Parameter
    return known and not recorded and not traced and forward._current_level < 0


def centre(u: Tensor) -> Tensor:
    """Subtract the mean over units, through which no gradient passes.  Shape: (B, U, *S) -> same."""
    rows = rows_of(u)
    if rows is None:
        return u - u.detach().mean(1, keepdim=True)
    from circuitgraph.kernels.cpu.units import centred

    return like(centred(rows), u)


def shares(u: Tensor, gain: float, cutoff: float, *, anti: bool) -> tuple[Tensor, Tensor]:
    """Give each unit its share of the win at its site, softmax of gain * u over units, and minus that times u.

    With `anti`, all but the strongest are negative; shares not above `cutoff` are 0, but the strongest stays.
    Shape: (B, U, *S) -> same, twice.

    Example:
        >>> shares(torch.tensor([[0.0, 0.0, 9.0]]), 1.0, 0.0, anti=True)[0].sign().tolist()
        [[-1.0, -1.0, 1.0]]
    """
    given = rows_of(u)
    if given is not None:
        from circuitgraph.kernels.cpu.units import shares

        y, product = shares(given, gain, cutoff, anti=anti)
        return like(y, u), like(product, u)
    rows = u.movedim(1, -1)
    y = torch.softmax(rows if gain == 1 else rows * gain, dim=-1)
    won, best = y.max(-1, keepdim=True)  # on CPUs several times faster than argmax in bfloat16
    if cutoff:
        y = F.threshold(y, cutoff, 0.0)
    if anti:
        y = y.neg_()
    y = y.scatter_(-1, best, won).movedim(-1, 1)
    return y, (y * u).neg_()


def mean_and_variance(u: Tensor) -> tuple[Tensor, Tensor]:
    """Give each unit's mean and (biased) variance over batch and sites, float32 or wider.  Shape: -> (U,), (U,)."""
    rows = rows_of(u)
    if rows is None:
        kind = torch.float64 if u.dtype == torch.float64 else torch.float32
        variance, mean = torch.var_mean(u.to(kind), [d for d in range(u.ndim) if d != 1], correction=0)
        return mean, variance
    from circuitgraph.kernels.cpu.units import mean_and_variance

    mean, variance = mean_and_variance(rows)
    return mean.float(), variance.float()


def total(g: Tensor) -> Tensor:
    """Sum each unit's activity over batch and sites, float32 or wider.  Shape: (B, U, *S) -> (U,)."""
    rows = rows_of(g)
    if rows is None:
        kind = torch.float64 if g.dtype == torch.float64 else torch.float32
        return g.sum([d for d in range(g.ndim) if d != 1], dtype=kind)
    from circuitgraph.kernels.cpu.units import totals

    return totals(rows).float()


def max_pool(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    """Take the strongest of each window of sites.  Shape: (B, U, *S) -> (B, U, *S')."""
    rank = x.ndim - 2
    if rank != 2 or rows_of(x) is None:
        pooled: Tensor = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[rank - 1](x, kernel, stride, padding)
        return pooled
    from circuitgraph.kernels.cpu.units import max_pooled

    window = ((a[0], a[1]) for a in (kernel, stride, padding))
    return max_pooled(x.detach().movedim(1, -1), *window).movedim(-1, 1)


def like(rows: Tensor, u: Tensor) -> Tensor:
    """See rows of units as the activity that they were taken from.  Shape: (B * sites, U) -> (B, U, *S)."""
    return rows.view(u.movedim(1, -1).shape).movedim(-1, 1)


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
