"""The k strongest neurons of each sample."""

import importlib.util
from typing import Any

import torch
import torch.autograd.forward_ad as forward
from torch import Tensor

from circuitgraph.errors import ShapeError


def k_winners(u: Tensor, k: int) -> Tensor:
    """Keep the k largest numbers of each sample and zero the rest; which of equals win is the device's choice.

    On CPUs by bisection, several times faster than sorting.  Gradients reach what was kept.
    Shape: (B, N) -> (B, N).

    Raises:
        ShapeError: other than (B, N), or k outside 1 to N.

    Example:
        >>> k_winners(torch.tensor([[3.0, -1.0, 2.0]]), 2).tolist()
        [[3.0, 0.0, 2.0]]
    """
    if u.ndim != 2 or not 1 <= k <= u.shape[1]:
        got = f"got {k} of {tuple(u.shape)}"
        raise ShapeError(f"k_winners: {got}, expected samples by neurons and at most as many winners as neurons")
    fast = u.device.type == "cpu" and u.dtype in (torch.float32, torch.float64) and _has_numba()
    if not fast or _is_transformed():
        best = u.topk(k, dim=1).indices
        won = torch.ones_like(best, dtype=torch.bool)
        return torch.where(torch.zeros_like(u, dtype=torch.bool).scatter(1, best, won), u, 0)
    kept: Tensor = _Keep.apply(u, k)
    return kept


class _Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, k: int) -> Tensor:
        from circuitgraph.kernels.cpu.winners import k_winners

        y = k_winners(u, k)
        ctx.save_for_backward(u, y)
        ctx.k = k
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        u, y = ctx.saved_tensors
        kept = y != 0
        zeros = ctx.k - kept.sum(1, keepdim=True)  # winners that are zero
        if (zeros > 0).any():
            zero = u == 0
            kept |= zero & (zero.cumsum(1) <= zeros)
        return torch.where(kept, g, 0), None


def _is_transformed() -> bool:
    """Tell whether torch compiles or transforms what is computed, and has to look inside."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or forward._current_level >= 0


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
