"""What drives a unit: its weights as the input sees them, and the input that excites it most."""

import dataclasses
import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.compiler import Network, compile
from circuitgraph.compiler.plan import neuron_of
from circuitgraph.edits.units import change_units, neighbours
from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.ir import Circuit
from circuitgraph.ir.shape import is_integer
from circuitgraph.neurons import BatchNorm, Bias, Linear
from circuitgraph.pictures.activity import leading_to, pick_units, settled
from circuitgraph.pictures.source import circuit_of
from circuitgraph.pictures.windows import Window, inputs_of, middle, n_seen, receptive_window

DEEPER = 16
"""Units looked at by default: gradient ascent runs the network some sixty times."""

CHUNK = 32
"""Units at a time."""

AFFINE = (Linear, BatchNorm, Bias)
"""Neurons that scale and shift each unit, where they do not learn."""


def preferred_input(
    net: Any,
    population: str,
    units: Any = None,
    *,
    norm: float | None = None,
    steps: int = 60,
    smooth: float = 0.0,
    rng: int = 0,
) -> Tensor:
    """Find the input that drives each unit most, at the site in the middle, by projected gradient ascent.

    x <- project(x + rate * du/dx / |du/dx|), onto |x - mean| <= norm; the rate falls linearly to zero.  u is the total
    input of the unit, before its neuron: a unit that is silent still has a gradient.  `mean` is the running mean of the
    input's batch normalisation where there is one, else 0; `norm` by default the length that its running variance
    gives the window, else 1.  Of a linear unit it is mean + norm * w / |w| exactly.  `smooth`, in sites, is the
    standard deviation of a Gaussian that blurs each gradient: images are smooth, noise that no image holds stays out.
    It begins at weak noise, which doubles for as long as it moves nothing (where all that a unit hears is silent at
    the mean input).  Of a unit that nothing in the input moves it is the mean.

    Shape: -> (len(units), *input).

    Raises:
        NumericError: for a norm that is no positive number, a smooth that is no number from 0.  ShapeError: for units
            or steps that are none.  StructureError: for a population that sees no input without delay, or several.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[3.0, -4.0])
        >>> [round(v, 4) for v in preferred_input(c, "y", norm=2.0)[0].tolist()]
        [1.2, -1.6]
    """
    circuit = circuit_of(net, "preferred_input")
    chosen = pick_units(units, circuit.population(population).n_units, DEEPER, "preferred_input")
    window = receptive_window(circuit, population)
    bound = _default_norm(circuit, window) if norm is None else norm
    if not _is_number(bound) or bound <= 0:
        raise NumericError(f"preferred_input: norm (got {norm!r}, expected a positive number)")
    if not _is_number(smooth) or smooth < 0:
        raise NumericError(f"preferred_input: smooth (got {smooth!r}, expected a number from 0, in sites)")
    if not is_integer(steps, 1):
        raise ShapeError(f"preferred_input: steps (got {steps!r}, expected a positive integer)")
    device = net.device if isinstance(net, Network) else torch.device("cpu")
    eyes, where = _eyes(circuit, population, chosen, device)
    rest = resting(circuit, window.population).to(device)
    noise = torch.randn(len(chosen), *rest.shape, generator=torch.Generator().manual_seed(rng)).to(device)
    delta = _within(_blurred(noise, smooth), 0.01 * bound)
    moved = torch.zeros_like(_length(delta))
    for i in range(steps):
        g = _blurred(_gradient(eyes, window.population, rest + delta, population, where), smooth)
        rate, moved = bound * (1 - i / steps), moved + _length(g)
        step = torch.where(moved > 0, rate * g / _length(g).clamp(min=1e-12), delta)
        delta = _within(delta + step, bound)
    # What lies beyond the window has no gradient and keeps its noise.
    return (rest + torch.where(_inside(window, delta) & (moved > 0), delta, 0)).cpu()


def hands_gradient(circuit: Circuit, population: str) -> bool:
    """Tell whether gradients find a way from a population's first units to the input, from images at random.

    Populations that fire all or nothing hand none on.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4, cg.KWinners(4)).connect("x", "y", cg.Dense(), units=2)
        >>> hands_gradient(c, "y")
        True
    """
    units = list(range(min(4, circuit.population(population).n_units)))
    eyes, where = _eyes(circuit, population, units, torch.device("cpu"))
    name = receptive_window(circuit, population).population
    x = torch.rand(len(units), *circuit.population(name).shape, generator=torch.Generator().manual_seed(0))
    return bool(_gradient(eyes, name, x, population, where).any())


def sums_input(circuit: Circuit, population: str) -> bool:
    """Tell whether a population's total input is a weighted sum of one input's, perhaps through linear populations.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", (1, 4, 4)).connect("x", "white", cg.Conv(3, padding=1), units=1)
        >>> c = c.connect("white", "y", cg.Conv(3), units=2, neuron=cg.ReLU()).connect("y", "z", cg.Pool(2))
        >>> sums_input(c, "y"), sums_input(c, "z")
        (True, False)
    """
    port, inputs = neuron_of(circuit, population).ports[0], inputs_of(circuit)
    into = [p for p in circuit.projections if p.post == population and not p.delay]
    if not into or any(p.port != port or p.topology.reduce != "sum" for p in into):
        return False
    return all(
        p.pre in inputs or (isinstance(neuron_of(circuit, p.pre), AFFINE) and sums_input(circuit, p.pre)) for p in into
    )


def weights_on_input(circuit: Circuit, population: str, units: list[int]) -> np.ndarray:
    """Give the weights of the sum (`sums_input`) that reaches a unit's middle site, where they act on the input.

    Those of the linear populations in between are multiplied out.  Shape: -> (len(units), *input).
    """
    name = receptive_window(circuit, population).population
    now = dataclasses.replace(circuit, projections=tuple(p for p in circuit.projections if not p.delay))
    now = now.replace_population(name, neuron=None, memory={})
    eyes, where = _eyes(now, population, units, torch.device("cpu"))
    nothing = torch.zeros(len(units), *now.population(name).shape)
    return _gradient(eyes, name, nothing, population, where).numpy()


def resting(circuit: Circuit, name: str) -> Tensor:
    """Give the mean input, as far as the input population remembers it.  Shape: -> (*input)."""
    p = circuit.population(name)
    mean = torch.zeros(p.n_units) if "mean" not in p.memory else torch.tensor(p.memory["mean"], dtype=torch.float32)
    return mean.view(-1, *[1] * (len(p.shape) - 1)).expand(p.shape).clone()


def _eyes(circuit: Circuit, population: str, units: list[int], device: torch.device) -> tuple[Network, list[int]]:
    """Compile what leads to some units, and tell where these are in it."""
    part, where = _only(leading_to(circuit, population), population, units)
    net = compile(part, device=device, dtype=torch.float32, keep=[population], batch=min(len(units), CHUNK))
    return net.eval().requires_grad_(False), where


def _only(circuit: Circuit, population: str, units: list[int]) -> tuple[Circuit, list[int]]:
    """Leave out the units of the last population that are not looked at, where nobody hears them."""
    port = neuron_of(circuit, population).ports[0]
    if any(p.pre == population for p in circuit.projections) or neighbours(circuit, population):
        return circuit, units
    if any(p.post == population and p.port != port for p in circuit.projections):
        return circuit, units
    kept = np.unique(units)
    alone = circuit.replace_population(population, neuron=None, memory={})
    landing = [p.name for p in alone.projections if p.post == population]
    for name in landing:
        alone = alone.replace_projection(name, rule=None, port="in")
    try:
        part, _ = change_units(alone, {population: kept})
    except StructureError:
        # A grouped convolution cannot lose single units.
        return circuit, units
    return part, np.searchsorted(kept, units).tolist()


def _gradient(net: Network, name: str, x: Tensor, population: str, units: list[int]) -> Tensor:
    """Differentiate each unit's total input at its middle site by the input.  Shape: x (N, *input), units (N,)."""
    found = []
    for part, chosen in zip(x.split(CHUNK), torch.tensor(units).split(CHUNK), strict=True):
        leaf = part.detach().requires_grad_()
        with torch.enable_grad():
            state = settled(net, {name: leaf})
            port = population, neuron_of(net.circuit, population).ports[0]
            u = state[port] if port in state else state[population]
            sites = u.flatten(2) if u.ndim > 2 else u[..., None]
            site = np.ravel_multi_index(middle(tuple(u.shape[1:])), u.shape[2:]) if u.ndim > 2 else 0
            drive = sites[torch.arange(len(chosen)), chosen, int(site)].sum()
            # A population that fires all or nothing hands no gradient on.
            found.append(torch.autograd.grad(drive, leaf)[0] if drive.requires_grad else torch.zeros_like(leaf))
    return torch.cat(found)


def _blurred(x: Tensor, spread: float) -> Tensor:
    """Blur over sites with a Gaussian of that standard deviation.  Shape: (N, U, *sites), the same."""
    if not spread:
        return x
    reach = math.ceil(3 * spread)
    at = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-((at / spread) ** 2) / 2)
    kernel = (kernel / kernel.sum()).view(1, 1, -1)
    for axis in range(2, x.ndim):
        rows = x.movedim(axis, -1)
        x = F.conv1d(rows.reshape(-1, 1, rows.shape[-1]), kernel, padding=reach).view(rows.shape).movedim(-1, axis)
    return x


def _inside(window: Window, x: Tensor) -> Tensor:
    """Mark the window.  Shape: like x."""
    seen = torch.zeros_like(x, dtype=torch.bool)
    seen[(slice(None), slice(None), *(slice(max(a, 0), b) for a, b in window.span))] = True
    return seen


def _length(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1).view(-1, *[1] * (x.ndim - 1))


def _within(x: Tensor, bound: float) -> Tensor:
    return x * (bound / _length(x).clamp(min=1e-12)).clamp(max=1)


def _is_number(given: object) -> bool:
    return isinstance(given, int | float | np.floating) and math.isfinite(given)


def _default_norm(circuit: Circuit, window: Window) -> float:
    p = circuit.population(window.population)
    if "variance" not in p.memory:
        return 1.0
    return math.sqrt(float(p.memory["variance"].mean()) * n_seen(p.shape, window)) or 1.0
