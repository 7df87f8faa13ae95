"""Writing a circuit as a module of plain torch."""

from functools import reduce
from operator import getitem

import torch
from torch import Tensor, fx, nn

from circuitgraph.compiler import Network
from circuitgraph.compiler.plan import make_plan, neuron_of
from circuitgraph.errors import StructureError
from circuitgraph.exchange.cells import cell_of
from circuitgraph.exchange.laws import block_of, takes_bias, whole, write_law
from circuitgraph.exchange.responses import Fires, parts_of, plain, write_response
from circuitgraph.exchange.sheet import Sheet
from circuitgraph.exchange.steps import Steps
from circuitgraph.ir import Circuit, Projection
from circuitgraph.ir.order import zero_delay_order
from circuitgraph.neurons import Bias, Linear, Neuron
from circuitgraph.topologies import Dense, OneToOne


def to_torch(circuit: Circuit | Network, *, batch_first: bool = False, last: bool = False) -> nn.Module:
    """Write a circuit as a module of torch's own layers, in eval mode, that computes what the network does in eval.

    The module is a torch.fx graph (`print(module.code)`): Linear, Conv, BatchNorm, pools, activations, additions;
    loops become RNN, GRU or LSTM where they are whole, else a loop over steps.  It needs this package only for neurons
    that torch has no layer for.  Pruned slots are zeros in whole layers; removed units really are gone.  It is of
    the type that the network has: the widest of its weights.

    With delays the input is a sequence (time, batch, ...), as for `Network.run`; `batch_first` swaps the first two
    axes of input and output, and `last` returns the last step only.  Several inputs are arguments in the order of the
    plan, several outputs a mapping by name.

    Raises:
        StructureError: for a law or a loop that torch has no operation for.

    Example:
        >>> import torch, circuitgraph as cg
        >>> circuit = cg.Circuit().add("x", (1, 4, 4)).connect("x", "h", cg.Conv(3), units=2, neuron=cg.ReLU())
        >>> module = to_torch(circuit.connect("h", "y", cg.Dense(), units=3))
        >>> print(module.code.strip())
        def forward(self, x):
            h = self.h(x);  x = None
            h_relu = self.h_relu(h);  h = None
            flatten = torch.flatten(h_relu, 1);  h_relu = None
            y = self.y(flatten);  flatten = None
            return y
    """
    circuit = circuit.snapshot() if isinstance(circuit, Network) else circuit
    if not any(p.delay for p in circuit.projections) and not any(n.keeps for n in _neurons(circuit)):
        module = _Writer(circuit).whole()
    else:
        sequence = _Sequence(circuit)
        module = sequence.whole() if sequence.is_whole() else _Step(circuit).unrolled()
        module = _Ordered(module, batch_first, last) if batch_first or last else module
    kinds = {torch.tensor(p.weight[:0]).dtype for p in circuit.projections} or {torch.get_default_dtype()}
    return module.to(reduce(torch.promote_types, kinds)).eval()


class _Ordered(nn.Module):
    """Swap batch and time, or select the last step."""

    def __init__(self, module: nn.Module, batch_first: bool, last: bool) -> None:
        super().__init__()
        self.module, self.batch_first, self.last = module, batch_first, last

    def forward(self, *xs: Tensor) -> Tensor:
        y: Tensor = self.module(*(x.transpose(0, 1) if self.batch_first else x for x in xs))
        if self.last:
            return y[-1]
        return y.transpose(0, 1) if self.batch_first else y


class _Writer:
    """Writes populations in their order; `nodes` holds the output of each."""

    units_axis = 1

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.sheet, self.plan = circuit, Sheet(), make_plan(circuit)
        self.nodes: dict[str, fx.Node] = {}

    def whole(self) -> nn.Module:
        """Write all populations, and return the outputs."""
        self.write()
        return self.sheet.finish(self.result())

    def write(self) -> None:
        given = {name: self.sheet.input(name) for name in self.plan.inputs}
        for name in _order(self.circuit):
            self.nodes[name] = self.population(name, given.get(name))

    def result(self) -> fx.Node | dict[str, fx.Node]:
        outputs = {name: self.nodes[name] for name in self.plan.outputs}
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def population(self, name: str, given: fx.Node | None) -> fx.Node:
        p, neuron = self.circuit.population(name), neuron_of(self.circuit, name)
        if neuron.keeps:
            mend = "hear one population without delay and yourself one step ago, all to all"
            raise StructureError(f"to_torch: population {name!r}: {neuron!r} is no whole layer of torch; {mend}")
        parts = parts_of(neuron, p.memory)
        if len(neuron.ports) > 1:
            memory = {k: torch.tensor(p.memory[k]) if k in p.memory else v for k, v in neuron.memory(p.shape).items()}
            ports = [self.port(name, port, given if i == 0 else None)[0] for i, port in enumerate(neuron.ports)]
            return self.sheet.call(f"{name}_neuron", Fires(neuron, memory), *ports)
        bias = torch.tensor(parts[0][1]["bias"]) if isinstance(parts[0][0], Bias) and parts[0][1] else None
        x, merged = self.port(name, "in", given, bias)
        for n, memory_of_one in parts[1:] if merged else parts:
            x = write_response(self.sheet, name, n, memory_of_one, p.shape, x)
        return x

    def port(self, name: str, port: str, given: fx.Node | None, bias: Tensor | None = None) -> tuple[fx.Node, bool]:
        """Add up what arrives at a port; say whether a layer has taken the bias along."""
        arriving = [p for p in self.circuit.projections if p.post == name and p.port == port]
        if given is None and (parts := self.side_by_side(arriving)):
            return self.sheet.function(torch.cat, [self.folded(p) for p in parts], self.units_axis), False
        host = next((p.name for p in arriving if takes_bias(self.circuit, p)), None) if bias is not None else None
        total = given
        for p in arriving:
            y = write_law(self.sheet, self.circuit, p, self.read(p), bias if p.name == host else None)
            total = y if total is None else self.sheet.function(torch.add, total, y)
        if total is None:
            raise StructureError(f"to_torch: population {name!r}: nothing reaches port {port!r}; connect something")
        return total, host is not None

    def side_by_side(self, arriving: list[Projection]) -> list[Projection]:
        """Order projections by the units that repeat what they bring, where each has its own units and none is left."""
        blocks = [(block, p) for p in arriving if not p.delay and (block := block_of(self.circuit, p))]
        if len(blocks) < max(2, len(arriving)):
            return []
        blocks.sort(key=lambda found: found[0])
        starts, ends = [block[0] for block, _ in blocks], [block[1] for block, _ in blocks]
        size = self.circuit.population(arriving[0].post).shape[0]
        return [p for _, p in blocks] if [*starts, size] == [0, *ends] else []

    def folded(self, p: Projection) -> fx.Node:
        """Read what arrives, with its sites folded where the population has none."""
        pre, post = self.circuit.shapes(p)
        return self.sheet.flat(self.read(p)) if len(pre) > 1 and len(post) == 1 else self.read(p)

    def read(self, p: Projection) -> fx.Node:
        return self.nodes[p.pre]


class _Sequence(_Writer):
    """Writes over a whole sequence at once: loops as layers, and what torch's layers do to the last axis."""

    units_axis = -1

    def is_whole(self) -> bool:
        """Tell whether every loop is a layer, and all else works on the last axis of (time, batch, units)."""
        for name in _order(self.circuit):
            if len(self.circuit.population(name).shape) > 1:
                return False
            arriving = [p for p in self.circuit.projections if p.post == name]
            parts = parts_of(neuron_of(self.circuit, name), self.circuit.population(name).memory)
            if any(p.delay for p in arriving) or neuron_of(self.circuit, name).keeps:
                if cell_of(self.circuit, name) is None:
                    return False
            elif not (all(map(self._is_last, arriving)) or self.side_by_side(arriving)) or not all(
                _is_last(n) for n, _ in parts
            ):
                return False
        return len(self.plan.outputs) == 1

    def _is_last(self, p: Projection) -> bool:
        return isinstance(whole(self.circuit, p)[0], Dense | OneToOne)

    def population(self, name: str, given: fx.Node | None) -> fx.Node:
        late = [p for p in self.circuit.projections if p.post == name and p.delay]
        if not late and not neuron_of(self.circuit, name).keeps:
            return super().population(name, given)
        cell = cell_of(self.circuit, name)
        assert cell is not None
        pre, layer = cell
        return self.sheet.function(getitem, self.sheet.call(name, layer, self.nodes[pre]), 0)


class _Step(_Writer):
    """Writes one time step, whose arguments are the inputs and the past."""

    def unrolled(self) -> nn.Module:
        """Write the step, and the loop around it."""
        depth: dict[str, int] = {}
        for p in self.circuit.projections:
            if p.delay:
                depth[p.pre] = max(depth.get(p.pre, 0), p.delay)
        if len(self.plan.outputs) > 1:
            got = f"got {', '.join(self.plan.outputs)}"
            raise StructureError(f"to_torch: several outputs over time ({got}, expected one); write them one by one")
        self.depth = depth
        self.write()
        said = {name: self.nodes[name] for name in depth}
        module = self.sheet.finish((self.result(), said))
        return Steps(module, {name: self.circuit.population(name).shape for name in depth}, depth)

    def write(self) -> None:
        given = {name: self.sheet.input(name) for name in self.plan.inputs}
        self.past = {
            (name, k): self.sheet.input(f"{name}_{k}_ago") for name, n in self.depth.items() for k in range(1, n + 1)
        }
        for name in _order(self.circuit):
            self.nodes[name] = self.population(name, given.get(name))

    def read(self, p: Projection) -> fx.Node:
        return self.past[p.pre, p.delay] if p.delay else self.nodes[p.pre]


def _order(circuit: Circuit) -> list[str]:
    return list(
        zero_delay_order(
            [p.name for p in circuit.populations], [(p.pre, p.post) for p in circuit.projections if not p.delay]
        )
    )


def _neurons(circuit: Circuit) -> list[Neuron]:
    return [neuron_of(circuit, p.name) for p in circuit.populations]


def _is_last(neuron: Neuron) -> bool:
    """Tell whether a neuron does the same on (time, batch, units) as on (batch, units)."""
    return isinstance(neuron, Bias | Linear) or plain(neuron) is not None
