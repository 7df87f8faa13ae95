"""A compiled circuit: an ordinary module that steps, learns and comes home."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import reduce as fold
from typing import Any

import torch
from torch import Tensor, nn

from circuitgraph.compiler.asked import AskedNetwork, home
from circuitgraph.compiler.carry import LiveRemap
from circuitgraph.compiler.editing import edit_network, undo_edit
from circuitgraph.compiler.inputs import Input, find_device, over_time, read_inputs
from circuitgraph.compiler.lesion import Lesion, lesion_network, refuse_lesion
from circuitgraph.compiler.log import Log
from circuitgraph.compiler.parts import (
    Options,
    Parts,
    bundle_of,
    ends_of,
    fires,
    keep_signs,
    kept_of,
    kernel_of,
    make_parts,
    memory_of,
    neuron_memory,
    tensors_of,
)
from circuitgraph.compiler.plan import Column, Fire, Push, PushMany, neuron_of
from circuitgraph.compiler.signals import Reduce, arriving, mean_change, rule_of, scaled_gradient, signals_of
from circuitgraph.compiler.state import State
from circuitgraph.compiler.turns import Turns, at_work
from circuitgraph.edits import Edit
from circuitgraph.errors import NumericError, RuleError, ShapeError, StateError, StructureError
from circuitgraph.ir import Circuit, Projection
from circuitgraph.ir.shape import is_integer
from circuitgraph.kernels import Setting
from circuitgraph.rules import Rule, prepare_change


def compile(
    circuit: Circuit,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    activity_dtype: torch.dtype | None = None,
    exact: bool = False,
    keep: Iterable[str] = (),
    kernels: Mapping[str, str] | None = None,
    batch: int = 128,
    tune: bool = False,
) -> "Network":
    """Make a network of a circuit: order its work, fuse what is known, choose kernels.  `print(net.plan)` shows it.

    `dtype` is the type of weights and memory (default: the weights' own), `activity_dtype` that of activity (default:
    the weights'; torch.bfloat16 is about twice as fast on CPUs that have it, sums stay float32). `exact=True` runs
    without any fusion on the reference kernel. Populations in `keep` stay readable in the State whatever is fused.
    `kernels` forces a kernel by projection name, and has that projection run by itself. Others are chosen, by
    measurements that come with the package, for `batch` samples at a time; `tune=True` measures the most promising
    ones here, on this circuit's wiring, and remembers the times in the user's cache folder. Small projections that can
    run at the same moment share one operation.

    Raises:
        StructureError: a port, a kernel, a neuron or a name that does not fit.
        ShapeError: a batch that is no positive integer.
        UnknownNameError: a name in `keep` or `kernels` that does not exist, or a device that is not there.
        NumericError: a type that holds no real numbers.

    Example:
        >>> import circuitgraph as cg
        >>> print(cg.compile(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2, weight=0.5)).plan)
        Plan of one step: inputs x; outputs y
          1  fire  x.y                      4            Linear()
          2  push  x->y                     kernel dense     8 slots, 8 synapses, gradient
          3  fire  y.y                      2            Linear()
    """
    where = find_device(device)
    for given in (dtype, activity_dtype):
        if given is not None and not given.is_floating_point:
            raise NumericError(f"compile: type for real numbers (got {given}, expected e.g. torch.float32)")
    if not is_integer(batch, 1):
        raise ShapeError(f"compile: batch (got {batch!r}, expected a positive integer)")
    kinds = {torch.tensor(p.weight[:0]).dtype for p in circuit.projections}
    kind = activity_dtype or dtype or fold(torch.promote_types, kinds or {torch.get_default_dtype()})
    setting, keep = Setting(batch, str(where), kind), frozenset(keep)
    net = Network(
        circuit, exact=exact, keep=keep, kernels=kernels, activity_dtype=activity_dtype, setting=setting, tune=tune
    )
    return net.to(device=where, dtype=dtype)


class Network(AskedNetwork, nn.Module):
    """A circuit that runs.  Make it with `compile`.

    Weights are parameters, one flat vector per projection (`net.weights[name]`), trained by gradient where the
    projection has no rule; memory (running statistics, thresholds) is buffers. Activity lives in `State` alone.
    Within a training step the order is: forward, backward, optimiser, `learn`.

    Example:
        >>> import torch, circuitgraph as cg
        >>> circuit = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2, rule=cg.Oja(0.1))
        >>> net = cg.compile(circuit)
        >>> state = net.step(torch.ones(8, 4))
        >>> net.learn(state)
        >>> state["y"].shape
        torch.Size([8, 2])
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        exact: bool = False,
        keep: frozenset[str] = frozenset(),
        kernels: Mapping[str, str] | None = None,
        activity_dtype: torch.dtype | None = None,
        setting: Setting | None = None,
        tune: bool = False,
    ) -> None:
        super().__init__()
        options = Options(exact, frozenset(keep), dict(kernels or {}), setting or Setting(), tune)
        options.check(circuit)
        self.activity_dtype, self.log, self.turns = activity_dtype, Log(), Turns()
        self.lesion: Lesion | None = None
        self._install(make_parts(circuit, options), options)
        self.register_load_state_dict_post_hook(_check_loaded)

    def _install(self, parts: Parts, options: Options) -> None:
        """Take over new parts, all at once: what could fail comes first."""
        ones, depth, fingerprint = parts.ones, parts.depth, parts.circuit.fingerprint
        self.exact, self.keep, self.forced = options.exact, options.keep, options.kernels
        self.setting, self.tune = options.setting, options.tune
        self.circuit, self.plan, self.fingerprint = parts.circuit, parts.plan, fingerprint
        self.weights, self.memory, self.kernels, self.ends = parts.weights, parts.memory, parts.kernels, parts.ends
        self.bundles, self._ones, self._depth, self._shared = parts.bundles, ones, depth, parts.shared

    def _parts(self) -> Parts:
        return Parts(self.circuit, self.plan, self.weights, self.memory, self.kernels, self.ends, self.bundles)

    @property
    def device(self) -> torch.device:
        """Tell where the weights are."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def _type(self) -> torch.dtype:
        if self.activity_dtype is not None:
            return self.activity_dtype
        kinds = {w.dtype for w in tensors_of(self.weights).values()}
        return fold(torch.promote_types, kinds) if kinds else torch.get_default_dtype()

    @at_work
    def step(self, x: Input, state: State | None = None) -> State:
        """Advance one time step from external input.  Changes nothing but what it returns.

        `x` is a tensor for the circuit's only input population, or a mapping from population names to tensors.
        Shape: (B, *shape of the population).

        Raises:
            ShapeError: an input that does not fit.  NumericError: an input with NaN or infinity.
            StateError: a state of another circuit, or of another batch size.
        """
        return self._step(x, state, self._merged())

    def _step(self, x: Input, state: State | None, merged: Mapping[str, Tensor]) -> State:
        inputs = read_inputs(self.plan, x, self.device, self._type())
        batch, past, kept = len(next(iter(inputs.values()))), self._past(state), kept_of(self.plan, state)
        if other := {len(carried) for carried in (*(ago[0] for ago in past.values()), *kept.values())} - {batch}:
            got = f"got {other.pop()} samples, and an input of {batch}"
            raise StateError(f"state: of another batch ({got}); start with step(x) and no state")
        if self._depth:  # what is delivered later must not follow a buffer that the caller fills again
            inputs = {name: value.clone() for name, value in inputs.items()}
        columns: dict[Column, Tensor] = {}
        for name, value in inputs.items():
            columns[name, neuron_of(self.circuit, name).ports[0]] = value
        for op in self.plan.ops:
            if isinstance(op, Push):
                self._push(op, columns, past)
            elif isinstance(op, PushMany):
                self._push_many(op, columns, past, merged[op.name])
            else:
                self._fire(op, columns, kept, next(iter(inputs.values())))
        now = {n: (columns[n, "y"], *past.get(n, ()))[: depth + 1] for n, depth in self._depth.items()}
        return State(self.fingerprint, columns, now, 0 if state is None else state.step + 1)

    def forward(self, x: Input) -> Tensor | dict[str, Tensor]:
        """Run one step from rest and return the output: a tensor, or a mapping if several populations are outputs."""
        state, names = self.step(x), self.plan.outputs
        return state[names[0]] if len(names) == 1 else {name: state[name] for name in names}

    @at_work
    def run(
        self, xs: Input | Sequence[Input], state: State | None = None, *, learn: bool = False
    ) -> tuple[Tensor | dict[str, Tensor], State]:
        """Step through time and stack the outputs; `learn=True` lets rules act after every step.

        Shape: xs (T, B, *shape) -> outputs (T, B, *shape).
        """
        outputs: list[dict[str, Tensor]] = []
        merged = self._merged()
        for x in over_time(xs):
            state = self._step(x, state, merged)
            if learn:
                self.learn(state)
                merged = self._merged()
            outputs.append({name: state[name] for name in self.plan.outputs})
        if state is None or not outputs:
            raise ShapeError("run: no time step (got 0, expected at least 1 along the first axis)")
        stacked = {name: torch.stack([o[name] for o in outputs]) for name in self.plan.outputs}
        return (stacked[self.plan.outputs[0]] if len(stacked) == 1 else stacked), state

    @at_work
    @torch.no_grad()
    def learn(
        self,
        state: State,
        *,
        only: Iterable[str] | None = None,
        scale: float = 1.0,
        reduce: Reduce | None = None,
    ) -> None:
        """Change weights by their rules, and memory, from the activity of a step.  The only method that changes them.

        `only` names projections (default: all with a rule, and all memory), `scale` multiplies every learning rate.
        Last, weights of projections with a sign that have crossed zero, by rule or optimiser, are set to zero.
        `reduce` adds up over processes, in place (`torch.distributed.all_reduce`): changes are summed before they are
        normalised, memory becomes the mean of what the processes found. If anything fails, nothing has changed.

        Raises:
            RuleError: in eval mode, or for a projection without a rule.
            StateError: a state of another circuit, or one that lacks what a rule reads.
            NumericError: a change with NaN or infinity (checked on CPU, where it costs no wait).
        """
        state.require(self.fingerprint)
        refuse_lesion(self, "learn")
        if not self.training:
            raise RuleError("learn: the network is in eval mode, which changes nothing; call train() first")
        if not math.isfinite(scale):
            raise NumericError(f"learn: scale (got {scale!r}, expected a finite number)")
        commits = []
        for p, rule in self._learners(only):
            signals = signals_of(p, rule, state, memory_of(self.memory, p.post), self.circuit)
            if signals is not None:
                parts = self.weights[p.name], kernel_of(self.kernels, p.name), ends_of(self.ends, p.name)
                where = f"projection {p.name!r}"
                commits.append(prepare_change(rule, signals, *parts, scale=scale, reduce=reduce, where=where))
        memory = self._new_memory(state, reduce) if only is None else []
        for commit in commits:
            commit()
        keep_signs(self.weights, self.circuit)
        for kept, new in memory:
            kept.copy_(new)

    def snapshot(self) -> Circuit:
        """Bring weights and memory home: a circuit that compiles to this network."""
        circuit = self.circuit
        projections = [dataclasses.replace(p, weight=home(self.weights[p.name])) for p in circuit.projections]
        populations = [
            dataclasses.replace(p, memory={k: home(v) for k, v in memory_of(self.memory, p.name).items()})
            for p in circuit.populations
        ]
        return dataclasses.replace(circuit, populations=tuple(populations), projections=tuple(projections))

    def edit(self, edit: Edit, reason: str = "") -> LiveRemap:
        """Change the structure of the live network; weights and memory of survivors stay on their device.

        What the edit leaves alone stays the same object: parameters that an optimiser holds, kernels, memory.  The
        compiler then fuses again, and chooses kernels again where wiring changed (one forced by name stays while it
        can).  States from before are refused afterwards, and so are optimisers that `carry` was not called on.  If the
        edit fails, nothing has changed; one that changes nothing returns an identity and says so in `log`.
        """
        refuse_lesion(self, "edit")
        return edit_network(self, edit, reason)

    def undo(self) -> LiveRemap:
        """Take the last edit back: survivors keep what they learned since, what it removed returns as it was.

        Raises:
            StructureError: if there is no edit to take back.
        """
        refuse_lesion(self, "undo")
        return undo_edit(self)

    def lesioned(
        self, units: Any = None, *, label: Any = None, slots: Mapping[str, Any] | None = None
    ) -> AbstractContextManager["Network"]:
        """Silence units and slots for as long as a `with` block lasts; afterwards all is bit for bit as before.

        `units` names indices or masks by population, or a whole population; or it is a `Partition`, or one label per
        unit in the order of `circuit.graph()`, or the name of an attribute, and `label` says whose units.  `slots`
        names indices or masks by projection.  Blocks may be nested: what is lesioned adds up.

        A silent unit is absent from its population: it sends zero at all sites, and takes no part in competition with
        the others (softmax, fused or not, k-winners, means), which do what they would if it were removed.  A slot that
        is lesioned has weight zero.  What was sent before through a delay still arrives: begin with no state.  In the
        block weights can be trained by gradient, those of projections with lesioned slots cannot; a snapshot shows
        slots as zero and does not know of units.

        Raises:
            UnknownNameError: a population, a projection, an attribute or a label that does not exist.
            ShapeError: indices, masks or labels that do not fit.
            RuleError, StructureError: in the block, by `learn`, and by `edit` and `undo`.

        Example:
            >>> import torch, circuitgraph as cg
            >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 10.0]))
            >>> with net.lesioned({"x": [1]}):
            ...     net(torch.ones(1, 2)).item()
            1.0
        """
        return lesion_network(self, Lesion.read(self.circuit, units, label=label, slots=slots))

    def _past(self, state: State | None) -> Mapping[str, tuple[Tensor, ...]]:
        if state is None:
            return {}
        state.require(self.fingerprint)
        return state.past

    def _merged(self) -> dict[str, Tensor]:
        """Lay the weights of each operation over several projections side by side; as good as long as none changes."""
        parts = (bundle_of(self.bundles, name) for name in self.bundles)
        return {part.op.name: part.weight([self._weight(n) for n in part.names]) for part in parts}

    def _weight(self, name: str) -> Tensor:
        """Give weights as the forward pass sees them: a gradient to those that a rule shares is scaled down."""
        return scaled_gradient(self.weights[name], self._shared[name]) if name in self._shared else self.weights[name]

    def _push(self, op: Push, columns: dict[Column, Tensor], past: Mapping[str, tuple[Tensor, ...]]) -> None:
        x = arriving(op.read, op.delay, columns, past)
        if x is None:
            return
        y = self.kernels[op.projection](x, None if op.projection in self._ones else self._weight(op.projection))
        y = y if op.respond is None else op.respond.respond(y)
        columns[op.write] = columns[op.write] + y if op.write in columns else y

    def _push_many(
        self, op: PushMany, columns: dict[Column, Tensor], past: Mapping[str, tuple[Tensor, ...]], w: Tensor
    ) -> None:
        bundle = bundle_of(self.bundles, op.name)
        seen = [arriving(column, delay, columns, past) for column, delay in bundle.columns]
        if all(x is None for x in seen):
            return
        for port, y in zip(bundle.ports, bundle(seen, w), strict=True):
            columns[port] = columns[port] + y if port in columns else y

    def _fire(self, op: Fire, columns: dict[Column, Tensor], kept: Mapping[Column, Tensor], like: Tensor) -> None:
        ports = {name: kept[op.population, name] for name in op.neuron.keeps if (op.population, name) in kept}
        for pop, port in op.ports:
            if (pop, port) not in columns:
                columns[pop, port] = like.new_zeros(len(like), *self.circuit.population(pop).shape)
            ports[port] = columns[pop, port]
        z, extra = op.neuron.drive(ports, memory_of(self.memory, op.population), training=self.training)
        columns[op.write] = op.neuron.respond(z) if op.responds else z
        for name, column in extra.items():
            columns[op.population, name] = column

    def _learners(self, only: Iterable[str] | None) -> list[tuple[Projection, Rule]]:
        names = {p.name for p in self.circuit.projections if p.rule is not None} if only is None else set(only)
        for name in names:
            if self.circuit.projection(name).rule is None:
                raise RuleError(f"learn: projection {name!r} has no rule; give it one in connect(rule=...)")
        return [(p, rule_of(p)) for p in self.circuit.projections if p.name in names]

    def _new_memory(self, state: State, reduce: Reduce | None) -> list[tuple[Tensor, Tensor]]:
        """Work out what memory becomes, without changing it: pairs of buffers and new values."""
        pairs, processes = [], torch.ones((), device=self.device)
        if reduce is not None:
            reduce(processes)
        for op in fires(self.plan):
            if not (kept := neuron_memory(self.circuit, self.memory, op.population)):
                continue
            new = {k: v.clone() for k, v in kept.items()}
            columns = {c: t for (pop, c), t in state.columns.items() if pop == op.population}
            if all(len(t) for t in columns.values()):  # a batch of nothing says nothing
                op.neuron.learn(columns, new)
            for key, old in kept.items():
                if isinstance(old, nn.Parameter):  # gradients train it
                    continue
                value = new[key] if reduce is None else mean_change(old, new[key], reduce, processes)
                if value.device.type == "cpu" and not torch.isfinite(value).all():
                    got = f"memory {key!r} would hold NaN or infinity; check inputs"
                    raise NumericError(f"population {op.population!r}: {got}")
                pairs.append((old, value))
        return pairs

    def extra_repr(self) -> str:
        return self.circuit.summary()


def _check_loaded(net: nn.Module, keys: object) -> None:
    """Refuse loaded weights that contradict the plan, which takes some fixed weights to be one and never reads them."""
    assert isinstance(net, Network)
    for name in sorted(net._ones):
        if not bool((net.weights[name] == 1).all()):
            mend = "compile a circuit that has these weights"
            raise StructureError(f"load_state_dict: fixed weights of {name!r} are one in this circuit's plan; {mend}")
