"""How weights are drawn when none are given.

An initializer is a function (rng, n_slots, fan_in) -> array (n_slots,).
"""

from collections.abc import Callable

import numpy as np

Initializer = Callable[[np.random.Generator, int, float], np.ndarray]


def normal(radius: float = 1.0) -> Initializer:
    """Draw from N(0, (radius / sqrt(fan_in))^2), so that a neuron's weight vector has a norm near `radius`.

    SoftHebb uses radius 25 (Journe et al. 2023); He initialisation is radius sqrt(2) (He et al. 2015).

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
    """Draw from the uniform distribution on [low, high)."""

    def draw(rng: np.random.Generator, n: int, fan_in: float) -> np.ndarray:
        return rng.uniform(low, high, n).astype(np.float32)

    return draw
