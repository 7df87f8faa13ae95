"""Who is connected with whom, as an image, ordered by community."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize

from circuitgraph.communities.graph import read_labels
from circuitgraph.communities.partition import order as by_community
from circuitgraph.communities.partition import relabel
from circuitgraph.pictures.source import Wiring, wiring_of
from circuitgraph.pictures.style import INK, axes_or_new, short, title

BINS = 400
"""More units than this are drawn as densities of blocks of units: a pixel for each would not be seen."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """An image of a matrix: its pixels, and where each named block of units begins.

    `kind` says what pixels are: "weight" of one pair of units, NaN where there is no connection, or the "share" of
    pairs that are connected.  Shape: pixels (B, B), begins (C + 1,) in units, order (N,).
    """

    pixels: np.ndarray
    kind: str
    names: tuple[str, ...]
    begins: np.ndarray
    order: np.ndarray


def adjacency(source: Any, order: Any = None, *, ax: Axes | None = None, bins: int = BINS) -> Axes:
    """Draw the matrix of connections between units, pre downwards and post to the right, with blocks marked.

    `source` is a circuit, a network, a `Graph`, or a square matrix.  `order` is a `Partition`, or one label per unit
    (over all populations, in their order): communities then stand as blocks along the diagonal, the largest first.
    Without it, units stand in their own order and the blocks are populations.

    Up to `bins` units each pixel is a weight.  Beyond, it is the share of pairs that are connected, on a logarithmic
    scale: a sparse matrix of points would show only its printer's resolution.

    Raises:
        ShapeError: for labels that do not fit, or a matrix that is not square.  StructureError: for another source.

    Example:
        >>> from circuitgraph.communities import Partition
        >>> ax = adjacency(np.kron(np.eye(2), np.ones((3, 3))), Partition([0, 0, 0, 1, 1, 1]))
        >>> ax.images[0].get_array().shape, len(ax.lines), ax.get_xlabel()
        ((6, 6), 2, 'postsynaptic unit (6 in 2 communities)')
    """
    wiring = wiring_of(source, "adjacency")
    blocks = blocks_of(wiring, order, bins=bins)
    ax = axes_or_new(ax, (5.6, 4.8))
    colors, norm = _colors(blocks)
    shown = np.ma.masked_invalid(np.where(blocks.pixels == 0, np.nan, blocks.pixels))
    shown = shown if blocks.kind == "share" else np.ma.masked_invalid(blocks.pixels)
    image = ax.imshow(shown, cmap=colors, norm=norm, extent=(0, wiring.n, wiring.n, 0), aspect="equal")
    ax.set_facecolor("#f4f4f4")
    for edge in blocks.begins[1:-1]:
        ax.axhline(edge, color=INK, linewidth=0.6)
        ax.axvline(edge, color=INK, linewidth=0.6)
    _name(ax, blocks, order is not None, wiring)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("weight" if blocks.kind == "weight" else "share of pairs connected", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    title(ax, f"{wiring.n:,} units, {wiring.matrix.nnz:,} connected pairs")
    return ax


def blocks_of(wiring: Wiring, order: Any = None, *, bins: int = BINS) -> Blocks:
    """Order the units of a matrix, and bring it down to at most `bins` pixels on each side.

    Raises:
        ShapeError: for labels that do not fit.
    """
    n, names, begins, ranked = wiring.n, wiring.names, wiring.begins, np.arange(wiring.n)
    if order is not None:
        labels = read_labels(order, "adjacency", n)
        ranked, counts = by_community(labels), np.bincount(relabel(labels))
        names, begins = tuple(f"community {c}" for c in range(len(counts))), np.concatenate([[0], np.cumsum(counts)])
    place = np.empty(n, np.int64)
    place[ranked] = np.arange(n)
    a = wiring.matrix.tocoo()
    pre, post = (place[index] for index in a.coords)
    if n <= bins:
        pixels = np.full((n, n), np.nan)
        pixels[pre, post] = a.data
        return Blocks(pixels, "weight", names, begins, ranked)
    edge = np.arange(bins + 1) * n // bins
    size = np.diff(edge)
    bin_of = np.repeat(np.arange(bins), size)
    counts = np.bincount(bin_of[pre] * bins + bin_of[post], minlength=bins * bins).reshape(bins, bins)
    return Blocks(counts / np.outer(size, size), "share", names, begins, ranked)


def _colors(blocks: Blocks) -> tuple[Colormap, Normalize]:
    """Choose colours of which none is as pale as no connection, and for two signs two of them."""
    there = blocks.pixels[np.isfinite(blocks.pixels) & (blocks.pixels != 0)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    if blocks.kind == "share":
        return _dark("Blues"), LogNorm(low if low < high else high / 10, high, clip=True)
    # A few strong weights would leave all others pale.
    top = float(np.quantile(np.abs(there), 0.98)) if len(there) else 1.0
    if low < 0 < high:
        return colormaps["RdBu"], Normalize(-top, top)
    return (_dark("Blues"), Normalize(0, top)) if high > 0 else (_dark("Oranges_r", 0.0, 0.7), Normalize(-top, 0))


def _dark(name: str, low: float = 0.3, high: float = 1.0) -> Colormap:
    return ListedColormap(colormaps[name](np.linspace(low, high, 256)))


def _name(ax: Axes, blocks: Blocks, found: bool, wiring: Wiring) -> None:
    n = wiring.n
    what = f"{n:,} in {len(blocks.names)} communities" if found else f"{n:,}"
    ax.set_xlabel(f"postsynaptic unit ({what})", fontsize=8, color=INK)
    ax.set_ylabel(f"presynaptic unit ({what})", fontsize=8, color=INK)
    ax.tick_params(labelsize=7, length=2, colors=INK)
    large = np.flatnonzero(np.diff(blocks.begins) >= 0.045 * n)
    if len(blocks.names) > 1 and len(large):
        middle = (blocks.begins[large] + blocks.begins[large + 1]) / 2
        names = [short(blocks.names[i].removeprefix("community ") if found else blocks.names[i], 14) for i in large]
        turned = 0 if max(map(len, names)) <= 3 else 90
        ax.set_yticks(middle, names, parse_math=False)
        ax.set_xticks(middle, names, rotation=turned, parse_math=False)
