"""A circuit: a frozen value of populations and projections."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.ir.init import Initializer, normal
from circuitgraph.ir.order import zero_delay_order
from circuitgraph.ir.shape import Shape, as_shape, n_neurons
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology
from circuitgraph.ir.value import Value, _same, encode, frozen_array


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind, shape (units, *sites); `neuron` says what they do, None passes the input on.

    `memory` holds what a neuron keeps for its units between runs (running statistics, thresholds), `attributes`
    what people know about them (labels, cell types; one array (U,) each, `ABSENT` where a unit has no value) and
    `ids` (U,) the identity of each unit for life.
    """

    name: str
    shape: Shape
    neuron: Value | None = None
    memory: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_name("population", self.name)
        object.__setattr__(self, "shape", as_shape(self.shape, f"population {self.name!r}"))
        if self.neuron is not None and getattr(self.neuron, "kind", None) != "neuron":
            raise StructureError(f"population {self.name!r}: not a neuron (got {self.neuron!r}, expected e.g. cg.ReLU())")
        object.__setattr__(self, "memory", _frozen(self.memory, f"population {self.name!r}: memory"))
        columns = _frozen(self.attributes, f"population {self.name!r}: attribute", self.n_units)
        object.__setattr__(self, "attributes", columns)
        if self.ids is not None:
            object.__setattr__(self, "ids", _ids(self.ids, self.n_units, f"population {self.name!r}"))

    @property
    def n_units(self) -> int:
        """Count the units."""
        return self.shape[0]

    @property
    def n_neurons(self) -> int:
        """Count the neurons: units times sites."""
        return n_neurons(self.shape)

    @property
    def unit_ids(self) -> np.ndarray:
        """Give the identity of each unit (U,), stable under edits."""
        return np.arange(self.n_units) if self.ids is None else self.ids

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Population):
            return NotImplemented
        mine, theirs = (self.name, self.shape, self.neuron), (other.name, other.shape, other.neuron)
        tables = _same_arrays(self.memory, other.memory) and _same_arrays(self.attributes, other.attributes)
        return mine == theirs and tables and _same(self.unit_ids, other.unit_ids)

    def __hash__(self) -> int:
        return hash((self.name, self.shape, self.neuron))


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another: a topology and one weight per slot.

    `rule=None` trains the weights by gradient, `fixed=True` never; `delay` counts time steps and `port` names the
    input of the postsynaptic neuron that the projection lands on.  `attributes` holds one array (K,) each.
    """

    pre: str
    post: str
    topology: Topology
    weight: np.ndarray
    rule: Value | None = None
    delay: int = 0
    port: str = "in"
    name: str = ""
    fixed: bool = False
    attributes: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"{self.pre}->{self.post}")
        _check_name("projection", self.name)
        if not isinstance(self.topology, Topology):
            raise StructureError(f"projection {self.name!r}: not a topology (got {self.topology!r}, expected e.g. cg.Dense())")
        object.__setattr__(self, "weight", _as_weight(self.weight, self.name))
        columns = _frozen(self.attributes, f"projection {self.name!r}: attribute", len(self.weight))
        object.__setattr__(self, "attributes", columns)
        if not isinstance(self.delay, int) or self.delay < 0:
            raise StructureError(f"projection {self.name!r}: delay (got {self.delay!r}, expected steps, 0 or more)")
        if self.rule is not None and getattr(self.rule, "kind", None) != "rule":
            raise StructureError(f"projection {self.name!r}: not a rule (got {self.rule!r}, expected e.g. cg.Oja(0.01))")
        if self.rule is not None and self.fixed:
            raise StructureError(f"projection {self.name!r}: fixed weights cannot have a rule (got {self.rule!r}); pass fixed=False")
        if self.ids is not None:
            object.__setattr__(self, "ids", _ids(self.ids, len(self.weight), f"projection {self.name!r}"))

    @property
    def n_slots(self) -> int:
        """Count independent weights."""
        return len(self.weight)

    @property
    def slot_ids(self) -> np.ndarray:
        """Give the identity of each slot (K,), stable under edits."""
        return np.arange(self.n_slots) if self.ids is None else self.ids

    def _identity(self) -> tuple[Any, ...]:
        return self.name, self.pre, self.post, self.topology, self.rule, self.delay, self.port, self.fixed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Projection):
            return NotImplemented
        same = self._identity() == other._identity() and _same(self.weight, other.weight)
        same = same and _same_arrays(self.attributes, other.attributes)
        return same and (self.ids is other.ids or _same(self.slot_ids, other.slot_ids))

    def __hash__(self) -> int:
        return hash(self._identity())


@dataclasses.dataclass(frozen=True)
class Circuit:
    """A frozen value: populations and the projections between them, in the order they were added.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> c.summary()
        '2 populations, 6 units, 6 neurons, 8 slots, 8 synapses'
    """

    populations: tuple[Population, ...] = ()
    projections: tuple[Projection, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        object.__setattr__(self, "projections", tuple(self.projections))
        _unique("population", [p.name for p in self.populations])
        _unique("projection", [p.name for p in self.projections])
        for projection in self.projections:
            pre, post = self._end(projection, projection.pre), self._end(projection, projection.post)
            projection.topology.check(pre.shape, post.shape)
            expected = projection.topology.n_slots(pre.shape, post.shape)
            if projection.n_slots != expected:
                where = f"projection {projection.name!r}: wrong number of weights for {projection.topology!r}"
                raise ShapeError(f"{where} (got {projection.n_slots}, expected {expected}); leave weight out to draw them")
        zero_delay_order([p.name for p in self.populations], [(p.pre, p.post) for p in self.projections if not p.delay])

    def _end(self, projection: Projection, name: str) -> Population:
        if name not in self._by_name[0]:
            raise StructureError(f"projection {projection.name!r}: no population {name!r} (got {_names(self._by_name[0])}); add it first")
        return self._by_name[0][name]

    @cached_property
    def _by_name(self) -> tuple[dict[str, Population], dict[str, Projection]]:
        return {p.name: p for p in self.populations}, {p.name: p for p in self.projections}

    def population(self, name: str) -> Population:
        """Look up a population; UnknownNameError if there is none."""
        if name not in self._by_name[0]:
            raise UnknownNameError(f"circuit: no population {name!r} (expected one of {_names(self._by_name[0])})")
        return self._by_name[0][name]

    def projection(self, name: str) -> Projection:
        """Look up a projection; UnknownNameError if there is none."""
        if name not in self._by_name[1]:
            raise UnknownNameError(f"circuit: no projection {name!r} (expected one of {_names(self._by_name[1])})")
        return self._by_name[1][name]

    def shapes(self, projection: Projection | str) -> tuple[Shape, Shape]:
        """Give the pre- and postsynaptic shapes of a projection."""
        p = self.projection(projection) if isinstance(projection, str) else projection
        return self.population(p.pre).shape, self.population(p.post).shape

    def slots(self, projection: Projection | str) -> Slots:
        """List the independent weights of a projection."""
        p = self.projection(projection) if isinstance(projection, str) else projection
        return p.topology.slots(*self.shapes(p))

    def synapses(self, projection: Projection | str) -> Synapses:
        """List every edge between two neurons of a projection."""
        p = self.projection(projection) if isinstance(projection, str) else projection
        return p.topology.synapses(*self.shapes(p))

    def add(self, name: str | Population, shape: int | Shape | None = None, neuron: Value | None = None) -> "Circuit":
        """Return the circuit with one more population."""
        if not isinstance(name, Population):
            name = Population(name, as_shape(shape, f"population {name!r}"), neuron)
        return dataclasses.replace(self, populations=(*self.populations, name))

    def connect(
        self,
        pre: str,
        post: str,
        topology: Topology,
        *,
        units: int | None = None,
        neuron: Value | None = None,
        weight: np.ndarray | Initializer | float | None = None,
        rng: np.random.Generator | int = 0,
        rule: Value | None = None,
        fixed: bool | None = None,
        delay: int = 0,
        port: str = "in",
        name: str = "",
    ) -> "Circuit":
        """Return the circuit with one more projection, pre to post.

        A `post` that does not exist yet is added, with the shape that the topology infers (`units` where it cannot)
        and `neuron`. `weight` is one number per slot, one number for all, or an initializer; by default fixed ones
        where the topology is not plastic, else normal(1.0) drawn from `rng`.

        Raises:
            StructureError: names that do not exist, are taken, or close a zero-delay loop.
            ShapeError: a topology or weights that do not fit.
        """
        circuit = self
        if not isinstance(topology, Topology):
            raise StructureError(f"connect {pre!r} to {post!r}: not a topology (got {topology!r}, expected e.g. cg.Dense())")
        if post not in self._by_name[0]:
            circuit = self.add(post, topology.post_shape(self.population(pre).shape, units), neuron)
        elif units is not None or neuron is not None:
            raise StructureError(f"connect {pre!r} to {post!r}: {post!r} exists; leave units and neuron out")
        shapes = circuit.population(pre).shape, circuit.population(post).shape
        topology.check(*shapes)
        fixed = (not topology.plastic and rule is None) if fixed is None else fixed
        drawn = _draw(topology, shapes, weight, rng, name or f"{pre}->{post}")
        projection = Projection(pre, post, topology, drawn, rule, delay, port, name, fixed)
        return dataclasses.replace(circuit, projections=(*circuit.projections, projection))

    def replace_population(self, name: str, **changes: Any) -> "Circuit":
        """Return the circuit with fields of one population changed (its name stays)."""
        new = dataclasses.replace(self.population(name), **changes)
        return dataclasses.replace(self, populations=tuple(new if p.name == name else p for p in self.populations))

    def replace_projection(self, name: str, **changes: Any) -> "Circuit":
        """Return the circuit with fields of one projection changed (its name stays)."""
        new = dataclasses.replace(self.projection(name), **changes)
        return dataclasses.replace(self, projections=tuple(new if p.name == name else p for p in self.projections))

    @property
    def n_units(self) -> int:
        """Count the units of all populations."""
        return sum(p.n_units for p in self.populations)

    @property
    def n_neurons(self) -> int:
        """Count the neurons of all populations."""
        return sum(p.n_neurons for p in self.populations)

    @property
    def n_slots(self) -> int:
        """Count the independent weights of all projections."""
        return sum(p.n_slots for p in self.projections)

    @cached_property
    def n_synapses(self) -> int:
        """Count the edges between neurons of all projections, without listing them."""
        return sum(p.topology.n_synapses(*self.shapes(p)) for p in self.projections)

    @cached_property
    def fingerprint(self) -> str:
        """Hash the structure (not the weights): two circuits with the same fingerprint share States."""
        arrays: dict[str, np.ndarray] = {}
        spec = [
            [[p.name, list(p.shape), encode(p.neuron, arrays)] for p in self.populations],
            [[*p._identity()[:3], encode(p.topology, arrays), p.delay, p.port] for p in self.projections],
        ]
        digest = hashlib.sha256(json.dumps(spec, sort_keys=True, default=str).encode())
        for array in arrays.values():
            digest.update(str(array.dtype).encode() + array.tobytes())
        return digest.hexdigest()[:16]

    def summary(self) -> str:
        """Say in one line how many populations, units, neurons, slots and synapses there are."""
        counts = [
            (len(self.populations), "population"), (self.n_units, "unit"), (self.n_neurons, "neuron"),
            (self.n_slots, "slot"), (self.n_synapses, "synapse"),
        ]  # fmt: skip
        plural = {"synapse": "synapses"}
        return ", ".join(f"{n:,} {what if n == 1 else plural.get(what, what + 's')}" for n, what in counts)

    def __str__(self) -> str:
        lines = [f"Circuit: {self.summary()}"]
        width = max([len(p.name) for p in (*self.populations, *self.projections)], default=0)
        for p in self.populations:
            lines.append(f"  {p.name:<{width}}  {'x'.join(map(str, p.shape)):<12}  {p.neuron or 'Linear()'}")
        for q in self.projections:
            how = "fixed" if q.fixed else repr(q.rule) if q.rule else "gradient"
            extra = (f", delay {q.delay}" if q.delay else "") + (f", port {q.port!r}" if q.port != "in" else "")
            lines.append(f"  {q.name:<{width}}  {q.topology!r}  {q.n_slots:,} slots, {how}{extra}")
        return "\n".join(lines)

    __repr__ = __str__


def _draw(topology: Topology, shapes: tuple[Shape, Shape], weight: Any, rng: Any, name: str) -> np.ndarray:
    if weight is not None and not callable(weight) and np.ndim(weight) > 0:
        return np.asarray(weight)
    n = topology.n_slots(*shapes)
    if weight is None and not topology.plastic:
        weight = 1.0
    if weight is None or callable(weight):
        rng = np.random.default_rng(rng)
        return (weight or normal())(rng, n, topology.fan_in(*shapes))
    return np.full(n, weight, dtype=np.float32)


def _as_weight(weight: Any, name: str) -> np.ndarray:
    a = np.asarray(weight)
    if a.ndim != 1:
        raise ShapeError(f"projection {name!r}: weights are one flat vector (got shape {a.shape}, expected (n_slots,))")
    if a.dtype not in (np.float32, np.float64):
        a = a.astype(np.float32)
    if not np.isfinite(a).all():
        raise NumericError(f"projection {name!r}: weights hold NaN or infinity (got it first at slot {int(np.argmin(np.isfinite(a)))})")
    return a if not a.flags.writeable and a.flags.c_contiguous else frozen_array(a, a.dtype)


def _ids(ids: Any, size: int, where: str) -> np.ndarray:
    out = frozen_array(ids, np.int64)
    if out.shape != (size,) or len(np.unique(out)) != size:
        raise ShapeError(f"{where}: ids (got {len(np.unique(out))} different of shape {out.shape}, expected {size} different)")
    return out


def _frozen(columns: Mapping[str, Any], where: str, size: int | None = None) -> Mapping[str, np.ndarray]:
    out = {}
    for key, column in columns.items():
        array = np.asarray(column)
        if size is not None and array.shape != (size,):
            raise ShapeError(f"{where} {key!r}: one value each (got shape {array.shape}, expected ({size},))")
        out[key] = frozen_array(array, array.dtype)
    return MappingProxyType(out)


def _same_arrays(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name or not name.isprintable() or "/" in name or "." in name:
        raise StructureError(f"{what}: bad name (got {name!r}, expected a non-empty text without '.' and '/')")


def _unique(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise StructureError(f"{what} {name!r}: name is taken; names are unique, pass another name=")
        seen.add(name)


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, known)) or "none"
