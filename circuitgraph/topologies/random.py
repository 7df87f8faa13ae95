"""Wiring drawn from a seed: random graphs whose edges are the same whenever they are asked for."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, is_integer, n_neurons
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, need_units
from circuitgraph.ir.value import frozen_array, value
from circuitgraph.registry import topologies
from circuitgraph.topologies.sparse import neuron_slots, resized_pairs


class _Random(Topology):
    """Wiring drawn once from a seed; the same shapes always give the same edges, one slot each."""

    seed: int

    @abstractmethod
    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        """Draw sorted, unique keys post * n_pre + pre."""

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return neuron_slots(*_drawn(self, n_neurons(pre), n_neurons(post)), pre, post)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        pres, posts = _drawn(self, n_neurons(pre), n_neurons(post))
        return Synapses.build(pres, posts, np.arange(len(pres)))

    def listed(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray]:
        return _drawn(self, n_neurons(pre), n_neurons(post))

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        # The seed's law holds for the old populations only: what it drew is listed from now on.
        return resized_pairs(*self.listed(pre, post), pre, post, pre_units, post_units)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units),)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.n_slots(pre, post)

    def _check_seed(self) -> None:
        if not is_integer(self.seed, 0):
            got = f"got {self.seed!r}, expected an integer of at least 0"
            raise ShapeError(f"{type(self).__name__}: bad seed ({got}); wiring is drawn anew from it, so no generator")


@topologies.register("erdos-renyi")
@value
class ErdosRenyi(_Random):
    """Connect round(density * pairs) pairs of neurons, drawn uniformly without repetition.

    The directed G(n, m) model of Erdős and Rényi (1959).  `self_loops=False` leaves out pairs of equal index, for
    recurrent wiring.

    Raises:
        ShapeError: for a density outside 0 to 1, or a seed that is no integer of at least 0.

    Example:
        >>> ErdosRenyi(0.25).n_slots((8,), (10,))
        20
    """

    density: float
    seed: int = 0
    self_loops: bool = True

    def __post_init__(self) -> None:
        _check_share("ErdosRenyi: density", self.density)
        self._check_seed()

    def check(self, pre: Shape, post: Shape) -> None:
        """Fit any two shapes."""

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return round(self.density * self._n_pairs(n_neurons(pre), n_neurons(post)))

    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        """Draw sorted, unique keys post * n_pre + pre."""
        pairs = self._n_pairs(n_pre, n_post)
        rng = np.random.default_rng(self.seed)
        key = np.sort(rng.choice(pairs, round(self.density * pairs), replace=False, shuffle=False))
        if self.self_loops:
            return key
        # The d-th diagonal key is d * (n_pre + 1); with the d before it left out, it stood at d * n_pre.
        return key + np.searchsorted(np.arange(min(n_pre, n_post)) * n_pre, key, side="right")

    def _n_pairs(self, n_pre: int, n_post: int) -> int:
        return n_pre * n_post - (0 if self.self_loops else min(n_pre, n_post))

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [
            (cls(0.4, seed=1), (4,), (5,)),
            (cls(0.5, self_loops=False), (4,), (4,)),
            (cls(1.0), (2, 2), (3,)),
            (cls(0.0), (2,), (2,)),
        ]


@topologies.register("small-world")
@value
class SmallWorld(_Random):
    """Connect each neuron from its `neighbors` nearest on a ring, each edge rewired with probability `rewire`.

    Directed form of Watts and Strogatz (1998): every postsynaptic neuron hears exactly `neighbors` others, never one
    twice, and never itself where both populations have the same size.  A rewired edge starts at any neuron that is
    still free, its old one included.

    Raises:
        ShapeError: for neighbors that are no even number of at least 2, a probability outside 0 to 1, or a seed that
            is no integer of at least 0; in `check` where there are not more presynaptic neurons than neighbors.

    Example:
        >>> SmallWorld(2, rewire=0.0).synapses((5,), (5,)).pre.tolist()
        [1, 4, 0, 2, 1, 3, 2, 4, 0, 3]
    """

    neighbors: int
    rewire: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_integer(self.neighbors, 2) or self.neighbors % 2:
            got = f"got {self.neighbors!r}, expected an even integer of at least 2"
            raise ShapeError(f"SmallWorld: bad number of neighbors ({got})")
        _check_share("SmallWorld: rewire", self.rewire)
        self._check_seed()

    def check(self, pre: Shape, post: Shape) -> None:
        if self.neighbors >= n_neurons(pre):
            got = f"got {n_neurons(pre)}, expected more than {self.neighbors}"
            raise ShapeError(f"{self!r}: too few presynaptic neurons ({got}); use fewer neighbors")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return self.neighbors * n_neurons(post)

    def draw(self, n_pre: int, n_post: int) -> np.ndarray:
        """Draw sorted, unique keys post * n_pre + pre."""
        rng, half, lonely = np.random.default_rng(self.seed), self.neighbors // 2, n_pre == n_post
        offsets = np.r_[-half:0, 1 : half + 1] if lonely else np.arange(-half, half)
        post = np.arange(n_post)[:, None]
        pre = (post * n_pre // n_post + offsets) % n_pre
        moved = rng.random(pre.shape) < self.rewire
        for j in np.flatnonzero(moved.any(axis=1)):
            kept = pre[j, ~moved[j]]
            barred = np.append(kept, j) if lonely else kept
            pre[j, moved[j]] = _choose_others(rng, n_pre, barred, int(moved[j].sum()))
        return np.sort((post * n_pre + pre).ravel())

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [
            (cls(2, 0.3), (6,), (6,)),
            (cls(4, 1.0, seed=2), (8,), (8,)),
            (cls(4, 0.5), (5,), (5,)),
            (cls(2, 0.0), (6,), (3,)),
        ]


def _choose_others(rng: np.random.Generator, n: int, barred: np.ndarray, size: int) -> np.ndarray:
    free = rng.choice(n - len(barred), size, replace=False, shuffle=False)
    # The i-th barred number has barred[i] - i free ones before it.
    return free + np.searchsorted(np.sort(barred) - np.arange(len(barred)), free, side="right")


def _check_share(where: str, share: object) -> None:
    if not isinstance(share, float | int | np.number) or not 0 <= share <= 1:
        raise ShapeError(f"{where} out of range (got {share!r}, expected 0 to 1)")


@lru_cache(maxsize=16)
def _drawn(topology: _Random, n_pre: int, n_post: int) -> tuple[np.ndarray, np.ndarray]:
    key = topology.draw(n_pre, n_post)
    return frozen_array(key % n_pre, np.int64), frozen_array(key // n_pre, np.int64)
