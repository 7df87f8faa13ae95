"""From signals to a change of weights."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from circuitgraph.errors import NumericError
from circuitgraph.kernels import Ends, Kernel
from circuitgraph.kernels.autocast import as_given
from circuitgraph.kernels.kernel import alike
from circuitgraph.rules.rule import Change, Explained, Moved, Part, Rule, Signals, Term

_SAFE = 1e18
"""Numbers whose product float32 still holds."""
_LEAST = 1e-8
"""Below this, the product of the norms of weights and input counts as this much."""


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

    Where the kernel can, terms, rate and unit norm become one pass that reads and writes each synapse once.  A batch of
    nothing changes nothing.

    Raises:
        NumericError: as `weight_change`.
    """
    if not len(signals.x) and reduce is None:
        return lambda: None
    parts = _parts(rule, signals, w, kernel, ends)
    moved = _moved(parts, signals, reduce, where)
    update = None if reduce is not None else _fused(rule, parts, w, kernel, ends, scale)
    if update is None:
        change = _change(rule, parts, w, kernel, ends, reduce, where)
        _need_finite_step(rule, change, w, ends, scale, where)
        update = _applied(rule, w, change, ends, scale)

    def commit() -> None:
        update()
        for key, value in moved.items():
            signals.memory[key].copy_(value)

    return commit


def _need_finite_step(rule: Rule, change: Change, w: Tensor, ends: Ends, scale: float, where: str) -> None:
    """Raise NumericError where a finite change times the rate leaves the range of floats."""
    if w.device.type != "cpu" or not len(w):
        return
    step, peak = abs(rule.learning_rate * scale * rule.alpha), float(change.peak)
    if step * peak < _SAFE:
        return  # no rule's own rate, which takes as long to find as the weights to read, is that large
    rate = rule.rate(w, ends)
    step *= 1.0 if rate is None else _peak(rate)
    peak = 1.0 if rule.normalize in ("layer", "neuron") else peak
    if not step * peak <= torch.finfo(w.dtype).max / 2:
        got = f"got up to {peak:.3g} times a rate of {step:.3g} from {rule!r}"
        raise NumericError(f"{where}: weights would become infinite ({got}); check inputs and learning rate")


def _applied(rule: Rule, w: Tensor, change: Change, ends: Ends, scale: float) -> Callable[[], None]:
    """Apply a change to the weights, or where that takes memory after they have changed, to a copy of them."""
    if not rule.unit_norm:
        return partial(rule.apply, w, change, ends, scale=scale)
    new = w.clone()
    rule.apply(new, change, ends, scale=scale)

    def commit() -> None:
        w.copy_(new)

    return commit


def _parts(rule: Rule, signals: Signals, w: Tensor, kernel: Kernel, ends: Ends) -> Sequence[Part]:
    with as_given(w):
        return rule.terms(heard(rule, signals, w, kernel, ends))


def heard(rule: Rule, signals: Signals, w: Tensor, kernel: Kernel, ends: Ends) -> Signals:
    """Replace u by what the rule hears, where that is not the input of the port."""
    current = rule.current(w)
    if current is not None or (rule.hears_cosine and signals.u is None):
        signals = replace(signals, u=kernel.push(signals.x, w if current is None else current))
    if not rule.hears_cosine:
        return signals
    weights = w if current is None else current
    assert signals.u is not None
    size = ends.over(ends.norm(weights)).to(signals.u.dtype) * kernel.energy(signals.x).sqrt()
    return replace(signals, u=signals.u / size.clamp(min=_LEAST))


def _moved(
    parts: Sequence[Part], signals: Signals, reduce: Callable[[Tensor], object] | None, where: str
) -> dict[str, Tensor]:
    """Say what memory becomes; over processes, the mean of what each would make of it."""
    moved = {part.key: part.value for part in parts if isinstance(part, Moved)}
    if not len(signals.x):
        moved = {key: signals.memory[key].clone() for key in moved}
    for key, value in moved.items():
        if reduce is not None:
            old, processes = signals.memory[key], torch.ones((), device=value.device)
            change = value - old
            reduce(change)
            reduce(processes)
            moved[key] = value = old + change / processes
        if value.device.type == "cpu" and not torch.isfinite(value).all():
            raise NumericError(f"{where}: memory {key!r} would hold NaN or infinity; check inputs")
    return moved


def _fused(
    rule: Rule, parts: Sequence[Part], w: Tensor, kernel: Kernel, ends: Ends, scale: float
) -> Callable[[], None] | None:
    """Prepare the kernel's own update, if the rule is of its form and its numbers cannot leave the range of floats."""
    terms = [part for part in parts if isinstance(part, Term)]
    explains = any(isinstance(part, Explained) for part in parts)
    if not rule.is_plain or explains or type(kernel).update is Kernel.update:
        return None
    with as_given(w):
        pairs = [t for t in terms if t.pre is not None]
        if len(pairs) != 1 or pairs[0].times_weight or pairs[0].pre is None:
            return None
        alone = {times: [t for t in terms if t.pre is None and t.times_weight is times] for times in (True, False)}
        decay, shift = (
            sum((ends.total(t.post).to(w.dtype) for t in each), start=w.new_zeros(ends.size)) if each else None
            for each in (alone[True], alone[False])
        )
        rate, step = rule.rate(w, ends), rule.learning_rate * scale * rule.alpha
        gain = w.new_full((ends.size,), step) if rate is None else rate * step
        if rule.normalize == "activity":
            active = _activity(terms, w, ends)
            gain = gain / torch.where(active > 0, active, 1)
        x, g = alike(pairs[0].pre, pairs[0].post)
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
    parts = _parts(rule, signals, w, kernel, ends)
    return _change(rule, parts, w, kernel, ends, reduce, where)


def _change(
    rule: Rule, parts: Sequence[Part], w: Tensor, kernel: Kernel, ends: Ends,
    reduce: Callable[[Tensor], object] | None, where: str,
) -> Change:  # fmt: skip
    dw: Tensor | None = None
    with as_given(w):
        for part in parts:
            dw = dw if isinstance(part, Moved) else _add(dw, part, w, kernel, ends)
    dw = torch.zeros_like(w) if dw is None else dw
    if reduce is not None:
        reduce(dw)
    peak = torch.maximum(*(end.abs() for end in torch.aminmax(dw))) if len(dw) else dw.new_zeros(())
    if peak.device.type == "cpu" and not torch.isfinite(peak):
        got = f"got it from {rule!r}, expected finite numbers"
        raise NumericError(f"{where}: weight change holds NaN or infinity ({got}); check inputs and learning rate")
    if rule.normalize != "activity":
        return Change(dw, peak)
    activity = _activity(parts, w, ends)
    if reduce is not None:
        reduce(activity)
    return Change(dw, peak, activity)


def _activity(parts: Sequence[Part], w: Tensor, ends: Ends) -> Tensor:
    terms = [part for part in parts if isinstance(part, Term)]
    met = [ends.total(term.post.abs()) for term in terms if term.pre is not None]
    return sum(met or [ends.total(term.post.abs()) for term in terms], start=w.new_zeros(ends.size))


def _add(dw: Tensor | None, term: Term | Explained, w: Tensor, kernel: Kernel, ends: Ends) -> Tensor:
    if isinstance(term, Explained):
        shared = ends.gram(term.post)
        explained = ends.mix(shared.tril() if term.ordered else shared, w)
        return explained.neg_() if dw is None else dw.sub_(explained)
    if term.pre is not None:
        met = kernel.pair(*alike(term.pre, term.post)).to(w.dtype)
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
