"""What units look for: weights on the input, or the input that excites them most."""

import math
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from circuitgraph.compiler import Network, compile
from circuitgraph.compiler.plan import neuron_of
from circuitgraph.errors import NumericError, ShapeError
from circuitgraph.ir import Circuit, Projection, Shape
from circuitgraph.ir.shape import is_integer
from circuitgraph.pictures.activity import pick_units, settled, watched
from circuitgraph.pictures.mosaic import around_zero, as_pictures, crop, draw_tiles
from circuitgraph.pictures.source import circuit_of
from circuitgraph.pictures.style import title
from circuitgraph.pictures.windows import Window, learned_from, middle, n_seen, receptive_window

DIRECT, DEEPER = 100, 16
"""Units shown by default: weights cost nothing, gradient ascent runs the network some hundred times."""


def receptive_fields(
    net: Any,
    population: str,
    units: Any = None,
    *,
    image: Shape | None = None,
    norm: float | None = None,
    steps: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Draw what units of a population look for, each tile scaled to its own largest value, grey is zero.

    Where the input itself is the only thing that a population hears, its weights are shown.  Deeper ones are shown by
    the stimulus that excites the unit in the middle most, among those within `norm` of the mean input
    (`preferred_input`).  Both are cut to the window that the unit sees.  An input of three units is shown in colours,
    any other as the mean over its units; of a flat one `image` says the shape, as (1, 28, 28).

    `net` is a network or a circuit; `units` by default the first 100 where weights are shown, else the first 16.

    Raises:
        UnknownNameError: for a population that does not exist.  ShapeError: for units that do not, or an input that is
            no picture.  StructureError: for a population that sees no input without delay, or several.

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
    direct = learned_from(circuit, population)
    chosen = pick_units(units, shape[0], DIRECT if direct else DEEPER, "receptive_fields")
    if direct is not None:
        values = _weights(circuit, direct, chosen)
    else:
        found = preferred_input(net, population, chosen, norm=norm, steps=steps)
        values = (found - _resting(circuit, window.population)).numpy()
    pictures = around_zero(_cut(values, circuit, window, image))
    columns = min(16, len(chosen)) if direct else min(8, len(chosen))
    ax = _draw_units(pictures, chosen, columns, ax)
    what = "weights" if direct else "preferred input"
    size = "×".join(map(str, pictures.shape[1:3]))
    title(ax, f"{what} of {population}: {len(chosen)} of {shape[0]} units, {size} sites")
    return ax


def preferred_input(
    net: Any, population: str, units: Any = None, *, norm: float | None = None, steps: int = 60, rng: int = 0
) -> Tensor:
    """Find the input that drives each unit most, at the site in the middle, by projected gradient ascent.

    x <- project(x + rate * du/dx / |du/dx|), onto |x - mean| <= norm; the rate falls linearly to zero.  u is the total
    input of the unit, before its neuron: a unit that is silent still has a gradient.  `mean` is the running mean of the
    input's batch normalisation where there is one, else 0; `norm` by default the length that its running variance
    gives the window, else 1.  Of a linear unit it is mean + norm * w / |w| exactly.

    Shape: -> (len(units), *input).

    Raises:
        NumericError: for a norm that is no positive number.  ShapeError: for units or steps that are none, and as
            `receptive_fields`.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[3.0, -4.0])
        >>> [round(v, 4) for v in preferred_input(c, "y", norm=2.0)[0].tolist()]
        [1.2, -1.6]
    """
    eyes = watched(net, population, "preferred_input")
    shape = eyes.circuit.population(population).shape
    chosen = pick_units(units, shape[0], DEEPER, "preferred_input")
    window = receptive_window(eyes.circuit, population)
    bound = _default_norm(eyes.circuit, window) if norm is None else norm
    if not (isinstance(bound, int | float | np.floating) and 0 < bound < math.inf):
        raise NumericError(f"preferred_input: norm (got {norm!r}, expected a positive number)")
    if not is_integer(steps, 1):
        raise ShapeError(f"preferred_input: steps (got {steps!r}, expected a positive integer)")
    rest = _resting(eyes.circuit, window.population).to(eyes.device)
    noise = torch.randn(len(chosen), *rest.shape, generator=torch.Generator().manual_seed(rng)).to(eyes.device)
    delta = _within(noise, 0.01 * bound)
    for i in range(steps):
        g = _gradient(eyes, window.population, rest + delta, population, chosen)
        rate = bound * (1 - i / steps)
        delta = _within(delta + rate * g / _length(g).clamp(min=1e-12), bound)
    # What lies beyond the window has no gradient and keeps its noise.
    return (rest + torch.where(_gradient_seen(window, delta), delta, 0)).cpu()


def _gradient(net: Network, name: str, x: Tensor, population: str, units: list[int]) -> Tensor:
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        state = settled(net, {name: x})
        port = population, neuron_of(net.circuit, population).ports[0]
        u = state[port] if port in state else state[population]
        sites = u.flatten(2) if u.ndim > 2 else u[..., None]
        site = np.ravel_multi_index(middle(tuple(u.shape[1:])), u.shape[2:]) if u.ndim > 2 else 0
        drive = sites[torch.arange(len(units)), torch.tensor(units), int(site)].sum()
        found: Tensor = torch.autograd.grad(drive, x)[0]
    return found


def _gradient_seen(window: Window, x: Tensor) -> Tensor:
    """Mark the window.  Shape: like x."""
    seen = torch.zeros_like(x, dtype=torch.bool)
    seen[(slice(None), slice(None), *(slice(max(a, 0), b) for a, b in window.span))] = True
    return seen


def _length(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1))


def _within(x: Tensor, bound: float) -> Tensor:
    return x * (bound / _length(x).clamp(min=1e-12)).clamp(max=1)


def _resting(circuit: Circuit, name: str) -> Tensor:
    """Give the mean input, as far as the input population remembers it.  Shape: -> (*input)."""
    p = circuit.population(name)
    mean = torch.zeros(p.n_units) if "mean" not in p.memory else torch.tensor(p.memory["mean"], dtype=torch.float32)
    return mean.view(-1, *[1] * (len(p.shape) - 1)).expand(p.shape).clone()


def _default_norm(circuit: Circuit, window: Window) -> float:
    p = circuit.population(window.population)
    if "variance" not in p.memory:
        return 1.0
    return math.sqrt(float(p.memory["variance"].mean()) * n_seen(p.shape, window)) or 1.0


def _weights(circuit: Circuit, p: Projection, units: list[int]) -> np.ndarray:
    """Give the weights onto a unit's middle site, where they act.  Shape: -> (len(units), *input)."""
    pre, post = circuit.shapes(p)
    alone = Circuit().add(p.pre, pre).add(p.post, post)
    alone = alone.connect(p.pre, p.post, p.topology, weight=p.weight, name=p.name, fixed=True)
    net = compile(alone, dtype=torch.float32, batch=len(units)).requires_grad_(False)
    found: np.ndarray = _gradient(net, p.pre, torch.zeros(len(units), *pre), p.post, units).numpy()
    return found


def _cut(values: np.ndarray, circuit: Circuit, window: Window, image: Shape | None) -> np.ndarray:
    shape = circuit.population(window.population).shape
    pictures = as_pictures(values, shape, image, "receptive_fields")
    if image is not None:
        return pictures
    span = window.span if len(window.span) == 2 else ((0, 1), *window.span)
    return crop(pictures, [(max(a, 0), min(b, n)) for (a, b), n in zip(span, pictures.shape[1:3], strict=True)], 0.0)


def _draw_units(pictures: np.ndarray, units: list[int], columns: int, ax: Axes | None) -> Axes:
    rows = [units[i : i + columns] for i in range(0, len(units), columns)]
    plain = units == list(range(units[0], units[0] + len(units)))
    if plain:
        rows_say, columns_say = [str(row[0]) for row in rows], [f"+{i}" for i in range(columns)]
        names = "unit: number of the row plus that of the column", ""
    else:
        rows_say, columns_say = (
            [", ".join(map(str, row)) if len(rows) > 1 else "" for row in rows],
            list(map(str, rows[0])),
        )
        columns_say = columns_say if len(rows) == 1 else [""] * columns
        names = "unit" if len(rows) == 1 else "", "" if len(rows) == 1 else "units of the row"
    return draw_tiles(pictures, ax, columns=columns, rows_say=rows_say, columns_say=columns_say, names=names)
