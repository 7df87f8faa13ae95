"""Accuracy over epochs, of several presets in one figure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from circuitgraph.errors import DataError
from circuitgraph.pictures.style import INK, SERIES, axes_or_new, bare

DASHES = ("-", "--", ":")
ROW = 0.19
"""Inches from one label to the next."""


@dataclass(frozen=True)
class Curve:
    """One preset over its seeds: mean, lowest and highest validation accuracy (%) at each epoch, and the tests."""

    name: str
    epochs: Sequence[float]
    validation: Sequence[Sequence[float]]
    """Shape: (seeds, epochs)."""
    tests: Sequence[float]
    published: Any = None

    @property
    def last(self) -> float:
        """Give what ranks it: the mean test accuracy, or where there is none the last validation accuracy."""
        if self.tests:
            return statistics.mean(self.tests)
        return float(np.mean([row[-1] for row in self.validation]))

    @property
    def label(self) -> str:
        """Say the name, the accuracy with its standard deviation over seeds, and what was published."""
        known = self.tests or [row[-1] for row in self.validation]
        spread = f" ± {statistics.stdev(known):.2f}" if len(known) > 1 else ""
        said = f" (published {self.published})" if self.published else ""
        return f"{self.name}: {'' if self.tests else 'validation '}{self.last:.2f}{spread}{said}"


def accuracy_curves(lines: Sequence[Mapping[str, Any]], *, ax: Axes | None = None) -> Axes:
    """Draw validation accuracy over epochs and the test accuracy of several presets, labelled from best to worst.

    A curve is the mean over a preset's seeds, a band spans all of them, a star is the mean test accuracy.  Labels stand
    at the right, in the order of the accuracies, each with a line to its star: name, accuracy with its standard
    deviation over seeds, and what was published.  `lines` are result lines, as `results.jsonl` holds: "preset", "seed",
    "curve" as [{"epoch": 5, "validation": 71.2}, ...], "test_accuracy", "published"; all but the preset may be missing.
    Of lines with the same data set, preset and seed the last one counts.

    Raises:
        DataError: where no line has an accuracy.

    Example:
        >>> curve = [{"epoch": 1, "validation": 60.0}, {"epoch": 2, "validation": 70.0}]
        >>> soft = {"preset": "soft", "seed": 0, "curve": curve, "test_accuracy": 71.0, "published": 69.5}
        >>> lines = [soft, soft | {"seed": 1, "test_accuracy": 73.0}, {"preset": "hard", "curve": curve}]
        >>> ax = accuracy_curves(lines)
        >>> [text.get_text() for text in ax.texts]
        ['soft: 72.00 ± 1.41 (published 69.5)', 'hard: validation 70.00']
    """
    curves = curves_of(lines)
    if not curves:
        raise DataError("accuracy_curves: nothing to draw (got no line with an accuracy, expected at least one)")
    ax = bare(axes_or_new(ax, (8.0, max(4.0, ROW * len(curves) + 1.2))))
    end = max([1.0, *(c.epochs[-1] for c in curves if len(c.epochs))])
    drawn = []
    for i, curve in enumerate(curves):
        colour, dash = SERIES[i % len(SERIES)], DASHES[i // len(SERIES) % len(DASHES)]
        drawn.append((curve, colour, _draw(ax, curve, end, colour, dash)))
    ax.set_xlim(right=end * 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch", fontsize=8, color=INK)
    ax.set_ylabel("accuracy (%): validation, and test (star)", fontsize=8, color=INK)
    _label(ax, drawn)
    return ax


def curves_of(lines: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """Sort result lines into one curve per data set and preset, the best one first."""
    sets = {line.get("dataset") for line in lines}
    groups: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for line in lines:
        name = str(line["preset"]) if len(sets) == 1 else f"{line.get('dataset')} {line['preset']}"
        groups.setdefault(name, {})[line.get("seed")] = line
    found = [_curve(name, list(seeds.values())) for name, seeds in groups.items()]
    return sorted((c for c in found if c.tests or len(c.epochs)), key=lambda c: -c.last)


def _curve(name: str, lines: Sequence[Mapping[str, Any]]) -> Curve:
    rows = [{r["epoch"]: r["validation"] for r in line.get("curve") or () if "validation" in r} for line in lines]
    rows = [row for row in rows if row]
    epochs = sorted(set.intersection(*(set(row) for row in rows))) if rows else []
    tests = [line["test_accuracy"] for line in lines if line.get("test_accuracy") is not None]
    published = next((line["published"] for line in lines if line.get("published") is not None), None)
    return Curve(name, epochs, [[row[e] for e in epochs] for row in rows] if epochs else [], tests, published)


def _draw(ax: Axes, curve: Curve, end: float, colour: str, dash: str) -> tuple[float, float]:
    """Draw one preset, its star at the last epoch of all; gives the point that its label belongs to."""
    at = (end, curve.last)
    if len(curve.epochs):
        values = np.array(curve.validation)
        mean = values.mean(0)
        ax.plot(curve.epochs, mean, dash, marker="o", markersize=2.5, linewidth=1.2, color=colour, label=curve.name)
        if len(values) > 1:
            ax.fill_between(curve.epochs, values.min(0), values.max(0), color=colour, alpha=0.13, linewidth=0)
        if curve.epochs[-1] < end:
            ax.plot([curve.epochs[-1], end], [mean[-1], curve.last], linewidth=0.7, alpha=0.5, color=colour)
    if curve.tests:
        ax.plot(*at, "*", markersize=9, color=colour, markeredgecolor="white", markeredgewidth=0.5, zorder=3)
    return at


def _label(ax: Axes, drawn: Sequence[tuple[Curve, str, tuple[float, float]]]) -> None:
    low, high = ax.get_ylim()
    ax.set_ylim(low, high)
    figure = ax.get_figure(root=True)
    assert figure is not None
    height = ax.get_window_extent().height / figure.dpi
    wanted = np.array([(y - low) / (high - low) for _, _, (_, y) in drawn])
    places = spread_apart(wanted, ROW / height)
    for (curve, colour, at), place in zip(drawn, places, strict=True):
        arrow = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 4}
        text = ax.annotate(
            curve.label, at, (1.03, place), textcoords="axes fraction", va="center", fontsize=7.5, color=INK,
            arrowprops=arrow | {"relpos": (0, 0.5)},
        )  # fmt: skip
        text.set_parse_math(False)


def spread_apart(at: np.ndarray, gap: float) -> np.ndarray:
    """Move falling positions as little as possible (least squares), so that each is `gap` below the one before.

    Example:
        >>> spread_apart(np.array([0.9, 0.5, 0.5]), 0.2).round(2).tolist()
        [0.9, 0.6, 0.4]
    """
    # Isotonic regression by pooling neighbours: what remains when each has its gap to the first must not rise.
    free = at + gap * np.arange(len(at))
    blocks: list[tuple[float, int]] = []
    for value in free:
        mean, n = float(value), 1
        while blocks and blocks[-1][0] < mean:
            before, m = blocks.pop()
            mean, n = (before * m + mean * n) / (m + n), m + n
        blocks.append((mean, n))
    return np.concatenate([np.full(n, mean) for mean, n in blocks]) - gap * np.arange(len(at))
