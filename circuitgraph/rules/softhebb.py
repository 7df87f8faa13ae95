"""Soft winner-take-all learning with anti-Hebbian losers."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import ClassVar

from torch import Tensor

from circuitgraph.ir import value
from circuitgraph.kernels import Ends, units
from circuitgraph.registry import rules
from circuitgraph.rules.rule import Normalize, Part, Rule, Signals, Term, need_number


@rules.register("softhebb")
@value
class SoftHebb(Rule):
    """Learn a soft winner-take-all with anti-Hebbian losers (Journe et al. 2023, equations 1 to 3).

    y = softmax over units of t_invert * u, at each sample and site; with `anti`, negative for all but the strongest.
    dw = y * (x - u * w), divided by the largest change (`normalize`), times learning_rate * |norm(w) - 1| ** rate_power
    of each neuron, so that a neuron slows down as its weights come to unit norm.  `rate_power=None` is a constant rate.
    `t_invert` is the inverse temperature, per unit of u, 0 or more.

    `cutoff` silences units whose |y| is not above it: then only the winners that carry the mass learn, and kernels do
    work in proportion to them.  0 keeps every unit, as published.

    Raises:
        RuleError: for an argument out of range.

    Example:
        >>> import torch
        >>> SoftHebb(0.1).compete(torch.tensor([[0.0, 0.0, 9.0]])).sign().tolist()
        [[-1.0, -1.0, 1.0]]
    """

    reads: ClassVar[tuple[str, ...]] = ("x", "u")
    renamed: ClassVar[Mapping[str, str]] = {"gain": "t_invert"}

    t_invert: float = 1.0
    anti: bool = True
    rate_power: float | None = 0.5
    normalize: Normalize = field(default="layer", kw_only=True)
    cutoff: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "t_invert", self.t_invert, 0)
        need_number(self, "cutoff", self.cutoff, 0, 1)
        if self.rate_power is not None:
            need_number(self, "rate_power", self.rate_power, 0)

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.u is not None
        y, loss = units.shares(signals.u, self.t_invert, self.cutoff, anti=self.anti)
        return [Term(y, signals.x), Term(loss, times_weight=True)]

    def compete(self, u: Tensor) -> Tensor:
        """Give each unit its share of the win, negative for losers.  Shape: (B, U, *S) -> same."""
        return units.shares(u, self.t_invert, self.cutoff, anti=self.anti)[0]

    def rate(self, w: Tensor, ends: Ends) -> Tensor | None:
        if self.rate_power is None:
            return None
        return ((ends.norm(w) - 1).abs() + 1e-10).pow(self.rate_power)

    @classmethod
    def examples(cls) -> list[Rule]:
        plain = cls(0.1, anti=False, rate_power=None, normalize=None)
        return [cls(0.1), cls(0.1, 0.65, normalize="neuron"), plain, cls(0.1, cutoff=0.2)]
