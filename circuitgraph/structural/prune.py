"""Pruning: a score, an amount, and what they are applied to.  What is pruned is gone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import ClassVar

import numpy as np

from circuitgraph.compiler import Network
from circuitgraph.compiler.plan import make_plan
from circuitgraph.edits import Edit, RemoveSlots, RemoveUnits
from circuitgraph.edits.together import Together
from circuitgraph.edits.units import neighbours
from circuitgraph.errors import DataError, StructureError
from circuitgraph.ir import Circuit, Remap, Value, value
from circuitgraph.structural.amounts import Amount, Candidates
from circuitgraph.structural.look import Data, Loss, look
from circuitgraph.structural.scores import Score
from circuitgraph.structural.seen import Rng, Seen, see


@value
class Prune(Value):
    """Remove the slots, or units, that a score values least, as many as an amount says.

    `projections` names those that are scored and pruned; by default all whose weights are not fixed.  With `units`,
    what goes are units of the populations that these end at, with all their slots; by default no outputs.  Populations
    tied to each other, unit by unit, are judged as one.

    Scores are computed where the weights live, and of what is removed only marks come to the host.

    Raises:
        StructureError: for a score or an amount that is none.

    Example:
        >>> import circuitgraph as cg
        >>> from circuitgraph.structural import Count, Magnitude
        >>> c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -3.0, 2.0])
        >>> net = cg.compile(c)
        >>> Prune(Magnitude(), Count(1))(net).slots["x->y"].tolist()
        [1, 2]
    """

    kind: ClassVar[str] = "prune"

    score: Score
    amount: Amount
    projections: tuple[str, ...] | None = field(default=None, kw_only=True)
    units: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.score, Score):
            raise StructureError(f"Prune: score (got {self.score!r}, expected e.g. Magnitude())")
        if not isinstance(self.amount, Amount):
            raise StructureError(f"Prune: amount (got {self.amount!r}, expected e.g. Fraction(0.5))")
        if self.projections is not None:
            names = (self.projections,) if isinstance(self.projections, str) else tuple(self.projections)
            object.__setattr__(self, "projections", names)

    def __call__(
        self,
        net: Network,
        data: Data | None = None,
        *,
        loss: Loss | None = None,
        rng: Rng = None,
        density: float | None = None,
        reason: str = "",
    ) -> Remap:
        """Prune a live network; weights and memory of survivors stay on their device.

        `data` (batches of inputs, or pairs of inputs and targets) and `loss` serve scores that ask for them; see
        `look`.  `density` takes the place of the amount's own: that of a ramp, `schedule.at(step)`.  Where nothing is
        to be removed, the remap is the identity, `net.log` says so, and nothing is compiled.

        Raises:
            DataError: no data or no loss for a score that reads them.
            ShapeError, StructureError, NumericError: as `Amount.select`, `RemoveSlots` and `RemoveUnits`, which refuse
                to cut off an output.  The network then is as it was.
        """
        names = self._names(net.circuit)
        seen = look(net, names, data, loss=loss, reads=self.score.reads, rng=rng)
        return net.edit(self.edit(net.circuit, seen, density=density), reason=reason or repr(self))

    def apply(self, circuit: Circuit, *, rng: Rng = None, density: float | None = None) -> tuple[Circuit, Remap]:
        """Prune a circuit by a score that needs no data.

        Raises:
            DataError: for a score that does.  ShapeError, StructureError, NumericError: as for a network.
        """
        if self.score.reads:
            got = f"{self.score!r} reads {', '.join(self.score.reads)}"
            raise DataError(f"Prune: a circuit shows no activity ({got}); prune the compiled network")
        seen = {name: see(circuit, name, rng=rng) for name in self._names(circuit)}
        return self.edit(circuit, seen, density=density).apply(circuit)

    def edit(self, circuit: Circuit, seen: Mapping[str, Seen], *, density: float | None = None) -> Edit:
        """Decide what is removed, from what was seen of the projections: an edit, of nothing where nothing is.

        Raises:
            ShapeError, StructureError, NumericError: as `Amount.select`.
        """
        amount = self.amount if density is None else self.amount.to(density)
        groups = _by_population(circuit, seen.values()) if self.units else {}
        scored = [Candidates(name, self.score.score_units(group)) for name, group in groups.items()]
        if not self.units:
            scored = [Candidates(name, self.score.score(s), s.whole_dims) for name, s in seen.items()]
        made = RemoveUnits if self.units else RemoveSlots
        found = {c.name: at for c, at in zip(scored, chosen(amount, scored), strict=True) if len(at)}
        edits = [made(name, at) for name, at in found.items()]
        return edits[0] if len(edits) == 1 else Together(edits)

    def _names(self, circuit: Circuit) -> list[str]:
        if self.projections is not None:
            return [circuit.projection(name).name for name in dict.fromkeys(self.projections)]
        learned = [p for p in circuit.projections if not p.fixed and p.n_slots]
        if self.units:
            outputs = {name for out in make_plan(circuit).outputs for name in tied_to(circuit, out)}
            learned = [p for p in learned if p.post not in outputs]
        return [p.name for p in learned]


def tied_to(circuit: Circuit, population: str) -> frozenset[str]:
    """Name the populations whose units are tied to those of one, itself included.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Pool(2)).connect("y", "z", cg.Dense(), units=3)
        >>> sorted(tied_to(c, "y"))
        ['x', 'y']
    """
    found, new = frozenset[str](), frozenset([population])
    while new:
        found |= new
        new = frozenset(other for name in new for other in neighbours(circuit, name)) - found
    return found


def _by_population(circuit: Circuit, seen: Iterable[Seen]) -> dict[str, list[Seen]]:
    """Group projections by the population that they end at, those tied to it included."""
    groups: dict[frozenset[str], list[Seen]] = {}
    for one in seen:
        groups.setdefault(tied_to(circuit, one.projection.post), []).append(one)
    return {group[0].projection.post: group for group in groups.values()}


def chosen(amount: Amount, candidates: Sequence[Candidates]) -> list[np.ndarray]:
    """Say what an amount removes, as rising indices: one byte for each candidate comes to the host.

    Shape: (R,) for each of the candidates.

    Raises:
        ShapeError, StructureError, NumericError: as `Amount.select`.
    """
    return [np.flatnonzero(mask.cpu().numpy()) for mask in amount.select(candidates)]
