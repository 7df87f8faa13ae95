"""The layers of a circuit, and training them one after the other."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from circuitgraph.compiler import Network, compile
from circuitgraph.compiler.plan import neuron_of
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Population, Projection
from circuitgraph.ir.order import zero_delay_order
from circuitgraph.topologies import Pool
from circuitgraph.train.loop import Report, as_activity, batches, silent
from circuitgraph.train.unsupervised import weight_norms

CHUNK = 200
"""Images that what lies below a layer computes at a time, for many small batches of that layer."""


def learning_layers(circuit: Circuit) -> tuple[tuple[str, ...], ...]:
    """Group the projections that have a rule into layers: by how many of them are on the longest way to their end.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.Circuit().add("x", 3).connect("x", "a", cg.Dense(), units=2, rule=cg.Oja(0.1))
        >>> learning_layers(net.connect("a", "b", cg.Dense(), units=2, rule=cg.Oja(0.1)))
        (('x->a',), ('a->b',))
    """
    depth = _depths(circuit, lambda p: p.rule is not None)
    found: dict[int, list[str]] = {}
    for p in circuit.projections:
        if p.rule is not None:
            found.setdefault(depth[p.post], []).append(p.name)
    return tuple(tuple(found[d]) for d in sorted(found))


def layer_outputs(circuit: Circuit) -> tuple[str, ...]:
    """Name the population at the end of each layer: those that weights to be learned read from, and the outputs.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.Circuit().add("x", (1, 8, 8)).connect("x", "conv", cg.Conv(3), units=2, rule=cg.Oja(0.1))
        >>> layer_outputs(net.connect("conv", "pool", cg.Pool(2)))
        ('pool',)
    """
    depth = _depths(circuit, lambda p: not p.fixed)
    read = {p.pre for p in circuit.projections if not p.fixed and not p.delay}
    heard = {p.pre for p in circuit.projections if not p.delay}
    return tuple(n for n in _order(circuit) if (depth[n] and n in read) or n not in heard)


def pool_outputs(circuit: Circuit) -> tuple[str, ...]:
    """Name the populations that pool learned features, and the outputs; `layer_outputs` in a circuit without pools."""
    depth = _depths(circuit, lambda p: not p.fixed)
    pools = {p.post for p in circuit.projections if isinstance(p.topology, Pool) and depth[p.post]}
    heard = {p.pre for p in circuit.projections if not p.delay}
    return tuple(n for n in _order(circuit) if n in pools or n not in heard) if pools else layer_outputs(circuit)


@torch.no_grad()
def layer_by_layer(
    net: Network,
    images: Tensor,
    *,
    batch_size: int = 10,
    passes: Sequence[int] = (1,),
    decay: bool = False,
    rng: torch.Generator,
    report: Report = silent,
    every: int = 50,
) -> tuple[Network, list[dict[str, float]]]:
    """Train the layers of `learning_layers` one after the other; give the trained network and the weight norms.

    While a layer learns, all below it is fixed and in eval mode, computed for many batches at a time, and nothing above
    is computed.  `passes` says how often each layer sees the images: one number for all, or one each.  With `decay` the
    changes of a layer shrink linearly from batch to batch, the last one to nearly nothing.

    Shape: images (N, *input) uint8, 0 to 255.

    Raises:
        ShapeError: for another number of passes than layers.
    """
    circuit, layers = net.snapshot(), learning_layers(net.circuit)
    passes = passes_of(layers, passes)
    size = batch_size if len(images) >= batch_size else len(images)
    steps = len(images) // size
    total, done, history, seen = sum(passes) * steps, 0, [weight_norms(net)], frozenset[str]()
    for names, n in zip(layers, passes, strict=True):
        needed = _ancestors(circuit, {circuit.projection(name).post for name in names})
        stage = _Stage(net, circuit, seen, needed)
        for i, x in enumerate(stage.shown(images, size, n, rng)):
            stage.layer.learn(stage.layer.step(x), scale=1 - i / (n * steps) if decay else 1.0)
            done += 1
            if done % every == 0 or done == total:
                norms = history[-1] | weight_norms(stage.layer)
                history.append(norms | {"step": done})
                report(done, total, {name: norms[name] for name in names})
        circuit, seen = stage.merged(circuit), seen | needed
    rest = frozenset(p.name for p in circuit.populations if p.memory) - seen
    if rest:
        circuit = _settled(net, circuit, seen, images, size, rng)
    return _compiled(net, circuit), history


def passes_of(layers: Sequence[object], passes: Sequence[int]) -> Sequence[int]:
    """Give the number of passes of each layer; ShapeError for another number of them than one, or one each."""
    if len(passes) not in (1, len(layers)):
        raise ShapeError(f"layer by layer: passes (got {len(passes)}, expected one, or one for each of {len(layers)})")
    return passes if len(passes) == len(layers) else tuple(passes) * len(layers)


class _Stage:
    """A circuit cut in two: `below`, which is done, and `layer`, which learns; None below means that layer is all.

    Activity crosses where it is least: into a population that hears fixed projections only (a pool), else out of the
    one below.
    """

    def __init__(self, net: Network, circuit: Circuit, seen: frozenset[str], needed: frozenset[str]) -> None:
        self.new = needed - seen
        pooled = {name for name in self.new if seen and _only_fixed(circuit, name, seen)}
        ahead = [p for p in circuit.projections if p.post in self.new - pooled and not (p.delay and p.pre in seen)]
        outside = {p.pre for p in ahead} & seen
        self.crossing = tuple(n.name for n in circuit.populations if n.name in pooled | outside)
        own = {name: circuit.population(name) for name in self.new}
        layer = own | {name: _bare(circuit.population(name)) for name in outside}
        self.layer = _compiled(net, _part(circuit, layer, [p for p in ahead if p.pre in layer])).train()
        self.below: Network | None = None
        if seen:
            lower = _ancestors(circuit, {*self.crossing})
            kept = {n: circuit.population(n) if n in seen else _bare(circuit.population(n)) for n in lower}
            into = [p for p in circuit.projections if p.post in lower and p.pre in lower and not p.delay]
            self.below = _compiled(net, _part(circuit, kept, into), self.crossing).eval()

    @torch.no_grad()
    def shown(
        self, images: Tensor, size: int, passes: int, rng: torch.Generator
    ) -> Iterator[Tensor | dict[str, Tensor]]:
        """Go through the images in shuffled batches and give what the layer hears."""
        for _ in range(passes):
            drawn = list(batches(len(images), size, rng, least=size))
            at_once = max(1, CHUNK // size)
            for start in range(0, len(drawn), at_once):
                chunk = torch.cat(drawn[start : start + at_once]).to(images.device)
                yield from self._heard(as_activity(images[chunk]), size)

    def _heard(self, x: Tensor, size: int) -> Iterator[Tensor | dict[str, Tensor]]:
        if self.below is None:
            yield from x.split(size)
            return
        state = self.below.step(x)
        parts = [state[name].split(size) for name in self.crossing]
        for each in zip(*parts, strict=True):
            yield dict(zip(self.crossing, each, strict=True))

    def merged(self, circuit: Circuit) -> Circuit:
        """Give the circuit with what this layer has learned."""
        learned = self.layer.snapshot()
        for p in learned.populations:
            if p.name in self.new:
                circuit = circuit.replace_population(p.name, memory=p.memory)
        for q in learned.projections:
            circuit = circuit.replace_projection(q.name, weight=q.weight)
        return circuit


def _settled(
    net: Network, circuit: Circuit, seen: frozenset[str], images: Tensor, size: int, rng: torch.Generator
) -> Circuit:
    """Let statistics above the last layer settle on some images."""
    stage = _Stage(net, circuit, seen, frozenset(p.name for p in circuit.populations))
    for x in stage.shown(images[:5000], max(size, min(100, len(images))), 1, rng):
        stage.layer.learn(stage.layer.step(x), scale=0.0)
    return stage.merged(circuit)


def _compiled(net: Network, circuit: Circuit, keep: Iterable[str] = ()) -> Network:
    names = {p.name for p in circuit.projections}
    forced = {name: kernel for name, kernel in net.forced.items() if name in names}
    keep = {*keep, *(name for name in net.keep if name in {p.name for p in circuit.populations})}
    return compile(
        circuit, device=net.device, activity_dtype=net.activity_dtype, exact=net.exact, keep=keep, kernels=forced
    )


def _part(circuit: Circuit, populations: dict[str, Population], projections: Iterable[Projection]) -> Circuit:
    order = [populations[p.name] for p in circuit.populations if p.name in populations]
    return dataclasses.replace(circuit, populations=tuple(order), projections=tuple(projections))


def _bare(population: Population) -> Population:
    return dataclasses.replace(population, neuron=None, memory={})


def _only_fixed(circuit: Circuit, name: str, seen: frozenset[str]) -> bool:
    """Tell whether all that a population hears are fixed projections from what is done, so that it can be handed on."""
    into = [p for p in circuit.projections if p.post == name]
    alike = all(p.fixed and not p.delay and p.pre in seen and p.port == "in" for p in into)
    return bool(into) and alike and neuron_of(circuit, name).ports[0] == "in"


def _order(circuit: Circuit) -> list[str]:
    edges = [(p.pre, p.post) for p in circuit.projections if not p.delay]
    return zero_delay_order([p.name for p in circuit.populations], edges)


def _depths(circuit: Circuit, counts: Callable[[Projection], bool]) -> dict[str, int]:
    """Count, for each population, the projections that count on the longest way to it."""
    depth: dict[str, int] = {}
    for name in _order(circuit):
        into = [p for p in circuit.projections if p.post == name and not p.delay]
        depth[name] = max((depth[p.pre] + counts(p) for p in into), default=0)
    return depth


def _ancestors(circuit: Circuit, names: set[str]) -> frozenset[str]:
    """Name all that reaches these populations within a time step, and themselves."""
    found = set(names)
    for name in reversed(_order(circuit)):
        if name in found:
            found |= {p.pre for p in circuit.projections if p.post == name and not p.delay}
    return frozenset(found)
