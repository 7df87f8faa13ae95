"""Gathering what scores read: data runs once through a network that is left as it was."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from circuitgraph.compiler import Network, State
from circuitgraph.compiler.inputs import Input
from circuitgraph.compiler.parts import kernel_of
from circuitgraph.errors import DataError, ShapeError, StateError, StructureError, UnknownNameError
from circuitgraph.ir import Projection
from circuitgraph.kernels import Kernel, Setting, make_kernel
from circuitgraph.kernels.kernel import wide
from circuitgraph.structural.seen import Gram, Levels, Rng, Seen, see

Data = Iterable[Any]
"""Batches: inputs, or pairs (inputs, targets)."""
Loss = Callable[..., Tensor]
"""Called as loss(output) or, where data are pairs, loss(output, target); a mean over the batch."""
Sums = dict[tuple[str, str], Tensor]

ACTIVITY = frozenset({"levels", "gram", "trace"})
GRADIENT = frozenset({"gradient", "squares", "batch_squares"})


def look(
    net: Network,
    projections: Iterable[str],
    data: Data | None = None,
    *,
    loss: Loss | None = None,
    reads: Iterable[str] = (),
    rng: Rng = None,
) -> dict[str, Seen]:
    """Look at projections of a live network; what `reads` names is gathered from data, on the network's device.

    The network runs in eval mode, each batch from rest and held for as many time steps as its longest delay asks for;
    afterwards mode, gradients and memory are as they were.  `reads` may name "levels", "gram", "trace", "gradient",
    "squares" (one backward pass per sample) and "batch_squares"; see `Seen`.

    Raises:
        UnknownNameError: a projection, or something to read, that does not exist.
        DataError: no data or no loss for what is read.
        StateError: activity that a fusion removed.  StructureError: a loss that no weight reaches.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 0.0]))
        >>> look(net, ["x->y"], [torch.tensor([[1.0, 1.0], [1.0, -1.0]])], reads=["trace"])["x->y"].trace.tolist()
        [1.0, 0.0]
    """
    reads = frozenset(reads)
    seen = {name: see(net.circuit, name, net.weights[_known(net, name)], rng) for name in projections}
    if not reads:
        return seen
    if not reads <= ACTIVITY | GRADIENT:
        got = f"got {sorted(reads - ACTIVITY - GRADIENT)}, expected some of {sorted(ACTIVITY | GRADIENT)}"
        raise UnknownNameError(f"look: nothing of that name to read ({got})")
    if data is None:
        raise DataError(f"look: no data (got None, expected batches to find {', '.join(sorted(reads))}); pass data=")
    if reads & GRADIENT and loss is None:
        raise DataError(f"look: no loss (got None, expected a function to find {', '.join(sorted(reads))}); pass loss=")
    return _gathered(net, seen, data, loss, reads)


def _known(net: Network, name: str) -> str:
    return net.circuit.projection(name).name


def _gathered(
    net: Network, seen: Mapping[str, Seen], data: Data, loss: Loss | None, reads: frozenset[str]
) -> dict[str, Seen]:
    sums: Sums = {}
    n, trained = 0, sorted(seen) if reads & GRADIENT else []
    kernels = {name: _kernel(net, s) for name, s in seen.items()} if "trace" in reads else {}
    with _as_it_was(net, trained):
        for x, target in _batches(data):
            n += _size(x)
            if reads & ACTIVITY:
                with torch.no_grad():
                    _watch(_run(net, x), [s.projection for s in seen.values()], kernels, reads, sums)
            if loss is not None and reads & GRADIENT:
                _differentiate(net, trained, (x, target), loss, reads, sums)
    if not n:
        raise DataError("look: no samples (got 0, expected at least 1); an iterator that is used up gives none")
    return {name: _found(s, sums, n, reads) for name, s in seen.items()}


@contextmanager
def _as_it_was(net: Network, trained: Sequence[str]) -> Iterator[None]:
    """Put a network in eval mode, with gradients to some weights; put everything back afterwards."""
    modes = [(module, module.training) for module in net.modules()]
    weights = [net.weights[name] for name in trained]
    asked = [w.requires_grad for w in weights]
    try:
        net.eval()
        for w in weights:
            w.requires_grad_(True)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for w, was in zip(weights, asked, strict=True):
            w.requires_grad_(was)


def _batches(data: Data) -> Iterator[tuple[Input, Any]]:
    """Read batches: a tensor or a mapping is one of inputs, a tuple is one of inputs and targets."""
    items: Iterable[Any] = [data] if isinstance(data, Tensor | Mapping | tuple) else data
    for item in items:
        if not isinstance(item, tuple | list):
            yield item, None
        elif len(item) == 2:
            yield item[0], item[1]
        else:
            raise ShapeError(f"look: batch (got {len(item)} parts, expected inputs, or a pair of inputs and targets)")


def _size(x: Input) -> int:
    return len(x if isinstance(x, Tensor) else next(iter(x.values())))


def _run(net: Network, x: Input) -> State:
    state = None
    for _ in range(1 + max((p.delay for p in net.circuit.projections), default=0)):
        state = net.step(x, state)
    assert state is not None
    return state


def _kernel(net: Network, seen: Seen) -> Kernel:
    p = seen.projection
    if p.topology.reduce == "max":
        raise StructureError(f"projection {p.name!r}: {p.topology!r} has no Hebbian trace; name other projections")
    if p.name in net.kernels:
        return kernel_of(net.kernels, p.name)
    device = str(net.device)
    return make_kernel(p.topology, seen.pre, seen.post, setting=Setting(device=device)).to(device)


def _watch(
    state: State, projections: Sequence[Projection], kernels: Mapping[str, Kernel], reads: frozenset[str], sums: Sums
) -> None:
    """Add up what activity shows, each population once."""
    posts = {p.post for p in projections}
    if "levels" in reads:
        for name in posts | {p.pre for p in projections}:
            y = _wide(state, name).flatten(1)
            _add(sums, name, mean=y.abs().sum(0), rate=(y > 0).sum(0))
    if "gram" in reads:
        for name in posts:
            rows = _wide(state, name).movedim(1, 0).flatten(1).double()
            _add(sums, name, products=rows @ rows.T, totals=rows.sum(1), n=torch.tensor(rows.shape[1]))
    for p in projections if "trace" in reads else ():
        x, y = _wide(state, p.pre, p.delay), _wide(state, p.post)
        kernel = kernels[p.name]
        met = {"xy": (x, y), "xx": (x * x, torch.ones_like(y)), "yy": (torch.ones_like(x), y * y)}
        _add(sums, p.name, **{key: kernel.pair(*both) for key, both in met.items()})


def _wide(state: State, population: str, delay: int = 0) -> Tensor:
    y = state.past[population][delay] if delay else state.columns.get((population, "y"))
    if y is None:
        mend = f"compile with keep=[{population!r}]"
        raise StateError(f"look: no activity of {population!r} (a fusion removed it); {mend}")
    return y.to(wide(y.dtype))


def _differentiate(
    net: Network, names: Sequence[str], batch: tuple[Input, Any], loss: Loss, reads: frozenset[str], sums: Sums
) -> None:
    """Add up gradients, and their squares: over single samples where they are asked for by sample."""
    n = _size(batch[0])
    if reads & {"gradient", "batch_squares"}:
        for name, g in zip(names, _gradients(net, names, batch, loss), strict=True):
            _add(sums, name, gradient=g * n)
            _add(sums, name, batch_squares=g.square() * n * n)
    for i in range(n) if "squares" in reads else ():
        one = _sample(batch[0], i), _sample(batch[1], i)
        for name, g in zip(names, _gradients(net, names, one, loss), strict=True):
            _add(sums, name, squares=g.square())


def _gradients(net: Network, names: Sequence[str], batch: tuple[Input, Any], loss: Loss) -> list[Tensor]:
    """Differentiate the loss of a batch; `.grad` stays as it is."""
    x, target = batch
    with torch.enable_grad():
        state = _run(net, x)
        outputs = {name: state[name] for name in net.plan.outputs}
        output = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        if isinstance(target, Tensor):
            target = target.to(net.device)
        value = loss(output) if target is None else loss(output, target)
        if not isinstance(value, Tensor) or value.numel() != 1 or not value.requires_grad:
            got = f"{tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise StructureError(f"look: loss gives no gradient (got {got}, expected one number that weights reach)")
        weights = [net.weights[name] for name in names]
        found = torch.autograd.grad(value.sum(), weights, allow_unused=True)
    gradients = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
    return [g.to(wide(g.dtype)) for g in gradients]


def _sample(batch: Any, i: int) -> Any:
    if batch is None:
        return None
    return {k: v[i : i + 1] for k, v in batch.items()} if isinstance(batch, Mapping) else batch[i : i + 1]


def _add(sums: Sums, owner: str, **terms: Tensor) -> None:
    for key, term in terms.items():
        sums[owner, key] = sums[owner, key] + term if (owner, key) in sums else term


def _found(seen: Seen, sums: Sums, n: int, reads: frozenset[str]) -> Seen:
    p = seen.projection
    found: dict[str, Any] = {}
    if "levels" in reads:
        found["pre_levels"], found["post_levels"] = (
            Levels(sums[name, "mean"] / n, sums[name, "rate"] / n) for name in (p.pre, p.post)
        )
    if "gram" in reads:
        parts = sums[p.post, "products"], sums[p.post, "totals"], int(sums[p.post, "n"])
        found["gram"] = Gram(*parts)
    if "trace" in reads:
        scale = (sums[p.name, "xx"] * sums[p.name, "yy"]).sqrt()
        met = sums[p.name, "xy"].abs()
        found["trace"] = torch.where(scale > 0, met / scale.where(scale > 0, 1), 0).clamp(max=1)
    for key in reads & GRADIENT:
        found[key] = sums[p.name, key] / n
    return dataclasses.replace(seen, **found)
