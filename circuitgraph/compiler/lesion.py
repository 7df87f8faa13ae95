"""Lesions: units that fall silent and slots that carry nothing, for as long as a block lasts."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.compiler.parts import Options, Parts, carry_parts
from circuitgraph.compiler.plan import Fire, Op, Plan, Push
from circuitgraph.errors import RuleError, ShapeError, StructureError, UnknownNameError
from circuitgraph.ir import ABSENT, Circuit, Remap, Shape, n_neurons
from circuitgraph.ir.value import same
from circuitgraph.neurons import Chain, KWinners, Neuron
from circuitgraph.neurons.neuron import Columns

if TYPE_CHECKING:
    from circuitgraph.compiler.network import Network


@dataclasses.dataclass(frozen=True, eq=False)
class Lesion:
    """What is out of order: units by population, slots by projection, as rising indices.

    Example:
        >>> import circuitgraph as cg
        >>> circuit = cg.Circuit().add("x", 3)
        >>> {name: at.tolist() for name, at in Lesion.read(circuit, {"x": [True, False, True]}).units.items()}
        {'x': [0, 2]}
    """

    units: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    slots: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def read(cls, circuit: Circuit, units: Any = None, *, label: Any = None, slots: Any = None) -> "Lesion":
        """Read what `Network.lesioned` was given.

        Raises:
            UnknownNameError: a population, a projection, an attribute or a label that does not exist.
            ShapeError: indices or masks that do not fit.
        """
        if isinstance(units, Lesion):
            return units
        found = {
            name: _indices(at, circuit.population(name).n_units, f"lesioned: units of {name!r}")
            for name, at in _by_population(circuit, units, label).items()
        }
        cut = {
            name: _indices(at, circuit.projection(name).n_slots, f"lesioned: slots of {name!r}")
            for name, at in (slots or {}).items()
        }
        return cls({n: at for n, at in found.items() if len(at)}, {n: at for n, at in cut.items() if len(at)})

    def __or__(self, other: "Lesion") -> "Lesion":
        return Lesion(_union(self.units, other.units), _union(self.slots, other.slots))

    @property
    def n_units(self) -> int:
        """Count the units."""
        return sum(map(len, self.units.values()))

    @property
    def n_slots(self) -> int:
        """Count the slots that are lesioned themselves."""
        return sum(map(len, self.slots.values()))


@dataclasses.dataclass(frozen=True, eq=False)
class Silenced(Neuron):
    """A neuron of whose units only some are `present` for its drive, None for all, and some `mute`: their output is 0.

    Shape: present, mute rising indices of units.
    """

    neuron: Neuron
    shape: Shape
    present: Tensor | None
    mute: Tensor

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        object.__setattr__(self, "ports", self.neuron.ports)
        object.__setattr__(self, "keeps", self.neuron.keeps)

    def __repr__(self) -> str:
        return f"{self.neuron!r} without {len(self.mute)} of {self.shape[0]} units"

    @property
    def trained(self) -> tuple[str, ...]:
        return self.neuron.trained

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        if self.present is None:
            return self.neuron.drive(ports, memory, training=training)
        if not len(self.present):
            return torch.zeros_like(next(iter(ports.values()))), {}
        neuron = for_survivors(self.neuron, (len(self.present), *self.shape[1:]))
        z, columns = neuron.drive(
            {name: u.index_select(1, self.present) for name, u in ports.items()},
            {name: m.index_select(0, self.present) for name, m in memory.items()},
            training=training,
        )
        return self._spread(z), {name: self._spread(column) for name, column in columns.items()}

    def respond(self, z: Tensor) -> Tensor:
        return self.neuron.respond(z).index_fill(1, self.mute, 0)

    def _spread(self, u: Tensor) -> Tensor:
        """Put what is present back in its place among zeros."""
        assert self.present is not None
        return u.new_zeros(len(u), self.shape[0], *u.shape[2:]).index_copy(1, self.present, u)


@singledispatch
def for_survivors(neuron: Neuron, shape: Shape) -> Neuron:
    """Give the neuron of a population that has shrunk to a shape; ShapeError where it cannot."""
    neuron.check(shape)
    return neuron


@for_survivors.register
def _(neuron: KWinners, shape: Shape) -> Neuron:
    rivals = shape[0] if neuron.among == "units" else n_neurons(shape)
    return dataclasses.replace(neuron, k=min(neuron.k, rivals))


@for_survivors.register
def _(neuron: Chain, shape: Shape) -> Neuron:
    return Chain(tuple(for_survivors(n, shape) for n in neuron.neurons))


@contextmanager
def lesion_network(net: "Network", lesion: Lesion) -> Iterator["Network"]:
    """Run a block with a lesion; afterwards everything is the same object as before.  See `Network.lesioned`."""
    old, before = net._parts(), net.lesion
    options = Options(net.exact, net.keep, net.forced, net.setting, net.tune)
    total = lesion if before is None else before | lesion
    _check_neurons(net.circuit, total)
    parts = _cut(old, lesion, options) if lesion.slots else old
    parts = dataclasses.replace(parts, plan=silence(parts.plan, total.units, net.device))
    _put(net, parts, options, total)
    try:
        yield net
    finally:
        _put(net, old, options, before)


def refuse_lesion(net: "Network", doing: str) -> None:
    """Raise if a network is lesioned: RuleError for learning, StructureError for what would outlast the lesion."""
    if net.lesion is None:
        return
    error = RuleError if doing == "learn" else StructureError
    raise error(
        f"{doing}: the network is lesioned, which must leave no trace; leave the `with net.lesioned(...)` first"
    )


def silence(plan: Plan, units: Mapping[str, np.ndarray], device: torch.device) -> Plan:
    """Have units send zeros, whatever fusions did to their populations; one that is silenced already starts anew."""
    return dataclasses.replace(plan, ops=tuple(_silenced(op, plan.circuit, units, device) for op in plan.ops))


def _silenced(op: Op, circuit: Circuit, units: Mapping[str, np.ndarray], device: torch.device) -> Op:
    if isinstance(op, Push) and op.respond is not None:  # behind a pool, which has the units of what it pools
        population = circuit.population(op.read[0])
        mute = units.get(population.name, _NONE)
        return dataclasses.replace(op, respond=_wrapped(op.respond, population.shape, _NONE, mute, device))
    if not isinstance(op, Fire):
        return op
    shape = circuit.population(op.population).shape
    absent, mute = units.get(op.ports[0][0], _NONE), units.get(op.population, _NONE)
    if op.ports[0][0] != op.population:  # a fused softmax reads the drive of its exponential neurons
        shunt = next(p.pre for p in circuit.projections if p.post == op.population and p.port == "shunt")
        # Without its interneuron nothing divides, and `Divide` is 0 where nothing shunts.
        mute = np.arange(shape[0]) if shunt in units else mute
    return dataclasses.replace(op, neuron=_wrapped(op.neuron, shape, absent, np.union1d(mute, absent), device))


def _wrapped(neuron: Neuron, shape: Shape, absent: np.ndarray, mute: np.ndarray, device: torch.device) -> Neuron:
    neuron = neuron.neuron if isinstance(neuron, Silenced) else neuron
    if not len(mute):
        return neuron
    present = np.delete(np.arange(shape[0]), absent)
    return Silenced(
        neuron,
        shape,
        torch.tensor(present, device=device) if len(absent) else None,
        torch.tensor(mute, device=device),
    )


def _cut(old: Parts, lesion: Lesion, options: Options) -> Parts:
    """Make the parts of the same circuit with some weights zero, in parameters of their own."""
    circuit = old.circuit
    for name, at in lesion.slots.items():
        weight = np.array(circuit.projection(name).weight)
        weight[at] = 0
        circuit = circuit.replace_projection(name, weight=weight)
    return carry_parts(old, circuit, Remap(rewritten=dict(lesion.slots)), options)


def _put(net: "Network", parts: Parts, options: Options, lesion: Lesion | None) -> None:
    net._install(parts, options)
    net.train(net.training)
    net.lesion = lesion


def _check_neurons(circuit: Circuit, lesion: Lesion) -> None:
    """Raise ShapeError where a neuron does not fit the units that are left."""
    for name, at in lesion.units.items():
        p = circuit.population(name)
        if len(at) < p.n_units and isinstance(p.neuron, Neuron):
            for_survivors(p.neuron, (p.n_units - len(at), *p.shape[1:]))


def _by_population(circuit: Circuit, units: Any, label: Any) -> Mapping[str, Any]:
    """Turn a name, a mapping, an attribute or labels of all units into what is lesioned of each population."""
    if units is None:
        return {}
    if isinstance(units, Mapping):
        if label is not None:
            raise ShapeError(f"lesioned: label without labels (got {label!r} and units by population); leave it out")
        return units
    if isinstance(units, str):
        return (
            {units: np.arange(circuit.population(units).n_units)} if label is None else _of_type(circuit, units, label)
        )
    labels = np.asarray(getattr(units, "labels", units))
    if labels.shape != (circuit.n_units,):
        got = f"got shape {labels.shape}, expected ({circuit.n_units},)"
        raise ShapeError(f"lesioned: one label per unit of the circuit ({got}); or give indices by population")
    if label is None or not (labels == label).any():
        known = ", ".join(map(str, np.unique(labels)[:8].tolist()))
        raise UnknownNameError(f"lesioned: no community {label!r} (expected one of {known}); pass label=")
    ends = np.cumsum([p.n_units for p in circuit.populations])[:-1]
    return {p.name: part for p, part in zip(circuit.populations, np.split(labels == label, ends), strict=True)}


def _of_type(circuit: Circuit, attribute: str, label: Any) -> Mapping[str, Any]:
    """Find the units of which an attribute has a value."""
    with_it = [p for p in circuit.populations if attribute in p.attributes]
    found = {p.name: np.array([v is not ABSENT and same(v, label) for v in p.attributes[attribute]]) for p in with_it}
    if not any(mask.any() for mask in found.values()):
        what = f"attribute {attribute!r}" if not with_it else f"unit whose {attribute!r} is {label!r}"
        raise UnknownNameError(f"lesioned: no {what} (expected an attribute of a population, and a value that it has)")
    return found


def _indices(given: Any, size: int, where: str) -> np.ndarray:
    """Read indices or a mask as rising indices."""
    at = np.atleast_1d(np.asarray(given))
    if at.dtype.kind == "b":
        if at.shape != (size,):
            raise ShapeError(f"{where}: mask of another length (got {at.shape}, expected ({size},))")
        return np.flatnonzero(at)
    if at.ndim != 1 or (len(at) and at.dtype.kind not in "iu"):
        raise ShapeError(
            f"{where}: not indices (got {at.dtype} {at.shape}, expected integers (R,) or a mask ({size},))"
        )
    if len(at) and (at.min() < 0 or at.max() >= size):
        bad = int(at.min() if at.min() < 0 else at.max())
        raise ShapeError(f"{where}: index out of range (got {bad}, expected 0 to {size - 1})")
    return np.unique(at.astype(np.int64))


def _union(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.union1d(a.get(name, _NONE), b.get(name, _NONE)) for name in dict.fromkeys([*a, *b])}


_NONE = np.zeros(0, np.int64)
