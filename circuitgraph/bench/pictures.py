"""The pictures of a run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from circuitgraph.bench.run import Outcome
from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit
from circuitgraph.ir.shape import n_neurons
from circuitgraph.pictures import (
    Wins,
    accuracy_curves,
    activation_maps,
    count_wins,
    memory,
    receptive_fields,
    top_patches,
    weights,
    winner_maps,
    winners,
)
from circuitgraph.pictures.activity import leading_to
from circuitgraph.pictures.ascent import hands_gradient, sums_input
from circuitgraph.pictures.distributions import kept
from circuitgraph.pictures.style import INK, SERIES, bare, legend
from circuitgraph.pictures.style import title as put_title
from circuitgraph.pictures.windows import n_seen, receptive_window

__all__ = ["accuracy_curves", "draw"]

COLUMNS, ROWS, FEW = 16, 6, 4
"""Receptive fields in a row, rows of those that cost nothing, and tiles of a layer at least, whatever they cost."""
STEPS, WORK = 25, 2.5e11
"""Steps of gradient ascent; multiplications that it, and showing images, may take: some seconds on two cores each."""
COUNTED, SHOWN, FLAT = 128, 6, 32
"""Images whose winners are counted, those that are shown, and those of a layer without sites."""
HEAT_ROWS = 9
"""Rows of heat maps in all layers."""
DASHES = ("-", "--", ":", "-.")
DPI = 150


def draw(outcomes: Sequence[Outcome], title: str, folder: Path, images: Tensor | None = None) -> list[Path]:
    """Draw what a run gave, the first seed's circuit; returns the files that there are.

    accuracy, receptive_fields, weights, memory (thresholds and what else units keep), weight_norms, structure; with
    `images` also winners, winner_maps and activity.  `images` are training images, bytes or numbers; some hundred do.

    Shape: images (N, *input).
    """
    circuit = outcomes[0].circuit
    names, wins = layers(circuit), dict[str, Wins]()
    if images is not None and names:
        images = images[:COUNTED].cpu()
        few = max(FLAT, int(WORK // sum(leading_to(circuit, name).n_synapses for name in names)))
        wins = {name: count_wins(circuit, images[:few], name) for name in names}
    made: dict[str, Figure | None] = {
        "accuracy": _accuracy(outcomes),
        "receptive_fields": _fields(circuit, names, wins, images),
        "weights": _weights(circuit),
        "memory": _memory(circuit),
        "weight_norms": _norms(outcomes[0].norms),
        "structure": _structure(outcomes[0]),
    }
    if images is not None and wins:
        made |= {
            "winners": _winners(wins),
            "winner_maps": _winner_maps(circuit, names, images[:SHOWN]),
            "activity": _activity(circuit, names, images[:FLAT]),
        }
    paths = []
    for name, figure in made.items():
        if figure is not None:
            figure.suptitle(f"{title}: {name.replace('_', ' ')}", fontsize=10, color=INK, parse_math=False)
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=DPI)
    return paths


def layers(circuit: Circuit) -> list[str]:
    """Name the populations that hear another one through weights that learn, and see one input.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("image", (1, 4, 4)).connect("image", "l1", cg.Conv(3), units=2)
        >>> layers(c.connect("l1", "p1", cg.Pool(2)))
        ['l1']
    """
    heard = {p.post for p in circuit.projections if p.pre != p.post and not (p.fixed or p.delay) and p.n_slots}
    return [p.name for p in circuit.populations if p.name in heard and _sees(circuit, p.name)]


def _sees(circuit: Circuit, population: str) -> bool:
    try:
        window = receptive_window(circuit, population)
    except StructureError:
        # Several inputs, or only delayed ones: no picture of what it looks for.
        return False
    return len(circuit.population(window.population).shape) in (2, 3)


def _accuracy(outcomes: Sequence[Outcome]) -> Figure | None:
    lines = [
        {"preset": f"seed {o.seed}", "curve": o.curve, "test_accuracy": o.test_accuracy}
        for o in outcomes
        if o.test_accuracy is not None or any("validation" in row for row in o.curve)
    ]
    return _figure(accuracy_curves(lines)) if lines else None


def _fields(circuit: Circuit, names: Sequence[str], wins: Mapping[str, Wins], images: Tensor | None) -> Figure | None:
    """Draw a band of tiles for each layer: the first units of those that sum the input, of others what wins most."""
    if not names:
        return None
    deeper = [name for name in names if not sums_input(circuit, name)]
    blind = [name for name in deeper if images is not None and not hands_gradient(circuit, name)]
    most = max(FEW, min(COLUMNS, int(WORK // (2 * STEPS * max(1, sum(_work(circuit, name) for name in deeper))))))
    shown: dict[str, Sequence[int]] = {n: range(min(COLUMNS * ROWS, circuit.population(n).n_units)) for n in names}
    shown |= {name: _first(circuit, name, wins, FEW if name in blind else most) for name in deeper}
    rows = [len(shown[name]) if name in blind else -(-len(shown[name]) // COLUMNS) for name in names]
    figure = Figure(figsize=(10.0, 0.6 * sum(rows) + 0.75 * len(names) + 0.3), layout="constrained")
    axes = figure.subplots(len(names), squeeze=False, height_ratios=[r + 0.6 for r in rows]).ravel()
    for ax, name in zip(axes, names, strict=True):
        if name in blind:
            top_patches(circuit, images, name, shown[name], COLUMNS, ax=ax)
        else:
            norm = _norm(circuit, name, images)
            receptive_fields(circuit, name, shown[name], norm=norm, steps=STEPS, columns=COLUMNS, ax=ax)
        if name in deeper and name in wins and len(shown[name]) < circuit.population(name).n_units:
            put_title(ax, f"{ax.get_title()}, those that win most")
    return figure


def _work(circuit: Circuit, name: str) -> int:
    """Count what one image takes up to a layer, whose own units are few: synapses, and fifty for each neuron."""
    part = leading_to(circuit, name)
    ahead = sum(p.topology.n_synapses(*part.shapes(p)) for p in part.projections if p.post != name)
    return ahead + 50 * sum(n_neurons(p.shape) for p in part.populations if p.name != name)


def _norm(circuit: Circuit, name: str, images: Tensor | None) -> float | None:
    """Say how far from the mean an image lies within a window, where the input does not remember it."""
    window = receptive_window(circuit, name)
    shape, spread = circuit.population(window.population).shape, 0.0
    if images is not None and "variance" not in circuit.population(window.population).memory:
        pixels = images.float() / 255 if images.dtype == torch.uint8 else images.float()
        spread = float(pixels.std())
    return spread * math.sqrt(n_seen(shape, window)) or None


def _first(circuit: Circuit, name: str, wins: Mapping[str, Wins], most: int) -> Sequence[int]:
    if name not in wins:
        return range(min(most, circuit.population(name).n_units))
    found: list[int] = np.argsort(-wins[name].counts, kind="stable")[:most].tolist()
    return found


def _weights(circuit: Circuit) -> Figure | None:
    return _figure(weights(circuit)[0]) if any(p.n_slots and not p.fixed for p in circuit.projections) else None


def _memory(circuit: Circuit) -> Figure | None:
    return _figure(memory(circuit)[0]) if kept(circuit) else None


def _winners(wins: Mapping[str, Wins]) -> Figure:
    columns = min(2, len(wins))
    rows = -(-len(wins) // columns)
    figure = Figure(figsize=(5.0 * columns, 2.9 * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(wins) :]:
        ax.remove()
    for ax, (name, won) in zip(axes, wins.items(), strict=False):
        winners(won, None, name, ax=ax)
    return figure


def _winner_maps(circuit: Circuit, names: Sequence[str], images: Tensor) -> Figure | None:
    names = [name for name in names if len(circuit.population(name).shape) > 1]
    return _figure(winner_maps(circuit, images, names)[0]) if names else None


def _activity(circuit: Circuit, names: Sequence[str], images: Tensor) -> Figure:
    """Draw heat maps of the most active units: a block for each layer, of fewer images the more layers there are."""
    n = max(1, min(len(images), SHOWN, HEAT_ROWS // len(names)))
    flat = [len(circuit.population(name).shape) == 1 for name in names]
    heights = [2.2 if f else 1.2 * n + 0.35 for f in flat]
    figure = Figure(figsize=(9.0, sum(heights) + 0.3), layout="constrained")
    blocks = figure.subfigures(len(names), squeeze=False, height_ratios=heights).ravel()
    for block, name, is_flat in zip(blocks, names, flat, strict=True):
        block.suptitle(name, x=0.02, ha="left", fontsize=9, color=INK, parse_math=False)
        columns = 1 if is_flat else 1 + min(6, circuit.population(name).n_units)
        axes = block.subplots(1 if is_flat else n, columns, squeeze=False)
        activation_maps(circuit, images if is_flat else images[:n], name, ax=axes)
    return figure


def _norms(rows: Sequence[dict[str, float]]) -> Figure | None:
    if len(rows) < 2:
        return None
    figure, ax = _axes((7.0, 4.0))
    steps = [r.get("step", 0) for r in rows]
    names = [k for k in rows[0] if k != "step"]
    lines = [ax.plot(steps, [r[name] for r in rows], **_look(i))[0] for i, name in enumerate(names)]
    lines.append(ax.axhline(1, color=INK, lw=0.8, ls=":"))
    _name(ax, "unsupervised step", "mean weight norm of a unit")
    labels = [f"{name}: {rows[-1][name]:.3g}" for name in names]
    legend(ax, lines, [*labels, "norm 1"], loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


def _structure(outcome: Outcome) -> Figure | None:
    """Draw how many slots and units each population and projection has, after each edit."""
    table = outcome.structure
    if table is None or len(table) < 2:
        return None
    figure, ax = _axes((8.0, 4.0))
    lines, labels = [], []
    for kind, dash in (("slots", "-"), ("units", "--")):
        names = [kind, *(c for c in table.columns if c.startswith(f"{kind} ") and table[c].nunique() > 1)]
        for i, name in enumerate(names):
            lines += ax.step(table["step"], table[name], where="post", **_look(i) | {"ls": dash})
            labels.append(f"{name}: {table[name].iloc[-1]:,.0f}")
    _name(ax, "training step", "units and slots left")
    legend(ax, lines, labels, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


def _look(i: int) -> dict[str, Any]:
    """Tell the i-th line from others: by colour and, when all are used up, by dashes."""
    return {"color": SERIES[i % len(SERIES)], "ls": DASHES[i // len(SERIES) % len(DASHES)], "lw": 1.2}


def _name(ax: Axes, x: str, y: str) -> None:
    ax.set(yscale="log")
    ax.set_xlabel(x, fontsize=8, color=INK)
    ax.set_ylabel(y, fontsize=8, color=INK)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _axes(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, bare(figure.add_subplot())
