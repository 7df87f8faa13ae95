"""What a neuron can see of the input: the window that the chain of topologies before it spans."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit, Shape
from circuitgraph.topologies import Conv, Gather, Lateral, OneToOne, Pool, Pruned, Spread

Span = tuple[tuple[int, int], ...]
"""For each dimension of the sites the first, and one past the last; they may lie beyond the border."""

WITHIN_SITES = (OneToOne, Gather, Spread, Lateral)


@dataclass(frozen=True)
class Window:
    """The part of an input population that a neuron can see, border included: its span may pass the border."""

    population: str
    span: Span

    @property
    def size(self) -> Shape:
        """Count the sites along each dimension."""
        return tuple(last - first for first, last in self.span)


def receptive_window(circuit: Circuit, population: str, site: Sequence[int] | None = None) -> Window:
    """Find the window that a site of a population sees through projections without delay; by default the middle one.

    Windows of several ways to the input are joined.

    Raises:
        UnknownNameError: for a population that does not exist.
        StructureError: where several inputs are seen, or none.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (3, 32, 32)).connect("image", "l1", cg.Conv(5, padding=2), units=8)
        >>> c = c.connect("l1", "p1", cg.Pool(2)).connect("p1", "l2", cg.Conv(3, padding=1), units=8)
        >>> receptive_window(c, "l2", (4, 4)), receptive_window(c, "l2").size
        (Window(population='image', span=((4, 14), (4, 14))), (10, 10))
    """
    shape = circuit.population(population).shape
    at = middle(shape) if site is None else tuple(site)
    inputs = inputs_of(circuit)
    found = _seen(circuit, population, tuple((i, i + 1) for i in at), inputs)
    if len(found) != 1:
        got = f"got {', '.join(found) or 'none'} of {', '.join(inputs)}"
        raise StructureError(f"population {population!r}: expected to see one input without delay ({got})")
    ((name, span),) = found.items()
    return Window(name, span)


def inputs_of(circuit: Circuit) -> tuple[str, ...]:
    """Name the populations that no other one projects to, as `compile` does."""
    reached = {p.post for p in circuit.projections if p.pre != p.post}
    names = tuple(p.name for p in circuit.populations)
    return tuple(n for n in names if n not in reached) or names[:1]


def middle(shape: Shape) -> tuple[int, ...]:
    """Give the site in the middle.

    Example:
        >>> middle((8, 5, 4)), middle((8,))
        ((2, 2), ())
    """
    return tuple(n // 2 for n in shape[1:])


def _seen(circuit: Circuit, population: str, span: Span, inputs: tuple[str, ...]) -> dict[str, Span]:
    """Follow all ways back to inputs: latest populations first, so that each is followed once."""
    waiting, found = {population: span}, dict[str, Span]()
    order = {name: i for i, name in enumerate(_zero_delay_order(circuit))}
    while waiting:
        name = max(waiting, key=order.__getitem__)
        here = waiting.pop(name)
        if name in inputs:
            found[name] = here
        for p in circuit.projections:
            if p.post == name and not p.delay:
                pre = span_before(p.topology, *circuit.shapes(p), here)
                waiting[p.pre] = _joined(waiting[p.pre], pre) if p.pre in waiting else pre
    return found


def _zero_delay_order(circuit: Circuit) -> list[str]:
    from circuitgraph.ir.order import zero_delay_order

    edges = [(p.pre, p.post) for p in circuit.projections if not p.delay]
    return zero_delay_order([p.name for p in circuit.populations], edges)


def span_before(topology: Any, pre: Shape, post: Shape, span: Span) -> Span:
    """Give the presynaptic sites that a span of postsynaptic ones sees through one projection.

    Example:
        >>> import circuitgraph as cg
        >>> span_before(cg.Conv(3, stride=2, padding=1), (1, 9), (1, 5), ((1, 3),))
        ((1, 6),)
    """
    if isinstance(topology, Pruned):
        return span_before(topology.topology, pre, post, span)
    if isinstance(topology, Conv | Pool):
        law = topology.window(len(pre) - 1)
        axes = zip(span, law["kernel"], law["stride"], law["padding"], law["dilation"], strict=True)
        return tuple((a * s - p, (b - 1) * s - p + d * (k - 1) + 1) for (a, b), k, s, p, d in axes)
    if isinstance(topology, WITHIN_SITES) and pre[1:] == post[1:]:
        return span
    return tuple((0, n) for n in pre[1:])


def _joined(a: Span, b: Span) -> Span:
    return tuple((min(x[0], y[0]), max(x[1], y[1])) for x, y in zip(a, b, strict=True))


def n_seen(shape: Shape, window: Window) -> int:
    """Count the neurons of the input within a window."""
    inside = [min(b, n) - max(a, 0) for (a, b), n in zip(window.span, shape[1:], strict=True)]
    return shape[0] * math.prod(inside)
