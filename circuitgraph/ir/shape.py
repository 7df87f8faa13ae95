"""Shapes of populations: (units, *sites).  A neuron is unit * n_sites + site."""

import math
from typing import Literal

import numpy as np

from circuitgraph.errors import ShapeError

Shape = tuple[int, ...]
End = Literal["unit", "site", "neuron"]


def n_sites(shape: Shape) -> int:
    """Count the sites of a population.

    Example:
        >>> n_sites((8, 4, 4)), n_sites((8,))
        (16, 1)
    """
    return math.prod(shape[1:])


def n_neurons(shape: Shape) -> int:
    """Count the neurons of a population.

    Example:
        >>> n_neurons((8, 4, 4))
        128
    """
    return math.prod(shape)


def n_ends(shape: Shape, end: End) -> int:
    """Count the things of one granularity: units, sites or neurons.

    Example:
        >>> [n_ends((8, 4, 4), end) for end in ("unit", "site", "neuron")]
        [8, 16, 128]
    """
    return {"unit": shape[0], "site": n_sites(shape), "neuron": n_neurons(shape)}[end]


def neuron_end(shape: Shape) -> End:
    """Say at which granularity single neurons are listed: as units where there are no sites.

    Example:
        >>> neuron_end((8,)), neuron_end((8, 4, 4))
        ('unit', 'neuron')
    """
    return "unit" if len(shape) == 1 else "neuron"


def as_shape(value: object, where: str = "shape") -> Shape:
    """Read a shape: a positive integer (units, no sites) or a sequence of them.

    Raises:
        ShapeError: if anything in it is not a positive integer.

    Example:
        >>> as_shape(8), as_shape([8, 4, 4])
        ((8,), (8, 4, 4))
    """
    items = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not items or not all(is_integer(n, 1) for n in items):
        raise ShapeError(f"{where}: not a shape (got {value!r}, expected positive integers: units, then sites)")
    return tuple(map(int, items))


def is_integer(value: object, least: int) -> bool:
    """Tell whether this is an integer, numpy's included, of at least `least`; truth values are none.

    Example:
        >>> is_integer(2, 1), is_integer(True, 1), is_integer(2.0, 1)
        (True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least
