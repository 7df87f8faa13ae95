"""Lateral inhibition as wiring."""

import dataclasses
from typing import ClassVar

from circuitgraph.edits.edit import Edit
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Remap, Value, value
from circuitgraph.registry import edits, neurons
from circuitgraph.topologies import Conv, Dense, Gather, OneToOne, Spread


@edits.register("inhibit")
@value
class Inhibit(Edit):
    """Add divisive inhibition to a population: one interneuron per site hears all units and divides each of them.

    The population P becomes exponential, exp(gain * u), and P_inhibited = P / P_inhibitor takes over what P projected
    to, itself included: together exactly softmax over units at each site.  `compile` fuses the motif into one stable
    operation; with `exact=True` the three populations are computed as they stand.

    Raises:
        ShapeError: at once for a gain that is no positive number.
        StructureError: in `apply` for a population with a neuron of its own, or names that are taken.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> [p.name for p in cg.Inhibit("y").apply(c)[0].populations]
        ['x', 'y', 'y_inhibitor', 'y_inhibited']
    """

    reads_weights: ClassVar[bool] = False

    population: str
    gain: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.gain, bool) or not isinstance(self.gain, int | float) or not 0 < self.gain < float("inf"):
            raise ShapeError(f"Inhibit: gain (got {self.gain!r}, expected a positive number)")

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        exponential = _neuron("exponential", gain=self.gain)
        if p.neuron not in (None, _neuron("linear"), exponential):
            got = f"got {p.neuron!r}, expected None, Linear() or {exponential!r}"
            raise StructureError(f"{self!r}: {p.name!r} has a neuron of its own ({got})")
        inhibitor, inhibited = f"{p.name}_inhibitor", f"{p.name}_inhibited"
        moved = tuple(dataclasses.replace(q, pre=inhibited) if q.pre == p.name else q for q in circuit.projections)
        circuit = dataclasses.replace(circuit.add(inhibited, p.shape, _neuron("divide")), projections=moved)
        circuit = circuit.replace_population(p.name, neuron=exponential)
        circuit = _before_last(circuit.add(inhibitor, (1, *p.shape[1:])))
        return (
            circuit.connect(p.name, inhibitor, Gather())
            .connect(p.name, inhibited, OneToOne())
            .connect(inhibitor, inhibited, Spread(), port="shunt"),
            Remap(),
        )

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        flat = Circuit().add("x", 3).connect("x", "y", Dense(), units=2).connect("y", "z", Dense(), units=2)
        conv = Circuit().add("x", (1, 3, 3)).connect("x", "y", Conv(3, padding=1), units=2)
        return [(cls("y"), flat), (cls("y", 0.5), conv)]


def _neuron(name: str, **arguments: float) -> Value:
    made: Value = neurons[name](**arguments)
    return made


def _before_last(circuit: Circuit) -> Circuit:
    *first, last_but_one, last = circuit.populations
    return dataclasses.replace(circuit, populations=(*first, last, last_but_one))
