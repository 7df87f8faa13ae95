"""The law that says which synapses exist between two populations."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir.shape import Shape, n_neurons
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.value import Value


class Topology(Value, ABC):
    """Say which synapses exist between a population of shape `pre` and one of shape `post`.

    T(x, w, g) = sum over synapses e of  coef[e] * w[slot[e]] * x[pre[e]] * g[post[e]]

    A topology is pure: the same shapes give the same tables.  The direction is pre to post.

    Example:
        >>> from circuitgraph.topologies import Conv
        >>> law, pre, post = Conv(3, padding=1), (3, 32, 32), (96, 32, 32)
        >>> law.n_slots(pre, post), law.n_synapses(pre, post)
        (2592, 2544768)
    """

    kind: ClassVar[str] = "topology"

    @property
    def reduce(self) -> Literal["sum", "max"]:
        """Say what a postsynaptic neuron does with its synapses; "max" hears only the strongest presynaptic one."""
        return "sum"

    @property
    def plastic(self) -> bool:
        """Tell whether weights learn by default; False where they are fixed at one (pooling, relays)."""
        return True

    @abstractmethod
    def slots(self, pre: Shape, post: Shape) -> Slots:
        """List the independent weights, cheaply: never by enumerating synapses of a shared weight.

        `pre` and `post` are shapes that passed `check`, here and below.
        """

    @abstractmethod
    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        """List every edge between two neurons.  This is the definition; it may be large."""

    @abstractmethod
    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        """Infer the shape of the postsynaptic population; `units` where the law leaves it open.

        Raises:
            ShapeError: if no postsynaptic shape fits, or `units` is needed and not given.
        """

    @classmethod
    @abstractmethod
    def examples(cls) -> "list[tuple[Topology, Shape, Shape]]":
        """Give small instances with shapes that fit, for the contract tests."""

    def check(self, pre: Shape, post: Shape) -> None:
        """Raise ShapeError if the law does not fit these shapes."""
        expected = self.post_shape(pre, post[0])
        if expected != post:
            raise ShapeError(f"{self!r}: postsynaptic shape does not fit pre {pre} (got {post}, expected {expected})")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        """Count independent weights."""
        return len(self.slots(pre, post))

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        """Count edges between neurons without listing them."""
        return int(self.slots(pre, post).count.sum())

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        """Give the number of slots of every postsynaptic end, if the slots are laid out end after end; else None.

        Kernels then see the flat weights as a matrix (ends, row_length) and need no slot table.
        """
        return None

    def listed(self, pre: Shape, post: Shape) -> tuple[np.ndarray, np.ndarray] | None:
        """Give the neurons (pre, post) of each slot's only synapse, where every slot is one synapse of coefficient 1.

        None where that is not so, or not known without listing synapses.  Kernels of large irregular wiring then need
        no other table.  Shape: (K,), (K,), of any integer type.
        """
        return None

    def is_listed(self, pre: Shape, post: Shape) -> bool:
        """Tell whether `listed` gives the neurons of each slot's synapse, without listing what is long to list."""
        return self.listed(pre, post) is not None

    def tied(self, pre: Shape, post: Shape) -> bool:
        """Tell whether postsynaptic unit u belongs to presynaptic unit u: when one comes or goes, so does the other."""
        return False

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> "tuple[Topology, np.ndarray]":
        """Follow a change of units: give the law between the new populations, and the old slot of each new one.

        `pre_units` and `post_units` say which unit each new one was, -1 for none; where `tied`, they are the same.
        Slots that a law lists one by one come with no new unit; others have all that the law says, -1 for new ones.
        Shape: (I_new,), (O_new,) -> (K_new,).

        Raises:
            StructureError: if the law cannot follow.
        """
        got = f"got {len(pre_units)} presynaptic and {len(post_units)} postsynaptic units of {pre[0]} and {post[0]}"
        raise StructureError(f"{self!r}: cannot follow a change of units ({got}); remove the projection first")

    def fan_in(self, pre: Shape, post: Shape) -> float:
        """Give the mean number of synapses onto one postsynaptic neuron."""
        return self.n_synapses(pre, post) / n_neurons(post)

    def _count(self, pre: Shape, post: Shape, slots: np.ndarray) -> int:
        # How many synapses share these slots; a hook, so that a pruned convolution is counted without its table.
        return int(self.slots(pre, post).count[slots].sum())


def need_units(topology: Topology, units: int | None) -> int:
    """Return `units`, or raise ShapeError where the law cannot infer it."""
    if units is None:
        raise ShapeError(f"{topology!r}: number of postsynaptic units not given; pass units=")
    return units


def neurons_of(units: np.ndarray, sites: int) -> np.ndarray:
    """Turn units, -1 for none, into their neurons, -1 for none.  Shape: (U,) -> (U * sites,).

    Example:
        >>> neurons_of(np.array([1, -1]), 2).tolist()
        [2, 3, -1, -1]
    """
    at = units[:, None] * sites + np.arange(sites)
    return np.where(units[:, None] < 0, -1, at).ravel()


def crossed(post: np.ndarray, pre: np.ndarray, n_pre: int) -> np.ndarray:
    """Give each pair of old indices the number post * n_pre + pre, -1 where either is new.

    Shape: (O,), (I,) -> (O * I,).

    Example:
        >>> crossed(np.array([1, -1]), np.array([0, 2]), 3).tolist()
        [3, 5, -1, -1]
    """
    pairs = post[:, None] * n_pre + pre
    pairs[post < 0] = -1
    pairs[:, pre < 0] = -1
    flat: np.ndarray = pairs.ravel()
    return flat


def moved_to(index: np.ndarray, size: int) -> np.ndarray:
    """Turn a table from new to old indices into one from old to new, -1 for what is gone.  Shape: (N_new,) -> (size,).

    Example:
        >>> moved_to(np.array([2, -1, 0]), 3).tolist()
        [2, -1, 0]
    """
    out = np.full(size, -1, np.int64)
    alive = np.flatnonzero(index >= 0)
    out[index if len(alive) == len(index) else index[alive]] = alive
    return out


def opened(at: np.ndarray, size: int) -> np.ndarray:
    """Make room among `size` things, before those at rising places: where each came from, -1 in the room.

    Shape: (N_room,) -> (size + N_room,).

    Example:
        >>> opened(np.array([1, 1, 2]), 2).tolist()
        [0, -1, -1, 1, -1]
    """
    room, total = at + np.arange(len(at)), size + len(at)
    index = np.arange(total) - np.repeat(np.arange(len(at) + 1), np.diff(room, prepend=0, append=total))
    index[room] = -1
    return index


def same_sites(topology: Topology, pre: Shape, post: Shape) -> None:
    """Raise ShapeError unless both populations have the same sites."""
    if pre[1:] != post[1:]:
        raise ShapeError(f"{topology!r}: sites differ (got pre {pre[1:]} and post {post[1:]}, expected the same)")
