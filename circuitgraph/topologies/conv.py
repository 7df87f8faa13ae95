"""Wiring over a grid of sites: convolution and pooling in 1, 2 and 3 dimensions."""

import math
from typing import Literal

import numpy as np

from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir.shape import Shape, is_integer, n_sites
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology, crossed, need_units, neurons_of
from circuitgraph.ir.value import value
from circuitgraph.registry import topologies
from circuitgraph.topologies.window import Ints, frozen_ints, out_sites, per_axis, tap_counts, window_edges


@topologies.register("conv")
@value
class Conv(Topology):
    """Connect each site to the window of sites around it, with the same weights everywhere (LeCun et al. 1989).

    The window of postsynaptic site p has taps a at presynaptic site  p * stride + a * dilation - padding.
    slot = (post unit * n_taps + tap) * pre units per group + pre unit within the group.

    Beyond the border, `mode` is "zeros" (no synapse), "reflect" or "circular" (a synapse from the site found there).
    `groups=units` is a depthwise convolution.  An integer means the same for every dimension.

    Raises:
        ShapeError: at once for arguments that are no integers in range; in `check` for a window that does not fit.

    Example:
        >>> Conv(3, padding=1).post_shape((3, 32, 32), units=8)
        (8, 32, 32)
        >>> Conv(3, groups=8).post_shape((8, 32, 32))
        (8, 30, 30)
    """

    kernel: Ints
    stride: Ints = 1
    padding: Ints = 0
    dilation: Ints = 1
    groups: int = 1
    mode: Literal["zeros", "reflect", "circular"] = "zeros"

    def __post_init__(self) -> None:
        for field, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, field, frozen_ints(getattr(self, field), f"Conv: {field}", least))
        if not is_integer(self.groups, 1):
            raise ShapeError(f"Conv: bad groups (got {self.groups!r}, expected a positive integer)")
        object.__setattr__(self, "groups", int(self.groups))
        if self.mode not in ("zeros", "reflect", "circular"):
            raise ShapeError(f"Conv: unknown mode (got {self.mode!r}, expected 'zeros', 'reflect' or 'circular')")

    def window(self, rank: int) -> dict[str, tuple[int, ...]]:
        """Give kernel, stride, padding and dilation as one number per dimension.

        Raises:
            ShapeError: if one of them was given for another number of dimensions.

        Example:
            >>> Conv(3).window(2)["kernel"]
            (3, 3)
        """
        return {
            field: per_axis(getattr(self, field), rank, f"{self!r}: {field}")
            for field in ("kernel", "stride", "padding", "dilation")
        }

    def slots(self, pre: Shape, post: Shape) -> Slots:
        taps, inner, outer = self._tap_counts(pre), pre[0] // self.groups, post[0] // self.groups
        shape, out = (post[0], len(taps), inner), np.arange(post[0])[:, None, None]
        columns = out // outer * inner + np.arange(inner), out, taps[:, None]
        pre_unit, post_unit, count = (np.broadcast_to(column, shape).reshape(-1) for column in columns)
        return Slots(pre_unit, post_unit, count)

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        tap, at_pre, at_post = window_edges(pre[1:], self.window(len(pre) - 1), self.mode)
        taps, inner, outer = len(self._tap_counts(pre)), pre[0] // self.groups, post[0] // self.groups
        out, unit = np.indices((post[0], inner)).reshape(2, -1)[..., None]
        slot = (out * taps + tap) * inner + unit
        pre_unit = out // outer * inner + unit
        return Synapses.build(pre_unit * n_sites(pre) + at_pre, out * n_sites(post) + at_post, slot)

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        units = pre[0] if units is None and self.groups == pre[0] else need_units(self, units)
        if pre[0] % self.groups or units % self.groups:
            got = f"got pre {pre[0]}, post {units}, expected multiples of {self.groups}"
            raise ShapeError(f"{self!r}: units not divisible by groups ({got}); change groups or units")
        return (units, *out_sites(self, pre))

    def check(self, pre: Shape, post: Shape) -> None:
        super().check(pre, post)
        self._check_border(pre)
        taps = self._tap_counts(pre)
        if not taps.all():
            got = f"got sites {pre[1:]}, where {int((taps == 0).sum())} of {len(taps)} weights would have no synapse"
            raise ShapeError(f"{self!r}: kernel larger than the input ({got}); use a smaller kernel or less padding")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return post[0] * math.prod(self.window(len(pre) - 1)["kernel"]) * (pre[0] // self.groups)

    def n_synapses(self, pre: Shape, post: Shape) -> int:
        return post[0] * (pre[0] // self.groups) * int(self._tap_counts(pre).sum())

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return self.n_slots(pre, post) // post[0]

    def tied(self, pre: Shape, post: Shape) -> bool:
        return self.groups == pre[0] == post[0] and self.groups > 1

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        taps = math.prod(self.window(len(pre) - 1)["kernel"])
        if self.tied(pre, post):
            # One group is left as a plain convolution, and its next unit would hear all; see `Grow`.
            return self.replace(groups=len(pre_units)), neurons_of(pre_units, taps)
        same = np.array_equal(pre_units, np.arange(pre[0])) and np.array_equal(post_units, np.arange(post[0]))
        if self.groups > 1 and not same:
            got = f"got {len(pre_units)} pre and {len(post_units)} post units of {pre[0]} and {post[0]}"
            raise StructureError(f"{self!r}: groups cannot follow a change of units ({got}); use groups=1")
        if self.groups > 1:
            return self, np.arange(self.n_slots(pre, post))
        return self, crossed(neurons_of(post_units, taps), pre_units, pre[0])

    def _count(self, pre: Shape, post: Shape, slots: np.ndarray) -> int:
        taps = self._tap_counts(pre)
        return int(taps[slots // (pre[0] // self.groups) % len(taps)].sum())

    def _tap_counts(self, pre: Shape) -> np.ndarray:
        return tap_counts(pre[1:], self.window(len(pre) - 1), self.mode)

    def _check_border(self, pre: Shape) -> None:
        # A reflected or circular border is read from the input itself, once.
        if self.mode == "zeros":
            return
        for n, padding in zip(pre[1:], self.window(len(pre) - 1)["padding"], strict=True):
            most = n - 1 if self.mode == "reflect" else n
            if padding > most:
                got = f"got {padding}, expected at most {most} for {n} sites"
                raise ShapeError(f"{self!r}: padding too wide for mode {self.mode!r} ({got}); use mode 'zeros' or less")

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        laws: list[tuple[Topology, Shape, int]] = [
            (cls(3, padding=1, mode="reflect"), (2, 4, 5), 3),
            (cls(3, padding=1), (2, 4, 4), 2),
            (cls((3, 2), stride=(2, 1), mode="circular", padding=1), (1, 5, 4), 2),
            (cls(3, dilation=2, padding=2), (2, 5), 2),
            (cls(3, padding=1, groups=2), (4, 3, 3), 2),
            (cls(3, groups=3, padding=1), (3, 4, 4), 3),
            (cls(2, stride=2), (2, 4, 4, 2), 3),
            (cls(5, padding=2, mode="reflect", stride=2), (1, 7), 2),
            (cls(1), (3, 2, 2), 2),
        ]
        return [(law, pre, law.post_shape(pre, units)) for law, pre, units in laws]


@topologies.register("pool")
@value
class Pool(Topology):
    """Summarise windows of sites, each unit by itself: their mean, or the strongest one.  One slot per unit.

    The windows are those of a `Conv`; `stride` is the kernel unless given.  Averages divide by the whole window, also
    where it passes the border.  Weights are fixed at one by default.

    Raises:
        ShapeError: at once for arguments that are no integers in range; in `check` for a window that does not fit.

    Example:
        >>> Pool(2).post_shape((96, 32, 32))
        (96, 16, 16)
    """

    kernel: Ints
    stride: Ints | None = None
    padding: Ints = 0
    how: Literal["max", "mean"] = "max"

    def __post_init__(self) -> None:
        for field, least in (("kernel", 1), ("stride", 1), ("padding", 0)):
            given = getattr(self, field)
            if given is not None or field != "stride":
                object.__setattr__(self, field, frozen_ints(given, f"Pool: {field}", least))
        if self.how not in ("max", "mean"):
            raise ShapeError(f"Pool: unknown summary (got how={self.how!r}, expected 'max' or 'mean')")

    @property
    def reduce(self) -> Literal["sum", "max"]:
        return "max" if self.how == "max" else "sum"

    @property
    def plastic(self) -> bool:
        return False

    def window(self, rank: int) -> dict[str, tuple[int, ...]]:
        """Give kernel, stride, padding and dilation as one number per dimension.

        Raises:
            ShapeError: if one of them was given for another number of dimensions.

        Example:
            >>> Pool(2).window(2)["stride"]
            (2, 2)
        """
        given: dict[str, Ints] = {
            "kernel": self.kernel,
            "stride": self.kernel if self.stride is None else self.stride,
            "padding": self.padding,
            "dilation": 1,
        }
        return {field: per_axis(ints, rank, f"{self!r}: {field}") for field, ints in given.items()}

    def slots(self, pre: Shape, post: Shape) -> Slots:
        units = np.arange(pre[0])
        taps = tap_counts(pre[1:], self.window(len(pre) - 1), "zeros")
        return Slots(units, units, np.full(pre[0], taps.sum(), np.int64))

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        window = self.window(len(pre) - 1)
        _, at_pre, at_post = window_edges(pre[1:], window, "zeros")
        units = np.arange(pre[0])[:, None]
        coef = 1.0 if self.how == "max" else 1 / math.prod(window["kernel"])
        slot = np.broadcast_to(units, (pre[0], len(at_pre)))
        return Synapses.build(units * n_sites(pre) + at_pre, units * n_sites(post) + at_post, slot, coef)

    def tied(self, pre: Shape, post: Shape) -> bool:
        return True

    def resized(
        self, pre: Shape, post: Shape, pre_units: np.ndarray, post_units: np.ndarray
    ) -> tuple[Topology, np.ndarray]:
        return self, pre_units

    def post_shape(self, pre: Shape, units: int | None = None) -> Shape:
        return (pre[0], *out_sites(self, pre))

    def check(self, pre: Shape, post: Shape) -> None:
        super().check(pre, post)
        window = self.window(len(pre) - 1)
        for kernel, padding in zip(window["kernel"], window["padding"], strict=True):
            if padding * 2 > kernel:
                got = f"got {padding}, expected at most {kernel // 2}"
                raise ShapeError(f"{self!r}: padding above half of the kernel ({got}); windows would miss the input")

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return pre[0]

    def row_length(self, pre: Shape, post: Shape) -> int | None:
        return 1

    @classmethod
    def examples(cls) -> list[tuple[Topology, Shape, Shape]]:
        laws: list[tuple[Topology, Shape]] = [
            (cls(2), (2, 4, 4)),
            (cls(4, 2, 1), (2, 6, 6)),
            (cls(2, how="mean"), (2, 4, 4)),
            (cls(3, 2, 1, "mean"), (1, 5)),
            (cls(2), (1, 2, 2, 4)),
        ]
        return [(law, pre, law.post_shape(pre)) for law, pre in laws]
