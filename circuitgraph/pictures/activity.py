"""Running a network to look at it: in eval mode, on a copy, with what is asked for kept readable."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from circuitgraph.compiler import Network, State, compile
from circuitgraph.compiler.inputs import Input
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit
from circuitgraph.ir.shape import is_integer, n_neurons
from circuitgraph.pictures.source import circuit_of
from circuitgraph.pictures.windows import inputs_of

CHUNK = 64
"""Images at a time, at most."""

MOST = 2**25
"""Numbers at a time that one population may hold: 128 MiB."""


def watched(source: Any, population: str, where: str) -> Network:
    """Compile a copy of a circuit or a network in which a population stays readable, in eval mode, in float32.

    Raises:
        StructureError: for something else.  UnknownNameError: for a population that does not exist.
    """
    circuit = circuit_of(source, where)
    part = leading_to(circuit, population)
    device = source.device if isinstance(source, Network) else torch.device("cpu")
    net = compile(part, device=device, dtype=torch.float32, keep=[population], batch=CHUNK)
    return net.eval().requires_grad_(False)


def leading_to(circuit: Circuit, *populations: str) -> Circuit:
    """Leave out what none of some populations hears, not even in later steps; inputs stay.

    Raises:
        UnknownNameError: for a population that does not exist.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=2)
        >>> [p.name for p in leading_to(c, "y").populations]
        ['x', 'y']
    """
    waiting = [*(circuit.population(name).name for name in populations), *inputs_of(circuit)]
    heard = {*waiting}
    while waiting:
        name = waiting.pop()
        more = {p.pre for p in circuit.projections if p.post == name} - heard
        heard |= more
        waiting += more
    return dataclasses.replace(
        circuit,
        populations=tuple(p for p in circuit.populations if p.name in heard),
        projections=tuple(p for p in circuit.projections if {p.pre, p.post} <= heard),
    )


def read_images(net: Network, images: Any, where: str) -> Tensor:
    """Check images and convert them to what the network hears; bytes become numbers from 0 to 1.

    Shape: (N, *input) -> (N, *input) float32.

    Raises:
        ShapeError: for images that are none, none at all, or of another shape; for a network with several inputs.
    """
    inputs = inputs_of(net.circuit)
    if len(inputs) != 1:
        raise ShapeError(f"{where}: images for one input (got {len(inputs)} inputs: {', '.join(inputs)})")
    x = torch.as_tensor(images)
    shape = net.circuit.population(inputs[0]).shape
    if not len(x) or tuple(x.shape[1:]) != shape:
        raise ShapeError(f"{where}: images (got shape {tuple(x.shape)}, expected (N, {', '.join(map(str, shape))}))")
    return x.float() / 255 if x.dtype == torch.uint8 else x.float()


def answers(net: Network, images: Tensor, population: str) -> Iterator[Tensor]:
    """Give a population's activity, some images at a time.  Shape: (N, *input) -> several of (B, U, *sites)."""
    for state in states(net, images):
        yield state[population].float().cpu()


def states(net: Network, images: Tensor) -> Iterator[State]:
    """Show images, as many at a time as fit into memory, and give all activity."""
    largest = max(n_neurons(p.shape) for p in net.circuit.populations)
    with torch.no_grad():
        for batch in images.split(min(CHUNK, max(1, MOST // largest))):
            yield settled(net, batch)


def settled(net: Network, x: Input) -> State:
    """Hold an input until it has arrived through the longest delay."""
    state = net.step(x)
    for _ in range(max((p.delay for p in net.circuit.projections), default=0)):
        state = net.step(x, state)
    return state


def pick_units(units: Any, n_units: int, most: int, where: str) -> list[int]:
    """Read a choice of units: an integer, a list of them, or None for the first `most`.

    Raises:
        ShapeError: for a unit that does not exist.

    Example:
        >>> pick_units(None, 3, 8, "example"), pick_units(2, 3, 8, "example")
        ([0, 1, 2], [2])
    """
    if units is None:
        return list(range(min(n_units, most)))
    chosen = [int(u) for u in ([units] if is_integer(units, -1) else units)]
    wrong = [u for u in chosen if not 0 <= u < n_units]
    if wrong or not chosen:
        got = f"got {wrong[0]}" if wrong else "got none"
        raise ShapeError(f"{where}: units ({got}, expected some of 0 to {n_units - 1})")
    return chosen
