"""Whitening as wiring: fixed convolutions that take away what neighbouring pixels share.

Zero-phase whitening (ZCA; Bell and Sejnowski 1997) is fitted on patches of images in units of pixels from 0 to 1.
Fit it on training images only.
"""

import dataclasses
from typing import Any

import numpy as np
import torch

from circuitgraph.errors import DataError, ShapeError, StructureError
from circuitgraph.ir import Circuit, Population, Shape
from circuitgraph.ir.shape import is_integer
from circuitgraph.neurons import BatchNorm
from circuitgraph.topologies import Conv

MOST = 200_000
"""Patches that statistics are taken of; drawn at random where images have more."""
_FLAT = 1e-11
"""Variance of a pixel, from 0 to 1, that rounding alone may cause."""


def whitening(
    images: Any, size: int = 9, eps: float = 1e-2, *, mirror: bool = False, rng: np.random.Generator | int = 0
) -> np.ndarray:
    """Fit a kernel that decorrelates every pixel from those around it, everywhere alike.

    The rows that belong to the centre pixel in the matrix E diag(1 / sqrt(lambda + eps)) E^T, where lambda and E are
    eigenvalues and eigenvectors of the covariance of size x size patches.  `eps` is in squared pixels from 0 to 1, as
    lambda is: on CIFAR-10, 9x9 patches have 7.1 for the mean light, and above 0.01 in 51 of 243 directions, which are
    the ones that come out white.  `mirror` counts the mirror image of every patch too: the kernel is then symmetric.

    Shape: images (N, C, H, W), bytes or floats from 0 to 1 -> (C, size, size, C) float32: post unit, row, column, pre
    unit, which is the order of a `Conv`'s slots.

    Raises:
        ShapeError: for what are no images, or a size that is even or larger than they are.
        DataError: for too few images for that many numbers in a patch, images without any contrast, or NaN.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> kernel = whitening(rng.integers(0, 256, (50, 1, 8, 8), np.uint8), size=3)
        >>> kernel.shape, int(abs(kernel).argmax())  # noise is white already: each pixel by itself
        ((1, 3, 3, 1), 4)
    """
    pixels = as_images("whitening", images)
    need_size("whitening", pixels.shape, size)
    if size % 2 == 0:
        raise ShapeError(f"whitening: size has no centre (got {size}, expected an odd number)")
    units = pixels.shape[1]
    patches = sample_patches("whitening", pixels, size, MOST, rng)
    patches -= patches.mean(0, dtype=np.float64).astype(np.float32)
    matrix = zca("whitening", patches, eps, mirrored(size, units) if mirror else None)
    centre = size * size // 2 * units
    return matrix[centre : centre + units].reshape(units, size, size, units).astype(np.float32)


def whitened(
    circuit: Circuit, images: Any, size: int = 9, eps: float = 1e-2, *, mirror: bool = False,
    rng: np.random.Generator | int = 0,
) -> Circuit:  # fmt: skip
    """Insert a population "white" behind the input: `whitening` fitted on images, as fixed weights, border reflected.

    It takes over what the input projected to (projections keep their names) and the input's neuron, or has BatchNorm
    where it had none: the kernel takes no mean away, normalisation over the batch does.  The input then hands pixels
    on as they are.

    Raises:
        StructureError: for a circuit with other than one input, or a population "white".
        ShapeError: for images of another shape than the input, or a size that is even or larger than they are.
        DataError: for too few images, or images without any contrast.

    Example:
        >>> import circuitgraph as cg
        >>> layers = [cg.ConvLayer(4, 3, cg.Triangle(), cg.SoftHebb(0.05))]
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), np.uint8)
        >>> print(whitened(cg.hebbian_cnn((1, 8, 8), layers), images, size=3).projection("image->white").topology)
        Conv(kernel=3, padding=1, mode='reflect')
    """
    image, pixels = _input(circuit), as_images("whitened", images)
    if image.shape != pixels.shape[1:]:
        raise ShapeError(f"whitened: images (got {pixels.shape[1:]} each, expected {image.shape} of {image.name!r})")
    kernel = whitening(pixels, size, eps, mirror=mirror, rng=rng)
    white = Population("white", image.shape, image.neuron or BatchNorm(), memory=image.memory)
    populations = (q for p in circuit.populations for q in ((_plain(p), white) if p is image else (p,)))
    projections = tuple(dataclasses.replace(p, pre="white") if p.pre == image.name else p for p in circuit.projections)
    moved = dataclasses.replace(circuit, populations=tuple(populations), projections=projections)
    law = Conv(size, padding=size // 2, mode="reflect")
    found = moved.connect(image.name, "white", law, weight=kernel.ravel(), fixed=True)
    return dataclasses.replace(found, projections=(found.projections[-1], *projections))


def whitened_patches(
    images: Any, size: int = 6, eps: float = 1e-3, *, mirror: bool = False, rng: np.random.Generator | int = 0
) -> np.ndarray:
    """Fit the matrix that whitens whole patches: one unit for each number of a patch, D = size * size * C of them.

    E diag(1 / sqrt(lambda + eps)) E^T times the removal of each patch's mean, where lambda and E belong to the mean of
    v v^T over patches v without their means, so that no offset is needed; `eps` as in `whitening`.  `mirror` counts the
    mirror image of every patch too: whitening then commutes with mirroring.  Coates, Ng and Lee (2011).

    Shape: images (N, C, H, W), bytes or floats from 0 to 1 -> (D, size, size, C) float32, units in the order of the
    rest: the weights of a `Conv` without padding.

    Raises:
        ShapeError: for what are no images, or a size larger than they are.
        DataError: for too few images for that many numbers in a patch, images without any contrast, or NaN.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 1, 8, 8), np.uint8)
        >>> weights = whitened_patches(images, size=3)
        >>> weights.shape, bool(abs(weights.sum((1, 2, 3))).max() < 1e-4)  # of an even patch nothing is left
        ((9, 3, 3, 1), True)
    """
    pixels = as_images("whitened_patches", images)
    need_size("whitened_patches", pixels.shape, size)
    units = pixels.shape[1]
    patches = sample_patches("whitened_patches", pixels, size, MOST, rng)
    patches -= patches.mean(1, keepdims=True)
    matrix = zca("whitened_patches", patches, eps, mirrored(size, units) if mirror else None)
    matrix -= matrix.mean(1, keepdims=True)
    return matrix.reshape(-1, size, size, units).astype(np.float32)


def as_images(where: str, images: Any) -> np.ndarray:
    """See images as an array; ShapeError unless (N, C, H, W) bytes or floats."""
    pixels = images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    if pixels.ndim != 4 or (pixels.dtype != np.uint8 and pixels.dtype.kind != "f"):
        got = f"got {pixels.dtype} {pixels.shape}, expected bytes, or floats from 0 to 1, (N, C, H, W)"
        raise ShapeError(f"{where}: images ({got})")
    return pixels


def need_size(where: str, shape: Shape, size: int) -> None:
    """Raise ShapeError unless patches of that size fit into images of that shape."""
    if not is_integer(size, 2) or size > min(shape[2:]):
        raise ShapeError(f"{where}: size (got {size!r}, expected an integer from 2 to {min(shape[2:])}, the image's)")


def sample_patches(where: str, pixels: np.ndarray, size: int, most: int, rng: np.random.Generator | int) -> np.ndarray:
    """Take every patch, or `most` of them at random, none twice.

    Shape: pixels (N, C, H, W) -> (n, size * size * C) float32, units last, from 0 to 1.

    Raises:
        DataError: where side by side there are fewer patches than numbers in one.

    Example:
        >>> sample_patches("here", np.ones((20, 1, 4, 4), np.uint8), 2, 1000, 0).shape
        (180, 4)
    """
    n, units, height, width = pixels.shape
    numbers, beside = size * size * units, (height // size) * (width // size)
    if n * beside < numbers:
        least = -(-numbers // beside)
        got = f"got {n}, expected at least {least} for {numbers} numbers a patch, {beside} side by side in an image"
        raise DataError(f"{where}: too few images ({got}); use more, or a smaller size")
    high, wide = height - size + 1, width - size + 1
    total = n * high * wide
    rng = np.random.default_rng(rng)
    at = np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False, shuffle=False))
    image, place = np.divmod(at, high * wide)
    row, column = np.divmod(place, wide)
    taps = np.arange(size)
    rows, columns = row[:, None, None] + taps[:, None], column[:, None, None] + taps
    found = pixels[image[:, None, None], :, rows, columns].reshape(len(at), numbers)
    patches: np.ndarray = found.astype(np.float32) / np.float32(255 if pixels.dtype == np.uint8 else 1)
    if not np.isfinite(patches).all():
        raise DataError(f"{where}: images hold NaN or infinity (expected numbers from 0 to 1)")
    return patches


def zca(where: str, patches: np.ndarray, eps: float, mirror: np.ndarray | None) -> np.ndarray:
    """Give E diag(1 / sqrt(lambda + eps)) E^T for the mean of v v^T over patches v, and over their mirror images.

    Shape: patches (n, D), mirror (D,) where each number goes -> (D, D) float64.
    """
    if not isinstance(eps, float | int) or not 0 < eps < np.inf:
        raise ShapeError(f"{where}: eps (got {eps!r}, expected a positive number)")
    second = (patches.T @ patches).astype(np.float64) / len(patches)
    if mirror is not None:
        second = (second + second[np.ix_(mirror, mirror)]) / 2
    if not np.trace(second) > _FLAT * len(second):
        raise DataError(f"{where}: images without contrast (got pixels that are all equal)")
    strength, directions = np.linalg.eigh(second)
    matrix: np.ndarray = (directions / np.sqrt(np.maximum(strength, 0) + eps)) @ directions.T
    return matrix


def mirrored(size: int, units: int) -> np.ndarray:
    """Say where each number of a patch comes from when left and right are exchanged.

    Example:
        >>> mirrored(2, 1).tolist()
        [1, 0, 3, 2]
    """
    at = np.arange(size * size * units).reshape(size, size, units)
    return at[:, ::-1].ravel()


def _input(circuit: Circuit) -> Population:
    heard = {p.post for p in circuit.projections}
    inputs = [p for p in circuit.populations if p.name not in heard]
    if len(inputs) != 1:
        names = [p.name for p in inputs]
        raise StructureError(f"whitened: a circuit with one input is needed (got {names}, expected one population)")
    return inputs[0]


def _plain(p: Population) -> Population:
    return dataclasses.replace(p, neuron=None, memory={})
