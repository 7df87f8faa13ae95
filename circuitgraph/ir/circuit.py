"""A circuit: a frozen value of populations and projections."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitgraph import registry
from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.ir.asked import Asked, Graphs
from circuitgraph.ir.fingerprint import fingerprint
from circuitgraph.ir.init import Initializer
from circuitgraph.ir.order import zero_delay_order
from circuitgraph.ir.population import Population
from circuitgraph.ir.projection import Projection, check_topology, draw_weight
from circuitgraph.ir.shape import Shape, as_shape
from circuitgraph.ir.tables import Slots, Synapses
from circuitgraph.ir.topology import Topology
from circuitgraph.ir.value import Value, rebuild


@dataclasses.dataclass(frozen=True)
class Circuit(Asked):
    """A frozen value: populations and the projections between them, in the order they were added.

    `attributes` is what people know about the whole (a source, a species); computation never reads it.

    Raises:
        StructureError: a name that is taken, an end that does not exist, or a zero-delay loop.
        ShapeError: a topology that does not fit its ends, or another number of weights than slots.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> c.summary()
        '2 populations, 6 units, 6 neurons, 8 slots, 8 synapses'
    """

    populations: tuple[Population, ...] = ()
    projections: tuple[Projection, ...] = ()
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        object.__setattr__(self, "populations", _all_of("populations", self.populations, Population))
        object.__setattr__(self, "projections", _all_of("projections", self.projections, Projection))
        # One name space for both: a Remap lists what is removed by name alone.
        taken = [("population", p.name) for p in self.populations]
        _check_unique([*taken, *(("projection", p.name) for p in self.projections)])
        for projection in self.projections:
            self._check_fit(projection)
        edges = [(p.pre, p.post) for p in self.projections if not p.delay]
        zero_delay_order([p.name for p in self.populations], edges)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = {"populations": self.populations, "projections": self.projections, "attributes": dict(self.attributes)}
        return rebuild, (type(self), parts)

    def _check_fit(self, projection: Projection) -> None:
        where = f"projection {projection.name!r}"
        shapes = self._end(projection.pre, where).shape, self._end(projection.post, where).shape
        projection.topology.check(*shapes)
        expected = projection.topology.n_slots(*shapes)
        if projection.n_slots != expected:
            got = f"got {projection.n_slots}, expected {expected}"
            mend = "leave weight out to draw them"
            raise ShapeError(f"{where}: wrong number of weights for {projection.topology!r} ({got}); {mend}")

    def _end(self, name: str, where: str) -> Population:
        if name not in self._by_name[0]:
            raise StructureError(f"{where}: no population {name!r} (got {_names(self._by_name[0])}); add it first")
        return self._by_name[0][name]

    @cached_property
    def _by_name(self) -> tuple[dict[str, Population], dict[str, Projection]]:
        return {p.name: p for p in self.populations}, {p.name: p for p in self.projections}

    def population(self, name: str) -> Population:
        """Look up a population; UnknownNameError if there is none.

        Example:
            >>> Circuit().add("x", (3, 8, 8)).population("x").n_units
            3
        """
        if name not in self._by_name[0]:
            raise UnknownNameError(f"circuit: no population {name!r} (expected one of {_names(self._by_name[0])})")
        return self._by_name[0][name]

    def projection(self, name: str) -> Projection:
        """Look up a projection; UnknownNameError if there is none.

        Example:
            >>> from circuitgraph.topologies import OneToOne
            >>> Circuit().add("x", 3).connect("x", "y", OneToOne()).projection("x->y").fixed
            True
        """
        if name not in self._by_name[1]:
            raise UnknownNameError(f"circuit: no projection {name!r} (expected one of {_names(self._by_name[1])})")
        return self._by_name[1][name]

    def shapes(self, projection: Projection | str) -> tuple[Shape, Shape]:
        """Give the pre- and postsynaptic shapes of a projection."""
        p = self.projection(projection) if isinstance(projection, str) else projection
        return self.population(p.pre).shape, self.population(p.post).shape

    def slots(self, projection: Projection | str) -> Slots:
        """List the independent weights of a projection.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> Circuit().add("x", 2).connect("x", "y", Dense(), units=2).slots("x->y").post.tolist()
            [0, 0, 1, 1]
        """
        p = self.projection(projection) if isinstance(projection, str) else projection
        return p.topology.slots(*self.shapes(p))

    def synapses(self, projection: Projection | str) -> Synapses:
        """List every edge between two neurons of a projection.

        Example:
            >>> from circuitgraph.topologies import Conv
            >>> len(Circuit().add("x", (1, 4)).connect("x", "y", Conv(3), units=1).synapses("x->y"))
            6
        """
        p = self.projection(projection) if isinstance(projection, str) else projection
        return p.topology.synapses(*self.shapes(p))

    def add(self, name: str | Population, shape: int | Shape | None = None, neuron: Value | None = None) -> "Circuit":
        """Return the circuit with one more population.

        Raises:
            StructureError: a name that is taken or cannot be used, or a neuron that is none.
            ShapeError: a shape that is none.

        Example:
            >>> Circuit().add("x", (3, 8, 8)).n_neurons
            192
        """
        if not isinstance(name, Population):
            name = Population(name, as_shape(shape, f"population {name!r}"), neuron)
        elif shape is not None or neuron is not None:
            raise StructureError(f"population {name.name!r}: comes with its shape and neuron; leave them out")
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
        sign: int = 0,
    ) -> "Circuit":
        """Return the circuit with one more projection, pre to post.

        A `post` that does not exist yet is added, with the shape that the topology infers (`units` where it cannot)
        and `neuron`. `weight` is one number per slot, one number for all, or an initializer; by default fixed ones
        where the topology is not plastic, else normal(1.0) drawn from `rng`.  A seed draws other numbers for every
        projection name; a generator is drawn from as it stands.  With a `sign`, 1 or -1, no weight is ever of the
        other one: those drawn by default are turned, those given are checked, and `learn` keeps it.

        Raises:
            StructureError: names that do not exist, are taken, or close a zero-delay loop; a neuron, rule, delay or
                port that is none.
            ShapeError: a topology or weights that do not fit.
            NumericError: weights that are not finite numbers, or against the sign.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> c = Circuit().add("x", 2).connect("x", "y", Dense(), units=1, weight=[0.5, 2.0])
            >>> c.connect("y", "y", Dense(), delay=1, weight=0.0).n_slots
            3
        """
        where = f"connect {pre!r} to {post!r}"
        check_topology(topology, where)
        self._end(pre, where)
        if post not in self._by_name[0]:
            shape = topology.post_shape(self.population(pre).shape, units)
            if units is not None and shape[0] != units:
                got = f"got {units}, expected {shape[0]}"
                raise ShapeError(f"{where}: {topology!r} decides the number of units ({got}); leave units out")
            return self.add(post, shape, neuron).connect(
                pre, post, topology, weight=weight, rng=rng, rule=rule, fixed=fixed, delay=delay, port=port, name=name,
                sign=sign,
            )  # fmt: skip
        if units is not None or neuron is not None:
            raise StructureError(f"{where}: {post!r} exists; leave units and neuron out")
        shapes = self.population(pre).shape, self.population(post).shape
        topology.check(*shapes)
        fixed = (not topology.plastic and rule is None) if fixed is None else fixed
        drawn = draw_weight(topology, shapes, weight=weight, rng=rng, name=name or f"{pre}->{post}", sign=sign)
        projection = Projection(pre, post, topology, drawn, rule, delay, port, name, fixed, sign=sign)
        return dataclasses.replace(self, projections=(*self.projections, projection))

    def replace_population(self, name: str, **changes: Any) -> "Circuit":
        """Return the circuit with fields of one population changed (its name stays).

        Raises:
            UnknownNameError: if there is none of that name.

        Example:
            >>> Circuit().add("x", 3).replace_population("x", shape=5).n_units
            5
        """
        new = dataclasses.replace(self.population(name), **changes)
        return dataclasses.replace(self, populations=tuple(new if p.name == name else p for p in self.populations))

    def replace_projection(self, name: str, **changes: Any) -> "Circuit":
        """Return the circuit with fields of one projection changed (its name stays).

        Raises:
            UnknownNameError: if there is none of that name.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> c = Circuit().add("x", 2).connect("x", "y", Dense(), units=1)
            >>> c.replace_projection("x->y", weight=[1.0, 2.0]).projection("x->y").weight.tolist()
            [1.0, 2.0]
        """
        new = dataclasses.replace(self.projection(name), **changes)
        return dataclasses.replace(self, projections=tuple(new if p.name == name else p for p in self.projections))

    @property
    def graph(self) -> Graphs:
        """Call it for the circuit as a light named graph that networkx reads; `views.graph_of` says how.

        `circuit.graph()` has a node per unit, `circuit.graph("neuron")` per neuron, `circuit.graph("population")` per
        population; `directed=False` adds up both directions.  Not called, it is the circuit's attributes, as networkx
        reads them.

        Example:
            >>> import networkx as nx
            >>> from circuitgraph.topologies import Dense
            >>> c = Circuit().add("x", 2).connect("x", "y", Dense(), units=1)
            >>> nx.in_degree_centrality(c.graph())["y", 0], nx.in_degree_centrality(c)["y", 0]
            (1.0, 1.0)
        """
        return Graphs(self.attributes, self._graph)

    def _graph(self, level: str, **options: Any) -> Any:
        return registry.view("graph")(self, level, **options)

    def rewired(self, null: str, rng: np.random.Generator | int = 0) -> "Circuit":
        """Give a control of the same size whose wiring or weights are random; `views.rewired` lists which.

        Example:
            >>> from circuitgraph.topologies import Explicit
            >>> c = Circuit().add("x", 4).connect("x", "x", Explicit([0, 1, 2], [1, 2, 3]), delay=1)
            >>> c.rewired("erdos-renyi", rng=1).n_slots
            3
        """
        found: Circuit = registry.view("rewired")(self, null, rng)
        return found

    def describe(self) -> Any:
        """Describe the circuit in one table, a row per population and projection; `views.describe` says how.

        Example:
            >>> len(Circuit().add("x", 2).add("y", 3).describe())
            2
        """
        return registry.view("describe")(self)

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
        """Hash the structure, ids included and weights not: circuits with the same fingerprint share States.

        Example:
            >>> from circuitgraph.topologies import Dense
            >>> c = Circuit().add("x", 2).connect("x", "y", Dense(), units=1)
            >>> c.fingerprint == c.replace_projection("x->y", weight=[0.0, 0.0]).fingerprint
            True
        """
        populations = tuple((p.name, p.shape, p.neuron, _moved(p.ids)) for p in self.populations)
        projections = tuple(
            (p.name, p.pre, p.post, p.topology, p.delay, p.port, _moved(p.ids)) for p in self.projections
        )
        return fingerprint((populations, projections))

    def summary(self) -> str:
        """Say in one line how many populations, units, neurons, slots and synapses there are."""
        counts = {
            "population": len(self.populations),
            "unit": self.n_units,
            "neuron": self.n_neurons,
            "slot": self.n_slots,
            "synapse": self.n_synapses,
        }
        return ", ".join(f"{n:,} {what if n == 1 else what + 's'}" for what, n in counts.items())

    def __str__(self) -> str:
        names = [*(p.name for p in self.populations), *(q.name for q in self.projections)]
        width = max(map(len, names), default=0)
        lines = [f"Circuit: {self.summary()}"]
        for p in self.populations:
            lines.append(f"  {p.name:<{width}}  {'x'.join(map(str, p.shape)):<12}  {p.neuron or 'Linear()'}")
        for q in self.projections:
            how = "fixed" if q.fixed else repr(q.rule) if q.rule else "gradient"
            extra = (f", delay {q.delay}" if q.delay else "") + (f", port {q.port!r}" if q.port != "in" else "")
            extra += f", sign {q.sign:+d}" if q.sign else ""
            lines.append(f"  {q.name:<{width}}  {q.topology!r}  {q.n_slots:,} slots, {how}{extra}")
        return "\n".join(lines)

    __repr__ = __str__


def _all_of(what: str, given: Any, kind: type) -> tuple[Any, ...]:
    items = tuple(given)
    for item in items:
        if not isinstance(item, kind):
            raise StructureError(f"circuit: {what} (got {item!r}, expected {kind.__name__}s); use add and connect")
    return items


def _check_unique(names: list[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for what, name in names:
        if name in seen:
            raise StructureError(f"{what} {name!r}: name is taken; names are unique, pass another name=")
        seen.add(name)


def _moved(ids: np.ndarray | None) -> np.ndarray | None:
    # Ids that count 0, 1, 2 are the same as none, and circuits that are equal have one fingerprint.
    return None if ids is None or np.array_equal(ids, np.arange(len(ids))) else ids


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, known)) or "none"
