"""Where who wins: the winning unit at each site of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.patches import Patch

from circuitgraph.compiler.plan import neuron_of
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape
from circuitgraph.pictures.activity import read_images, states, watched
from circuitgraph.pictures.mosaic import as_pictures, in_range
from circuitgraph.pictures.style import INK, PAPER, SERIES, legend, panels
from circuitgraph.pictures.winning import winning_units

NAMED = 6
"""Winners that have a colour of their own in a map."""

WRITTEN = 64
"""Sites up to which each says the number of a winner that has no colour."""

GREY = "#c9c9c9"


def winner_maps(
    net: Any, images: Any, populations: str | Sequence[str], *, image: Shape | None = None, ax: Any = None
) -> np.ndarray:
    """Draw which unit wins at each site of some images: images above, below them a row of maps per population.

    The six that win most sites of these images have colours, other winners shades of grey, and white is where nobody
    wins; maps of at most 64 sites say the numbers of those others.  Who wins is what `count_wins` counts.

    Shape: images (N, *input) -> axes ((1 + populations) * N,), row by row.

    Raises:
        UnknownNameError: for a population that does not exist.  ShapeError: for images or axes that do not fit, none
            at all, or a population with more than two axes of sites.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (1, 6, 6)).connect("image", "l1", cg.Conv(3), units=2)
        >>> found = winner_maps(c, np.ones((2, 1, 6, 6)), "l1")
        >>> len(found), found[2].images[0].get_array().shape, found[2].get_ylabel()
        (4, (4, 4), 'l1')
    """
    names = [populations] if isinstance(populations, str) else list(populations)
    if not names:
        raise ShapeError("winner_maps: populations (got none, expected at least one)")
    looks = [watched(net, name, "winner_maps") for name in names]
    x = read_images(looks[0], images, "winner_maps")
    shown = in_range(as_pictures(x.numpy(), tuple(x.shape[1:]), image, "winner_maps"))
    found = panels(ax, (1 + len(names)) * len(x), (1.4, 1.4), columns=len(x), where="winner_maps")
    rows = found.reshape(1 + len(names), len(x))
    for one, picture in zip(rows[0], shown, strict=True):
        one.imshow(picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=1)
    rows[0, 0].set_ylabel("image", fontsize=8, color=INK)
    for row, name, eyes in zip(rows[1:], names, looks, strict=True):
        port = neuron_of(eyes.circuit, name).ports[0]
        won = torch.cat([winning_units(state, name, port) for state in states(eyes, x)]).numpy()
        _draw_winners(row, won, eyes.circuit.population(name).n_units, name)
    for one in found:
        one.set(xticks=[], yticks=[])
    return found


def _draw_winners(row: np.ndarray, won: np.ndarray, n_units: int, name: str) -> None:
    if won.ndim > 3:
        raise ShapeError(f"winner_maps: no maps (got sites {won.shape[1:]} of {name!r}, expected at most two axes)")
    maps = won.reshape(len(won), *((1,) * (3 - won.ndim)), *won.shape[1:])
    counts = np.bincount(won[won >= 0], minlength=n_units)
    first = np.argsort(-counts, kind="stable")[:NAMED]
    first = first[counts[first] > 0]
    colours = _colours(n_units, first)
    for one, sites in zip(row, maps, strict=True):
        one.imshow(sites, cmap=ListedColormap(colours), vmin=-1.5, vmax=n_units - 0.5, interpolation="nearest")
        if sites.size <= WRITTEN:
            _write_units(one, sites, first)
    row[0].set_ylabel(name, fontsize=8, color=INK, parse_math=False)
    said = [(f"unit {u}", int(counts[u]), colours[u + 1]) for u in first]
    others = int((counts > 0).sum()) - len(first)
    said += (
        [(f"{others:,} other{'' if others == 1 else 's'}", int(counts.sum() - counts[first].sum()), GREY)]
        if others
        else []
    )
    said += [("nobody", int((won < 0).sum()), PAPER)] if (won < 0).any() else []
    boxes = [Patch(facecolor=colour, edgecolor=INK, linewidth=0.4) for _, _, colour in said]
    labels = [f"{who}: {100 * n / won.size:.0f} %" for who, n, _ in said]
    legend(row[-1], boxes, labels, loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=1, handleheight=1)


def _write_units(ax: Axes, sites: np.ndarray, first: np.ndarray) -> None:
    size = min(7.0, 100 / sites.shape[1] / max(2, len(str(sites.max()))))
    for (row, column), unit in np.ndenumerate(sites):
        if unit >= 0 and unit not in first:
            text = ax.text(column, row, str(unit), ha="center", va="center", fontsize=size, color=INK)
            text.set_in_layout(False)


def _colours(n_units: int, first: np.ndarray) -> np.ndarray:
    """Give the colour of nobody and of each unit: shades of grey that differ between neighbours in number."""
    grey = 0.68 + 0.24 * (np.arange(n_units) * 0.618034 % 1)
    found = np.vstack([to_rgb(PAPER), np.repeat(grey[:, None], 3, axis=1)])
    found[first + 1] = [to_rgb(colour) for colour in SERIES[: len(first)]]
    return found
