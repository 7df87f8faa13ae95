"""The k strongest neurons of each sample."""

import importlib.util
from typing import Any

import torch
from torch import Tensor


def k_winners(u: Tensor, k: int) -> Tensor:
    """Keep the k largest numbers of each sample and zero the rest; which of equals win is the device's choice.

    On CPUs by bisection, several times faster than sorting.  Gradients reach what was kept.
    Shape: (B, N) -> (B, N).

    Example:
        >>> k_winners(torch.tensor([[3.0, -1.0, 2.0]]), 2).tolist()
        [[3.0, 0.0, 2.0]]
    """
    fast = u.device.type == "cpu" and u.dtype in (torch.float32, torch.float64) and _has_numba()
    if not fast or torch.compiler.is_compiling():
        best = u.topk(k, dim=1).indices
        return torch.where(torch.zeros_like(u, dtype=torch.bool).scatter_(1, best, True), u, 0)
    kept: Tensor = _Keep.apply(u, k)
    return kept


class _Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, k: int) -> Tensor:
        from circuitgraph.kernels.cpu.winners import k_winners

        y = k_winners(u, k)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return torch.where(y != 0, g, 0), None


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
