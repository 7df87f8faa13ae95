"""Prune and grow at constant density: which slots of a live network go, and which missing ones come."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.edits.slots import Rewire, whole_keys
from circuitgraph.errors import ShapeError, StateError, StructureError
from circuitgraph.ir import Remap, Shape, Topology, Value, n_neurons, value
from circuitgraph.ir.shape import n_sites
from circuitgraph.ir.value import rises
from circuitgraph.kernels import Setting, make_kernel
from circuitgraph.kernels.kernel import wide
from circuitgraph.structural.heard import Heard
from circuitgraph.structural.link_prediction import PREDICTORS, Bipartite
from circuitgraph.topologies import Conv, GraphEdges, Pruned

BLOCK = 1 << 22
"""Missing slots scored at a time: a law of a thousand million pairs needs no table as long."""


@dataclass(frozen=True)
class Proposal:
    """What to change: slots to remove by index, as many to add by key of the whole law, and their weights.

    `n_returned` slots were dropped and chosen again: they stay, with weight and moments.  Shape: remove, add (R,).
    """

    remove: np.ndarray
    add: np.ndarray
    weight: np.ndarray
    n_returned: int = 0


@dataclass(frozen=True)
class Wired:
    """One projection of a live network: all that a rewiring looks at.  Shape: keys, w (K,)."""

    topology: Topology
    pre: Shape
    post: Shape
    n_whole: int
    keys: np.ndarray
    w: Tensor


class Rewiring(Value, ABC):
    """Drop the weakest share of a projection's slots and connect as many missing ones, those just dropped included.

    The number of slots is the same after every step.  What is dropped and chosen again stays as it was.  Newcomers
    have weight zero, or normal ones of standard deviation `birth`.

    Example:
        >>> SET(0.3).replace(share=0.1)
        SET(share=0.1)
    """

    kind: ClassVar[str] = "rewiring"

    share: float
    birth: float

    def __post_init__(self) -> None:
        for field, given, most in (("share", self.share, 1.0), ("birth", self.birth, math.inf)):
            number = math.nan if isinstance(given, bool) or not isinstance(given, int | float) else float(given)
            if not 0 <= number <= most or number == math.inf:
                raise ShapeError(f"{type(self).__name__}: {field} (got {given!r}, expected 0 to {most:g})")

    def propose(
        self, net: Network, name: str, *, rng: np.random.Generator | int, heard: Heard | None = None
    ) -> Proposal:
        """Say which round(share * n_slots) slots of a projection should make place, and for which.

        `heard` (see `listen`) is read by those that grow by gradient.  Nothing changes; see `rewire`.

        Raises:
            UnknownNameError: a projection that does not exist.  StateError: no `heard` where it is needed.
            StructureError: a projection without missing slots, or one that these scores do not fit.
        """
        at, rng = _wired(net, name), np.random.default_rng(rng)
        n = round(self.share * len(at.keys))
        dropped = np.sort(self.drop(at, n, rng)) if n else np.empty(0, np.int64)
        active, gone = _rising(np.delete(at.keys, dropped)), at.keys[dropped]
        chosen = np.sort(self.grow(at, active, n, rng, heard)) if n else gone
        assert len(chosen) == n
        assert rises(chosen)
        at_chosen = np.searchsorted(chosen, gone)
        back = np.append(chosen, -1)[at_chosen] == gone
        add = np.delete(chosen, at_chosen[back])
        weight = rng.normal(0.0, self.birth, len(add)) if self.birth else np.zeros(len(add))
        return Proposal(dropped[~back], add, weight, int(back.sum()))

    @abstractmethod
    def drop(self, at: Wired, n: int, rng: np.random.Generator) -> np.ndarray:
        """Choose n slots to drop, by index.  Shape: -> (n,)."""

    @abstractmethod
    def grow(self, at: Wired, active: np.ndarray, n: int, rng: np.random.Generator, heard: Heard | None) -> np.ndarray:
        """Choose n keys that are not among the sorted keys `active`.  Shape: -> (n,)."""


@value
class SET(Rewiring):
    """Sparse evolutionary training: drop the weights nearest to zero, connect missing pairs drawn uniformly.

    Positive and negative weights lose the same share each, zeros go first (Mocanu et al. 2018).

    Example:
        >>> SET()
        SET()
    """

    share: float = 0.3
    birth: float = 0.0

    def drop(self, at: Wired, n: int, rng: np.random.Generator) -> np.ndarray:
        positive, negative, zero = (there.nonzero()[:, 0] for there in (at.w > 0, at.w < 0, at.w == 0))
        rest = n - min(n, len(zero))
        first = round(rest * len(positive) / max(len(positive) + len(negative), 1))
        amounts = (positive, first), (negative, rest - first), (zero, n - rest)
        return torch.cat([there[_lowest(at.w[there].abs(), k)] for there, k in amounts]).cpu().numpy()

    def grow(self, at: Wired, active: np.ndarray, n: int, rng: np.random.Generator, heard: Heard | None) -> np.ndarray:
        return draw_missing(at.n_whole, active, n, rng)


@value
class RigL(Rewiring):
    """Drop the smallest weights, connect the missing pairs with the largest gradient (Evci et al. 2020).

    The gradient is that of one batch, `heard`; of the missing slots it is worked out block by block on the network's
    device.  As in the authors' programs a dropped slot may be chosen again, and then keeps its weight.

    Example:
        >>> RigL(0.3, birth=0.01)
        RigL(birth=0.01)
    """

    share: float = 0.3
    birth: float = 0.0

    def drop(self, at: Wired, n: int, rng: np.random.Generator) -> np.ndarray:
        return _lowest(at.w.abs(), n).cpu().numpy()

    def grow(self, at: Wired, active: np.ndarray, n: int, rng: np.random.Generator, heard: Heard | None) -> np.ndarray:
        if heard is None:
            raise StateError("RigL: no gradient to grow by (got heard=None, expected what listen(net, names) heard)")
        best, found = torch.empty(0, device=at.w.device), torch.empty(0, dtype=torch.int64, device=at.w.device)
        for first, size in _gradient_blocks(at, heard):
            inside = active[np.searchsorted(active, first) : np.searchsorted(active, first + len(size))]
            size[torch.from_numpy(inside - first).to(size.device)] = -1
            size, here = size.topk(min(n, len(size)))
            best, found = torch.cat([best.to(size), size]), torch.cat([found, here + first])
            best, at_best = best.topk(min(n, len(best)))
            found = found[at_best]
        return found.cpu().numpy()


@value
class CannistraciHebb(Rewiring):
    """Connect the missing pairs that link prediction expects, from the wiring that is left alone: no gradient.

    `predictor` is "ch3-l3" (paths: CHT, Zhang et al., ICLR 2024), "ch2-l3n" (nodes: CHTs, Zhang et al. 2025) or "l3".
    Slots are dropped by "magnitude", or by what they weigh relative to the others of either end ("relative").  With
    a temperature above 0 the soft rule holds: pairs are drawn in proportion to score ** (1 / temperature), slots that
    stay to size ** (1 / removal_temperature), without replacement; at 0 the best are taken, equal ones at random.
    Where too few pairs score at all, the rest is drawn uniformly.

    Pairs are of neurons, of nodes for edges of a data graph, and for a pruned convolution of postsynaptic units and
    (presynaptic unit, place in the kernel); groups have no such graph.

    Raises:
        ShapeError: for an unknown predictor or removal, or a negative temperature.

    Example:
        >>> CannistraciHebb(temperature=1.0)
        CannistraciHebb(temperature=1.0)
    """

    share: float = 0.3
    predictor: str = "ch3-l3"
    removal: Literal["magnitude", "relative"] = "magnitude"
    temperature: float = 0.0
    removal_temperature: float = 0.0
    birth: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        known = {"predictor": tuple(PREDICTORS), "removal": ("magnitude", "relative")}
        for field, names in known.items():
            if getattr(self, field) not in names:
                got = f"got {getattr(self, field)!r}, expected one of {', '.join(names)}"
                raise ShapeError(f"CannistraciHebb: unknown {field} ({got})")
        for field in ("temperature", "removal_temperature"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ShapeError(f"CannistraciHebb: {field} (got {getattr(self, field)!r}, expected 0 or more)")

    def drop(self, at: Wired, n: int, rng: np.random.Generator) -> np.ndarray:
        size = at.w.abs()
        if self.removal == "relative":
            n_left, _ = sides(at.topology, at.pre, at.post)
            ends = (torch.from_numpy(end).to(size.device) for end in (at.keys % n_left, at.keys // n_left))
            size = sum((size / _sum_at(size, end) for end in ends), torch.zeros_like(size)).nan_to_num(0.0)
        if self.removal_temperature:
            noise = torch.from_numpy(rng.gumbel(size=len(size))).to(size)
            size = size.log() / self.removal_temperature + noise
        return _lowest(size, n).cpu().numpy()

    def grow(self, at: Wired, active: np.ndarray, n: int, rng: np.random.Generator, heard: Heard | None) -> np.ndarray:
        n_left, n_right = sides(at.topology, at.pre, at.post)
        graph = Bipartite.of(active % n_left, active // n_left, n_pre=n_left, n_post=n_right)
        best = np.empty((3, 0))
        for first in range(0, n_right, rows := max(BLOCK // n_left, 1)):
            score = PREDICTORS[self.predictor](graph, first=first, last=min(first + rows, n_right)).ravel()
            here = np.flatnonzero(score)
            best = _best(np.hstack([best, self._rank(score[here], here + first * n_left, rng)]), n)
        keys = best[2].astype(np.int64)
        rest = draw_missing(at.n_whole, np.sort(np.concatenate([active, keys])), n - len(keys), rng)
        return np.concatenate([keys, rest])

    def _rank(self, score: np.ndarray, keys: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Give rows: what decides, what decides among equals, keys (exact up to 2 ** 53).  Shape: -> (3, N)."""
        if self.temperature:
            score = np.log(score) / self.temperature + rng.gumbel(size=len(score))
        return np.stack([score, rng.random(len(score)), keys])


def rewire(
    net: Network,
    name: str,
    how: Rewiring,
    *,
    rng: np.random.Generator | int,
    heard: Heard | None = None,
) -> Remap:
    """Rewire a projection of a live network once; weights of slots that stay keep every bit.

    Raises: as `Rewiring.propose`; StructureError if no input would reach an output any more.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 50).connect("x", "y", cg.ErdosRenyi(0.1), units=20))
        >>> remap = rewire(net, "x->y", SET(0.3), rng=0)
        >>> net.circuit.n_slots, int((remap.slots["x->y"] < 0).sum())
        (100, 28)
    """
    found = how.propose(net, name, rng=rng, heard=heard)
    return net.edit(Rewire(name, found.remove, found.add, found.weight), reason=repr(how))


def cosine_share(share: float, step: int, last: int) -> float:
    """Anneal the share to rewire: share / 2 * (1 + cos(pi * step / last)), and 0 from step `last` on.

    Evci et al. (2020); dense training's own decay of the learning rate has the same form.

    Example:
        >>> [round(cosine_share(0.3, step, 100), 3) for step in (0, 50, 100, 101)]
        [0.3, 0.15, 0.0, 0.0]
    """
    return share / 2 * (1 + math.cos(math.pi * min(step, last) / last)) if last > 0 else 0.0


def draw_missing(n_whole: int, active: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n different keys below n_whole uniformly from those that are not in `active`; both are sorted.

    Example:
        >>> draw_missing(6, np.array([0, 2, 5]), 3, np.random.default_rng(0)).tolist()
        [1, 3, 4]
    """
    free = np.sort(rng.choice(n_whole - len(active), n, replace=False, shuffle=False))
    # The i-th key of `active` has active[i] - i missing ones before it.
    return free + np.searchsorted(active - np.arange(len(active)), free, side="right")


def sides(topology: Topology, pre: Shape, post: Shape) -> tuple[int, int]:
    """Give the two sides of a law as a bipartite graph, in which key = right * n_left + left.

    Raises:
        StructureError: for a law that is none.

    Example:
        >>> sides(Pruned(Conv(3), [0, 5]), (2, 8, 8), (4, 6, 6))
        (18, 4)
    """
    whole = topology.topology if isinstance(topology, Pruned) else topology
    if isinstance(whole, GraphEdges):
        return n_sites(pre), n_sites(post)
    if topology.is_listed(pre, post):
        return n_neurons(pre), n_neurons(post)
    if isinstance(whole, Conv) and whole.groups == 1:
        return whole.n_slots(pre, post) // post[0], post[0]
    got = f"got {whole!r}, expected wiring of pairs, or a convolution with groups=1"
    raise StructureError(f"rewire: this law is no bipartite graph ({got}); use SET or RigL")


def _wired(net: Network, name: str) -> Wired:
    p = net.circuit.projection(name)
    pre, post = net.circuit.shapes(p)
    n_whole, keys = whole_keys(p.topology, pre, post)
    if n_whole == len(keys):
        got = f"got {len(keys)} of {n_whole} slots"
        raise StructureError(f"rewire: projection {name!r} has no missing slots ({got}); prune it first")
    return Wired(p.topology, pre, post, n_whole, keys, net.weights[name].detach())


def _lowest(height: Tensor, n: int) -> Tensor:
    """Find the n lowest, of equal ones the first.  Shape: (N,) -> (n,)."""
    if not n:
        return torch.empty(0, dtype=torch.int64, device=height.device)
    bar = height.kthvalue(n).values
    below = (height < bar).nonzero()[:, 0]
    return torch.cat([below, (height == bar).nonzero()[: n - len(below), 0]])


def _rising(keys: np.ndarray) -> np.ndarray:
    return keys if rises(keys) else np.sort(keys)


def _sum_at(size: Tensor, end: Tensor) -> Tensor:
    return size.new_zeros(int(end.max()) + 1).index_add_(0, end, size)[end]


def _best(ranked: np.ndarray, n: int) -> np.ndarray:
    if ranked.shape[1] <= n:
        return ranked
    bar = np.partition(ranked[0], -n)[-n]
    ranked = ranked[:, ranked[0] >= bar]
    return ranked[:, np.lexsort((ranked[1], ranked[0]))[-n:]]


def _gradient_blocks(at: Wired, heard: Heard) -> Iterator[tuple[int, Tensor]]:
    """Give the sizes of the gradient of the whole law, present slots and missing ones, block by block."""
    x, g = (t.detach().to(wide(heard.x.dtype)) for t in heard)
    if tuple(x.shape[1:]) != at.pre or tuple(g.shape[1:]) != at.post:
        got = f"got {tuple(x.shape)} and {tuple(g.shape)}, expected (B, *{at.pre}) and (B, *{at.post})"
        raise ShapeError(f"RigL: heard does not fit the projection ({got}); listen again after an edit")
    whole = at.topology.topology if isinstance(at.topology, Pruned) else at.topology
    if not at.topology.is_listed(at.pre, at.post) and not isinstance(whole, GraphEdges):
        kernel = make_kernel(whole, at.pre, at.post, setting=Setting(len(x), str(x.device), x.dtype, "gradient"))
        yield 0, kernel.to(x.device).pair(x, g).abs()
        return
    shared = 2 if isinstance(whole, GraphEdges) else 1  # units share the weight of an edge, as samples do
    x, g = x.flatten(0, shared - 1).flatten(1), g.flatten(0, shared - 1).flatten(1)
    rows = max(BLOCK // x.shape[1], 1)
    for first in range(0, g.shape[1], rows):
        yield first * x.shape[1], (g[:, first : first + rows].t() @ x).abs().flatten()
