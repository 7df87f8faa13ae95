"""How pictures look: colours that colour-blind people tell apart, axes, and names that are shown as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from circuitgraph.errors import ShapeError

INK, PALE, PAPER = "#3a3a3a", "#e9ecef", "#ffffff"
EXCITES, INHIBITS, MIXED = "#0072b2", "#d55e00", "#6c757d"
"""Blue and vermilion of Okabe and Ito (2008), which no common colour blindness confuses; grey for both signs."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3a3a3a")
EFFECTS = {"excites": EXCITES, "inhibits": INHIBITS, "mixed": MIXED}


def axes_or_new(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Give the axes that were passed, or those of a new figure that no global state knows.  Size in inches."""
    if ax is not None:
        return ax
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    return figure.add_subplot()


def panels(ax: Any, n: int, size: tuple[float, float], *, columns: int = 3, where: str) -> np.ndarray:
    """Give n axes: those that were passed, or those of a new figure, row by row.  Size of one in inches.

    Shape: -> (n,) objects.

    Raises:
        ShapeError: where other than n axes were passed.
    """
    if ax is not None:
        given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(given) != n:
            raise ShapeError(f"{where}: one axes per panel (got {len(given)}, expected {n}); leave ax out")
        return given
    columns = min(columns, n)
    rows = -(-n // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), dpi=120, layout="constrained")
    made = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in made[n:]:
        unused.remove()
    found: np.ndarray = made[:n]
    return found


def bare(ax: Axes) -> Axes:
    """Leave out the frame's upper and right line."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, colors=INK)
    return ax


def title(ax: Axes, text: str) -> None:
    """Put a title, names in it as they are: a dollar sign begins no formula."""
    ax.set_title(text, fontsize=9, color=INK, parse_math=False)


def legend(ax: Axes, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """Put a legend, labels in it as they are: matplotlib hides those that begin with an underscore."""
    shown = [f" {label}" if label.startswith("_") else label for label in labels]
    made = ax.legend(list(handles), shown, frameon=False, fontsize=7.5, **options)
    for text in made.get_texts():
        text.set_parse_math(False)


def short(text: str, most: int) -> str:
    """Cut a text off where it is too long for its place.

    Example:
        >>> short("hippocampus", 6), short("CA1", 6)
        ('hippo…', 'CA1')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def amount(n: int) -> str:
    """Write a count in few letters.

    Example:
        >>> [amount(n) for n in (7200, 99_999, 331_776, 432_859_008)]
        ['7,200', '99,999', '332 k', '433 M']
    """
    for bound, unit in ((10**9, " G"), (10**6, " M"), (10**5, " k")):
        if n >= bound:
            size = n / (1000 if unit == " k" else bound)
            return f"{size:.0f}{unit}" if size >= 100 else f"{size:.1f}{unit}"
    return f"{n:,}"


def say_shape(shape: tuple[int, ...]) -> str:
    """Say how many units, at which sites.

    Example:
        >>> say_shape((96, 32, 32)), say_shape((1,))
        ('96 units at 32×32', '1 unit')
    """
    units = f"{shape[0]:,} unit{'' if shape[0] == 1 else 's'}"
    return units if len(shape) == 1 else f"{units} at {'×'.join(map(str, shape[1:]))}"
