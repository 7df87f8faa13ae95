"""Irregular wiring: edge lists, random graphs, and any topology with slots removed."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, n_neurons
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, need_units
from circuitgraph.ir.value import frozen_array, value
from circuitgraph.registry import topologies


@topologies.register("explicit")
@value
class Explicit(Topology):
    """Connect the listed pairs of neurons, one slot per pair, in the order given.

    Shape: pre, post (K,) neuron indices, no pair twice.

    Example:
        >>> Explicit([0, 1], [1, 0])
        Explicit(pre=[0, 1], post=[1, 0])
    """

    pre: Any
    post: Any

    def __post_init__(self) -> None:
        freeze_pairs(self)

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return neuron_slots(self.pre, self.post, pre, post)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return Synapses.build(self.pre, self.post, np.arange(len(self.pre)))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units),)

    def check(self, pre: Shape, post: Shape) -> None:
        check_range(self, "pre", self.pre, n_neurons(pre))
        check_range(self, "post", self.post, n_neurons(post))

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return len(self.pre)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return len(self.pre)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        none = np.zeros(0, np.int64)
        return [(cls([2, 0, 1, 0], [0, 1, 0, 0]), (3,), (2,)), (cls([5, 0], [3, 0]), (2, 3), (2, 2)), (cls(none, none), (2,), (3,)),
                (cls([0], [0]), (1,), (1,))]  # fmt: skip


class _Random(Topology):
    """Wiring drawn once from a seed; the same shapes always give the same edges."""

    def _edges(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray]:
        return _drawn(self, n_neurons(pre), n_neurons(post))

    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        """Draw sorted, unique keys post * n_pre + pre."""
        raise TypeError(f"{type(self).__name__} does not draw")

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return neuron_slots(*self._edges(pre, post), pre, post)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        pres, posts = self._edges(pre, post)
        return Synapses.build(pres, posts, np.arange(len(pres)))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units),)


@topologies.register("erdos-renyi")
@value
class ErdosRenyi(_Random):
    """Connect round(density * pairs) pairs of neurons, drawn uniformly without repetition (the G(n, m) model).

    `self_loops=False` leaves out pairs of equal index, for recurrent wiring.
    """

    density: float
    seed: int = 0
    self_loops: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.density <= 1:
            raise ShapeError(f"ErdosRenyi: density (got {self.density!r}, expected 0 to 1)")

    def check(self, pre: Shape, post: Shape) -> None:
        """Fit any two shapes."""

    def n_slots(self, pre: Shape, post: Shape) -> int:
        n, m = n_neurons(pre), n_neurons(post)
        return round(self.density * (n * m - (0 if self.self_loops else min(n, m))))

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.n_slots(pre, post)

    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        diagonal = 0 if self.self_loops else min(n_pre, n_post)
        pairs = n_pre * n_post - diagonal
        key = np.random.default_rng(self.seed).choice(pairs, round(self.density * pairs), replace=False, shuffle=False)
        key.sort()
        # Skip the diagonal: the d-th diagonal key is d * (n_pre + 1), and d of them come before it.
        return key if self.self_loops else key + np.searchsorted(np.arange(diagonal) * n_pre, key, side="right")

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(0.4, seed=1), (4,), (5,)), (cls(0.5, self_loops=False), (4,), (4,)), (cls(1.0), (2, 2), (3,)), (cls(0.0), (2,), (2,))]


@topologies.register("small-world")
@value
class SmallWorld(_Random):
    """Connect each neuron from its `neighbors` nearest on a ring, each edge rewired with probability `rewire`.

    Directed form of Watts and Strogatz (1998): every postsynaptic neuron hears exactly `neighbors` others, never
    itself where both populations have the same size.
    """

    neighbors: int
    rewire: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.neighbors, int) or self.neighbors < 2 or self.neighbors % 2:
            raise ShapeError(f"SmallWorld: neighbors (got {self.neighbors!r}, expected an even integer of at least 2)")
        if not 0 <= self.rewire <= 1:
            raise ShapeError(f"SmallWorld: rewire (got {self.rewire!r}, expected 0 to 1)")

    def check(self, pre: Shape, post: Shape) -> None:
        if self.neighbors >= n_neurons(pre):
            raise ShapeError(f"{self!r}: too few presynaptic neurons (got {n_neurons(pre)}, expected more than {self.neighbors})")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return self.neighbors * n_neurons(post)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.n_slots(pre, post)

    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        rng, half = np.random.default_rng(self.seed), self.neighbors // 2
        offsets = np.r_[-half:0, 1 : half + 1] if n_pre == n_post else np.arange(-half, half)
        post = np.arange(n_post)[:, None]
        pre = (post * n_pre // n_post + offsets) % n_pre
        moved = rng.random(pre.shape) < self.rewire
        while moved.any():
            pre[moved] = rng.integers(n_pre, size=int(moved.sum()))
            moved &= _taken(pre) | ((pre == post) & (n_pre == n_post))
        return np.sort((post * n_pre + pre).ravel())

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(2, 0.3), (6,), (6,)), (cls(4, 1.0, seed=2), (8,), (8,)), (cls(2, 0.0), (6,), (3,))]


@topologies.register("pruned")
@value
class Pruned(Topology):
    """Keep only some slots of another topology.  Slot k of the result is slot keep[k] of `topology`.

    Shape: keep (K,) slot indices, rising.  Pruning again stays one level deep.
    """

    topology: Topology
    keep: Any

    def __post_init__(self) -> None:
        keep = frozen_array(self.keep, np.int64)
        if keep.ndim != 1 or (len(keep) and (keep[0] < 0 or (np.diff(keep) <= 0).any())):
            raise ShapeError(f"Pruned: keep must rise from 0 (got {self.keep!r})")
        if isinstance(self.topology, Pruned):
            check_range(self, "keep", keep, len(self.topology.keep))
            keep = frozen_array(self.topology.keep[keep], np.int64)
            object.__setattr__(self, "topology", self.topology.topology)
        object.__setattr__(self, "keep", keep)

    @property
    def reduce(self) -> Literal["sum", "max"]:
        return self.topology.reduce

    @property
    def plastic(self) -> bool:
        return self.topology.plastic

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return self.topology.slots(pre, post).take(self.keep)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return self.topology.synapses(pre, post).keep_slots(self.keep, self.topology.n_slots(pre, post))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return self.topology.post_shape(pre, units)

    def check(self, pre: Shape, post: Shape) -> None:
        self.topology.check(pre, post)
        check_range(self, "keep", self.keep, self.topology.n_slots(pre, post))

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return len(self.keep)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        from circuitgraph.topologies.conv import Conv, Pool
        from circuitgraph.topologies.dense import Dense

        conv = Conv(3, padding=1, mode="reflect")
        return [
            (cls(conv, np.arange(0, 54, 2)), (2, 4, 4), (3, 4, 4)), (cls(Dense(), [0, 3, 5]), (3,), (2,)),
            (cls(Pool(2), [1]), (2, 4, 4), (2, 2, 2)), (cls(cls(Dense(), [0, 3, 5]), [0, 2]), (3,), (2,)), (cls(Dense(), []), (2,), (2,)),
        ]  # fmt: skip


def neuron_slots(pres: np.ndarray, posts: np.ndarray, pre: Shape, post: Shape) -> Slots:
    """Make a slot table with one synapse per slot."""
    ends = ["unit" if len(shape) == 1 else "neuron" for shape in (pre, post)]
    return Slots(pres, posts, np.ones(len(pres), np.int64), *ends)


def freeze_pairs(topology: Any) -> None:
    """Turn the fields pre and post into index arrays; ShapeError where they are not pairs, or one comes twice."""
    where = type(topology).__name__
    for field in ("pre", "post"):
        given = np.asarray(getattr(topology, field))
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise ShapeError(f"{where}: {field} is not a list of indices (got {given.dtype} of shape {given.shape}, expected integers (K,))")
        object.__setattr__(topology, field, frozen_array(given, np.int64))
    if len(topology.pre) != len(topology.post):
        raise ShapeError(f"{where}: pre and post differ in length (got {len(topology.pre)} and {len(topology.post)})")
    order = np.lexsort((topology.pre, topology.post))
    same = (np.diff(topology.pre[order]) == 0) & (np.diff(topology.post[order]) == 0)
    if same.any():
        k = order[int(np.argmax(same))]
        raise ShapeError(f"{where}: pair {topology.pre[k]} -> {topology.post[k]} comes twice; merge its weights")


def check_range(topology: Topology, field: str, index: np.ndarray, size: int) -> None:
    """Raise ShapeError unless all indices are within 0 to size - 1."""
    if len(index) and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise ShapeError(f"{topology!r}: {field} out of range (got {int(bad)}, expected 0 to {size - 1})")


def _taken(pre: np.ndarray) -> np.ndarray:
    order = np.argsort(pre, axis=1, kind="stable")
    ranked = np.take_along_axis(pre, order, axis=1)
    again = np.zeros(pre.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
    return again


@lru_cache(maxsize=16)
def _drawn(topology: _Random, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
    key = topology.draw(n_pre, n_post)
    return frozen_array(key % n_pre, np.int64), frozen_array(key // n_pre, np.int64)
