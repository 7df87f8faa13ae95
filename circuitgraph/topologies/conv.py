"""Wiring over a grid of sites: convolution and pooling in 1, 2 and 3 dimensions."""

import itertools
import math
from typing import Any, Literal

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import Shape, n_sites
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, need_units
from circuitgraph.ir.value import value
from circuitgraph.registry import topologies

Ints = int | tuple[int, ...]


@topologies.register("conv")
@value
class Conv(Topology):
    """Connect each site to the window of sites around it, with the same weights everywhere.

    The window of postsynaptic site p has taps a at presynaptic site  p * stride + a * dilation - padding.
    slot = (post unit * n_taps + tap) * pre units per group + pre unit within the group.

    Beyond the border, `mode` is "zeros" (no synapse), "reflect" or "circular" (a synapse from the site found there).
    `groups=units` is a depthwise convolution.  An integer means the same for every dimension.

    Example:
        >>> Conv(3, padding=1).post_shape((3, 32, 32), units=8)
        (8, 32, 32)
    """

    kernel: Ints
    stride: Ints = 1
    padding: Ints = 0
    dilation: Ints = 1
    groups: int = 1
    mode: Literal["zeros", "reflect", "circular"] = "zeros"

    def __post_init__(self) -> None:
        for field, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            _freeze(self, field, least)
        if not isinstance(self.groups, int) or self.groups < 1:
            raise ShapeError(f"Conv: groups (got {self.groups!r}, expected a positive integer)")
        if self.mode not in ("zeros", "reflect", "circular"):
            raise ShapeError(f"Conv: mode (got {self.mode!r}, expected 'zeros', 'reflect' or 'circular')")

    def window(self, rank: int) -> "dict[str, tuple[int, ...]]":
        """Give kernel, stride, padding and dilation as one number per dimension."""
        return {f: _per_axis(self, f, rank) for f in ("kernel", "stride", "padding", "dilation")}

    def slots(self, pre: Shape, post: Shape) -> Slots:
        tap, _, _ = self._taps(pre)
        taps, inner = math.prod(self.window(len(pre) - 1)["kernel"]), pre[0] // self.groups
        out, _, unit = np.indices((post[0], taps, inner)).reshape(3, -1)
        count = np.broadcast_to(np.bincount(tap, minlength=taps)[None, :, None], (post[0], taps, inner))
        return Slots(out // (post[0] // self.groups) * inner + unit, out, count.reshape(-1).astype(np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        tap, at_pre, at_post = self._taps(pre)
        taps, inner = math.prod(self.window(len(pre) - 1)["kernel"]), pre[0] // self.groups
        out, unit = np.indices((post[0], inner)).reshape(2, -1)[..., None]
        pre_unit = out // (post[0] // self.groups) * inner + unit
        slot = (out * taps + tap) * inner + unit
        return Synapses.build(pre_unit * n_sites(pre) + at_pre, out * n_sites(post) + at_post, slot)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        units = pre[0] if units is None and self.groups == pre[0] else need_units(self, units)
        if pre[0] % self.groups or units % self.groups:
            raise ShapeError(f"{self!r}: units not divisible by groups (got pre {pre[0]}, post {units}, groups {self.groups})")
        return (units, *_post_sites(self, pre))

    def check(self, pre: Shape, post: Shape) -> None:
        super().check(pre, post)
        _check_border(self, pre)
        taps = math.prod(self.window(len(pre) - 1)["kernel"])
        met = len(np.unique(self._taps(pre)[0]))
        if met < taps:
            raise ShapeError(f"{self!r}: kernel larger than the input {pre} ({met} of {taps} taps ever meet it); use a smaller one")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return post[0] * math.prod(self.window(len(pre) - 1)["kernel"]) * (pre[0] // self.groups)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return post[0] * (pre[0] // self.groups) * len(self._taps(pre)[0])

    def _taps(self, pre: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return window_edges(pre[1:], **self.window(len(pre) - 1), mode=self.mode)

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        laws = [
            (cls(3, padding=1, mode="reflect"), (2, 4, 5), 3), (cls(3, padding=1), (2, 4, 4), 2),
            (cls((3, 2), stride=(2, 1), mode="circular", padding=1), (1, 5, 4), 2), (cls(3, dilation=2, padding=2), (2, 5), 2),
            (cls(3, padding=1, groups=2), (4, 3, 3), 2), (cls(3, groups=3, padding=1), (3, 4, 4), 3),
            (cls(2, stride=2), (2, 4, 4, 2), 3), (cls(5, padding=2, mode="reflect", stride=2), (1, 7), 2), (cls(1), (3, 2, 2), 2),
        ]  # fmt: skip
        return [(law, pre, law.post_shape(pre, units)) for law, pre, units in laws]


@topologies.register("pool")
@value
class Pool(Topology):
    """Summarise windows of sites, each unit by itself: their mean, or the strongest one.  One slot per unit.

    Averages divide by the whole window, also where it passes the border.  Weights are fixed at one by default.

    Example:
        >>> Pool(2).post_shape((96, 32, 32))
        (96, 16, 16)
    """

    kernel: Ints
    stride: Ints | None = None
    padding: Ints = 0
    how: Literal["max", "mean"] = "max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "stride", self.kernel if self.stride is None else self.stride)
        for field, least in (("kernel", 1), ("stride", 1), ("padding", 0)):
            _freeze(self, field, least)
        if self.how not in ("max", "mean"):
            raise ShapeError(f"Pool: how (got {self.how!r}, expected 'max' or 'mean')")

    @property
    def reduce(self) -> Literal["sum", "max"]:
        return "max" if self.how == "max" else "sum"

    @property
    def plastic(self) -> bool:
        return False

    def window(self, rank: int) -> "dict[str, tuple[int, ...]]":
        """Give kernel, stride, padding and dilation as one number per dimension."""
        return {f: _per_axis(self, f, rank) for f in ("kernel", "stride", "padding")} | {"dilation": (1,) * rank}

    def slots(self, pre: Shape, post: Shape) -> Slots:
        units = np.arange(pre[0])
        return Slots(units, units, np.full(pre[0], len(self._taps(pre)[0]), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        _, at_pre, at_post = self._taps(pre)
        units = np.arange(pre[0])[:, None]
        coef = 1.0 if self.how == "max" else 1 / math.prod(self.window(len(pre) - 1)["kernel"])
        slot = np.broadcast_to(units, (pre[0], len(at_pre)))
        return Synapses.build(units * n_sites(pre) + at_pre, units * n_sites(post) + at_post, slot, coef)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (pre[0], *_post_sites(self, pre))

    def check(self, pre: Shape, post: Shape) -> None:
        super().check(pre, post)
        for kernel, padding in zip(self.window(len(pre) - 1)["kernel"], self.window(len(pre) - 1)["padding"], strict=True):
            if padding * 2 > kernel:
                raise ShapeError(f"{self!r}: padding above half of the kernel (got {padding}, expected at most {kernel // 2})")

    def _taps(self, pre: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return window_edges(pre[1:], **self.window(len(pre) - 1), mode="zeros")

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        laws = [(cls(2), (2, 4, 4)), (cls(4, 2, 1), (2, 6, 6)), (cls(2, how="mean"), (2, 4, 4)), (cls(3, 2, 1, "mean"), (1, 5)),
                (cls(2), (1, 2, 2, 4))]  # fmt: skip
        return [(law, pre, law.post_shape(pre)) for law, pre in laws]


def window_edges(sites: Shape, *, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, mode: str) -> tuple[np.ndarray, ...]:
    """List (tap, pre site, post site) of every synapse between two units.  Shape: three arrays (T,) int64."""
    out = [_size(*axis) for axis in zip(sites, kernel, stride, padding, dilation, strict=True)]
    axes = [_axis_edges(*axis, mode) for axis in zip(sites, out, kernel, stride, padding, dilation, strict=True)]
    columns = []
    for column, sizes in enumerate((kernel, sites, out)):
        parts = np.meshgrid(*(axis[column] for axis in axes), indexing="ij")
        columns.append(np.ravel_multi_index(tuple(p.ravel() for p in parts), tuple(sizes)).astype(np.int64))
    return tuple(columns)


def _axis_edges(n: int, out: int, kernel: int, stride: int, padding: int, dilation: int, mode: str) -> np.ndarray:
    post, tap = np.indices((out, kernel)).reshape(2, -1)
    pre = post * stride + tap * dilation - padding
    if mode == "reflect":
        pre = np.where(pre < 0, -pre, np.where(pre >= n, 2 * (n - 1) - pre, pre))
    elif mode == "circular":
        pre = pre % n
    inside = (pre >= 0) & (pre < n)
    return np.stack([tap[inside], pre[inside], post[inside]])


def _size(n: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _post_sites(topology: "Conv | Pool", pre: Shape) -> Shape:
    rank = len(pre) - 1
    if not 1 <= rank <= 3:
        raise ShapeError(f"{topology!r}: needs 1 to 3 dimensions of sites (got {rank}, from shape {pre})")
    window = topology.window(rank)
    out = tuple(_size(n, *axis) for n, axis in zip(pre[1:], zip(*window.values(), strict=True), strict=True))
    if min(out) < 1:
        raise ShapeError(f"{topology!r}: window larger than the input (got sites {pre[1:]}); pad it or use a smaller kernel")
    return out


def _check_border(conv: Conv, pre: Shape) -> None:
    limit = {"zeros": math.inf, "reflect": -1, "circular": 0}[conv.mode]
    for n, padding in zip(pre[1:], conv.window(len(pre) - 1)["padding"], strict=True):
        if padding > n + limit:
            raise ShapeError(f"{conv!r}: padding too wide for mode {conv.mode!r} (got {padding}, expected at most {n + limit})")


def _freeze(owner: Any, field: str, least: int) -> None:
    given = getattr(owner, field)
    items = tuple(given) if isinstance(given, tuple | list) else (given,)
    if not items or not all(isinstance(n, int) and not isinstance(n, bool) and n >= least for n in items):
        raise ShapeError(f"{type(owner).__name__}: {field} (got {given!r}, expected integers of at least {least})")
    object.__setattr__(owner, field, items if isinstance(given, tuple | list) else given)


def _per_axis(owner: "Conv | Pool", field: str, rank: int) -> tuple[int, ...]:
    given = getattr(owner, field)
    out = tuple(itertools.repeat(given, rank)) if isinstance(given, int) else given
    if len(out) != rank:
        raise ShapeError(f"{owner!r}: {field} for another number of dimensions (got {len(out)}, expected {rank})")
    return out
