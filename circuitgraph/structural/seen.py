"""What a score may look at: one projection, its weights where they live, and what data showed of it."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from circuitgraph.errors import StateError
from circuitgraph.ir import Circuit, Projection, Shape, Topology, n_neurons
from circuitgraph.ir.shape import End, n_sites, neuron_end
from circuitgraph.kernels.kernel import wide
from circuitgraph.topologies import Conv, Dense, Pruned

Side = Literal["pre", "post"]
Rng = np.random.Generator | int | None


@dataclass(frozen=True, eq=False)
class Levels:
    """How active each neuron is: the mean of |y| over samples, and the share of samples in which y is above zero.

    Shape: mean, rate (n_neurons,).
    """

    mean: Tensor
    rate: Tensor


@dataclass(frozen=True, eq=False)
class Gram:
    """What similarity of units needs: sums over samples and sites of y[u] * y[v], and of y[u].  Never the activity.

    Shape: products (U, U), totals (U,), float64.
    """

    products: Tensor
    totals: Tensor
    n: int

    def similarity(self, how: Literal["cosine", "pearson"] = "cosine") -> Tensor:
        """Give the cosine of each two units' activity, or that of its deviations from the mean; 0 for silent units.

        Shape: (U, U), symmetric, within -1 and 1.

        Example:
            >>> gram = Gram(torch.tensor([[4.0, 2.0], [2.0, 4.0]]), torch.tensor([2.0, 2.0]), 2)
            >>> gram.similarity()[0, 1].item(), gram.similarity("pearson")[0, 1].item()
            (0.5, 0.0)
        """
        products = self.products
        if how == "pearson":
            products = products - torch.outer(self.totals, self.totals) / self.n
        norm = products.diagonal().clamp(min=0).sqrt()
        # A constant unit deviates from its mean by rounding alone.
        alive = norm > 1e-7 * self.products.diagonal().sqrt()
        scale = torch.where(alive, 1 / norm.where(alive, 1), 0)
        return (products * scale[:, None] * scale).clamp(-1, 1)


@dataclass(frozen=True, eq=False)
class Seen:
    """One projection as a score sees it: its wiring, its weights on their device, and what data showed.

    What comes from data is None unless the score asked for it (`Score.reads`); `look` gathers it.  K slots.

    trace[k]         = |S(x * y)| / sqrt(S(x * x) * S(y * y)),   S(v) = sum over samples and synapses e of k:  coef * v
    gradient[k]      = mean over samples of dL/dw[k]
    squares[k]       = mean over samples of (dL/dw[k])^2, each sample by itself: the empirical Fisher information
    batch_squares[k] = mean over batches of B * (dL/dw[k])^2, which estimates it where gradients average to zero

    Shape: weight, trace, gradient, squares, batch_squares (K,).

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=[1.0, 2.0, 3.0, 4.0])
        >>> seen = see(c, "x->y")
        >>> seen.sum_units(seen.weight).tolist(), seen.sum_units(seen.weight, "pre").tolist()
        ([3.0, 7.0], [4.0, 6.0])
    """

    projection: Projection
    pre: Shape
    post: Shape
    weight: Tensor
    rng: Rng = None
    pre_levels: Levels | None = None
    post_levels: Levels | None = None
    gram: Gram | None = None
    trace: Tensor | None = None
    gradient: Tensor | None = None
    squares: Tensor | None = None
    batch_squares: Tensor | None = None

    def need(self, what: str) -> Any:
        """Give what was gathered from data; StateError where it was not."""
        found = getattr(self, what)
        if found is None:
            got = f"got no {what} of {self.projection.name!r}"
            raise StateError(f"seen: not gathered from data ({got}); name it in the score's reads, and pass data")
        return found

    def end(self, side: Side) -> End:
        """Say whether slots end at units, sites or neurons at one side."""
        row = self._row
        if side == "post" and row is not None:
            return "unit" if len(self.weight) == row * self.post[0] else "neuron"
        return neuron_end(self.pre) if side == "pre" and isinstance(self._law, Dense) else self.slot_ends(side)[1]

    def slot_ends(self, side: Side) -> tuple[Tensor, End]:
        """Give the end of each slot at one side, and whether it is a unit, a site or a neuron.  Shape: (K,) int64."""
        return self._pre_ends if side == "pre" else self._post_ends

    def sum_units(self, values: Tensor, side: Side = "post") -> Tensor:
        """Sum a number per slot over the slots of each unit; a slot between sites belongs to every unit.

        Shape: (K,) -> (U,), float32 or wider.
        """
        shape, values = self._shape(side), values.to(wide(values.dtype))
        if side == "post" and self._row is not None:
            return values.view(shape[0], -1).sum(1)
        index, end = self.slot_ends(side)
        if end == "site":
            return values.sum().expand(shape[0])
        units = index if end == "unit" else index // n_sites(shape)
        return values.new_zeros(shape[0]).index_add_(0, units, values)

    def norm_units(self, values: Tensor, side: Side = "post", *, power: float = 1.0) -> Tensor:
        """Give the norm of each unit's slots, (sum |v|^power)^(1/power); infinity takes the largest.

        Shape: (K,) -> (U,), float32 or wider.
        """
        size = values.abs()
        if power == 1:
            return self.sum_units(size, side)
        if math.isfinite(power):
            return self.sum_units(size.to(wide(size.dtype)).pow(power), side).pow(1 / power)
        index, end = self.slot_ends(side)
        shape = self._shape(side)
        if end == "site":
            return size.amax().expand(shape[0]) if len(size) else size.new_zeros(shape[0])
        units = index if end == "unit" else index // n_sites(shape)
        return size.new_zeros(shape[0]).scatter_reduce_(0, units, size, "amax")

    def at_slots(self, values: Tensor, side: Side) -> Tensor:
        """Hand a number per neuron to slots: its mean over the neurons of their end.  Shape: (n_neurons,) -> (K,)."""
        grid = values.view(self._shape(side)[0], -1)
        per_end = {"unit": grid.mean(1), "site": grid.mean(0), "neuron": values}
        return self.spread(per_end[self.end(side)], side)

    def spread(self, values: Tensor, side: Side) -> Tensor:
        """Hand a number per end to its slots.  Shape: (M,) -> (K,)."""
        if side == "post" and self._row is not None:
            return values[:, None].expand(-1, self._row).reshape(-1)
        if side == "pre" and isinstance(self._law, Dense):
            return values.repeat(n_neurons(self.post))
        return values[self.slot_ends(side)[0]]

    def of_units(self, values: Tensor, side: Side = "post") -> Tensor:
        """Hand a number per unit to its slots; one between sites takes the mean.  Shape: (U,) -> (K,)."""
        end, sites = self.end(side), n_sites(self._shape(side))
        if end == "site":
            return values.mean().expand(len(self.weight))
        return self.spread(values if end == "unit" else values.repeat_interleave(sites), side)

    @property
    def whole_dims(self) -> tuple[int, ...]:
        """Give the dimensions of all weights that the law could have, see `whole_dims`."""
        return whole_dims(self._law, self.pre, self.post)

    def _shape(self, side: Side) -> Shape:
        return self.pre if side == "pre" else self.post

    @property
    def _law(self) -> Topology:
        return self.projection.topology

    @cached_property
    def _row(self) -> int | None:
        return self._law.row_length(self.pre, self.post) if len(self.weight) else None

    @cached_property
    def _pre_ends(self) -> tuple[Tensor, End]:
        if isinstance(self._law, Dense):
            return self.spread(torch.arange(n_neurons(self.pre), device=self.weight.device), "pre"), self.end("pre")
        return self._listed_ends("pre")

    @cached_property
    def _post_ends(self) -> tuple[Tensor, End]:
        if self._row is not None:
            ends = torch.arange(len(self.weight) // self._row, device=self.weight.device)
            return self.spread(ends, "post"), self.end("post")
        return self._listed_ends("post")

    def _listed_ends(self, side: Side) -> tuple[Tensor, End]:
        listed, end = self._law.listed(self.pre, self.post), neuron_end(self._shape(side))
        if listed is not None:
            ends = listed[0 if side == "pre" else 1]
        else:
            table = self._law.slots(self.pre, self.post)
            ends, end = (table.pre, table.pre_end) if side == "pre" else (table.post, table.post_end)
        return torch.tensor(ends.astype(np.int64, copy=False), device=self.weight.device), end


def see(
    circuit: Circuit, name: str, weight: Tensor | None = None, rng: np.random.Generator | int | None = None
) -> Seen:
    """Look at one projection of a circuit, without data; `weight` where live ones replace the circuit's own.

    Raises:
        UnknownNameError: a projection that does not exist.
    """
    p = circuit.projection(name)
    pre, post = circuit.shapes(p)
    return Seen(p, pre, post, torch.tensor(p.weight) if weight is None else weight.detach(), rng)


def whole_dims(topology: Topology, pre: Shape, post: Shape) -> tuple[int, ...]:
    """Give the dimensions of the weights that a law could have, whatever was removed: their product counts them.

    Where slots are listed pair by pair, these are all pairs of neurons, or of a graph's sites.

    Example:
        >>> whole_dims(Conv(3, padding=1), (16, 8, 8), (32, 8, 8)), whole_dims(Pruned(Dense(), [1]), (3,), (2,))
        ((16, 32, 3, 3), (3, 2))
    """
    law = topology.topology if isinstance(topology, Pruned) else topology
    if isinstance(law, Conv):
        return (pre[0] // law.groups, post[0], *law.window(len(pre) - 1)["kernel"])
    row = law.row_length(pre, post)
    if row is not None:
        return (row, law.n_slots(pre, post) // row)
    if law.is_listed(pre, post):
        return (n_neurons(pre), n_neurons(post))
    if law.slots(pre, post).pre_end == "site":
        return (n_sites(pre), n_sites(post))
    return (law.n_slots(pre, post),)
