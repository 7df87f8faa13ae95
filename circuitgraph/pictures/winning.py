"""Who wins: how often each unit is the most active one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from circuitgraph.compiler import State
from circuitgraph.compiler.plan import neuron_of
from circuitgraph.errors import DataError
from circuitgraph.pictures.activity import read_images, states, watched
from circuitgraph.pictures.style import EXCITES, INHIBITS, INK, axes_or_new, bare, legend, title


@dataclass(frozen=True, eq=False)
class Wins:
    """How often each unit won, and how often none did.  Shape: counts (U,) int64.

    Example:
        >>> wins = Wins(np.array([3, 1, 0, 0]), 0)
        >>> round(wins.entropy, 3), wins.dead
        (0.811, 0.5)
    """

    counts: np.ndarray
    n_silent: int

    def __add__(self, other: "Wins") -> "Wins":
        """Count on: the wins of both."""
        return Wins(self.counts + other.counts, self.n_silent + other.n_silent)

    @property
    def shares(self) -> np.ndarray:
        """Give each unit's share of all wins."""
        found: np.ndarray = self.counts / max(1, int(self.counts.sum()))
        return found

    @property
    def entropy(self) -> float:
        """Give the entropy of who wins, in bits; log2(U) where all win equally often."""
        p = self.shares[self.shares > 0]
        return float(-(p * np.log2(p)).sum()) + 0.0

    @property
    def dead(self) -> float:
        """Give the share of units that never won."""
        return float((self.counts == 0).mean())


def count_wins(source: Any, images: Any, population: str) -> Wins:
    """Count how often each unit of a population is the most active one of its site, over images and sites.

    Of equally active ones that with the largest total input wins, then the first; where all are equal (none is active,
    say) nobody does.  `source` is a state, and then `images` is None, or a network or circuit that sees the images.

    Raises:
        DataError: for a state and images, or neither.  StateError, UnknownNameError: for activity that is not there.
        ShapeError: for images that do not fit.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3))
        >>> count_wins(net.step(torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])), None, "x").counts.tolist()
        [0, 1, 0]
    """
    if isinstance(source, State) != (images is None):
        raise DataError("winners: what is looked at (got both or neither, expected a state, or a network and images)")
    if isinstance(source, State):
        return _count(source, population, "in")
    eyes = watched(source, population, "winners")
    port = neuron_of(eyes.circuit, population).ports[0]
    parts = (_count(state, population, port) for state in states(eyes, read_images(eyes, images, "winners")))
    found = next(parts)
    for part in parts:
        found = found + part
    return found


def _count(state: State, population: str, port: str) -> Wins:
    won = winning_units(state, population, port).ravel()
    n_units = state[population].shape[1]
    return Wins(torch.bincount(won[won >= 0], minlength=n_units).numpy(), int((won < 0).sum()))


def winning_units(state: State, population: str, port: str = "in") -> Tensor:
    """Say which unit wins at each site, as `count_wins` counts, -1 where nobody does.  Shape: -> (B, *sites) int64."""
    y = state[population].detach()
    top = y.max(1)
    won = top.indices
    equal = y == top.values.unsqueeze(1)
    if (population, port) in state and bool((equal.sum(1) > 1).any()):
        won = torch.where(equal, state[population, port].detach().to(y.dtype), -torch.inf).argmax(1)
    return torch.where(equal.all(1), -1, won).cpu()


def winners(source: Any, images: Any, population: str, *, ax: Axes | None = None) -> Axes:
    """Draw how often each unit wins, the most frequent first, with entropy and the share that never wins.

    Both axes are logarithmic where one unit wins more than ten times its part.  Arguments and errors are those
    of `count_wins`; `source` may also be what that gave, a `Wins`, and then `images` is None.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3))
        >>> ax = winners(net.step(torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]])), None, "x")
        >>> ax.get_title()
        'winners of x: entropy 1 of 1.58 bits, 33 % never win'
    """
    wins = source if isinstance(source, Wins) else count_wins(source, images, population)
    shares = 100 * np.sort(wins.shares)[::-1]
    n, total = len(shares), int(wins.counts.sum())
    ax, uneven = bare(axes_or_new(ax, (5.0, 3.0))), shares[0] > 10 * 100 / n
    # Half a win is the lowest line: a unit that wins once stands above it.
    low = 50 / max(1, total) if uneven else 0.0
    bars = ax.stairs(shares, np.arange(n + 1) + 0.5, baseline=low, fill=True, color=EXCITES)
    line = ax.axhline(100 / n, color=INHIBITS, linewidth=1, linestyle="--")
    ax.set(xlim=(0.5, n + 0.5), ylim=(low, 2 * shares[0]) if uneven else (0, None))
    if uneven:
        ax.set(xscale="log", yscale="log", xlim=(0.5, n + 0.5))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel("rank of the unit", fontsize=8, color=INK)
    ax.set_ylabel("share of wins (%)", fontsize=8, color=INK)
    silent = f"; nobody wins at {wins.n_silent:,} more" if wins.n_silent else ""
    legend(ax, [bars, line], [f"{total:,} wins{silent}", "all equal"], loc="upper right")
    said = f"entropy {wins.entropy:.3g} of {np.log2(n):.3g} bits, {100 * wins.dead:.0f} % never win"
    title(ax, f"winners of {population}: {said}")
    return ax
