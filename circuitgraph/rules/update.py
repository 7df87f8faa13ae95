"""From signals to a change of weights."""

from collections.abc import Callable

import torch
from torch import Tensor

from circuitgraph.errors import NumericError
from circuitgraph.kernels import Ends, Kernel
from circuitgraph.kernels.autocast import as_given
from circuitgraph.rules.rule import Change, Rule, Signals, Term

_SAFE = 1e18
"""Numbers whose product float32 still holds."""


def prepare_change(
    rule: Rule,
    signals: Signals,
    w: Tensor,
    kernel: Kernel,
    ends: Ends,
    *,
    scale: float = 1.0,
    reduce: Callable[[Tensor], object] | None = None,
    where: str = "rule",
) -> Callable[[], None]:
    """Work out what a rule does to weights; the function returned does it, in place, and does not fail.

    Where the kernel can, terms, rate and unit norm become one pass that reads and writes each synapse once.

    Raises:
        NumericError: as `weight_change`.
    """
    fused = None if reduce is not None else _fused(rule, signals, w, kernel, ends, scale)
    if fused is not None:
        return fused
    change = weight_change(rule, signals, w, kernel, ends, reduce=reduce, where=where)
    return lambda: rule.apply(w, change, ends, scale=scale)


def _fused(
    rule: Rule, signals: Signals, w: Tensor, kernel: Kernel, ends: Ends, scale: float
) -> Callable[[], None] | None:
    """Prepare the kernel's own update, if the rule is of its form and its numbers cannot leave the range of floats."""
    if rule.normalize is not None or type(kernel).update is Kernel.update:
        return None
    with as_given(w):
        terms = rule.terms(signals)
        pairs = [t for t in terms if t.pre is not None]
        if len(pairs) != 1 or pairs[0].times_weight or pairs[0].pre is None:
            return None
        alone = {times: [t for t in terms if t.pre is None and t.times_weight is times] for times in (True, False)}
        decay, shift = (
            sum((ends.total(t.post).to(w.dtype) for t in each), start=w.new_zeros(ends.size)) if each else None
            for each in (alone[True], alone[False])
        )
        rate = rule.rate(w, ends)
        gain = (
            w.new_full((ends.size,), rule.learning_rate * scale) if rate is None else rate * rule.learning_rate * scale
        )
        x, g = _alike(pairs[0].pre, pairs[0].post)
        if not _is_safe(x, g, kernel, [f for f in (gain, decay, shift) if f is not None]):
            return None
        return kernel.update(x, g, w, ends, gain=gain, decay=decay, shift=shift, unit_norm=rule.unit_norm)


def _is_safe(x: Tensor, g: Tensor, kernel: Kernel, factors: list[Tensor]) -> bool:
    """Prove that a change is finite without looking at it; on accelerators, where that would wait, take it to be."""
    if x.device.type != "cpu" or not x.numel() or not g.numel():
        return True
    # A sum of products is at most the product of the norms, which are read several times faster than the extremes.
    norms = [float(torch.linalg.vector_norm(t.detach())) for t in (x, g)]
    met = norms[0] * norms[1] * kernel.topology.n_synapses(kernel.pre, kernel.post)
    # Written so that NaN, which compares as false, is not safe.
    return met < _SAFE and all(_peak(f) < _SAFE for f in factors if f.numel())


def _peak(t: Tensor) -> float:
    return max(abs(float(end)) for end in torch.aminmax(t))


def _alike(pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
    """Give both the wider type: they differ after a step under autocast."""
    kind = torch.promote_types(pre.dtype, post.dtype)
    return pre.to(kind), post.to(kind)


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
    with as_given(w):
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
        met = kernel.pair(*_alike(term.pre, term.post)).to(w.dtype)
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
