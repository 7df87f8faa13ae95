"""The contract of a learning rule: a sum of separable terms."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import ClassVar, Literal, get_args

from torch import Tensor

from circuitgraph.errors import RuleError
from circuitgraph.ir import Value, value
from circuitgraph.kernels import Ends

Normalize = Literal["layer", "neuron", None]


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
class Signals:
    """What a synapse can know: x presynaptic output, u total input of the port it lands on, y postsynaptic output.

    Shape: x (B, *pre); u and y (B, *post).  A column that the rule does not read may be None.
    """

    x: Tensor
    u: Tensor | None = None
    y: Tensor | None = None


@dataclass(frozen=True)
class Change:
    """What a rule asks for: dw (K,), summed over the batch, and its largest absolute value."""

    dw: Tensor
    peak: Tensor


@value
class Rule(Value, ABC):
    """Change the weights of a projection from local activity, the same way on every topology.

    `terms` gives the change, summed over the batch.  It is then normalised and applied:
    w += learning_rate * rate * dw, where `normalize` divides dw by the largest absolute change of the whole layer
    ("layer", not local) or of each postsynaptic neuron ("neuron", purely local).  With `unit_norm`, the weights of each
    postsynaptic neuron are then scaled to Euclidean norm 1 (Oja 1982, equation 3).

    Raises:
        RuleError: for a learning rate that is no finite number, or a normalisation that is not known.
    """

    kind: ClassVar[str] = "rule"
    reads: ClassVar[tuple[str, ...]] = ("x", "y")
    """Which of x, u and y the rule looks at."""

    learning_rate: float
    normalize: Normalize = field(default=None, kw_only=True)
    unit_norm: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        need_number(self, "learning_rate", self.learning_rate)
        if self.normalize not in get_args(Normalize):
            got = f"got {self.normalize!r}, expected 'layer', 'neuron' or None"
            raise RuleError(f"{type(self).__name__}: normalize ({got})")

    @abstractmethod
    def terms(self, signals: Signals) -> Sequence[Term]:
        """List the terms of the change."""

    def rate(self, w: Tensor, ends: Ends) -> Tensor | None:
        """Give each postsynaptic end its own factor on the learning rate, or None.  Shape: (K,) -> (M,)."""
        return None

    @classmethod
    @abstractmethod
    def examples(cls) -> "list[Rule]":
        """Give small instances for the contract tests."""

    def apply(self, w: Tensor, change: Change, ends: Ends, *, scale: float = 1.0) -> None:
        """Normalise a change and add it to the weights in place.  Shape: w (K,)."""
        step, factor = self.learning_rate * scale, self.rate(w, ends)
        if self.normalize == "neuron":
            local = 1 / (ends.peak(change.dw) + _TINY)
            factor = local if factor is None else factor * local
        if self.normalize == "layer":
            factor = (1 if factor is None else factor) / (change.peak + _TINY)
        if factor is None:
            w.add_(change.dw, alpha=step)
        elif factor.ndim == 0:
            w.addcmul_(change.dw, factor * step)
        else:
            factor, target = ends.spread(factor * step, w)
            target.addcmul_(change.dw.view_as(target), factor)
        if self.unit_norm:
            ends.scale_to_unit(w)


_TINY = 1e-30


def need_number(rule: Rule, field: str, given: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Raise RuleError unless an argument is a finite number, at least `low` and below `high`."""
    number = float(given) if isinstance(given, Real) and not isinstance(given, bool) else math.nan
    if not math.isfinite(number) or not low <= number < high:
        bounds = "a finite number" if low == -math.inf else f"a number of at least {low:g}"
        bounds += "" if high == math.inf else f" and below {high:g}"
        raise RuleError(f"{type(rule).__name__}: {field} (got {given!r}, expected {bounds})")
