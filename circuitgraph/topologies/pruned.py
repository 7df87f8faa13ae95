"""Any topology with slots removed."""

from typing import Any, Literal

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, n_neurons, n_sites
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, moved_to, neurons_of
from circuitgraph.ir.value import given_up, index_array, rises, value
from circuitgraph.registry import topologies
from circuitgraph.topologies.conv import Conv, Pool
from circuitgraph.topologies.dense import Dense
from circuitgraph.topologies.sparse import check_range, neuron_slots


@topologies.register("pruned")
@value
class Pruned(Topology):
    """Keep only some slots of another topology.  Slot k of the result is slot keep[k] of `topology`.

    Shape: keep (K,) slot indices, rising.  Pruning again stays one level deep.

    Raises:
        ShapeError: for what is no topology, or indices that do not rise; in `check` for indices out of range.

    Example:
        >>> Pruned(Pruned(Dense(), [0, 3, 5]), [0, 2])
        Pruned(topology=Dense(), keep=[0, 5])
    """

    topology: Topology
    keep: Any

    def __post_init__(self) -> None:
        if not isinstance(self.topology, Topology):
            raise ShapeError(f"Pruned: not a topology (got {self.topology!r}, expected e.g. cg.Dense())")
        keep = index_array(self.keep, "Pruned: keep")
        if len(keep) and (keep[0] < 0 or not rises(keep)):
            raise ShapeError(f"Pruned: keep does not rise (got {_head(keep)}, expected each index once, in order)")
        if isinstance(self.topology, Pruned):
            check_range(self.topology, "keep", keep, len(self.topology.keep))
            keep = given_up(self.topology.keep[keep])
            object.__setattr__(self, "topology", self.topology.topology)
        object.__setattr__(self, "keep", keep)

    @property
    def reduce(self) -> Literal["sum", "max"]:
        return self.topology.reduce

    @property
    def plastic(self) -> bool:
        return self.topology.plastic

    def slots(self, pre: Shape, post: Shape) -> Slots:
        if isinstance(self.topology, Dense):  # whose own table would be many times as long
            return neuron_slots(self.keep % n_neurons(pre), self.keep // n_neurons(pre), pre, post)
        return self.topology.slots(pre, post).take(self.keep)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return self.topology.synapses(pre, post).keep_slots(self.keep, self.topology.n_slots(pre, post))

    def listed(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray] | None:
        if isinstance(self.topology, Dense):
            return self.keep % n_neurons(pre), self.keep // n_neurons(pre)
        whole = self.topology.listed(pre, post)
        return None if whole is None else (whole[0][self.keep], whole[1][self.keep])

    def is_listed(self, pre: Shape, post: Shape) -> bool:
        return isinstance(self.topology, Dense) or self.topology.is_listed(pre, post)

    def tied(self, pre: Shape, post: Shape) -> bool:
        return self.topology.tied(pre, post)

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        if isinstance(self.topology, Dense) and rises(pre_units[pre_units >= 0]) and rises(post_units[post_units >= 0]):
            return self._resized_pairs(pre, post, pre_units, post_units)
        whole, old = self.topology.resized(pre, post, pre_units, post_units)
        kept = moved_to(self.keep, self.topology.n_slots(pre, post))
        index = np.where(old >= 0, kept[old], -1)
        keep = given_up(np.flatnonzero(index >= 0))
        return Pruned(whole, keep), given_up(index[keep])

    def _resized_pairs(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        """Follow a change of units that keeps their order, without the table of the whole law."""
        to_pre, to_post = (
            moved_to(neurons_of(units, n_sites(shape)), n_neurons(shape))
            for units, shape in ((pre_units, pre), (post_units, post))
        )
        counts = np.diff(np.searchsorted(self.keep, np.arange(len(to_post) + 1) * n_neurons(pre)))
        at_post = np.repeat(to_post, counts)
        if len(pre_units) == pre[0] and (pre_units >= 0).all():
            shift = (to_post - np.arange(len(to_post))) * n_neurons(pre)
            if not shift.any():  # nothing but newcomers behind the others
                return self, np.arange(len(self.keep))
            keep, alive = self.keep + np.repeat(shift, counts), np.flatnonzero(at_post >= 0)
            return Pruned(self.topology, given_up(keep[alive])), given_up(alive)
        at_pre = to_pre[self.keep - np.repeat(np.arange(len(to_post)), counts) * n_neurons(pre)]
        keep = at_post * (len(pre_units) * n_sites(pre)) + at_pre
        alive = np.flatnonzero((at_pre >= 0) & (at_post >= 0))
        return Pruned(self.topology, given_up(keep[alive])), given_up(alive)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return self.topology.post_shape(pre, units)

    def check(self, pre: Shape, post: Shape) -> None:
        self.topology.check(pre, post)
        check_range(self, "keep", self.keep, self.topology.n_slots(pre, post))

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return len(self.keep)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return self.topology._count(pre, post, self.keep)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        conv = Conv(3, padding=1, mode="reflect")
        return [
            (cls(conv, np.arange(0, 54, 2)), (2, 4, 4), (3, 4, 4)),
            (cls(Conv(3, padding=1, groups=2), [0, 4, 5, 17]), (2, 4, 4), (2, 4, 4)),
            (cls(Dense(), [0, 3, 5]), (3,), (2,)),
            (cls(Pool(2), [1]), (2, 4, 4), (2, 2, 2)),
            (cls(cls(Dense(), [0, 3, 5]), [0, 2]), (3,), (2,)),
            (cls(Dense(), []), (2,), (2,)),
        ]


def _head(index: np.ndarray) -> str:
    return ", ".join(map(str, index[:8])) + (", ..." if len(index) > 8 else "")
