"""Who learns: competition between the units of a site, for rules that only change winners."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from circuitgraph.errors import RuleError
from circuitgraph.ir import Shape, Value, value
from circuitgraph.ir.shape import is_integer
from circuitgraph.registry import competitions
from circuitgraph.rules.rule import Moved, mean_over_batch, need_number

Memory = dict[str, Tensor]


@value
class Winners(Value, ABC):
    """The `top_k` strongest units win at each sample and site; the rest stay as they are."""

    kind: ClassVar[str] = "competition"

    top_k: int = 1

    def __post_init__(self) -> None:
        if not is_integer(self.top_k, 1):
            raise RuleError(f"{type(self).__name__}: top_k (got {self.top_k!r}, expected a positive integer)")

    def memory(self, shape: Shape) -> Memory:
        """Give the initial values of what is kept for each unit.  Shape: first axis is units."""
        return {}

    @abstractmethod
    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        """Give 1 to winners and 0 to others, and what memory becomes.  Shape: (B, U, *S) -> same."""

    @classmethod
    def examples(cls) -> "list[Winners]":
        """Give small instances for the contract tests."""
        return [cls(), cls(2)]


@competitions.register("strongest")
@value
class StrongestWinners(Winners):
    """The `top_k` strongest units win (hard and k winners).

    Example:
        >>> StrongestWinners(2).judge(torch.tensor([[3.0, 1.0, 2.0]]), {})[0].tolist()
        [[1.0, 0.0, 1.0]]
    """

    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        return strongest(u, self.top_k), []


@competitions.register("adaptive")
@value
class AdaptiveWinners(Winners):
    """Winners must stand out from the other units of their site: u > mean over units + n_std * standard deviation.

    Nimmo and Mondragon (2025), "adaptive" threshold.  `n_std` in standard deviations (0 or more; theirs is 2).
    """

    n_std: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "n_std", self.n_std, 0)

    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        wide = u.to(torch.promote_types(u.dtype, torch.float32))
        variance, mean = torch.var_mean(wide, 1, correction=0, keepdim=True)
        return strongest(u, self.top_k) * (wide > mean + self.n_std * variance.sqrt()).to(u.dtype), []

    @classmethod
    def examples(cls) -> "list[Winners]":
        return [cls(n_std=0.5), cls(2, 0.0)]


@competitions.register("temporal")
@value
class TemporalWinners(Winners):
    """Winners must exceed what is usual at their site: u > mean over units of each unit's median over past samples.

    The median of each neuron is followed without keeping samples: m += momentum * d * mean of sign(u - m), with d the
    mean of |u - m| over the batch.  `momentum` of 0.1 remembers some ten batches.  Nimmo and Mondragon (2025),
    "temporal" competition, where medians are taken over a window of the last 500 samples.
    """

    momentum: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "momentum", self.momentum, 0, 1, closed=True)

    def memory(self, shape: Shape) -> Memory:
        return {"median": torch.zeros(shape)}

    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        median = memory["median"]
        away = u - median.to(u.dtype)
        usual = median.mean(0, keepdim=True).to(u.dtype)
        spread, side = (t.to(median.dtype).mean(0) for t in (away.abs(), away.sign()))
        moved = Moved("median", median + self.momentum * spread * side)
        return strongest(u, self.top_k) * (u > usual).to(u.dtype), [moved]


@competitions.register("homeostatic")
@value
class HomeostaticWinners(Winners):
    """The strongest above their own thresholds win, and thresholds rise with winning: every unit comes to its turn.

    Winners are the `top_k` largest u - threshold; threshold += mu * (share of samples and sites won - top_k / U).
    Miconi (2021), whose `mu` is 3 for weights of unit norm; units of u.
    """

    mu: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "mu", self.mu, 0)

    def memory(self, shape: Shape) -> Memory:
        return {"threshold": torch.zeros(shape[0])}

    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        threshold = memory["threshold"]
        won = strongest(u - threshold.to(u.dtype).view(-1, *[1] * (u.ndim - 2)), self.top_k)
        excess = mean_over_batch(won).to(threshold.dtype) - min(self.top_k, len(threshold)) / len(threshold)
        return won, [Moved("threshold", threshold + self.mu * excess)]


def strongest(u: Tensor, k: int) -> Tensor:
    """Give 1 to the k largest units of each site, 0 to others; all win where there are no more.  Shape: same."""
    rows = u.movedim(1, -1)
    if k >= rows.shape[-1]:
        return torch.ones_like(u)
    best = rows.max(-1, keepdim=True)[1] if k == 1 else rows.topk(k, -1, sorted=False)[1]
    return torch.zeros_like(rows).scatter_(-1, best, 1.0).movedim(-1, 1)
