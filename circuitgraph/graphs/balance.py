"""Balance of excitation and inhibition: what nodes send and receive, by sign."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from circuitgraph.communities.graph import read_labels
from circuitgraph.graphs.arrays import Arrays


@dataclass(frozen=True, eq=False)
class Balance:
    """Sums of positive weights (excitation) and of absolute negative ones (inhibition), per node or per group.

    Shape: (N,) each.

    Example:
        >>> b = balance(Arrays.from_edges(2, np.array([0, 1]), np.array([1, 1]), np.array([3.0, -1.0])))
        >>> b.ratio_in.tolist(), b.index_in.tolist()
        ([nan, 3.0], [nan, 0.5])
    """

    excitation_in: np.ndarray
    inhibition_in: np.ndarray
    excitation_out: np.ndarray
    inhibition_out: np.ndarray

    @cached_property
    def ratio_in(self) -> np.ndarray:
        """Give excitation over inhibition received: infinite without inhibition, NaN without either.  Shape: (N,)."""
        return _over(self.excitation_in, self.inhibition_in)

    @cached_property
    def ratio_out(self) -> np.ndarray:
        """Give excitation over inhibition sent: infinite without inhibition, NaN without either.  Shape: (N,)."""
        return _over(self.excitation_out, self.inhibition_out)

    @cached_property
    def index_in(self) -> np.ndarray:
        """Give (E - I) / (E + I) of what is received: 1 is excitation only, 0 balance.  Shape: (N,)."""
        return _over(self.excitation_in - self.inhibition_in, self.excitation_in + self.inhibition_in)

    @cached_property
    def index_out(self) -> np.ndarray:
        """Give (E - I) / (E + I) of what is sent: 1 or -1 where a node follows Dale.  Shape: (N,)."""
        return _over(self.excitation_out - self.inhibition_out, self.excitation_out + self.inhibition_out)

    def grouped(self, labels: Any) -> "Balance":
        """Sum over the nodes of each label, in rising order of labels.  Shape: labels (N,) -> (G,) each.

        Raises:
            ShapeError: for labels that do not fit.

        Example:
            >>> both = Arrays.from_edges(3, np.array([0, 1]), np.array([2, 2]), np.array([3.0, -1.0]))
            >>> balance(both).grouped([0, 0, 1]).inhibition_out.tolist()
            [1.0, 0.0]
        """
        found = read_labels(labels, "balance", len(self.excitation_in))
        place = np.unique(found, return_inverse=True)[1]
        sides = self.excitation_in, self.inhibition_in, self.excitation_out, self.inhibition_out
        return Balance(*(np.bincount(place, side) for side in sides))


def balance(a: Arrays) -> Balance:
    """Sum each node's positive and negative weights, incoming and outgoing.

        E_in[j] = sum over i of max(w[i, j], 0),   I_in[j] = sum over i of max(-w[i, j], 0),  out likewise over j

    Van Vreeswijk and Sompolinsky (1996) for the notion; loops count in both.

    Example:
        >>> balance(Arrays.from_edges(2, np.array([0]), np.array([1]), np.array([-2.0]))).inhibition_in.tolist()
        [0.0, 2.0]
    """
    weight = np.ones(len(a.post)) if a.weight is None else a.weight
    parts = np.maximum(weight, 0), np.maximum(-weight, 0)
    into, out = ([np.bincount(end, part, a.n) for part in parts] for end in (a.post, a.pre))
    return Balance(*into, *out)


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = a / b
    return found
