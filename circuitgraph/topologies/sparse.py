"""Wiring listed pair by pair, and the checks that lists of pairs share."""

from typing import Any

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, n_neurons, n_sites, neuron_end
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, moved_to, need_units, neurons_of
from circuitgraph.ir.value import index_array, value
from circuitgraph.registry import topologies
from circuitgraph.topologies.tiles import rises_in_tiles


@topologies.register("explicit")
@value
class Explicit(Topology):
    """Connect the listed pairs of neurons, one slot per pair, in the order given.

    Shape: pre, post (K,) neuron indices, no pair twice.

    Raises:
        ShapeError: for what is no list of pairs, or a pair that comes twice; in `check` for indices out of range.

    Example:
        >>> Explicit([0, 1], [1, 0])
        Explicit(pre=[0, 1], post=[1, 0])
    """

    pre: Any
    post: Any

    def __post_init__(self) -> None:
        freeze_pairs(self, np.int32)

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return neuron_slots(self.pre.astype(np.int64), self.post.astype(np.int64), pre, post)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return Synapses.build(self.pre, self.post, np.arange(len(self.pre)))

    def listed(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray]:
        return self.pre, self.post

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return resized_pairs(self.pre, self.post, pre, post, pre_units, post_units)

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
        return [
            (cls([2, 0, 1, 0], [0, 1, 0, 0]), (3,), (2,)),
            (cls([5, 0], [3, 0]), (2, 3), (2, 2)),
            (cls([], []), (2,), (3,)),
            (cls([0], [0]), (1,), (1,)),
        ]


def neuron_slots(pres: np.ndarray, posts: np.ndarray, pre: Shape, post: Shape) -> Slots:
    """Make a slot table of single neurons, with one synapse per slot.

    Example:
        >>> neuron_slots(np.array([0]), np.array([5]), (3,), (2, 4)).post_end
        'neuron'
    """
    return Slots(pres, posts, np.ones(len(pres), np.int64), neuron_end(pre), neuron_end(post))


def resized_pairs(
    at_pre: np.ndarray, at_post: np.ndarray, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
) -> tuple[Explicit, np.ndarray]:
    """Follow a change of units: the pairs whose both ends are left, in their order.  Shape: (K,) -> (K_new,)."""
    to_pre = moved_to(neurons_of(pre_units, n_sites(pre)), n_neurons(pre))[at_pre]
    to_post = moved_to(neurons_of(post_units, n_sites(post)), n_neurons(post))[at_post]
    keep = np.flatnonzero((to_pre >= 0) & (to_post >= 0))
    return Explicit(to_pre[keep], to_post[keep]), keep


CHUNK = 1 << 22
"""Pairs compared at a time: lists of a hundred million need no copy as long."""


def freeze_pairs(topology: Any, dtype: type[np.integer[Any]] = np.int64) -> None:
    """Turn the fields pre and post into index arrays; ShapeError where they are not pairs, or one comes twice."""
    where = type(topology).__name__
    for field in ("pre", "post"):
        object.__setattr__(topology, field, index_array(getattr(topology, field), f"{where}: {field}", dtype))
    pre, post = topology.pre, topology.post
    if len(pre) != len(post):
        got = f"got {len(pre)} and {len(post)}, expected one pre and one post for each pair"
        raise ShapeError(f"{where}: pre and post differ in length ({got})")
    for rises in (_rises, rises_in_tiles):
        if all(rises(pre[at : at + CHUNK + 1], post[at : at + CHUNK + 1]) for at in range(0, len(pre), CHUNK)):
            return
    order = np.lexsort((pre, post))
    same = (np.diff(pre[order]) == 0) & (np.diff(post[order]) == 0)
    if same.any():
        k = order[int(np.argmax(same))]
        raise ShapeError(f"{where}: pair {pre[k]} -> {post[k]} comes twice; merge its weights")


def _rises(pre: np.ndarray, post: np.ndarray) -> bool:
    later = (post[1:] > post[:-1]) | ((post[1:] == post[:-1]) & (pre[1:] > pre[:-1]))
    return bool(later.all())


def check_range(topology: Topology, field: str, index: np.ndarray, size: int) -> None:
    """Raise ShapeError unless all indices are within 0 to size - 1."""
    if len(index) and (index.min() < 0 or index.max() >= size):
        bad = index.min() if index.min() < 0 else index.max()
        raise ShapeError(f"{topology!r}: {field} out of range (got {int(bad)}, expected 0 to {size - 1})")
