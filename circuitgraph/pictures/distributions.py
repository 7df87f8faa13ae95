"""How many connections units have, and how weights spread."""

import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit
from circuitgraph.pictures.source import Wiring, circuit_of, wiring_of
from circuitgraph.pictures.style import EXCITES, INHIBITS, INK, amount, axes_or_new, bare, legend, panels, short, title

MARKS = {"in": (EXCITES, "o", "in: units heard"), "out": (INHIBITS, "s", "out: units reached")}

STATISTICS = re.compile(r"(mean|variance)(_\d+)?")
"""What a batch normalisation keeps; within a chain of neurons numbers follow."""


def degrees(source: Any, *, ax: Axes | None = None) -> Axes:
    """Draw which share of the units hears, and reaches, at least k others; both axes are logarithmic.

    A straight line downwards is a power law, a sharp bend a typical degree.  Units with no connection have no place on
    a logarithmic axis: the legend counts them.  `source` is what `adjacency` takes.

    Raises:
        StructureError: where nothing is connected, or for another source.  ShapeError: for a matrix that is not square.

    Example:
        >>> ax = degrees(np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]]))
        >>> [line.get_xydata().round(2).tolist() for line in ax.lines]
        [[[1.0, 0.67], [2.0, 0.33]], [[1.0, 0.67], [2.0, 0.33]]]
    """
    wiring = wiring_of(source, "degrees")
    if not wiring.matrix.nnz:
        raise StructureError(f"degrees: no connection (got {wiring.n} units without any, expected at least one)")
    ax = bare(axes_or_new(ax, (4.6, 3.4)))
    handles, labels = [], []
    for side, k in degree_counts(wiring).items():
        color, marker, what = MARKS[side]
        at, share = survival(k)
        handles += ax.plot(at, share, drawstyle="steps-pre", marker=marker, markersize=2.5, linewidth=1, color=color)
        none = f", {int((k == 0).sum()):,} with none" if (k == 0).any() else ""
        labels.append(f"{what} (mean {k.mean():.3g}{none})")
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("degree k (connected units)", fontsize=8, color=INK)
    ax.set_ylabel("share of units with degree ≥ k", fontsize=8, color=INK)
    legend(ax, handles, labels, loc="best")
    title(ax, f"degrees of {wiring.n:,} units")
    return ax


def degree_counts(wiring: Wiring) -> dict[str, np.ndarray]:
    """Count for each unit those that it hears ("in") and reaches ("out").  Shape: (N,) each."""
    a = wiring.matrix
    return {"in": np.bincount(a.indices, minlength=wiring.n), "out": np.diff(a.indptr)}


def survival(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the different numbers above 0, and which share of all is at least as large.  Shape: (N,) -> (D,), (D,).

    Example:
        >>> [a.tolist() for a in survival(np.array([0, 2, 2, 5]))]
        [[2, 5], [0.75, 0.25]]
    """
    counts = np.bincount(k)
    at = np.flatnonzero(counts)
    least = np.cumsum(counts[::-1])[::-1]
    at = at[at > 0]
    return at, least[at] / len(k)


def weights(circuit: Any, projections: Any = None, *, ax: Any = None, bins: int = 41) -> np.ndarray:
    """Draw a histogram of the weights of each projection, positive ones blue and negative ones vermilion.

    `circuit` is a circuit or a network; `projections` names some of them, by default all whose weights are not fixed
    (all, where all are).  `ax` is one axes per projection.

    Raises:
        StructureError: where no projection has a slot.  UnknownNameError: for one that does not exist.
        ShapeError: for another number of axes.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=1, weight=[-1.0, 1.0, 2.0, 2.0])
        >>> ax = weights(c)[0]
        >>> int(sum(bar.get_height() for bar in ax.patches)), ax.get_xlabel()
        (4, 'weight')
    """
    shown = circuit_of(circuit, "weights")
    names = [projections] if isinstance(projections, str) else projections
    chosen = (
        [shown.projection(n) for n in names] if names is not None else [p for p in shown.projections if not p.fixed]
    )
    drawn = [p for p in chosen or shown.projections if p.n_slots]
    if not drawn:
        raise StructureError("weights: nothing to draw (got no slot, expected at least one)")
    found = panels(ax, len(drawn), (3.0, 2.3), where="weights")
    for one, p in zip(found, drawn, strict=True):
        counts, edges = histogram(p.weight, bins)
        middle = (edges[1:] + edges[:-1]) / 2
        bare(one).bar(middle, counts, np.diff(edges), color=np.where(middle < 0, INHIBITS, EXCITES))
        one.set_xlabel("weight", fontsize=8, color=INK)
        one.set_ylabel("slots", fontsize=8, color=INK)
        one.yaxis.set_major_formatter(_count)
        mean, spread = p.weight.mean(dtype=np.float64), p.weight.std(dtype=np.float64)
        title(one, f"{short(p.name, 30)}\nmean {mean:.3g}, sd {spread:.3g}")
    return found


def memory(circuit: Any, populations: Any = None, *, ax: Any = None, bins: int = 41) -> np.ndarray:
    r"""Draw histograms of what populations keep for their units: thresholds, biases, what learning rules remember.

    The running mean and variance of a batch normalisation are no thresholds and are left out.  `circuit` is a circuit
    or a network; `populations` names some populations, by default all that keep anything.  `ax` is one axes per column.

    Raises:
        StructureError: where nothing is kept.  UnknownNameError: for a population that does not exist.
        ShapeError: for another number of axes.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 3, cg.Homeostatic(0.1))
        >>> c = c.replace_population("x", memory={"threshold": np.array([0.1, 0.1, 0.3]), "rate": np.zeros(3)})
        >>> [ax.get_title() for ax in memory(c)]
        ['x: threshold\nmean 0.167, sd 0.0943', 'x: rate\nmean 0, sd 0']
    """
    drawn = kept(circuit_of(circuit, "memory"), populations)
    if not drawn:
        raise StructureError("memory: nothing to draw (got populations that keep nothing, expected a threshold, say)")
    found = panels(ax, len(drawn), (3.0, 2.3), where="memory")
    for one, (name, key, values) in zip(found, drawn, strict=True):
        finite = values[np.isfinite(values)]
        counts, edges = np.histogram(finite, bins)
        bare(one).bar(edges[:-1], counts, np.diff(edges), align="edge", color=EXCITES)
        one.set_xlabel(key.split(" ")[-1], fontsize=8, color=INK, parse_math=False)
        one.set_ylabel("units", fontsize=8, color=INK)
        one.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        one.yaxis.set_major_formatter(_count)
        mean, spread = (finite.mean(), finite.std()) if len(finite) else (np.nan, np.nan)
        lost = f", {len(values) - len(finite)} not finite" if len(finite) < len(values) else ""
        title(one, f"{short(f'{name}: {key}', 34)}\nmean {mean:.3g}, sd {spread:.3g}{lost}")
    return found


def kept(circuit: Circuit, populations: Any = None) -> list[tuple[str, str, np.ndarray]]:
    """List what populations keep for their units, but running statistics: (population, key, values)."""
    names = [populations] if isinstance(populations, str) else populations
    chosen = circuit.populations if names is None else [circuit.population(n) for n in names]
    return [
        (p.name, key, np.asarray(values, np.float64).ravel())
        for p in chosen
        for key, values in p.memory.items()
        if not STATISTICS.fullmatch(key)
    ]


def _count(value: float, _: Any) -> str:
    return amount(round(value)) if value == round(value) else ""


def histogram(w: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Count weights in bins of which none holds both signs.  Shape: (K,) -> (bins,), (bins + 1,).

    Example:
        >>> counts, edges = histogram(np.array([-1.0, 0.0, 0.5, 3.0]), 4)
        >>> counts.tolist(), edges.tolist()
        ([1, 2, 0, 1], [-1.0, 0.0, 1.0, 2.0, 3.0])
    """
    low, high = min(float(w.min()), 0.0), max(float(w.max()), 0.0)
    if low == high:
        low, high = -0.5, 0.5
    below = round(bins * -low / (high - low))
    below = min(max(below, int(low < 0)), bins - int(high > 0))
    width = max(-low / below if below else 0.0, high / (bins - below) if below < bins else 0.0)
    edges = (np.arange(bins + 1) - below) * width
    counts, _ = np.histogram(w, edges)
    return counts, edges
