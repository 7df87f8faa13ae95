"""The contract of a learning rule: a sum of separable terms."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from circuitgraph.errors import RuleError
from circuitgraph.ir import Shape, Value, value
from circuitgraph.kernels import Ends

Normalize = Literal["layer", "neuron", "activity", None]
Presynaptic = Literal["lp", "softmax", None]


@dataclass(frozen=True)
class Term:
    """One separable term of a weight change.

    With pre:     dw[k] = c(w[k]) * sum over b and synapses e of slot k:  coef[e] * pre[b, pre[e]] * post[b, post[e]]
    Without pre:  dw[k] = c(w[k]) * sum over b and the neurons n of slot k's postsynaptic end:  post[b, n]

    `times_weight` chooses c(w) = w instead of 1.  Shape: pre (B, *pre), post (B, *post).
    """

    post: Tensor
    pre: Tensor | None = None
    times_weight: bool = False


@dataclass(frozen=True)
class Explained:
    """A term that takes away what activity explains of the input, through the weights of all postsynaptic ends.

    dw[k] = - sum over ends m of  c[end(k), m] * w[the slot of m that hears what k hears], 0 where m has none,
    c[n, m] = sum over b and sites of post[n] * post[m]; with `ordered`, only over ends m up to end(k).

    Shape: post (B, *post).
    """

    post: Tensor
    ordered: bool = False


@dataclass(frozen=True)
class Moved:
    """What a rule's memory becomes after this batch: memory[key] = value.  Shape: as the memory."""

    key: str
    value: Tensor


Part = Term | Explained | Moved


@dataclass(frozen=True)
class Signals:
    """What a synapse can know: x presynaptic output, u total input of the port it lands on, y postsynaptic output.

    `memory` is what the rule keeps for each postsynaptic unit.  For rules that hear differently (`Rule.current`,
    `Rule.hears_cosine`), u is replaced by what they hear.  Shape: x (B, *pre); u and y (B, *post).  A column that the
    rule does not read may be None.
    """

    x: Tensor
    u: Tensor | None = None
    y: Tensor | None = None
    memory: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """What a rule asks for: dw (K,), summed over the batch, its largest absolute value, and each end's activity (M,).

    `activity` sums |post| over batch and sites, of the terms that meet presynaptic activity (of all, if none does);
    only where asked for.
    """

    dw: Tensor
    peak: Tensor
    activity: Tensor | None = None


@value
class Rule(Value, ABC):
    """Change the weights of a projection from local activity, the same way on every topology.

    `terms` gives the change, summed over the batch.  It is then limited, normalised and applied:
    w += learning_rate * rate * dw.

    - `presynaptic` competition: the synapses that carry the same input share it.  dw is multiplied by
      |w| / (Euclidean norm of their weights) ("lp"), or by the softmax of |w| among them ("softmax").
    - `sparsity`: only this share of each postsynaptic end's changes, the largest, is applied (0 to 1; None: all).
    - `normalize` divides dw by the largest absolute change of the whole layer ("layer", not local) or of each
      postsynaptic neuron ("neuron", purely local), or by what the neuron's learning activity sums to in the batch
      ("activity", purely local: the change is a weighted mean over samples and sites; Lagani et al. 2022).
    - `unit_norm`: the weights of each postsynaptic neuron are then scaled to Euclidean norm 1 (Oja 1982, equation 3).
    - `alpha`: how much of learning is Hebbian.  Below 1 the weights are also trained by gradient: `learn` applies
      alpha times the change, and an optimiser sees 1 - alpha times the gradient.

    Raises:
        RuleError: for an argument that is out of range or not known.
    """

    kind: ClassVar[str] = "rule"
    reads: ClassVar[tuple[str, ...]] = ("x", "y")
    """Which of x, u and y the rule looks at."""

    learning_rate: float
    normalize: Normalize = field(default=None, kw_only=True)
    unit_norm: bool = field(default=False, kw_only=True)
    presynaptic: Presynaptic = field(default=None, kw_only=True)
    sparsity: float | None = field(default=None, kw_only=True)
    alpha: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        need_number(self, "learning_rate", self.learning_rate)
        need_number(self, "alpha", self.alpha, 0, 1, closed=True)
        if self.sparsity is not None:
            need_number(self, "sparsity", self.sparsity, 0, 1, closed=True)
        for name, kind in (("normalize", Normalize), ("presynaptic", Presynaptic)):
            if getattr(self, name) not in get_args(kind):
                *first, last = map(repr, get_args(kind))
                known = f"{', '.join(first)} or {last}"
                raise RuleError(f"{type(self).__name__}: {name} (got {getattr(self, name)!r}, expected {known})")

    @abstractmethod
    def terms(self, signals: Signals) -> Sequence[Part]:
        """List the terms of the change, and what memory becomes."""

    def memory(self, shape: Shape) -> dict[str, Tensor]:
        """Give the initial values of what is kept for each postsynaptic unit.  Shape: first axis is units."""
        return {}

    def current(self, w: Tensor) -> Tensor | None:
        """Give the weights through which the rule hears, where they are not the weights themselves.  Shape: (K,)."""
        return None

    @property
    def hears_cosine(self) -> bool:
        """Tell whether u is to be the cosine between a neuron's weights and its input."""
        return False

    def rate(self, w: Tensor, ends: Ends) -> Tensor | None:
        """Give each postsynaptic end its own factor on the learning rate, or None.  Shape: (K,) -> (M,)."""
        return None

    @classmethod
    @abstractmethod
    def examples(cls) -> "list[Rule]":
        """Give small instances for the contract tests."""

    def apply(self, w: Tensor, change: Change, ends: Ends, *, scale: float = 1.0) -> None:
        """Limit and normalise a change and add it to the weights in place.  Shape: w (K,)."""
        step, factor = self.learning_rate * scale * self.alpha, self.rate(w, ends)
        dw = self._limited(change.dw, w, ends)
        if self.normalize in ("neuron", "activity"):
            local = ends.peak(dw) if change.activity is None else change.activity
            factor = (1 if factor is None else factor) / (local + _TINY)
        if self.normalize == "layer":
            peak = change.peak if dw is change.dw else dw.abs().amax()
            factor = (1 if factor is None else factor) / (peak + _TINY)
        if factor is None:
            w.add_(dw, alpha=step)
        elif factor.ndim == 0:
            w.addcmul_(dw, factor * step)
        else:
            factor, target = ends.spread(factor * step, w)
            target.addcmul_(dw.view_as(target), factor)
        if self.unit_norm and step:
            ends.scale_to_unit(w)

    @property
    def is_plain(self) -> bool:
        """Tell whether a change is applied as it is, so that a kernel may do it in the pass that finds it."""
        return self.normalize in (None, "activity") and self.presynaptic is None and self.sparsity is None

    def _limited(self, dw: Tensor, w: Tensor, ends: Ends) -> Tensor:
        """Let synapses of one input share it, and keep each end's largest changes."""
        if not len(w):
            return dw
        if self.presynaptic is not None:
            size = w.abs()
            part = size.square() if self.presynaptic == "lp" else (size - size.amax()).exp()
            total = ends.per_input(part)
            dw = dw * (size / (total.sqrt() + _TINY) if self.presynaptic == "lp" else part / (total + _TINY))
        return dw if self.sparsity is None else ends.keep_largest(dw, self.sparsity)


_TINY = 1e-30


def need_number(
    rule: Value, field: str, given: object, low: float = -math.inf, high: float = math.inf, *, closed: bool = False
) -> None:
    """Raise RuleError unless an argument is a finite number from `low` to `high`, which is allowed if `closed`."""
    number = float(given) if isinstance(given, Real) and not isinstance(given, bool) else math.nan
    if not math.isfinite(number) or not low <= number or not (number <= high if closed else number < high):
        bounds = "a finite number" if low == -math.inf else f"a number of at least {low:g}"
        bounds += "" if high == math.inf else f" and {'at most' if closed else 'below'} {high:g}"
        raise RuleError(f"{type(rule).__name__}: {field} (got {given!r}, expected {bounds})")


def mean_over_batch(y: Tensor) -> Tensor:
    """Average over batch and sites, float32 or wider.  Shape: (B, U, *S) -> (U,)."""
    axes = [d for d in range(y.ndim) if d != 1]
    return y.mean(axes, dtype=torch.promote_types(y.dtype, torch.float32))
