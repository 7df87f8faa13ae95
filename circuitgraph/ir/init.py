"""How weights are drawn when none are given.

An initializer is a function (rng, n_slots, fan_in) -> array (n_slots,).
"""

import zlib
from collections.abc import Callable

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir.shape import is_integer

Initializer = Callable[[np.random.Generator, int, float], np.ndarray]


def normal(radius: float = 1.0) -> Initializer:
    """Draw from N(0, (radius / sqrt(fan_in))^2), so that a neuron's weight vector has a norm near `radius`.

    SoftHebb uses radius 25 (Journé et al. 2023); He initialisation is radius sqrt(2) (He et al. 2015).

    Example:
        >>> import numpy as np
        >>> w = normal(25.0)(np.random.default_rng(0), 1000, 1000.0)
        >>> bool(abs(np.linalg.norm(w) - 25) < 1)
        True
    """

    def draw(rng: np.random.Generator, n: int, fan_in: float) -> np.ndarray:
        return rng.standard_normal(n, dtype=np.float32) * np.float32(radius / np.sqrt(max(fan_in, 1.0)))

    return draw


def uniform(low: float, high: float) -> Initializer:
    """Draw from the uniform distribution on [low, high).

    Example:
        >>> import numpy as np
        >>> w = uniform(0.0, 0.5)(np.random.default_rng(0), 1000, 10.0)
        >>> bool(w.min() >= 0 and w.max() < 0.5)
        True
    """

    def draw(rng: np.random.Generator, n: int, fan_in: float) -> np.ndarray:
        return rng.uniform(low, high, n).astype(np.float32)

    return draw


def stream(rng: np.random.Generator | int, name: str) -> np.random.Generator:
    """Return the generator itself; or for a seed, the generator that belongs to the seed and a projection's name.

    Two projections drawn from one seed thus never share their numbers, and neither depends on the other's existence.

    Raises:
        StructureError: if it is neither a generator nor a seed of 0 or more.

    Example:
        >>> a, b = stream(0, "x->y").random(), stream(0, "y->z").random()
        >>> a == b, a == stream(0, "x->y").random()
        (False, True)
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if not is_integer(rng, 0):
        raise StructureError(f"rng: not a source of numbers (got {rng!r}, expected a numpy Generator or a seed >= 0)")
    return np.random.default_rng([int(rng), zlib.crc32(name.encode())])
