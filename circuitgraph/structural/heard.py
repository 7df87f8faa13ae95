"""What a projection carried in a step, and the error that came back: all that growth by gradient needs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.compiler.plan import Push, PushMany
from circuitgraph.errors import StructureError


class Heard(NamedTuple):
    """What a projection carried and the error that came back.  Shape: x (B, *pre), g (B, *post)."""

    x: Tensor
    g: Tensor


@contextmanager
def listen(net: Network, names: Iterable[str]) -> Iterator[dict[str, Heard]]:
    """Note what projections carry, and the errors that come back, while steps run and go backward within the block.

    Raises:
        UnknownNameError: a projection that does not exist.  StructureError: one that a fusion replaced.

    Example:
        >>> import torch, circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
        >>> with listen(net, ["x->y"]) as heard:
        ...     net(torch.ones(5, 3)).sum().backward()
        >>> heard["x->y"].x.shape, heard["x->y"].g.shape
        (torch.Size([5, 3]), torch.Size([5, 2]))
    """
    noted: dict[str, list[Heard]] = {name: [] for name in names}
    handles = [_listen_to(net, name, noted[name]) for name in noted]
    heard: dict[str, Heard] = {}
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()
    for name, pairs in noted.items():
        if pairs:
            heard[name] = Heard(torch.cat([p.x for p in pairs]), torch.cat([p.g for p in pairs]))


def _listen_to(net: Network, name: str, noted: list[Heard]) -> Any:
    """Put a hook on the operation that pushes through a projection."""
    net.circuit.projection(name)
    for op in net.plan.ops:
        if isinstance(op, Push) and op.projection == name:
            return net.kernels[name].register_forward_hook(lambda _, given, y: _note(noted, given[0], y))
        if isinstance(op, PushMany) and name in op.projections:
            push = op.pushes[op.projections.index(name)]
            column, port = op.columns.index((push.read, push.delay)), op.ports.index(push.write)
            return net.bundles[op.name].register_forward_hook(
                lambda _, given, y, i=column, k=port: _note(noted, given[0][i], y[k])
            )
    raise StructureError(f"listen: projection {name!r} is part of a fusion; name its populations in compile(keep=...)")


def _note(noted: list[Heard], x: Tensor | None, y: Tensor) -> None:
    if x is not None and y.requires_grad:
        y.register_hook(lambda g: noted.append(Heard(x.detach(), g.detach())))
