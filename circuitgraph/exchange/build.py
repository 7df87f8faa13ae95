"""A circuit in the making: populations whose neurons are still being told what they do."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np
from torch import Tensor, nn

from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit, Population, Projection, Shape, Topology, n_neurons
from circuitgraph.neurons import Bias, Chain, Linear, Neuron
from circuitgraph.neurons.bias import named
from circuitgraph.topologies import Conv, Explicit, OneToOne, Pruned

Layout = Literal["plain", "time", "nodes"]
_TAKEN = frozenset(dir(nn.ModuleDict()) + dir(nn.ParameterDict()))


@dataclasses.dataclass(frozen=True)
class Signal:
    """A tensor of the module: the output of a population, seen in some way.

    `flat` where sites are folded into units; `open` where nothing else reads the population, so that it may still
    change.  In layout "time" the tensor has an axis that is no part of the circuit: `swapped` says that it changed
    places with the batch since the input, `last` that only the last step is left.  In layout "nodes" the tensor is
    (nodes, features), and the population (features, nodes).
    """

    population: str
    layout: Layout = "plain"
    flat: bool = False
    open: bool = True
    swapped: bool = False
    last: bool = False


@dataclasses.dataclass
class Draft:
    """A population in the making: its neurons so far, each with its memory."""

    name: str
    shape: Shape
    neurons: list[Neuron] = dataclasses.field(default_factory=list)
    memories: list[Mapping[str, np.ndarray]] = dataclasses.field(default_factory=list)

    def finish(self) -> Population:
        """Make the population."""
        neuron = self.neurons[0] if len(self.neurons) == 1 else Chain(tuple(self.neurons)) if self.neurons else None
        memory = {named(i, key): v for i, columns in enumerate(self.memories) for key, v in columns.items()}
        return Population(self.name, self.shape, neuron, memory)


class Build:
    """Collects populations and projections, and gives each a name that is free."""

    def __init__(self) -> None:
        self.populations: dict[str, Draft] = {}
        self.projections: dict[str, dict[str, Any]] = {}

    def add(self, name: str, shape: Shape, neuron: Neuron | None = None, **memory: np.ndarray) -> str:
        """Add a population; its name is made one that circuits accept and that is free."""
        name = self._free(name.replace(".", "_").replace("/", "_") or "x")
        self.populations[name] = Draft(name, shape)
        if neuron is not None:
            self.tell(name, neuron, memory)
        return name

    def tell(self, population: str, neuron: Neuron, memory: Mapping[str, np.ndarray] | None = None) -> None:
        """Let a population do one thing more to its output."""
        if isinstance(neuron, Linear):
            return
        self.populations[population].neurons.append(neuron)
        self.populations[population].memories.append(memory or {})

    def connect(
        self,
        pre: str,
        post: str,
        topology: Topology,
        weight: np.ndarray | None = None,
        *,
        delay: int = 0,
        port: str = "in",
        fixed: bool = False,
    ) -> str:
        """Add a projection; without weights it is fixed at one."""
        shapes = self.populations[pre].shape, self.populations[post].shape
        fixed = fixed or weight is None
        w = np.ones(topology.n_slots(*shapes), np.float32) if weight is None else weight
        name = self._free(f"{pre}->{post}" + (f":{port}" if port != "in" else ""))
        self.projections[name] = {
            "pre": pre, "post": post, "topology": topology, "weight": w, "fixed": fixed, "delay": delay, "port": port,
        }  # fmt: skip
        return name

    def layer(
        self, pre: str, name: str, topology: Topology, weight: np.ndarray, bias: np.ndarray | None, units: int
    ) -> str:
        """Add a population that hears another through weights, with a bias if there is one."""
        post = self.add(name, topology.post_shape(self.populations[pre].shape, units))
        self.connect(pre, post, topology, weight)
        if bias is not None:
            self.tell(post, Bias(), {"bias": bias})
        return post

    def then(self, x: Signal, name: str, neuron: Neuron, memory: Mapping[str, np.ndarray] | None = None) -> Signal:
        """Apply a neuron to a signal: in its own population where nobody else reads it, else in one behind it."""
        if not x.open:
            x = dataclasses.replace(x, population=self.relay(x.population, name), open=True)
        self.tell(x.population, neuron, memory)
        return x

    def relay(self, pre: str, name: str) -> str:
        """Add a population that repeats another."""
        post = self.add(name, self.populations[pre].shape)
        self.connect(pre, post, OneToOne())
        return post

    def unfolded(self, x: Signal, name: str) -> Signal:
        """Give a flat signal a population of its own, whose units are the neurons of the one before."""
        shape = self.populations[x.population].shape
        if not x.flat or len(shape) == 1:
            return dataclasses.replace(x, flat=False)
        n = n_neurons(shape)
        post = self.add(name, (n,))
        self.connect(x.population, post, Explicit(np.arange(n), np.arange(n)))
        return dataclasses.replace(x, population=post, flat=False, open=True)

    def side_by_side(self, terms: Sequence[Signal], name: str) -> str:
        """Add a population whose units are those of several signals, one after the other; flat ones by neurons."""
        shapes = [self.populations[x.population].shape for x in terms]
        sizes = [n_neurons(s) if x.flat else s[0] for x, s in zip(terms, shapes, strict=True)]
        sites: Shape = () if terms[0].flat else shapes[0][1:]
        post, begin = self.add(name, (sum(sizes), *sites)), 0
        for x, n in zip(terms, sizes, strict=True):
            unit = np.arange(n)
            # A slot of Conv(1) is a pair of units, in rows of the presynaptic ones.
            law = Pruned(Conv(1), (begin + unit) * n + unit) if sites else Explicit(unit, begin + unit)
            self.connect(x.population, post, law)
            begin += n
        return post

    def land(self, x: Signal, post: str, delay: int = 0) -> None:
        """Let a signal arrive at a population: what reached only it lands there directly, else by a relay.

        `delay` is how many steps later than the signal.
        """
        draft, pre = self.populations[x.population], x.population
        arriving = {name: p for name, p in self.projections.items() if p["post"] == pre}
        waiting = any(p["delay"] for p in arriving.values())
        if not x.open or draft.neurons or not arriving or (waiting and not delay) or pre == post:
            self.connect(pre, post, OneToOne(), delay=delay)
            return
        del self.populations[pre]
        for name, p in arriving.items():
            del self.projections[name]
            # A projection keeps the name of the layer that it was.
            name = self._free(pre if len(arriving) == 1 else f"{p['pre']}->{post}")
            self.projections[name] = p | {"post": post, "delay": p["delay"] + delay}

    def circuit(self) -> Circuit:
        """Make the circuit."""
        projections = tuple(Projection(name=name, **given) for name, given in self.projections.items())
        return Circuit(tuple(draft.finish() for draft in self.populations.values()), projections)

    def _free(self, name: str) -> str:
        name = f"{name}_" if name in _TAKEN else name
        known, found, k = self.populations.keys() | self.projections.keys(), name, 2
        while found in known:
            found, k = f"{name}_{k}", k + 1
        return found


def bias_of(m: Any) -> np.ndarray | None:
    """Bring the bias of a layer home, if it has one."""
    return None if m.bias is None else numbers(m.bias)


def numbers(t: Tensor) -> np.ndarray:
    """Bring a tensor home, as float32 or float64."""
    t = t.detach().cpu()
    out: np.ndarray = (t if str(t.dtype) == "torch.float64" else t.float()).numpy().copy()
    return out


def refuse(where: str, what: str, mend: str) -> NoReturn:
    """Raise StructureError: an operation that a circuit cannot say, or this reader does not know."""
    raise StructureError(f"from_torch: {where}: {what}; {mend}")
