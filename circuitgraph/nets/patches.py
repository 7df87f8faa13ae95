"""A dictionary of patches: one layer of words that compete for being near to what is seen."""

from typing import Any

import numpy as np

from circuitgraph.errors import DataError, ShapeError
from circuitgraph.ir import Circuit, Value
from circuitgraph.ir.shape import is_integer
from circuitgraph.nets.layers import layer
from circuitgraph.nets.whitening import MOST, as_images, mirrored, sample_patches, whitened_patches
from circuitgraph.neurons import NearestWinners, Normalize
from circuitgraph.topologies import Conv, Pool

_POOL = Pool(5, 3, how="mean")


def patch_dictionary(
    images: Any,
    units: int = 2048,
    *,
    size: int = 6,
    eps: float = 1e-3,
    neuron: Value | None = None,
    pool: Pool = _POOL,
    rule: Value | None = None,
    mirror: bool = False,
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Compare whitened patches with words of a dictionary, let the nearest win, and average (Thiry et al. 2021).

    image -> white: `whitened_patches`, fixed; each patch then has norm 1.  white -> words: the dictionary, `units`
    whitened patches of the images, drawn at random.  `neuron` is NearestWinners(0.4) unless given.  words -> pool: the
    mean over 5x5 sites, every 3.  With a `rule` the words learn further.

    `mirror` adds the mirror image of each of the first half of the words as the second half, so that the words of a
    mirrored image are those of the image, halves and columns exchanged; a `rule` does not keep that.

    Raises:
        ShapeError: for what are no images, a size or a pool larger than they are, or an odd number of units to mirror.
        DataError: for too few images, or too few patches with contrast for so many words.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 3, 12, 12), np.uint8)
        >>> {p.name: p.shape for p in patch_dictionary(images, 100, size=4).populations}
        {'image': (3, 12, 12), 'white': (48, 9, 9), 'words': (100, 9, 9), 'pool': (100, 2, 2)}
    """
    pixels = as_images("patch_dictionary", images)
    if not is_integer(units, 1) or (mirror and units % 2):
        raise ShapeError(f"patch_dictionary: units (got {units!r}, expected {'an even' if mirror else 'a'} number)")
    rng = np.random.default_rng(rng)
    matrix = whitened_patches(pixels, size, eps, mirror=mirror, rng=rng)
    words = _words(pixels, matrix.reshape(len(matrix), -1), units // 2 if mirror else units, size, rng)
    if mirror:
        words = np.concatenate([words, words[:, mirrored(size, pixels.shape[1])]])
    circuit = Circuit().add("image", pixels.shape[1:]).connect(
        "image", "white", Conv(size), units=len(matrix), neuron=Normalize(), weight=matrix.ravel(), fixed=True
    )  # fmt: skip
    circuit = circuit.connect(
        "white", "words", Conv(1), units=units, neuron=neuron or NearestWinners(), weight=words.ravel(), rule=rule
    )
    with layer("patch_dictionary", 2, circuit.population("words").shape):
        return circuit.connect("words", "pool", pool)


def _words(pixels: np.ndarray, matrix: np.ndarray, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw whitened patches of norm 1; patches without contrast are left out.  Shape: -> (n, D) float32."""
    drawn = sample_patches("patch_dictionary", pixels, size, max(MOST, 2 * n), rng) @ matrix.T
    norm = np.linalg.norm(drawn, axis=1)
    seen = np.flatnonzero(norm > 0.01 * norm.mean())
    if len(seen) < n:
        got = f"got {len(seen)}, expected at least {n}"
        raise DataError(f"patch_dictionary: too few patches with contrast ({got}); use more images or fewer units")
    chosen = rng.choice(seen, n, replace=False)
    words: np.ndarray = (drawn[chosen] / norm[chosen, None]).astype(np.float32)
    return words
