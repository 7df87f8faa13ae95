"""The plan of one time step: what is computed, in which order, by which kernel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit
from circuitgraph.ir.order import zero_delay_order
from circuitgraph.neurons import Linear, Neuron

Column = tuple[str, str]


@dataclass(frozen=True)
class Push:
    """Carry `read` through a projection and add it to the port `write`; `respond` is applied to what arrives."""

    projection: str
    read: Column
    write: Column
    delay: int = 0
    respond: Neuron | None = None

    @property
    def reads(self) -> tuple[Column, ...]:
        return () if self.delay else (self.read,)

    @property
    def writes(self) -> tuple[Column, ...]:
        return (self.write,)


@dataclass(frozen=True)
class PushMany:
    """Carry activity through several projections at once and add it to the ports that they land on."""

    pushes: tuple[Push, ...]

    @property
    def name(self) -> str:
        return f"{self.pushes[0].projection} and {len(self.pushes) - 1} more"

    @property
    def projections(self) -> tuple[str, ...]:
        return tuple(push.projection for push in self.pushes)

    @property
    def columns(self) -> tuple[tuple[Column, int], ...]:
        """Name what is read, each with its delay."""
        return tuple(dict.fromkeys((push.read, push.delay) for push in self.pushes))

    @property
    def ports(self) -> tuple[Column, ...]:
        return tuple(dict.fromkeys(push.write for push in self.pushes))

    @property
    def reads(self) -> tuple[Column, ...]:
        return tuple(column for column, delay in self.columns if not delay)

    @property
    def writes(self) -> tuple[Column, ...]:
        return self.ports


@dataclass(frozen=True)
class Fire:
    """Let a population turn its ports into its output `write`, or only into its drive (column "z")."""

    population: str
    neuron: Neuron
    ports: tuple[Column, ...]
    write: Column
    responds: bool = True

    @property
    def reads(self) -> tuple[Column, ...]:
        return self.ports

    @property
    def writes(self) -> tuple[Column, ...]:
        return (self.write,)


Op = Push | PushMany | Fire


@dataclass(frozen=True, repr=False)
class Plan:
    """The operations of one time step and what fusions changed.  Printable.

    Example:
        >>> import circuitgraph as cg
        >>> print(make_plan(cg.Circuit().add("x", 2, cg.ReLU())))
        Plan of one step: inputs x; outputs x
          1  fire  x.y                      2            ReLU()
    """

    circuit: Circuit
    ops: tuple[Op, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    kernels: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    """What spoke for a projection's kernel, where there was a choice that matters."""
    notes: tuple[str, ...] = ()

    def hears(self, population: str) -> bool:
        """Tell whether external input to a population reaches anything: a fusion may have removed its port."""
        port = population, neuron_of(self.circuit, population).ports[0]
        return any(port in op.ports for op in self.ops if isinstance(op, Fire))

    def check(self) -> None:
        """Raise StructureError unless every column is written before it is read, and outputs exist.

        A port that nothing writes holds external input, or zeros.
        """
        written: set[Column] = set()
        open_ports = {
            (p.name, port) for p in self.circuit.populations for port in neuron_of(self.circuit, p.name).ports
        }
        open_ports -= {column for op in self.ops for column in op.writes}
        for op in self.ops:
            for column in op.reads:
                if column not in written | open_ports:
                    raise StructureError(f"plan: {column} is read before it is written, by {op}")
            written.update(op.writes)
        for name in self.outputs:
            if (name, "y") not in written:
                raise StructureError(f"plan: output {name!r} is never written")

    def __str__(self) -> str:
        lines = [f"Plan of one step: inputs {', '.join(self.inputs)}; outputs {', '.join(self.outputs)}"]
        for i, op in enumerate(self.ops, 1):
            lines.append(f"{i:3d}  {self._describe(op)}")
        return "\n".join([*lines, *(f"     fused: {note}" for note in self.notes)])

    __repr__ = __str__

    def _describe(self, op: Op) -> str:
        if isinstance(op, Fire):
            shape = "x".join(map(str, self.circuit.population(op.population).shape))
            what = repr(op.neuron) if op.responds else f"drive of {op.neuron!r}"
            return f"fire  {'.'.join(op.write):<24} {shape:<12} {what}"
        pushes = op.pushes if isinstance(op, PushMany) else (op,)
        carried = [self.circuit.projection(push.projection) for push in pushes]
        first, n_synapses = carried[0].name, sum(p.topology.n_synapses(*self.circuit.shapes(p)) for p in carried)
        counts = f"{sum(p.n_slots for p in carried):,} slots, {n_synapses:,} synapses"
        learns = _list("fixed" if p.fixed else repr(p.rule) if p.rule else "gradient" for p in carried)
        late = _list(f"delay {push.delay}" for push in pushes if push.delay)
        then = _list(f"then {push.respond!r}" for push in pushes if push.respond)
        why = f"\n     why: {self.why[first]}" if self.why.get(first) else ""
        name = first if isinstance(op, Push) else f"{len(pushes)} projections"
        members = "" if isinstance(op, Push) else f"\n     of: {_some(op.projections)}"
        how = ", ".join(filter(None, (counts, learns, late, then)))
        return f"push  {name:<24} kernel {self.kernels.get(first, '?'):<9} {how}{members}{why}"


def _list(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _some(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def make_plan(circuit: Circuit) -> Plan:
    """Order a circuit's work: every push into a population, then the population, after all that reaches it undelayed.

    Raises:
        StructureError: if a projection lands on a port that the neuron does not have, or there is nothing to run.
        ShapeError: if a neuron does not fit its population.
    """
    if not circuit.populations:
        raise StructureError("compile: the circuit is empty; add a population first")
    order = zero_delay_order(
        [p.name for p in circuit.populations], [(p.pre, p.post) for p in circuit.projections if not p.delay]
    )
    ops: list[Op] = []
    for name in order:
        neuron = neuron_of(circuit, name)
        neuron.check(circuit.population(name).shape)
        for p in circuit.projections:
            if p.post == name:
                _check_port(neuron, p.name, p.port)
                ops.append(Push(p.name, (p.pre, "y"), (name, p.port), p.delay))
        ops.append(Fire(name, neuron, tuple((name, port) for port in neuron.ports), (name, "y")))
    reached = {p.post for p in circuit.projections if p.pre != p.post}
    left = {p.pre for p in circuit.projections if p.pre != p.post}
    names = [p.name for p in circuit.populations]
    inputs = tuple(n for n in names if n not in reached) or (names[0],)
    outputs = tuple(n for n in names if n not in left) or (names[-1],)
    plan = Plan(circuit, tuple(ops), outputs, inputs)
    plan.check()
    return plan


def neuron_of(circuit: Circuit, population: str) -> Neuron:
    """Give a population's neuron; without one it is linear.

    Raises:
        StructureError: if what the circuit holds there is not a neuron.
    """
    neuron = circuit.population(population).neuron
    if neuron is None:
        return Linear()
    if not isinstance(neuron, Neuron):
        raise StructureError(f"population {population!r}: not a neuron (got {neuron!r}, expected e.g. cg.ReLU())")
    return neuron


def _check_port(neuron: Neuron, projection: str, port: str) -> None:
    if port not in neuron.ports:
        expected = f"expected one of {', '.join(neuron.ports)}"
        raise StructureError(f"projection {projection!r}: {neuron!r} has no port {port!r} ({expected})")
