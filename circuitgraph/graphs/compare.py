"""How numbers of one graph stand to those of many random ones."""

from collections.abc import Callable

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import is_integer


def draw(measure: Callable[[], np.ndarray], n_graphs: int, where: str) -> np.ndarray:
    """Measure so many random graphs.  Shape: -> (n_graphs, ...).

    Raises:
        ShapeError: for fewer than one.

    Example:
        >>> draw(lambda: np.array([1.0, 2.0]), 3, "example").shape
        (3, 2)
    """
    if not is_integer(n_graphs, 1):
        raise ShapeError(f"{where}: bad number of graphs (got {n_graphs!r}, expected an integer of at least 1)")
    return np.stack([measure() for _ in range(n_graphs)])


def z_scores(found: np.ndarray, nulls: np.ndarray) -> np.ndarray:
    """Give how many standard deviations each lies above the mean; 0 or infinite where there is no spread.

    Shape: found (K,), nulls (n, K) -> (K,).

    Example:
        >>> z_scores(np.array([5.0, 2.0, 3.0]), np.array([[1.0, 2.0, 1.0], [3.0, 2.0, 1.0]])).tolist()
        [3.0, 0.0, inf]
    """
    above, spread = found - nulls.mean(axis=0), nulls.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = above / spread
    flat = spread <= 1e-12 * np.maximum(1, abs(nulls).max(axis=0))
    beyond = np.where(abs(above) > 1e-12 * np.maximum(1, abs(found)), np.copysign(np.inf, above), 0.0)
    return np.where(flat, beyond, z)


def p_values(found: np.ndarray, nulls: np.ndarray) -> np.ndarray:
    """Give (1 + how many random graphs have as much) / (1 + how many there are).  Shape: (K,), (n, K) -> (K,).

    Example:
        >>> p_values(np.array([5.0, 2.0]), np.array([[1.0, 2.0], [3.0, 2.0], [4.0, 1.0]])).tolist()
        [0.25, 0.75]
    """
    out: np.ndarray = (1 + (nulls >= found).sum(axis=0)) / (1 + len(nulls))
    return out
