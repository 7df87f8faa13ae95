"""How a population answers images: heat maps, and the patches that excite a unit most."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape
from circuitgraph.ir.shape import is_integer
from circuitgraph.pictures.activity import answers, pick_units, read_images, watched
from circuitgraph.pictures.mosaic import as_pictures, crop, draw_tiles, in_range
from circuitgraph.pictures.style import INK, axes_or_new, panels, title
from circuitgraph.pictures.windows import receptive_window


def activation_maps(
    net: Any, images: Any, population: str, units: Any = None, *, image: Shape | None = None, ax: Any = None
) -> np.ndarray:
    """Draw the activity of a population over its sites as heat maps: a row per image, which comes first, then units.

    By default the six units that are most active on average.  All maps have one scale, so that units compare.  A
    population without sites is drawn as one map of images and units.  `images` are tensors or arrays, bytes or numbers.

    Shape: images (N, *input) -> axes (N * (1 + len(units)),), row by row; without sites (1,).

    Raises:
        UnknownNameError: for a population that does not exist.  ShapeError: for images, units or axes that do not fit.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (1, 6, 6)).connect("image", "l1", cg.Conv(3), units=2)
        >>> found = activation_maps(c, np.ones((2, 1, 6, 6)), "l1", [0, 1])
        >>> len(found), found[1].images[0].get_array().shape, found[1].get_title()
        (6, (4, 4), 'unit 0')
    """
    where = "activation_maps"
    eyes = watched(net, population, where)
    x = read_images(eyes, images, where)
    y = torch.cat(list(answers(eyes, x, population)))
    if y.ndim == 2:
        return np.array([_strip(y, population, ax)], dtype=object)
    if y.ndim == 3:
        y = y[:, :, None]
    if y.ndim != 4:
        raise ShapeError(
            f"{where}: no maps (got sites {tuple(y.shape[2:])} of {population!r}, expected one or two axes)"
        )
    most_active = y.mean((0, 2, 3)).argsort(descending=True, stable=True)[:6].tolist()
    chosen = pick_units(units if units is not None else most_active, y.shape[1], 6, where)
    shown = in_range(as_pictures(x.numpy(), tuple(x.shape[1:]), image, where))
    columns = 1 + len(chosen)
    found = panels(ax, len(x) * columns, (1.15, 1.25), columns=columns, where=where)
    low, high = float(y[:, chosen].min()), float(y[:, chosen].max())
    for i, row in enumerate(found.reshape(len(x), columns)):
        row[0].imshow(shown[i].squeeze(-1) if shown.shape[-1] == 1 else shown[i], cmap="gray", vmin=0, vmax=1)
        row[0].set_ylabel(f"image {i}", fontsize=8, color=INK)
        for one, unit in zip(row[1:], chosen, strict=True):
            heat = one.imshow(y[i, unit].numpy(), cmap="viridis", vmin=low, vmax=high)
            if i == 0:
                title(one, f"unit {unit}")
        for one in row:
            one.set(xticks=[], yticks=[])
    bar = found[0].figure.colorbar(heat, ax=list(found), shrink=0.9 if len(x) < 3 else 0.5)
    bar.set_label(f"activity of {population}", fontsize=8, color=INK, parse_math=False)
    bar.ax.tick_params(labelsize=7)
    return found


def _strip(y: Tensor, population: str, ax: Any) -> Axes:
    ax = axes_or_new(None if ax is None else panels(ax, 1, (1, 1), where="activation_maps")[0], (6.0, 2.6))
    heat = ax.imshow(y.numpy(), cmap="viridis", aspect="auto", interpolation="nearest")
    ax.set_xlabel(f"unit of {population}", fontsize=8, color=INK, parse_math=False)
    ax.set_ylabel("image", fontsize=8, color=INK)
    ax.tick_params(labelsize=7)
    bar = ax.figure.colorbar(heat, ax=ax)
    bar.set_label("activity", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7)
    return ax


def top_patches(
    net: Any, images: Any, population: str, units: Any = None, n: int = 8, *, ax: Axes | None = None
) -> Axes:
    """Draw the image patches that excite each unit most, strongest first: a row per unit.

    A patch is the whole window that the unit sees (`receptive_window`), grey beyond the image's border.  Each image
    gives at most one, that of its strongest site.  By default the first 8 units.

    Raises:
        UnknownNameError: for a population that does not exist.  ShapeError: for images, units or n that do not fit.
        StructureError: for a population that sees no input without delay.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (1, 3, 3)).connect("image", "l1", cg.Conv(1), units=1, weight=[1.0])
        >>> images = np.arange(18.0).reshape(2, 1, 3, 3)
        >>> find_patches(c, images, "l1", [0], 2)[0].tolist()
        [[[1, 2, 2], [0, 2, 2]]]
    """
    at, strength, eyes, x = _found(net, images, population, units, n, "top_patches")
    chosen = pick_units(units, at.shape[0] if units is None else eyes.circuit.population(population).n_units, 8, "")
    pictures = in_range(as_pictures(x.numpy(), tuple(x.shape[1:]), None, "top_patches"))
    tiles = []
    for row in at:
        for k, *site in row.tolist():
            span = receptive_window(eyes.circuit, population, site).span
            span = span if len(span) == 2 else ((0, 1), *span)
            tiles.append(crop(pictures[k : k + 1], span, 0.5)[0])
    rows_say = [f"{unit}\n{peak:.3g}" for unit, peak in zip(chosen, strength[:, 0].tolist(), strict=True)]
    columns_say = [str(i + 1) for i in range(at.shape[1])]
    names = "rank of the patch", "unit, and its strongest activity"
    ax = draw_tiles(np.stack(tiles), ax, columns=at.shape[1], rows_say=rows_say, columns_say=columns_say, names=names)
    size = "×".join(map(str, tiles[0].shape[:2]))
    title(ax, f"patches for {population}: {size} sites, of {len(x):,} images")
    return ax


def find_patches(
    net: Any, images: Any, population: str, units: Any = None, n: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Find where each unit is most active: image and site, at most once per image, and how active.

    Shape: -> (units, n, 1 + dimensions of the sites) int64, (units, n) float32; n at most the number of images.

    Raises:
        ShapeError, StructureError, UnknownNameError: as `top_patches`.
    """
    at, strength, _, _ = _found(net, images, population, units, n, "find_patches")
    return at, strength


def _found(
    net: Any, images: Any, population: str, units: Any, n: int, where: str
) -> tuple[np.ndarray, np.ndarray, Any, Tensor]:
    if not is_integer(n, 1):
        raise ShapeError(f"{where}: n (got {n!r}, expected a positive integer)")
    eyes = watched(net, population, where)
    x = read_images(eyes, images, where)
    shape = eyes.circuit.population(population).shape
    chosen = pick_units(units, shape[0], 8, where)
    best, sites = [], []
    for y in answers(eyes, x, population):
        peak = y[:, chosen].flatten(2).max(2) if y.ndim > 2 else None
        best.append(y[:, chosen] if peak is None else peak.values)
        sites.append(torch.zeros_like(best[-1], dtype=torch.int64) if peak is None else peak.indices)
    top = torch.cat(best).T.topk(min(n, len(x)), dim=1)
    site = torch.cat(sites).T.gather(1, top.indices).numpy()
    at = np.stack([top.indices.numpy(), *np.unravel_index(site, shape[1:] or (1,))], axis=-1)
    return (at if len(shape) > 1 else at[..., :1]), top.values.numpy(), eyes, x
