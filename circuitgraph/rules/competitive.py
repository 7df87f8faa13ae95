"""Rules by which only winners learn: hard winners, BCM, Krotov and Hopfield."""

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar

import torch
from torch import Tensor

from circuitgraph.errors import RuleError
from circuitgraph.ir import Shape, value
from circuitgraph.ir.shape import is_integer
from circuitgraph.registry import rules
from circuitgraph.rules.competition import (
    AdaptiveWinners,
    HomeostaticWinners,
    StrongestWinners,
    TemporalWinners,
    Winners,
)
from circuitgraph.rules.rule import Moved, Normalize, Part, Rule, Signals, Term, mean_over_batch, need_number


@value
class Competitive(Rule):
    """A rule by which units compete at each sample and site, as `winners` says, for being changed.

    With `cosine`, u is the cosine between a neuron's weights and all of its input (its whole receptive field): rivals
    with large weights, and bright inputs, have no advantage.
    """

    reads: ClassVar[tuple[str, ...]] = ("x", "u")

    winners: Winners = field(default=StrongestWinners(), kw_only=True)
    cosine: bool = field(default=False, kw_only=True)
    normalize: Normalize = field(default="layer", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.winners, Winners):
            got = f"got {self.winners!r}, expected e.g. StrongestWinners()"
            raise RuleError(f"{type(self).__name__}: winners ({got})")

    @property
    def hears_cosine(self) -> bool:
        return self.cosine

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return self.winners.memory(shape)

    def _winners(self, signals: Signals) -> tuple[Tensor, Tensor, list[Moved]]:
        """Give u, 1 for winners and 0 for others, and what their memory becomes."""
        assert signals.u is not None
        won, moved = self.winners.judge(signals.u, dict(signals.memory))
        return signals.u, won, moved


@rules.register("hard-wta")
@value
class HardWTA(Competitive):
    """Let only winners learn, at each sample and site: dw = v * (x - w), v = u of a winner, 0 elsewhere.

    Instar on the arg-max unit.  Nimmo and Mondragon (2025), rule "hard"; `binary` takes v = 1 (Miconi 2021).
    """

    binary: bool = False

    def terms(self, signals: Signals) -> Sequence[Part]:
        u, won, moved = self._winners(signals)
        v = won if self.binary else won * u
        return [Term(v, signals.x), Term(-v, times_weight=True), *moved]

    @classmethod
    def examples(cls) -> list[Rule]:
        kinds = (HomeostaticWinners(mu=0.5), TemporalWinners(2), AdaptiveWinners(n_std=0.5))
        return [
            cls(0.1), cls(0.1, normalize=None), cls(0.1, True, cosine=True, unit_norm=True, normalize="activity"),
            cls(0.1, presynaptic="lp"), cls(0.1, presynaptic="softmax"), cls(0.1, sparsity=0.5),
            cls(0.1, winners=StrongestWinners(2)), *(cls(0.1, winners=w) for w in kinds),
        ]  # fmt: skip


@rules.register("bcm")
@value
class BCM(Competitive):
    """Strengthen above a sliding threshold and weaken below it: dw = x * v * (v - theta), v = u of a winner, else 0.

    theta of each unit follows the mean of v^2 over batch and sites: theta += theta_decay * (mean of v^2 - theta)
    (Bienenstock, Cooper and Munro 1982; with winners: Nimmo and Mondragon 2025).  The formula alone does not bound
    weights; they are bounded by `unit_norm`, which is on unless switched off.  `theta_decay` between 0 and 1, in shares
    of each batch; `theta` begins at 1.
    """

    theta_decay: float = 0.3
    unit_norm: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "theta_decay", self.theta_decay, 0, 1, closed=True)

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return super().memory(shape) | {"theta": torch.ones(shape[0])}

    def terms(self, signals: Signals) -> Sequence[Part]:
        u, won, moved = self._winners(signals)
        v, theta = won * u, signals.memory["theta"]
        slid = v - theta.to(v.dtype).view(-1, *[1] * (v.ndim - 2))
        new = torch.lerp(theta, mean_over_batch(v.square()).to(theta.dtype), self.theta_decay)
        return [Term(v * slid, signals.x), Moved("theta", new), *moved]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, 0.5, unit_norm=False), cls(0.1, cosine=True, winners=HomeostaticWinners(mu=0.5))]


@rules.register("krotov-hopfield")
@value
class KrotovHopfield(Rule):
    """Pull the strongest unit towards its input and push the k-th strongest away (Krotov and Hopfield 2019).

    The current that decides is I = sum of sign(w) * |w| ** (p - 1) * x; g = 1 for the strongest unit of a site, -delta
    for the `top_k`-th, 0 for others; dw = g * (x - I * w).  Weights converge to p-norm 1.  `p` of at least 1; `delta` 0
    or more.

    Raises:
        RuleError: for an argument out of range.
    """

    reads: ClassVar[tuple[str, ...]] = ("x", "u")

    delta: float = 0.4
    top_k: int = 7
    p: float = 3.0
    normalize: Normalize = field(default="layer", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        need_number(self, "delta", self.delta, 0)
        need_number(self, "p", self.p, 1)
        if not is_integer(self.top_k, 2):
            raise RuleError(f"KrotovHopfield: top_k (got {self.top_k!r}, expected an integer of at least 2)")

    def current(self, w: Tensor) -> Tensor | None:
        return None if self.p == 2 else w.abs().pow_(self.p - 1).copysign_(w)

    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.u is not None
        rows = signals.u.movedim(1, -1)
        k = min(self.top_k, rows.shape[-1])
        order = rows.topk(k, -1)[1]
        g = torch.zeros_like(rows)
        if k > 1:
            g.scatter_(-1, order[..., -1:], -self.delta)
        g = g.scatter_(-1, order[..., :1], 1.0).movedim(-1, 1)
        return [Term(g, signals.x), Term(-g * signals.u, times_weight=True)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1), cls(0.1, 0.3, 2, 2.0), cls(0.1, 0.2, 3, 4.0, normalize=None)]
