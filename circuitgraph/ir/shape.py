"""Shapes of populations: (units, *sites).  A neuron is unit * n_sites + site."""

import math
from typing import Literal

from circuitgraph.errors import ShapeError

Shape = tuple[int, ...]
End = Literal["unit", "site", "neuron"]


def n_sites(shape: Shape) -> int:
    """Count the sites of a population."""
    return math.prod(shape[1:])


def n_neurons(shape: Shape) -> int:
    """Count the neurons of a population."""
    return math.prod(shape)


def n_ends(shape: Shape, end: End) -> int:
    """Count the things of one granularity: units, sites or neurons."""
    return {"unit": shape[0], "site": n_sites(shape), "neuron": n_neurons(shape)}[end]


def as_shape(value: object, where: str = "shape") -> Shape:
    """Read a shape: a positive integer (units, no sites) or a sequence of them.

    Raises:
        ShapeError: if anything in it is not a positive integer.
    """
    items = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not items or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in items):
        raise ShapeError(f"{where}: not a shape (got {value!r}, expected positive integers: units, then sites)")
    return items
