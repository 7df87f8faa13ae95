"""What newborn units are to listen to: directions for incoming weights, found in data and gradients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from circuitgraph.compiler import Network, State
from circuitgraph.edits import Grow, whole_keys
from circuitgraph.edits.grow import _births
from circuitgraph.errors import DataError, NumericError, ShapeError, StructureError
from circuitgraph.ir import Circuit, Projection, Remap, Shape, Topology, Value, value
from circuitgraph.ir.init import stream
from circuitgraph.ir.shape import is_integer, n_sites
from circuitgraph.kernels import Kernel, Setting, make_kernel
from circuitgraph.structural.look import Data, Loss, _as_it_was, _batches, _run, _size, _wide
from circuitgraph.topologies import Dense, Pool, Pruned

Direction = Literal["random", "split", "residual", "gradmax"]
DIRECTIONS = ("random", "split", "residual", "gradmax")
RANK = 1e-10
"""Directions that carry a smaller share of the largest are noise of rounding, in float64."""


@value
class Newborns(Value):
    """Grow a population by units that listen to something: incoming weights by direction, outgoing ones zero.

    "random": normal.  "split": those of present units, each once before one comes twice, apart from them by `noise`
    times their norm.  "residual": see `residual_directions`.  "gradmax": see `gradmax_directions`.  Rows have `scale`
    times the mean norm of the present units' own.  In pruned or listed wiring a newcomer takes of its direction what
    its slots can carry.

    Called on a live network, it grows; `rows` gives the weights alone, for `Grow(population, units, incoming=rows)`
    with the same seed.

    Raises:
        ShapeError: at once for a number of units below 1, or a direction, scale or noise that is none.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[2.0, 0.0, 0.0])
        >>> net = cg.compile(c.connect("y", "z", cg.Dense(), units=1))
        >>> data = [torch.tensor([[5.0, 1.0, 0.0], [-5.0, -1.0, 0.0]])]
        >>> Newborns("y", 1, "residual").rows(net, data).round(3).tolist()
        [[0.0, 2.0, 0.0]]
    """

    kind: ClassVar[str] = "newborns"

    population: str
    units: int
    direction: Direction = "random"
    scale: float = field(default=1.0, kw_only=True)
    noise: float = field(default=0.1, kw_only=True)
    seed: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        if not is_integer(self.units, 1) or not is_integer(self.seed, 0):
            got = f"got {self.units!r} and {self.seed!r}, expected integers from 1 and 0"
            raise ShapeError(f"Newborns: units and seed ({got})")
        if self.direction not in DIRECTIONS:
            raise ShapeError(f"Newborns: direction (got {self.direction!r}, expected one of {', '.join(DIRECTIONS)})")
        if not (0 < self.scale < float("inf") and 0 <= self.noise < float("inf")):
            got = f"got {self.scale!r} and {self.noise!r}, expected numbers above 0 and from 0"
            raise ShapeError(f"Newborns: scale and noise ({got})")

    def __call__(self, net: Network, data: Data | None = None, *, loss: Loss | None = None, reason: str = "") -> Remap:
        """Grow a live network.

        Raises:
            DataError: no data or no loss for a direction that asks for them.
            StructureError: as `rows`.  The network then is as it was.
        """
        grow = Grow(self.population, self.units, self.rows(net, data, loss=loss), seed=self.seed)
        return net.edit(grow, reason=reason or repr(self))

    def rows(self, net: Network, data: Data | None = None, *, loss: Loss | None = None) -> np.ndarray:
        """Work out the incoming weights of each newcomer, as `Grow` takes them.  Shape: -> (units, R).

        Raises:
            DataError: no data or no loss for a direction that asks for them.
            StructureError: fewer directions than newcomers, a population that hears nothing that learns, or one that
                follows another unit by unit, for directions that come from data.
            NumericError: a direction of which the newcomer's slots carry nothing.
        """
        heard = _heard(net, self.population)
        present = _present(net, heard)
        directions = self._directions(net, present, data, loss).cpu().numpy()
        parts, start = [], 0
        for h, at in zip(heard, _places(net.circuit, self, heard), strict=True):
            parts.append(np.take_along_axis(directions[:, start : start + h.size], at, 1))
            start += h.size
        rows = np.concatenate(parts, axis=1)
        size, norms = float(present.norm(dim=1).mean()) or 1.0, np.linalg.norm(rows, axis=1, keepdims=True)
        if not norms.all():
            got = f"got a row of zeros for newcomer {int(np.argmin(norms))}"
            raise NumericError(f"{self!r}: its slots carry nothing of its direction ({got}); take another seed")
        return np.asarray(rows / norms * size * self.scale)

    def _directions(self, net: Network, present: Tensor, data: Data | None, loss: Loss | None) -> Tensor:
        """Shape: -> (units, F), float64."""
        if self.direction == "residual":
            return residual_directions(net, self.population, _need(data, "data", self), self.units)
        if self.direction == "gradmax":
            needed = _need(data, "data", self), _need(loss, "loss", self)
            return gradmax_directions(net, self.population, needed[0], needed[1], self.units)
        rng = stream(self.seed, f"directions of {self.population}")
        drawn = torch.tensor(rng.standard_normal((self.units, present.shape[1])), device=present.device)
        if self.direction == "random":
            return drawn
        parent = torch.tensor(np.resize(rng.permutation(len(present)), self.units), device=present.device)
        return present[parent] + self.noise * present[parent].norm(dim=1, keepdim=True) * _normed(drawn)


@torch.no_grad()
def residual_directions(net: Network, population: str, data: Data, n: int) -> Tensor:
    """Find what the present units of a population fail to explain: the leading principal components of the residual.

    residual = (1 - P) x,   x: what one unit hears at one site (an input patch), P: onto the span of incoming weights

    After Draelos et al. (2017), with linear reconstruction, and PCA in place of training.  Directions are unit vectors
    in the order of variance, each in the sense in which the mean input excites it; they have a place for every slot
    that a unit could have.  Memory for F x F numbers, time F^3, for F such slots.

    Shape: -> (n, F), float64, orthogonal to all present units and to each other.

    Raises:
        StructureError: fewer than n directions in which anything varies; a population without incoming weights that
            learn, or one tied to others.
        DataError: no samples.
    """
    heard = _heard(net, population)
    _refuse_tied(net.circuit, heard)
    total, products, count = torch.zeros(()), torch.zeros(()), 0
    with _as_it_was(net, []):
        for x, _ in _batches(data):
            rows = _patches(_run(net, x), heard).flatten(0, 1).double()
            total, products, count = total.to(rows) + rows.sum(0), products.to(rows) + rows.T @ rows, count + len(rows)
    if not count:
        raise DataError("residual_directions: no samples (got 0, expected at least 1)")
    mean = total / count
    spread = products / count - torch.outer(mean, mean)
    rest = torch.eye(len(mean), dtype=mean.dtype, device=mean.device) - _projector(_present(net, heard))
    values, vectors = torch.linalg.eigh(rest @ spread @ rest)
    found = int((values > RANK * spread.diagonal().sum()).sum())
    _check_number(f"residual_directions of {population!r}", found, n)
    return _oriented(vectors.T.flip(0)[:n], mean)


def gradmax_directions(net: Network, population: str, data: Data, loss: Loss, n: int) -> Tensor:
    """Find incoming weights that give newborn, silent units the largest gradient to their outgoing weights.

    M = E[ sum over sites of  dL/du[post] * x^T ],   directions: the leading right singular vectors of M

    GradMax (Evci et al. 2022): of all rows of one norm these maximise the squared gradient, to first order in the
    newcomer's response around zero.  x is what one unit hears at one site; errors of a convolution meet it tap by tap.
    Max pools on the way are taken for mean pools.  Delayed outgoing projections are left out.

    Shape: -> (n, F), float64, orthogonal to each other, the strongest first.

    Raises:
        StructureError: fewer than n directions with a gradient (M has no more rows than outgoing slots of one unit);
            a population without incoming weights that learn, one tied to others, or one that nobody hears.
        DataError: no samples.
    """
    heard = _heard(net, population)
    _refuse_tied(net.circuit, heard)
    ways = _ways(net, population, sum(h.size for h in heard))
    met, total, count = torch.zeros(()), torch.zeros(()), 0
    with _as_it_was(net, [h.projection.name for h in heard]):
        for batch in _batches(data):
            state, errors = _errors(net, batch, loss, [way.column for way in ways])
            with torch.no_grad():
                x = _patches(state, heard)
                rows = torch.cat([way.meet(x, g) for way, g in zip(ways, errors, strict=True)]).double()
                size = _size(batch[0])
                met, total, count = met.to(rows) + size * rows, total.to(rows) + x.double().sum((0, 1)), count + size
    if not count:
        raise DataError("gradmax_directions: no samples (got 0, expected at least 1)")
    _, values, vectors = torch.linalg.svd(met / count, full_matrices=False)
    found = int((values > RANK**0.5 * values.max()).sum())
    _check_number(f"gradmax_directions of {population!r}", found, n)
    return _oriented(vectors[:n], total)


@dataclass(frozen=True)
class _Heard:
    """One projection as a single unit hears it: `size` slots that it could have, and the synapses behind them."""

    projection: Projection
    law: Topology
    shapes: tuple[Shape, Shape]
    size: int

    def block(self, pre_units: np.ndarray, n_units: int) -> np.ndarray:
        """Say which of its slots each key of so many units is, -1 from new presynaptic units.

        Shape: (I_new,) -> (K_whole_new,).
        """
        if self.law.tied(*self.shapes):
            return np.tile(np.arange(self.size), n_units)
        index: np.ndarray = self.law.resized(*self.shapes, pre_units, np.zeros(n_units, np.int64))[1]
        return index

    def patches(self, x: Tensor) -> Tensor:
        """Lay out what a unit hears, site by site.  Shape: (B, *pre) -> (B, S, size)."""
        pre, post = self.shapes
        one, _ = self.law.resized(pre, post, np.arange(pre[0]), np.zeros(1, np.int64))
        table, sites = one.synapses(pre, (1, *post[1:])), n_sites(post)
        at = torch.tensor(table.post.astype(np.int64) * self.size + table.slot, device=x.device)
        carried = x.flatten(1)[:, torch.tensor(table.pre, device=x.device)] * torch.tensor(table.coef).to(x)
        return x.new_zeros(len(x), sites * self.size).index_add_(1, at, carried).view(len(x), sites, self.size)


@dataclass(frozen=True)
class _Way:
    """From features of a newcomer, by relays, to the slots that it will speak through."""

    relays: Sequence[Kernel]
    kernel: Kernel
    order: Tensor
    column: tuple[str, str]

    def meet(self, x: Tensor, error: Tensor) -> Tensor:
        """Correlate features with errors, slot by slot of one unit.  Shape: (B, S, F), (B, *post) -> (K, F)."""
        n = x.shape[2]
        y = x.movedim(2, 1).reshape(len(x), n, *(self.relays or [self.kernel])[0].pre[1:]).contiguous()
        for relay in self.relays:
            y = relay.push(y, y.new_ones(n))
        return self.kernel.pair(y, error.to(y.dtype).contiguous())[self.order].view(n, -1).T


def _heard(net: Network, population: str) -> list[_Heard]:
    """List what a population hears and learns, in the order in which `Grow` takes rows."""
    circuit, found = net.circuit, []
    for q in circuit.projections:
        if q.post != circuit.population(population).name or q.fixed or not q.topology.plastic:
            continue
        law, shapes = _whole(q.topology, *circuit.shapes(q)), circuit.shapes(q)
        found.append(_Heard(q, law, shapes, law.n_slots(*shapes) // shapes[1][0]))
    if not found:
        got = "got none, expected a population that hears others by weights that learn"
        raise StructureError(f"population {population!r}: no incoming weights to choose ({got})")
    return found


def _whole(topology: Topology, pre: Shape, post: Shape) -> Topology:
    law = topology.topology if isinstance(topology, Pruned) else topology
    return Dense() if law.is_listed(pre, post) else law


def _present(net: Network, heard: Sequence[_Heard]) -> Tensor:
    """Lay out the incoming weights of present units, zero where a slot is missing.  Shape: -> (U, F), float64."""
    parts = []
    for h in heard:
        w, (pre, post) = net.weights[h.projection.name].detach().double(), h.shapes
        _, keys = whole_keys(h.projection.topology, pre, post)
        at = keys // h.size * h.size + h.block(np.arange(pre[0]), post[0])[keys]
        rows = w.new_zeros(post[0] * h.size)
        rows[torch.tensor(at, device=w.device)] = w
        parts.append(rows.view(post[0], h.size))
    return torch.cat(parts, 1)


def _places(circuit: Circuit, newborns: Newborns, heard: Sequence[_Heard]) -> list[np.ndarray]:
    """Say which slots each newcomer will have, as `Grow` wires it.  Shape: (units, R) for each projection."""
    grown, remap = Grow(newborns.population, newborns.units, seed=newborns.seed).apply(circuit)
    places = []
    for h in heard:
        q = grown.projection(h.projection.name)
        slots, owner = _births(grown, q, remap)
        if len(slots) % newborns.units or len(set(np.unique(owner, return_counts=True)[1].tolist())) > 1:
            raise StructureError(f"{newborns!r}: newcomers hear different numbers in {q.name!r}; use Grow by itself")
        pre, post = grown.shapes(q)
        keys = whole_keys(q.topology, pre, post)[1][slots]
        index = h.block(remap.units.get(q.pre, np.arange(pre[0])), post[0])[keys]
        places.append(index[np.argsort(owner, kind="stable")].reshape(newborns.units, -1))
    return places


def _patches(state: State, heard: Sequence[_Heard]) -> Tensor:
    return torch.cat([h.patches(_wide(state, h.projection.pre, h.projection.delay)) for h in heard], 2)


def _ways(net: Network, population: str, width: int) -> list[_Way]:
    """Find the projections that a newcomer will speak through, by itself or through what follows it unit by unit."""
    circuit, waiting, found = net.circuit, list[tuple[str, tuple[Kernel, ...]]]([(population, ())]), list[_Way]()
    for name, relays in waiting:
        for q in circuit.projections:
            if q.pre != name or q.delay:
                continue
            pre, post = circuit.shapes(q)
            if not q.topology.tied(pre, post):
                kernel = _many(net, _whole(q.topology, pre, post), pre, post, width)
                table = kernel.topology.slots(kernel.pre, kernel.post)
                unit = table.pre // n_sites(pre) if table.pre_end == "neuron" else table.pre
                order = torch.tensor(np.argsort(unit, kind="stable"), device=net.device)
                found.append(_Way(relays, kernel, order, (q.post, q.port)))
            elif q.topology.plastic:
                raise StructureError(f"gradmax_directions: {q.name!r} follows {name!r} by weights not yet known")
            else:
                law = q.topology.replace(how="mean") if isinstance(q.topology, Pool) else q.topology
                waiting.append((q.post, (*relays, _many(net, law, pre, post, width))))
    if not found:
        raise StructureError(f"gradmax_directions: nobody hears {population!r} at once (got no projection to others)")
    return found


def _many(net: Network, law: Topology, pre: Shape, post: Shape, width: int) -> Kernel:
    """Make the kernel of a law that carries so many units in place of one."""
    units, tied = np.zeros(width, np.int64), law.tied(pre, post)
    wide, _ = law.resized(pre, post, units, units if tied else np.arange(post[0]))
    shapes = (width, *pre[1:]), (width if tied else post[0], *post[1:])
    return make_kernel(wide, *shapes, setting=Setting(device=str(net.device))).to(net.device)


def _errors(
    net: Network, batch: tuple[Any, Any], loss: Loss, columns: Sequence[tuple[str, str]]
) -> tuple[State, list[Tensor]]:
    """Run a batch and differentiate its loss by what arrives at ports."""
    x, target = batch
    with torch.enable_grad():
        state = _run(net, x)
        outputs = {name: state[name] for name in net.plan.outputs}
        output = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        found = loss(output) if target is None else loss(output, target.to(net.device))
        if found.numel() != 1 or not found.requires_grad:
            got = f"got {tuple(found.shape)}, expected one number that the population reaches"
            raise StructureError(f"gradmax_directions: loss gives no gradient ({got})")
        ports = [state.columns[column] for column in columns]
        errors = torch.autograd.grad(found.sum(), ports, allow_unused=True)
    return state.detach(), [torch.zeros_like(p) if g is None else g for p, g in zip(ports, errors, strict=True)]


def _projector(rows: Tensor) -> Tensor:
    """Give the projection onto the span of rows.  Shape: (U, F) -> (F, F)."""
    _, values, vectors = torch.linalg.svd(rows, full_matrices=False)
    basis = vectors[values > RANK**0.5 * values.max().clamp(min=1e-300)]
    return basis.T @ basis


def _oriented(rows: Tensor, mean: Tensor) -> Tensor:
    """Turn each direction so that the mean excites it, or else so that its largest number is positive."""
    at = rows @ mean
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))[:, 0]
    return rows * torch.where(at.abs() > RANK * mean.norm(), at, largest).sign()[:, None]


def _normed(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True)


def _refuse_tied(circuit: Circuit, heard: Sequence[_Heard]) -> None:
    for h in heard:
        if h.projection.topology.tied(*h.shapes):
            got = f"got {h.projection.name!r}"
            raise StructureError(f"growth: newcomers hear newcomers, of which data tell nothing ({got}); grow these")


def _check_number(where: str, found: int, n: int) -> None:
    if not is_integer(n, 1) or n > found:
        raise StructureError(f"{where}: too few directions (got {found}, expected at least {n}); grow by fewer units")


def _need(given: Any, what: str, newborns: Newborns) -> Any:
    if given is None:
        raise DataError(f"{newborns!r}: no {what} (got None, expected it for this direction); pass {what}=")
    return given
