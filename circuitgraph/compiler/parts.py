"""The parts of a network: made from a circuit, or taken over from the network that was edited."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph import registry
from circuitgraph.compiler.bundle import Bundle, wiring
from circuitgraph.compiler.passes import fuse
from circuitgraph.compiler.plan import Column, Fire, Plan, Push, PushMany, make_plan, neuron_of
from circuitgraph.compiler.signals import rule_keys, rule_memory
from circuitgraph.compiler.state import State
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Population, Projection, Remap
from circuitgraph.kernels import Choice, Ends, Kernel, Setting, Tuner, choose_kernel, make_kernel
from circuitgraph.kernels.select import Learns
from circuitgraph.rules import Rule


@dataclass(frozen=True)
class Options:
    """How a circuit is to be compiled; see `compile`."""

    exact: bool = False
    keep: frozenset[str] = frozenset()
    kernels: Mapping[str, str] = field(default_factory=dict)
    setting: Setting = field(default_factory=Setting)
    tune: bool = False

    def check(self, circuit: Circuit) -> None:
        """Raise UnknownNameError for a population, a projection or a kernel that does not exist."""
        for name in self.keep:
            circuit.population(name)
        for name, kernel in self.kernels.items():
            circuit.projection(name)
            registry.kernels[kernel]

    def fit(self, circuit: Circuit) -> "Options":
        """Drop what an edit has made void: names that are gone, and kernels that do not support the new wiring."""
        able = {
            p.name
            for p in circuit.projections
            if p.name in self.kernels
            and registry.kernels[self.kernels[p.name]].supports(p.topology, *circuit.shapes(p))
        }
        names = {p.name for p in circuit.populations}
        return replace(self, keep=self.keep & names, kernels={k: v for k, v in self.kernels.items() if k in able})


class Memory(nn.Module):
    """What the neurons of one population keep between runs, by name: buffers, and parameters where `trained`."""

    def __init__(self, values: Mapping[str, Tensor], trained: Collection[str] = ()) -> None:
        super().__init__()
        self._names = tuple(values)
        for name, value in values.items():
            if name in trained:
                self.register_parameter(name, value if isinstance(value, nn.Parameter) else nn.Parameter(value))
            else:
                self.register_buffer(name, value.detach() if isinstance(value, nn.Parameter) else value)

    @property
    def values(self) -> dict[str, Tensor]:
        """Give the buffers and parameters themselves, by name."""
        return {name: getattr(self, name) for name in self._names}


@dataclass(frozen=True)
class Parts:
    """Everything that a network derives from a circuit."""

    circuit: Circuit
    plan: Plan
    weights: nn.ParameterDict
    memory: nn.ModuleDict
    kernels: nn.ModuleDict
    ends: nn.ModuleDict
    bundles: nn.ModuleDict

    @property
    def ones(self) -> frozenset[str]:
        """Name the projections that the plan takes to be all ones: their weights are never read."""
        unread = {n for n in self.weights if n not in self.kernels or kernel_of(self.kernels, n).takes_unit_weights}
        unread -= {name for op in bundled(self.plan) for name in op.projections}
        fixed = (p for p in self.circuit.projections if p.fixed and p.name in unread)
        return frozenset(p.name for p in fixed if (p.weight == 1).all())

    @property
    def shared(self) -> dict[str, float]:
        """Give the gradient's part in learning where a rule has the other."""
        alphas = {p.name: alpha_of(p) for p in self.circuit.projections if p.rule is not None}
        return {name: 1 - alpha for name, alpha in alphas.items() if alpha < 1}

    @property
    def depth(self) -> dict[str, int]:
        """Say how many past outputs of a population are still to be delivered."""
        late = [p for p in self.circuit.projections if p.delay]
        return {p.pre: max(q.delay for q in late if q.pre == p.pre) for p in late}


@dataclass(frozen=True)
class _Place:
    """Where new tensors go, and of which type they are (None: as they come)."""

    device: torch.device
    dtype: torch.dtype | None

    def move(self, t: Tensor) -> Tensor:
        return t.to(device=self.device, dtype=self.dtype if t.is_floating_point() else None)


def make_parts(circuit: Circuit, options: Options) -> Parts:
    """Make all parts anew.

    Raises:
        StructureError: a port, a kernel, a neuron or a name that does not fit.
    """
    weights = {p.name: _parameter(torch.tensor(p.weight), p) for p in circuit.projections}
    memory = {p.name: _initial_memory(circuit, p) for p in circuit.populations}
    return _assemble(circuit, options, weights, memory)


@torch.no_grad()
def carry_parts(old: Parts, circuit: Circuit, remap: Remap, options: Options) -> Parts:
    """Make the parts of an edited circuit; whatever the edit left alone is taken over as it is, device and type too.

    Raises:
        StructureError: as `make_parts`, or if the remap does not fit.
    """
    like = next(iter(old.weights.values()), torch.empty(0))
    kinds = {w.dtype for w in old.weights.values()}
    # New weights take the type of the others; where those differ, the circuit's own.
    place = _Place(like.device, like.dtype if len(kinds) == 1 else None)
    options = replace(options, setting=replace(options.setting, device=str(like.device)))
    weights = {p.name: _carried_weight(old, p, remap, place) for p in circuit.projections}
    memory = {p.name: _carried_memory(old, circuit, p, remap, place) for p in circuit.populations}
    new = _assemble(circuit, options, weights, memory, old)
    for module in (*new.kernels.values(), *new.ends.values(), *new.bundles.values()):
        module.to(like.device)
    return new


def _assemble(
    circuit: Circuit,
    options: Options,
    weights: Mapping[str, nn.Parameter],
    memory: Mapping[str, Mapping[str, Tensor]],
    old: Parts | None = None,
) -> Parts:
    plan = make_plan(circuit)
    if not options.exact:
        plan = fuse(plan, options.keep, forced=options.kernels, batch=options.setting.batch)
    pushed = {op.projection for op in plan.ops if isinstance(op, Push)}
    forced = dict.fromkeys(pushed, "reference") if options.exact else options.kernels
    kernels, why, ends = {}, {}, {}
    stopwatch = Tuner() if options.tune else None
    bundles = {op.name: _bundle(op, circuit, options.setting, stopwatch, old) for op in bundled(plan)}
    merged = {name: bundle for bundle in bundles.values() for name in bundle.names}
    for p in circuit.projections:
        if p.name in pushed or (p.name in merged and p.rule is not None):
            name = forced.get(p.name)
            known = _known(old, p, circuit, name)
            if known is None:
                kernels[p.name], why[p.name] = _new_kernel(p, circuit, options.setting, name, stopwatch)
            else:
                kernels[p.name], why[p.name] = known
        if p.rule is not None:
            ends[p.name] = Ends(p.topology, *circuit.shapes(p))
    made = {n: k.name for n, k in kernels.items()} | {n: b.kernel.name for n, b in merged.items()}
    plan = replace(plan, kernels=made, why=why | {n: b.why for n, b in merged.items()})
    for name in (*memory, *weights):
        _check_name(name)
    parameters = nn.ParameterDict()
    for name, weight in weights.items():  # one by one: torch sorts what the constructor is given
        parameters[name] = weight
    modules = nn.ModuleDict({n: Memory(m, neuron_of(circuit, n).trained) for n, m in memory.items()})
    derived = (nn.ModuleDict(modules) for modules in (kernels, ends, bundles))
    return Parts(circuit, plan, parameters, modules, *derived)


def _bundle(op: PushMany, circuit: Circuit, setting: Setting, stopwatch: Tuner | None, old: Parts | None) -> Bundle:
    """Make a bundle, or take over the old one where an edit left all of it alone."""
    if old is not None and op.name in old.bundles:
        known = bundle_of(old.bundles, op.name)
        if known.op == op and known.wiring == wiring(op, circuit):
            return known
    return Bundle(op, circuit, setting, stopwatch)


def _new_kernel(
    p: Projection, circuit: Circuit, setting: Setting, forced: str | None, stopwatch: Tuner | None
) -> tuple[Kernel, str]:
    """Choose and make a projection's kernel; say why."""
    shapes, setting = circuit.shapes(p), replace(setting, learns=_learns(p))
    choice = Choice(forced) if forced else choose_kernel(p.topology, *shapes, setting, stopwatch=stopwatch)
    return make_kernel(p.topology, *shapes, choice.name, setting=setting), choice.why


def _learns(p: Projection) -> Learns:
    return "rule" if p.rule is not None else None if p.fixed else "gradient"


def _known(old: Parts | None, p: Projection, circuit: Circuit, forced: str | None) -> tuple[Kernel, str] | None:
    """Find the kernel of a projection that an edit left alone, and why it was chosen: no table is listed again."""
    if old is None or p.name not in old.kernels:
        return None
    kernel = kernel_of(old.kernels, p.name)
    alike = kernel.topology == p.topology and (kernel.pre, kernel.post) == circuit.shapes(p)
    alike = alike and _learns(old.circuit.projection(p.name)) == _learns(p)
    return (kernel, old.plan.why.get(p.name, "")) if alike and forced in (None, kernel.name) else None


def _parameter(values: Tensor, p: Projection) -> nn.Parameter:
    by_gradient = p.rule is None or alpha_of(p) < 1
    return nn.Parameter(values, requires_grad=by_gradient and not p.fixed)


def alpha_of(p: Projection) -> float:
    """Give how much of a projection's learning is its rule's; 0 without a rule."""
    return p.rule.alpha if isinstance(p.rule, Rule) else 0.0


def _carried_weight(old: Parts, p: Projection, remap: Remap, place: _Place) -> nn.Parameter:
    before = next((q for q in old.circuit.projections if q.name == p.name), None)
    index = remap.slots.get(p.name)
    if before is None or (index is None and p.name in remap.removed):
        return _parameter(place.move(torch.tensor(p.weight)), p)
    live, rewritten = old.weights[p.name], remap.rewritten.get(p.name)
    trained_alike = (before.rule is None, before.fixed) == (p.rule is None, p.fixed)
    if index is None:
        _check_size(f"projection {p.name!r}", len(live), p.n_slots, "slots")
        if rewritten is not None:
            live = _parameter(_rewritten(live.detach(), rewritten, p.weight), p).requires_grad_(live.requires_grad)
        return live if trained_alike else _parameter(live.detach(), p)
    _check_size(f"projection {p.name!r}", len(index), p.n_slots, "slots")
    new = _parameter(_rewritten(_take(live.detach(), index, p.weight), rewritten, p.weight), p)
    new.requires_grad = live.requires_grad if trained_alike else new.requires_grad
    return new


def _carried_memory(old: Parts, circuit: Circuit, p: Population, remap: Remap, place: _Place) -> dict[str, Tensor]:
    index, values = remap.units.get(p.name), {}
    survives = p.name in old.memory and not (index is None and p.name in remap.removed)
    live = memory_of(old.memory, p.name) if survives else {}
    for key, fresh in _initial_memory(circuit, p).items():
        if key not in live:
            values[key] = place.move(fresh)
        else:
            _check_size(f"population {p.name!r}", len(live[key] if index is None else index), len(fresh), "units")
            values[key] = live[key] if index is None else _taken_alike(live[key], index, fresh.numpy())
    return values


def _taken_alike(live: Tensor, index: np.ndarray, fresh: np.ndarray) -> Tensor:
    """Carry rows by index; what was trained still is, and what was frozen stays so."""
    taken = _take(live.detach(), index, fresh)
    return nn.Parameter(taken, requires_grad=live.requires_grad) if isinstance(live, nn.Parameter) else taken


def _take(live: Tensor, index: np.ndarray, fresh: np.ndarray) -> Tensor:
    """Carry rows by index on their device; only what is new (-1) comes from the host."""
    at = torch.tensor(index, device=live.device)
    if not (index < 0).any():
        return live[at]
    alive = at >= 0
    out = live.new_empty(len(index), *live.shape[1:])
    out[alive] = live[at[alive]]
    out[~alive] = torch.tensor(fresh[index < 0]).to(live)
    return out


def _rewritten(carried: Tensor, at: np.ndarray | None, fresh: np.ndarray) -> Tensor:
    """Take the weights of slots that the edit has set anew from the circuit that it made."""
    if at is None:
        return carried
    index = torch.tensor(at, device=carried.device)
    return carried.index_copy(0, index, torch.tensor(fresh[at]).to(carried))


def _initial_memory(circuit: Circuit, p: Population) -> dict[str, Tensor]:
    values = neuron_of(circuit, p.name).memory(p.shape) | rule_memory(circuit, p.name)
    for key in values.keys() & p.memory.keys():
        expected, values[key] = values[key].shape, torch.tensor(p.memory[key])
        if values[key].shape != expected:
            got = f"got {tuple(values[key].shape)}, expected {tuple(expected)}"
            raise ShapeError(f"population {p.name!r}: memory {key!r} does not fit ({got}); leave it out to start anew")
    return values


def kernel_of(kernels: nn.ModuleDict, name: str) -> Kernel:
    """Look up the kernel of a projection."""
    kernel = kernels[name]
    assert isinstance(kernel, Kernel)
    return kernel


def keep_signs(weights: nn.ParameterDict, circuit: Circuit) -> None:
    """Set to zero what a rule or an optimiser has moved across, where a projection's weights have a sign."""
    for p in circuit.projections:
        if p.sign:
            weights[p.name].clamp_(min=0 if p.sign > 0 else None, max=0 if p.sign < 0 else None)


def memory_of(memory: nn.ModuleDict, name: str) -> dict[str, Tensor]:
    """Look up the memory of a population, by name."""
    module = memory[name]
    assert isinstance(module, Memory)
    return module.values


def neuron_memory(circuit: Circuit, memory: nn.ModuleDict, name: str) -> dict[str, Tensor]:
    """Give the memory of a population that is its neuron's, not that of rules."""
    foreign = rule_keys(circuit, name)
    return {key: value for key, value in memory_of(memory, name).items() if key not in foreign}


def tensors_of(weights: nn.ParameterDict) -> Mapping[str, Tensor]:
    """Give all weights by projection; torch's own look-up takes a microsecond each, and a step may need hundreds."""
    found: Mapping[str, Tensor] = weights._parameters  # type: ignore[assignment]
    return found


def _check_size(where: str, got: int, expected: int, what: str) -> None:
    if got != expected:
        raise StructureError(f"{where}: the edit's remap does not fit (got {got} {what}, expected {expected})")


def _check_name(name: str) -> None:
    # torch keeps children and methods in one name space.
    if name in _TAKEN:
        raise StructureError(f"compile: the name {name!r} is one that torch's modules use themselves; choose another")


_TAKEN = frozenset(dir(nn.ModuleDict()) + dir(nn.ParameterDict()))


def ends_of(ends: nn.ModuleDict, name: str) -> Ends:
    """Look up the postsynaptic ends of a projection."""
    found = ends[name]
    assert isinstance(found, Ends)
    return found


def bundle_of(bundles: nn.ModuleDict, name: str) -> Bundle:
    """Look up what pushes through several projections."""
    found = bundles[name]
    assert isinstance(found, Bundle)
    return found


def bundled(plan: Plan) -> list[PushMany]:
    """List the operations that push through several projections."""
    return [op for op in plan.ops if isinstance(op, PushMany)]


def kept_of(plan: Plan, state: State | None) -> dict[Column, Tensor]:
    """Find what neurons kept from the step before; nothing at rest."""
    if state is None:
        return {}
    wanted = ((op.population, name) for op in fires(plan) for name in op.neuron.keeps)
    return {column: state.columns[column] for column in wanted if column in state.columns}


def fires(plan: Plan) -> list[Fire]:
    """List the populations that fire, in order."""
    return [op for op in plan.ops if isinstance(op, Fire)]
