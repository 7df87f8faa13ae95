"""Many small images as one, each with its unit's number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape
from circuitgraph.pictures.style import INK, axes_or_new


def as_pictures(x: np.ndarray, shape: Shape, image: Shape | None, where: str) -> np.ndarray:
    """Turn values at an input's neurons into pictures, three units as colours, others as their mean.

    `image` says which shape a flat population's neurons have in truth.
    Shape: (N, *shape) -> (N, height, width, 3 or 1).

    Raises:
        ShapeError: for a flat population without `image`, or one that does not fit; for more than two dimensions.

    Example:
        >>> as_pictures(np.zeros((5, 784)), (784,), (1, 28, 28), "example").shape
        (5, 28, 28, 1)
    """
    if image is not None:
        if np.prod(image) != np.prod(shape):
            raise ShapeError(f"{where}: image (got {image}, expected a shape of {np.prod(shape)} numbers)")
        x, shape = x.reshape(len(x), *image), tuple(image)
    if len(shape) == 2:
        x, shape = x.reshape(len(x), shape[0], 1, shape[1]), (shape[0], 1, shape[1])
    if len(shape) != 3:
        mend = "pass image=(1, 28, 28), say"
        raise ShapeError(
            f"{where}: no picture (got an input of shape {shape}, expected (units, height, width)); {mend}"
        )
    last = np.moveaxis(x, 1, -1)
    return last if shape[0] == 3 else last.mean(-1, keepdims=True)


def crop(pictures: np.ndarray, span: Sequence[tuple[int, int]], fill: float) -> np.ndarray:
    """Cut a window out of pictures; beyond their border is `fill`.  Shape: (N, H, W, C) -> (N, h, w, C).

    Example:
        >>> crop(np.ones((1, 2, 2, 1)), ((-1, 1), (0, 2)), 0.5)[0, :, :, 0].tolist()
        [[0.5, 0.5], [1.0, 1.0]]
    """
    (top, bottom), (left, right) = span
    out = np.full((len(pictures), bottom - top, right - left, pictures.shape[-1]), fill)
    height, width = pictures.shape[1:3]
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    at_row, at_column = rows.start - top, columns.start - left
    part = pictures[:, rows, columns]
    out[:, at_row : at_row + part.shape[1], at_column : at_column + part.shape[2]] = part
    return out


def around_zero(pictures: np.ndarray) -> np.ndarray:
    """Scale each picture by its own largest value, so that 0 is grey: between 0 and 1."""
    top = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    found: np.ndarray = 0.5 + 0.5 * pictures / np.where(top > 0, top, 1)
    return found


def in_range(pictures: np.ndarray) -> np.ndarray:
    """Bring pictures to 0 to 1; those that are there already stay."""
    low, high = float(pictures.min()), float(pictures.max())
    if low >= 0 and high <= 1:
        return pictures
    found: np.ndarray = (pictures - low) / ((high - low) or 1.0)
    return found


def draw_tiles(
    tiles: np.ndarray, ax: Axes | None, *, columns: int, rows_say: Sequence[str], columns_say: Sequence[str], names: Any
) -> Axes:
    """Draw tiles row by row on one image, rows and columns labelled.  Shape: tiles (N, h, w, 3 or 1) from 0 to 1."""
    n, h, w, channels = tiles.shape
    rows = -(-n // columns)
    gap = max(1, round(0.06 * max(h, w)))
    canvas = np.ones((rows * (h + gap) + gap, columns * (w + gap) + gap, channels))
    for i, tile in enumerate(tiles):
        r, c = (i // columns) * (h + gap) + gap, (i % columns) * (w + gap) + gap
        canvas[r : r + h, c : c + w] = tile
    height, width = canvas.shape[:2]
    wide = min(7.0, max(3.0, 0.55 * columns + 0.8))
    ax = axes_or_new(ax, (wide, min(12.0, (wide - 0.7) * height / width + 0.9)))
    ax.imshow(
        np.clip(canvas, 0, 1).squeeze(-1) if channels == 1 else np.clip(canvas, 0, 1), cmap="gray", vmin=0, vmax=1
    )
    ax.set_yticks([r * (h + gap) + gap + (h - 1) / 2 for r in range(rows)], rows_say[:rows], fontsize=7)
    ax.set_xticks([c * (w + gap) + gap + (w - 1) / 2 for c in range(columns)], columns_say[:columns], fontsize=7)
    ax.set_xlabel(names[0], fontsize=8, color=INK)
    ax.set_ylabel(names[1], fontsize=8, color=INK)
    ax.tick_params(length=0, colors=INK)
    ax.spines[:].set_visible(False)
    return ax
