"""The law that says which synapses exist between two populations."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from circuitgraph.errors import ShapeError
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


def same_sites(topology: Topology, pre: Shape, post: Shape) -> None:
    """Raise ShapeError unless both populations have the same sites."""
    if pre[1:] != post[1:]:
        raise ShapeError(f"{topology!r}: sites differ (got pre {pre[1:]} and post {post[1:]}, expected the same)")
