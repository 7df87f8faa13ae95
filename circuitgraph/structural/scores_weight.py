"""Scores that need no data: magnitude, chance, and communities that somebody found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.ir import Circuit, Shape, n_ends, n_neurons, n_sites, value
from circuitgraph.ir.init import stream
from circuitgraph.ir.shape import End, is_integer
from circuitgraph.ir.value import index_array
from circuitgraph.registry import scores
from circuitgraph.structural.scores import Score, add_up
from circuitgraph.structural.seen import Seen, Side


@scores.register("magnitude")
@value
class Magnitude(Score):
    """Keep large weights: |w|.  Units are scored by the norm of all their incoming weights.

    score[k] = |w[k]|;   unit: (sum over its slots of |w|^power)^(1/power), infinity for the largest.
    Han et al. (2015); for units Li et al. (2017), who use power 1.

    Raises:
        ShapeError: for a power that is not above 0.

    Example:
        >>> import circuitgraph as cg
        >>> from circuitgraph.structural.seen import see
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[3.0, -4.0])
        >>> Magnitude().score(see(c, "x->y")).tolist(), Magnitude(power=2.0).score_units([see(c, "x->y")]).tolist()
        ([3.0, 4.0], [5.0])
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        check_power("Magnitude: power", self.power)

    def score(self, seen: Seen) -> Tensor:
        return seen.weight.abs()

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        norms = [one.norm_units(one.weight, power=self.power) for one in seen]
        if not math.isfinite(self.power):
            return torch.stack(norms).amax(0)
        return add_up([n.pow(self.power) for n in norms]).pow(1 / self.power)

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls(), cls(2.0), cls(math.inf)]


@scores.register("random")
@value
class Random(Score):
    """Keep whom chance keeps: uniform numbers, the same for the same seed, projection, size and device.

    The random generator that a pruning is given (`rng=`) takes the seed's place.

    Raises:
        ShapeError: for a seed that is no integer of at least 0.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if not is_integer(self.seed, 0):
            raise ShapeError(f"Random: seed (got {self.seed!r}, expected an integer of at least 0)")

    def score(self, seen: Seen) -> Tensor:
        return self.draw(seen, len(seen.weight), seen.projection.name)

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        return self.draw(seen[0], seen[0].post[0], seen[0].projection.post)

    def draw(self, seen: Seen, size: int, name: str) -> Tensor:
        """Draw a uniform number for each of `size` things of that name."""
        drawn = stream(self.seed if seen.rng is None else seen.rng, name).integers(2**63 - 1)
        device = seen.weight.device
        rng = torch.Generator(device).manual_seed(int(drawn))
        return torch.rand(size, generator=rng, device=device)

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls(), cls(3)]


@scores.register("community")
@value
class Community(Score):
    """Keep synapses within communities, or with `within=False` those between them; among equals the strong.

    score[k] = [community of the pre end = community of the post end] + |w[k]| / (max |w| + tiny), so that
    `Threshold(1.0)` removes exactly what runs between communities.

    `labels` gives each population an array: one integer for each of its units, sites or neurons, from any method.
    Populations without labels make their projections an error.

    Raises:
        ShapeError: labels that are no integers, or that do not fit the population.
        UnknownNameError: a population without labels.

    Example:
        >>> import circuitgraph as cg
        >>> from circuitgraph.structural.seen import see
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=[1.0, 1.0, 1.0, 0.5])
        >>> (Community({"x": [0, 1], "y": [0, 1]}).score(see(c, "x->y")) >= 1).tolist()
        [True, False, False, True]
    """

    labels: Any
    within: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        given = self.labels.items() if isinstance(self.labels, Mapping) else self.labels
        tables = tuple((str(name), index_array(labels, f"Community: labels of {name!r}")) for name, labels in given)
        object.__setattr__(self, "labels", tables)

    @classmethod
    def of(cls, circuit: Circuit, partition: Any, *, within: bool = True) -> "Community":
        """Give each population its part of one partition over all units, in the order of `circuit.graph()`.

        Shape: a `Partition` or labels (units of all populations,).

        Raises:
            ShapeError: labels of another number than units.

        Example:
            >>> import circuitgraph as cg
            >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2)
            >>> dict(Community.of(c, [0, 1, 0, 1]).labels)["y"].tolist()
            [0, 1]
        """
        labels = index_array(getattr(partition, "labels", partition), "Community: partition")
        if len(labels) != circuit.n_units:
            raise ShapeError(f"Community: one label per unit (got {len(labels)}, expected {circuit.n_units})")
        ends = np.cumsum([p.n_units for p in circuit.populations])[:-1]
        names = [p.name for p in circuit.populations]
        return cls(dict(zip(names, np.split(labels, ends), strict=True)), within=within)

    def score(self, seen: Seen) -> Tensor:
        alike = self._at(seen, "pre") == self._at(seen, "post")
        size = seen.weight.abs()
        top = size.amax() if len(size) else size.new_zeros(())
        graded = size / (top * 1.0001 + torch.finfo(size.dtype).tiny)
        return graded.add_(alike if self.within else ~alike)

    def _at(self, seen: Seen, side: Side) -> Tensor:
        name = seen.projection.pre if side == "pre" else seen.projection.post
        known = dict(self.labels)
        if name not in known:
            raise UnknownNameError(f"Community: no labels of population {name!r} (got {', '.join(known) or 'none'})")
        labels = _fitted(known[name], seen.pre if side == "pre" else seen.post, seen.end(side), name)
        return seen.spread(torch.tensor(labels, device=seen.weight.device), side)

    @classmethod
    def examples(cls) -> list[Score]:
        labels = {"x": np.array([0, 1, 0]), "y": np.array([1, 0])}
        return [cls(labels), cls(labels, within=False)]


def _fitted(labels: np.ndarray, shape: Shape, end: End, name: str) -> np.ndarray:
    """Give a label for each end: as given, or those of units or sites where the ends are neurons."""
    if len(labels) == n_ends(shape, end):
        return labels
    if end == "neuron" and len(labels) in (shape[0], n_sites(shape)):
        neurons = np.arange(n_neurons(shape))
        return labels[neurons // n_sites(shape) if len(labels) == shape[0] else neurons % n_sites(shape)]
    got = f"got {len(labels)}, expected {n_ends(shape, end)} for its {end}s"
    raise ShapeError(f"Community: labels of {name!r} do not fit ({got}); find communities again after an edit")


def check_power(where: str, power: object) -> None:
    """Raise ShapeError unless this is the power of a norm: a number above 0, infinity included."""
    if isinstance(power, bool) or not isinstance(power, int | float) or not power > 0:
        raise ShapeError(f"{where} (got {power!r}, expected a number above 0)")
