"""From signals to a change of weights."""

from collections.abc import Callable

import torch
from torch import Tensor

from circuitgraph.errors import NumericError
from circuitgraph.kernels import Ends, Kernel
from circuitgraph.rules.rule import Change, Rule, Signals, Term


def weight_change(
    rule: Rule,
    signals: Signals,
    w: Tensor,
    kernel: Kernel,
    ends: Ends,
    *,
    reduce: Callable[[Tensor], object] | None = None,
    where: str = "rule",
) -> Change:
    """Sum a rule's terms into one number per slot, over the batch; nothing is changed.

    `reduce` adds up, in place, what other processes computed on their share of the batch
    (`torch.distributed.all_reduce`), before anything is normalised.  Shape: w (K,).

    Raises:
        NumericError: if the change holds NaN or infinity (checked on CPU, where it costs no wait).
    """
    dw: Tensor | None = None
    for term in rule.terms(signals):
        dw = _add(dw, term, w, kernel, ends)
    dw = torch.zeros_like(w) if dw is None else dw
    if reduce is not None:
        reduce(dw)
    peak = torch.maximum(*(end.abs() for end in torch.aminmax(dw))) if len(dw) else dw.new_zeros(())
    if peak.device.type == "cpu" and not torch.isfinite(peak):
        got = f"got it from {rule!r}, expected finite numbers"
        raise NumericError(f"{where}: weight change holds NaN or infinity ({got}); check inputs and learning rate")
    return Change(dw, peak)


def _add(dw: Tensor | None, term: Term, w: Tensor, kernel: Kernel, ends: Ends) -> Tensor:
    if term.pre is not None:
        met = kernel.pair(term.pre, term.post).to(w.dtype)
        met = met * w if term.times_weight else met
        return met if dw is None else dw.add_(met)
    dw = torch.zeros_like(w) if dw is None else dw
    total, slots = ends.spread(ends.total(term.post).to(w.dtype), w)
    target = dw.view_as(slots)
    if term.times_weight:
        target.addcmul_(slots, total.expand_as(slots) if total.ndim == slots.ndim else total)
    else:
        target.add_(total)
    return dw
