"""What builders share: one value for each layer, and layers that say which of them does not fit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Value
from circuitgraph.ir.shape import as_shape

T = TypeVar("T")
Rules = Value | None | Sequence[Value | None]
"""One rule for every layer, or one for each."""
Neurons = Value | Sequence[Value]
"""Neurons of one kind for every layer, or one kind for each."""


def each(where: str, given: T | Sequence[T], n: int) -> tuple[T, ...]:
    """Give one value for each of n layers; ShapeError for a sequence of another length.

    Example:
        >>> each("widths", 8, 2), each("widths", (8, 16), 2)
        ((8, 8), (8, 16))
    """
    if not isinstance(given, Sequence):
        return (given,) * n
    if len(given) != n:
        raise ShapeError(f"{where}: one for each layer (got {len(given)}, expected {n}, or one for all)")
    return tuple(given)


def widths_of(where: str, given: Sequence[int], n: int) -> Shape:
    """Read the numbers of units of n layers; ShapeError for another number of layers, or what are no units.

    Example:
        >>> widths_of("net", [8, 16], 2)
        (8, 16)
    """
    widths = as_shape(given, f"{where}: widths")
    if len(widths) != n:
        raise ShapeError(f"{where}: widths (got {len(widths)} layers, expected {n})")
    return widths


def need_sites(where: str, shape: Shape) -> Shape:
    """Read the shape of images; ShapeError unless it is (channels, height, width)."""
    found = as_shape(shape, f"{where}: shape")
    if len(found) != 3:
        raise ShapeError(f"{where}: shape (got {found}, expected images: channels, height, width)")
    return found


@contextmanager
def layer(where: str, i: int, shape: Shape) -> Iterator[None]:
    """Say in an error which layer it is that does not fit, and what it was to fit on."""
    try:
        yield
    except ShapeError as error:
        sites = "x".join(map(str, shape[1:]))
        raise ShapeError(f"{where}: layer {i} does not fit on {shape[0]} units of {sites} sites: {error}") from error
