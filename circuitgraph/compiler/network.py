"""A compiled circuit: an ordinary module that steps, learns and comes home."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.compiler.passes import fuse
from circuitgraph.compiler.plan import Column, Fire, Plan, Push, make_plan, neuron_of
from circuitgraph.compiler.state import State
from circuitgraph.edits import Edit
from circuitgraph.errors import NumericError, RuleError, ShapeError, UnknownNameError
from circuitgraph.ir import Circuit, Projection, Remap
from circuitgraph.kernels import Ends, make_kernel
from circuitgraph.rules import Signals, weight_change

Input = Tensor | Mapping[str, Tensor]


def compile(
    circuit: Circuit,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    activity_dtype: torch.dtype | None = None,
    exact: bool = False,
    keep: Iterable[str] = (),
    kernels: Mapping[str, str] | None = None,
) -> "Network":
    """Make a network of a circuit: order its work, fuse what is known, choose kernels.  `print(net.plan)` shows it.

    `dtype` is the type of weights and memory (default: the weights' own), `activity_dtype` that of activity (default:
    the weights'; torch.bfloat16 is about twice as fast on CPUs that have it, sums stay float32). `exact=True` runs
    without any fusion on the reference kernel. Populations in `keep` stay readable in the State whatever is fused.
    `kernels` forces a kernel by projection name.

    Raises:
        StructureError: a port, a kernel or a neuron that does not fit.
        UnknownNameError: a name in `keep` or `kernels` that the circuit does not have.
    """
    keep = frozenset(keep)
    for name in keep:
        circuit.population(name)
    for name in kernels or {}:
        circuit.projection(name)
    net = Network(circuit, exact=exact, keep=keep, kernels=dict(kernels or {}), activity_dtype=activity_dtype)
    if dtype is not None:
        net = net.to(dtype)
    return net.to(_device(device))


class Network(nn.Module):
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
    ) -> None:
        super().__init__()
        self.exact, self.keep, self.forced, self.activity_dtype = exact, keep, dict(kernels or {}), activity_dtype
        self.weights, self.memory = nn.ParameterDict(), nn.ModuleDict()
        self._build(circuit)

    def _build(self, circuit: Circuit) -> None:
        plan = make_plan(circuit)
        plan = plan if self.exact else fuse(plan, self.keep)
        self.circuit, self.fingerprint = circuit, circuit.fingerprint
        self.kernels, self.ends = nn.ModuleDict(), nn.ModuleDict()
        pushed = {op.projection for op in plan.ops if isinstance(op, Push)}
        for p in circuit.projections:
            self.weights[p.name] = nn.Parameter(torch.tensor(p.weight), requires_grad=p.rule is None and not p.fixed)
            if p.name in pushed:
                name = "reference" if self.exact else self.forced.get(p.name)
                self.kernels[p.name] = make_kernel(p.topology, *circuit.shapes(p), name)
            if p.rule is not None:
                self.ends[p.name] = Ends(p.topology, *circuit.shapes(p))
        for pop in circuit.populations:
            self.memory[pop.name] = _Memory(
                {k: torch.tensor(pop.memory.get(k, v)) if k in pop.memory else v for k, v in neuron_of(circuit, pop.name).memory(pop.shape).items()}
            )
        self._unit = {
            p.name for p in circuit.projections
            if p.name in self.kernels and p.fixed and self.kernels[p.name].takes_unit_weights and bool((p.weight == 1).all())
        }  # fmt: skip
        self._depth = {p.pre: max(q.delay for q in circuit.projections if q.pre == p.pre) for p in circuit.projections if p.delay}
        self.plan = dataclasses.replace(plan, kernels={n: k.name for n, k in self.kernels.items()})

    @property
    def device(self) -> torch.device:
        """Tell where the weights are."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def _type(self) -> torch.dtype:
        if self.activity_dtype is not None:
            return self.activity_dtype
        return next((p.dtype for p in self.parameters()), torch.get_default_dtype())

    def step(self, x: Input, state: State | None = None) -> State:
        """Advance one time step from external input.  Changes nothing but what it returns.

        `x` is a tensor for the circuit's only input population, or a mapping from population names to tensors.
        Shape: (B, *shape of the population).

        Raises:
            ShapeError: an input that does not fit.  NumericError: an input with NaN or infinity.
            StateError: a state of another circuit.
        """
        if state is not None:
            state.require(self.fingerprint)
        columns: dict[Column, Tensor] = {}
        inputs = self._inputs(x)
        batch, past = len(next(iter(inputs.values()))), state.past if state is not None else {}
        for name, value in inputs.items():
            columns[name, neuron_of(self.circuit, name).ports[0]] = value
        for op in self.plan.ops:
            if isinstance(op, Push):
                self._push(op, columns, past)
            else:
                self._fire(op, columns, batch)
        now = {n: (columns[n, "y"], *past.get(n, ()))[: self._depth[n] + 1] for n in self._depth}
        return State(self.fingerprint, columns, now, 0 if state is None else state.step + 1)

    def forward(self, x: Input) -> Tensor | dict[str, Tensor]:
        """Run one step from rest and return the output: a tensor, or a mapping if several populations are outputs."""
        state = self.step(x)
        if len(self.plan.outputs) == 1:
            return state[self.plan.outputs[0]]
        return {name: state[name] for name in self.plan.outputs}

    def run(self, xs: Input | Sequence[Input], state: State | None = None, *, learn: bool = False) -> tuple[Tensor | dict[str, Tensor], State]:
        """Step through time and stack the outputs; `learn=True` lets rules act after every step.

        Shape: xs (T, B, *shape) -> outputs (T, B, *shape).
        """
        steps = _over_time(xs)
        outputs: list[dict[str, Tensor]] = []
        for x in steps:
            state = self.step(x, state)
            if learn:
                self.learn(state)
            outputs.append({name: state[name] for name in self.plan.outputs})
        if state is None or not outputs:
            raise ShapeError("run: no time step (got 0, expected at least 1 along the first axis)")
        stacked = {name: torch.stack([o[name] for o in outputs]) for name in self.plan.outputs}
        return (stacked[self.plan.outputs[0]] if len(stacked) == 1 else stacked), state

    @torch.no_grad()
    def learn(
        self,
        state: State,
        *,
        only: Iterable[str] | None = None,
        scale: float = 1.0,
        reduce: Callable[[Tensor], object] | None = None,
    ) -> None:
        """Change weights by their rules, and memory, from the activity of a step.  The only method that changes them.

        `only` names projections (default: all with a rule), `scale` multiplies every learning rate, and `reduce` adds
        changes up over processes, in place, before they are normalised (`torch.distributed.all_reduce`).

        Raises:
            RuleError: in eval mode, or for a projection without a rule.
            StateError: a state of another circuit.  NumericError: a change with NaN or infinity.
        """
        state.require(self.fingerprint)
        if not self.training:
            raise RuleError("learn: the network is in eval mode, which changes nothing; call train() first")
        changes = []
        for p in self._learners(only):
            signals = self._signals(p, state)
            if signals is not None:
                parts = self.weights[p.name], self.kernels[p.name], self.ends[p.name]
                changes.append((p, weight_change(p.rule, signals, *parts, reduce=reduce, where=f"projection {p.name!r}")))
        for p, change in changes:
            p.rule.apply(self.weights[p.name], change, self.ends[p.name], scale=scale)
        if only is None:
            for op in self.plan.ops:
                if isinstance(op, Fire):
                    mine = {c: t for (pop, c), t in state.columns.items() if pop == op.population}
                    op.neuron.learn(mine, self.memory[op.population].values)

    def snapshot(self) -> Circuit:
        """Bring weights and memory home: a circuit that compiles to this network."""
        circuit = self.circuit
        projections = [dataclasses.replace(p, weight=_home(self.weights[p.name])) for p in circuit.projections]
        populations = [
            dataclasses.replace(p, memory={k: _home(v) for k, v in self.memory[p.name].values.items()}) for p in circuit.populations
        ]
        return Circuit(tuple(populations), tuple(projections))

    @torch.no_grad()
    def edit(self, edit: Edit) -> Remap:
        """Change the structure of the live network; weights and memory of survivors stay on their device.

        States from before are refused afterwards. If the edit fails, nothing has changed.
        """
        circuit, remap = edit.apply(self.circuit)
        weights, memory = dict(self.weights.items()), {name: dict(m.values) for name, m in self.memory.items()}
        kinds = self.device, next((p.dtype for p in self.parameters()), None)
        fresh = Network(circuit, exact=self.exact, keep=self.keep & {p.name for p in circuit.populations},
                        kernels={k: v for k, v in self.forced.items() if k in {p.name for p in circuit.projections}},
                        activity_dtype=self.activity_dtype).to(*[k for k in kinds if k is not None]).train(self.training)  # fmt: skip
        for name, w in fresh.weights.items():
            if name in weights:
                _carry_into(w, weights[name], remap.slots.get(name))
                w.requires_grad_(weights[name].requires_grad)
        for name, module in fresh.memory.items():
            for key, value in module.values.items():
                if key in memory.get(name, {}):
                    _carry_into(value, memory[name][key], remap.units.get(name))
        self.__dict__.update(fresh.__dict__)
        return remap

    def _push(self, op: Push, columns: dict[Column, Tensor], past: Mapping[str, tuple[Tensor, ...]]) -> None:
        if op.delay:
            ago = past.get(op.read[0], ())
            if len(ago) < op.delay:
                return
            x = ago[op.delay - 1]
        else:
            x = columns[op.read]
        y = self.kernels[op.projection](x, None if op.projection in self._unit else self.weights[op.projection])
        y = y if op.respond is None else op.respond.respond(y)
        columns[op.write] = columns[op.write] + y if op.write in columns else y

    def _fire(self, op: Fire, columns: dict[Column, Tensor], batch: int) -> None:
        ports = {}
        for pop, port in op.ports:
            if (pop, port) not in columns:
                columns[pop, port] = torch.zeros(batch, *self.circuit.population(pop).shape, device=self.device, dtype=self._type())
            ports[port] = columns[pop, port]
        z, extra = op.neuron.drive(ports, self.memory[op.population].values, training=self.training)
        columns[op.write] = op.neuron.respond(z) if op.responds else z
        for name, column in extra.items():
            columns[op.population, name] = column

    def _inputs(self, x: Input) -> dict[str, Tensor]:
        if isinstance(x, Tensor):
            if len(self.plan.inputs) != 1:
                names = ", ".join(self.plan.inputs)
                raise ShapeError(f"step: {len(self.plan.inputs)} input populations ({names}); pass a mapping from names to tensors")
            x = {self.plan.inputs[0]: x}
        if not x:
            raise ShapeError("step: no input (got an empty mapping, expected at least one population)")
        out, batch = {}, None
        for name, value in x.items():
            shape = self.circuit.population(name).shape
            if value.ndim != len(shape) + 1 or tuple(value.shape[1:]) != shape or (batch is not None and len(value) != batch):
                raise ShapeError(f"step: input of {name!r} (got {tuple(value.shape)}, expected (B, {', '.join(map(str, shape))}))")
            if value.device.type == "cpu" and value.is_floating_point() and not torch.isfinite(value).all():
                raise NumericError(f"step: input of {name!r} holds NaN or infinity")
            batch, out[name] = len(value), value.to(self.device, self._type())
        return out

    def _learners(self, only: Iterable[str] | None) -> list[Projection]:
        if only is None:
            return [p for p in self.circuit.projections if p.rule is not None]
        chosen = [self.circuit.projection(name) for name in only]
        for p in chosen:
            if p.rule is None:
                raise RuleError(f"learn: projection {p.name!r} has no rule; give it one in connect(rule=...)")
        return chosen

    def _signals(self, p: Projection, state: State) -> Signals | None:
        """Find what a projection's synapses saw; None while nothing has arrived through its delay."""
        columns, past = state.columns, state.past.get(p.pre, ())
        if len(past) <= p.delay and p.delay:
            return None
        x = past[p.delay] if p.delay else columns[p.pre, "y"]
        return Signals(x, columns.get((p.post, p.port)), columns.get((p.post, "y")))

    def extra_repr(self) -> str:
        return self.circuit.summary()


class _Memory(nn.Module):
    """Buffers of one population, by name."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, value in values.items():
            self.register_buffer(name, value)

    @property
    def values(self) -> dict[str, Tensor]:
        return dict(self.named_buffers())


def _carry_into(new: Tensor, old: Tensor, index: np.ndarray | None) -> None:
    if index is None:
        new.copy_(old)
        return
    at = torch.tensor(index, device=old.device)
    alive = at >= 0
    new[alive] = old[at[alive]].to(new.dtype)


def _home(t: Tensor) -> np.ndarray:
    t = t.detach().cpu()
    return np.array((t if t.dtype in (torch.float32, torch.float64) or not t.is_floating_point() else t.float()).numpy())


def _over_time(xs: Input | Sequence[Input]) -> Iterable[Input]:
    if isinstance(xs, Mapping):
        length = {len(v) for v in xs.values()}
        if len(length) != 1:
            raise ShapeError(f"run: inputs of different length (got {sorted(length)}, expected one number of steps)")
        return [{name: v[t] for name, v in xs.items()} for t in range(length.pop())]
    return xs


def _device(device: torch.device | str) -> torch.device:
    try:
        out = torch.device(device)
    except RuntimeError as error:
        raise UnknownNameError(f"device {device!r}: unknown (expected e.g. 'cpu', 'cuda', 'cuda:0')") from error
    if out.type == "cuda" and not torch.cuda.is_available():
        raise UnknownNameError(f"device {device!r}: torch sees no CUDA device here; use device='cpu'")
    return out

