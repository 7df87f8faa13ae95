"""Who wins: how often each unit is the most active one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from circuitgraph.compiler import State
from circuitgraph.errors import DataError
from circuitgraph.pictures.activity import answers, read_images, watched
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

    Of equal ones the first wins; where all are equal (none is active, say) nobody does.  `source` is a state, and then
    `images` is None, or a network or circuit that sees the images.

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
        return _count([source[population].detach().float().cpu()])
    eyes = watched(source, population, "winners")
    return _count(answers(eyes, read_images(eyes, images, "winners"), population))


def _count(batches: Any) -> Wins:
    counts, silent = torch.zeros(0, dtype=torch.int64), 0
    for y in batches:
        rows: Tensor = y.movedim(1, -1).reshape(-1, y.shape[1])
        top = rows.max(1)
        won = top.values > rows.min(1).values
        found = torch.bincount(top.indices[won], minlength=y.shape[1])
        counts = found if not len(counts) else counts + found
        silent += int((~won).sum())
    return Wins(counts.numpy(), silent)


def winners(source: Any, images: Any, population: str, *, ax: Axes | None = None) -> Axes:
    """Draw how often each unit wins, the most frequent first, with entropy and the share that never wins.

    Arguments and errors are those of `count_wins`.

    Example:
        >>> import circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3))
        >>> ax = winners(net.step(torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]])), None, "x")
        >>> ax.get_title()
        'winners of x: entropy 1 of 1.58 bits, 33 % never win'
    """
    wins = count_wins(source, images, population)
    shares = 100 * np.sort(wins.shares)[::-1]
    n = len(shares)
    ax = bare(axes_or_new(ax, (5.0, 3.0)))
    bars = ax.bar(np.arange(1, n + 1), shares, width=1.0 if n > 60 else 0.85, color=EXCITES)
    line = ax.axhline(100 / n, color=INHIBITS, linewidth=1, linestyle="--")
    ax.set_xlabel("rank of the unit", fontsize=8, color=INK)
    ax.set_ylabel("share of wins (%)", fontsize=8, color=INK)
    silent = f"; nobody wins at {wins.n_silent:,} more" if wins.n_silent else ""
    legend(ax, [bars, line], [f"{int(wins.counts.sum()):,} wins{silent}", "all equal"], loc="upper right")
    said = f"entropy {wins.entropy:.3g} of {np.log2(n):.3g} bits, {100 * wins.dead:.0f} % never win"
    title(ax, f"winners of {population}: {said}")
    return ax
