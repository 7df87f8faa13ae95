"""Partition: who belongs to which community."""

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from circuitgraph.communities.graph import read_labels
from circuitgraph.errors import ShapeError
from circuitgraph.ir.value import Value, frozen_array, value


@value
class Partition(Value):
    """Communities numbered by size, the largest first; of equal ones the one with the earliest node first.

    Labels of any numbering are accepted and numbered anew.  Shape: labels (N,) integers.

    Raises:
        ShapeError: for labels that are no list of integers, or none at all.

    Example:
        >>> p = Partition([7, 3, 3], method="by hand")
        >>> p
        Partition(labels=[1, 0, 0], method='by hand')
        >>> p.counts.tolist(), p.n_communities
        ([2, 1], 2)
    """

    kind: ClassVar[str] = "partition"

    labels: Any
    method: str = "labels"
    modularity: float = float("nan")

    def __post_init__(self) -> None:
        given = read_labels(self.labels, "Partition")
        if not len(given):
            raise ShapeError("Partition: no labels (got 0, expected one per node)")
        object.__setattr__(self, "labels", frozen_array(relabel(given), np.int64))

    @cached_property
    def counts(self) -> np.ndarray:
        """Count the nodes of each community.  Shape: (C,), never rising."""
        return frozen_array(np.bincount(self.labels), np.int64)

    @property
    def n_communities(self) -> int:
        """Count the communities."""
        return len(self.counts)

    def __len__(self) -> int:
        return len(self.labels)


def relabel(labels: np.ndarray) -> np.ndarray:
    """Give numbers by size, the largest community first, of equal ones that of the earliest node.  Shape: (N,) -> (N,).

    Example:
        >>> relabel(np.array([5, 2, 5, 9])).tolist()
        [0, 1, 0, 2]
    """
    _, first, place, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(first), np.int64)
    number[np.lexsort((first, -counts))] = np.arange(len(first))
    found: np.ndarray = number[place]
    return found


def order(labels: Any) -> np.ndarray:
    """List the nodes community by community, the largest first; within one they keep their order.

    `A[order][:, order]` shows communities as blocks along the diagonal.  Shape: a `Partition` or labels (N,) -> (N,).

    Raises:
        ShapeError: for labels that are no list of integers.

    Example:
        >>> order([4, 1, 4, 1, 1]).tolist()
        [1, 3, 4, 0, 2]
    """
    return np.argsort(relabel(read_labels(labels, "order")), kind="stable")
