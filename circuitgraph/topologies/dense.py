"""Wiring without a notion of space: all to all, one to one, and relays between units and their interneuron."""

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir.shape import Shape, n_neurons, n_sites, neuron_end
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, crossed, need_units, neurons_of, same_sites
from circuitgraph.ir.value import value
from circuitgraph.registry import topologies


@topologies.register("dense")
@value
class Dense(Topology):
    """Connect every presynaptic neuron to every postsynaptic neuron; slot = post * n_pre + pre.

    Example:
        >>> Dense().synapses((2,), (2,)).pre.tolist()
        [0, 1, 0, 1]
    """

    def slots(self, pre: Shape, post: Shape) -> Slots:
        n, m = n_neurons(pre), n_neurons(post)
        columns = np.tile(np.arange(n), m), np.repeat(np.arange(m), n), np.ones(n * m, np.int64)
        return Slots(*columns, neuron_end(pre), neuron_end(post))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        slots = self.slots(pre, post)
        return Synapses.build(slots.pre, slots.post, np.arange(len(slots)))

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units),)

    def check(self, pre: Shape, post: Shape) -> None:
        """Fit any two shapes."""

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return n_neurons(pre) * n_neurons(post)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.n_slots(pre, post)

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return n_neurons(pre)

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        at_pre, at_post = neurons_of(pre_units, n_sites(pre)), neurons_of(post_units, n_sites(post))
        return self, crossed(at_post, at_pre, n_neurons(pre))

    def _count(self, pre: Shape, post: Shape, slots: np.ndarray) -> int:
        return len(slots)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(), (3,), (2,)), (cls(), (2, 3), (2, 2)), (cls(), (1,), (1,))]


class _Relay(Topology):
    """Wiring within a site, one slot per unit, fixed at one unless a rule is given."""

    @property
    def plastic(self) -> bool:
        return False

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return 1

    def _synapses(self, pre: Shape, post: Shape) -> Synapses:
        slots, sites = self.slots(pre, post), np.arange(n_sites(pre))
        at = [(end[:, None] * len(sites) + sites).ravel() for end in (slots.pre, slots.post)]
        return Synapses.build(at[0], at[1], np.repeat(np.arange(len(slots)), len(sites)))


@topologies.register("one-to-one")
@value
class OneToOne(_Relay):
    """Connect each neuron to its namesake; one slot per unit, shared by its sites.

    Example:
        >>> OneToOne().slots((2, 5), (2, 5)).count.tolist()
        [5, 5]
    """

    def slots(self, pre: Shape, post: Shape) -> Slots:
        units = np.arange(pre[0])
        return Slots(units, units, np.full(pre[0], n_sites(pre), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return self._synapses(pre, post)

    def tied(self, pre: Shape, post: Shape) -> bool:
        return True

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, pre_units

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return pre

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(), (3,), (3,)), (cls(), (2, 2, 3), (2, 2, 3))]


@topologies.register("gather")
@value
class Gather(_Relay):
    """Connect all units of a site to the single neuron at that site (an interneuron); slot = presynaptic unit.

    Example:
        >>> Gather().post_shape((96, 8, 8))
        (1, 8, 8)
    """

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return Slots(np.arange(pre[0]), np.zeros(pre[0], np.int64), np.full(pre[0], n_sites(pre), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return self._synapses(pre, post)

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, _on_one(self, post_units, pre_units)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (1, *pre[1:])

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return pre[0]

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(), (3,), (1,)), (cls(), (2, 2, 3), (1, 2, 3))]


@topologies.register("spread")
@value
class Spread(_Relay):
    """Connect the single neuron at a site to all units of that site; slot = postsynaptic unit.

    Example:
        >>> Spread().post_shape((1, 8, 8), units=96)
        (96, 8, 8)
    """

    def slots(self, pre: Shape, post: Shape) -> Slots:
        return Slots(np.zeros(post[0], np.int64), np.arange(post[0]), np.full(post[0], n_sites(post), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return self._synapses(pre, post)

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, _on_one(self, pre_units, post_units)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (need_units(self, units), *pre[1:])

    def check(self, pre: Shape, post: Shape) -> None:
        same_sites(self, pre, post)
        if pre[0] != 1:
            raise ShapeError(f"{self!r}: one presynaptic unit spreads to all (got {pre[0]} units, expected 1)")

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        return [(cls(), (1,), (3,)), (cls(), (1, 2, 3), (2, 2, 3))]


def _on_one(topology: Topology, one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Follow a change of the many units that one interneuron serves."""
    if len(one) != 1:
        raise StructureError(f"{topology!r}: one interneuron at each site (got {len(one)} units, expected 1)")
    return np.where(one[0] < 0, -1, many)
