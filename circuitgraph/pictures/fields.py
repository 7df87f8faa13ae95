"""What units look for: weights on the input, or the input that excites them most."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit, Shape
from circuitgraph.ir.shape import is_integer
from circuitgraph.pictures.activity import pick_units
from circuitgraph.pictures.ascent import DEEPER, preferred_input, resting, sums_input, weights_on_input
from circuitgraph.pictures.mosaic import around_zero, as_pictures, crop, draw_tiles
from circuitgraph.pictures.source import circuit_of
from circuitgraph.pictures.style import title
from circuitgraph.pictures.windows import Window, inputs_of, receptive_window

DIRECT = 100
"""Units shown by default where weights are; they cost less than gradient ascent."""


def receptive_fields(
    net: Any,
    population: str,
    units: Any = None,
    *,
    image: Shape | None = None,
    norm: float | None = None,
    steps: int = 60,
    smooth: float = 1.0,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw what units of a population look for, each tile scaled to its own largest value, grey is zero.

    Where a population sums the input, its weights are shown; where it sums linear populations in front (a whitened
    image, say), their product with what is in front, as the input sees it.  Deeper ones are shown by the stimulus that
    excites the unit in the middle most, among those within `norm` of the mean input (`preferred_input`).  All are cut
    to the window that the unit sees.  An input of three units is shown in colours, any other as the mean over its
    units; of a flat one `image` says the shape, as (1, 28, 28).

    `net` is a network or a circuit; `units` by default the first 100 where weights are shown, else the first 16;
    `columns` by default 16 and 8.  `norm`, `steps` and `smooth` are those of `preferred_input`.

    Raises:
        UnknownNameError: for a population that does not exist.  ShapeError: for units that do not, columns that are no
            positive integer, or an input that is no picture.  StructureError: for a population that sees no input
            without delay, or several.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (3, 8, 8)).connect("image", "l1", cg.Conv(5), units=12)
        >>> ax = receptive_fields(c, "l1")
        >>> ax.get_title(), ax.images[0].get_array().shape
        ('weights of l1: 12 of 12 units, 5×5 sites', (7, 73, 3))
    """
    circuit = circuit_of(net, "receptive_fields")
    shape = circuit.population(population).shape
    window = receptive_window(circuit, population)
    summed = sums_input(circuit, population)
    chosen = pick_units(units, shape[0], DIRECT if summed else DEEPER, "receptive_fields")
    if columns is not None and not is_integer(columns, 1):
        raise ShapeError(f"receptive_fields: columns (got {columns!r}, expected a positive integer)")
    if summed:
        values = weights_on_input(circuit, population, chosen)
    else:
        found = preferred_input(net, population, chosen, norm=norm, steps=steps, smooth=smooth)
        values = (found - resting(circuit, window.population)).numpy()
    pictures = around_zero(_cut(values, circuit, window, image))
    ax = _draw_units(pictures, chosen, min(columns or (16 if summed else 8), len(chosen)), ax)
    size = "×".join(map(str, pictures.shape[1:3]))
    what = f"weights of {population}{_where(circuit, population)}" if summed else f"preferred input of {population}"
    title(ax, f"{what}: {len(chosen)} of {shape[0]} units, {size} sites")
    return ax


def _where(circuit: Circuit, population: str) -> str:
    into = {p.pre for p in circuit.projections if p.post == population and not p.delay}
    return "" if into <= set(inputs_of(circuit)) else " on the input"


def _cut(values: np.ndarray, circuit: Circuit, window: Window, image: Shape | None) -> np.ndarray:
    shape = circuit.population(window.population).shape
    pictures = as_pictures(values, shape, image, "receptive_fields")
    if image is not None:
        return pictures
    span = window.span if len(window.span) == 2 else ((0, 1), *window.span)
    return crop(pictures, [(max(a, 0), min(b, n)) for (a, b), n in zip(span, pictures.shape[1:3], strict=True)], 0.0)


def _draw_units(pictures: np.ndarray, units: list[int], columns: int, ax: Axes | None) -> Axes:
    rows = [units[i : i + columns] for i in range(0, len(units), columns)]
    if len(rows) == 1:
        rows_say, columns_say, names = [""], list(map(str, units)), ("unit", "")
    elif units == list(range(units[0], units[0] + len(units))):
        rows_say, columns_say = [str(row[0]) for row in rows], [f"+{i}" for i in range(columns)]
        names = "unit: number of the row plus that of the column", ""
    else:
        rows_say, columns_say, names = (
            [", ".join(map(str, row)) for row in rows],
            [""] * columns,
            ("", "units of the row"),
        )
    return draw_tiles(pictures, ax, columns=columns, rows_say=rows_say, columns_say=columns_say, names=names)
