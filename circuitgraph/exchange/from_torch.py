"""Reading a module of torch as a circuit."""

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.utils._pytree import tree_leaves

from circuitgraph.exchange.build import Build, Layout, Signal, refuse
from circuitgraph.exchange.graphs import graph_conv
from circuitgraph.exchange.layers import LAYERS, flatten, pool
from circuitgraph.exchange.recurrent import Layers, recurrent
from circuitgraph.exchange.trace import Example, is_graph_layer, trace
from circuitgraph.ir import Circuit, Shape, n_neurons

KNOWN = (
    "supported are Linear, Conv1d to 3d, BatchNorm, max, mean and adaptive pooling, activations, dropout, flatten, "
    "additions, concatenation of units, mean over sites, RNN, GRU, LSTM and PyG's GCNConv"
)


def from_torch(module: nn.Module, example: Example) -> Circuit:
    """Read a module as a circuit that computes the same, in eval mode, for inputs of the example's shape.

    Layers become projections and the populations that they end at, named by their path with "_" for "."; what follows
    elementwise (batch normalisation, bias, activation) becomes the population's neuron, with trained values as memory.
    Additions are several projections onto one population, concatenations too, each onto units of its own. Flattening is
    nothing: wiring all to all reads any sites.

    Over time, the circuit is one step: `compile(circuit).run(x)` takes (time, batch, features), whatever batch_first
    says, and gives an output for every step, also where the module returns the last one only. Over a graph, an input
    (nodes, features) becomes a population of shape (features, nodes), and edges are read from the example.

    Raises:
        StructureError: an operation that a circuit cannot say, with its path and what can be said.
        ShapeError: an example that is none.

    Example:
        >>> import torch, circuitgraph as cg
        >>> layers = torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 2)
        >>> module = torch.nn.Sequential(*layers)
        >>> x = torch.randn(5, 1, 4, 4)
        >>> circuit = from_torch(module, x)
        >>> print(circuit)
        Circuit: 3 populations, 7 units, 34 neurons, 68 slots, 176 synapses
          input_1     1x4x4         Linear()
          ...
        >>> torch.allclose(cg.compile(circuit)(x), module(x), atol=1e-6)
        True
    """
    traced = trace(module, example)
    return _Reader(traced).read()


class _Reader:
    """Walks a traced graph; each node's result is a `Signal`, several of them, or nothing that a circuit holds."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced, self.build = traced, Build()
        self.values: dict[fx.Node, Any] = {}
        modules = list(traced.modules())
        self.layout: Layout = "plain"
        if any(isinstance(m, nn.RNNBase) for m in modules):
            self.layout = "time"
        elif any(map(is_graph_layer, modules)):
            self.layout = "nodes"
        self.time_axis: int | None = None

    def read(self) -> Circuit:
        for node in self.traced.graph.nodes:
            value = getattr(self, f"_{node.op}")(node)
            if isinstance(value, Signal):
                value = dataclasses.replace(value, open=value.open and len(node.users) == 1)
                self._check(node, value)
            self.values[node] = value
        return self.build.circuit()

    def _placeholder(self, node: fx.Node) -> Any:
        shape = node.meta.get("shape")
        if not node.users or "value" in node.meta or shape is None:
            return None
        axes = {"plain": len(shape), "time": 3, "nodes": 2}[self.layout]
        if len(shape) != axes or axes < 2:
            expected = {"plain": "(batch, units, ...)", "time": "(batch, time, features)", "nodes": "(nodes, features)"}
            refuse(node.name, f"an input of shape {shape}", f"expected {expected[self.layout]}")
        sites = {"plain": shape[1:], "time": shape[2:], "nodes": (shape[1], shape[0])}[self.layout]
        return Signal(self.build.add(node.name, tuple(sites)), self.layout)

    def _get_attr(self, node: fx.Node) -> None:
        return None

    def _call_module(self, node: fx.Node) -> Any:
        m = self.traced.get_submodule(str(node.target))
        return self._apply(node, str(node.target), m, *(self._value(a) for a in node.args), **node.kwargs)

    def _apply(self, node: fx.Node, at: str, m: nn.Module, x: Any = None, *more: Any, **kwargs: Any) -> Any:
        where = f"{at} ({type(m).__name__})"
        if not isinstance(x, Signal):
            refuse(where, "an input that is no activity (a parameter, a number, a state)", KNOWN)
        if isinstance(m, nn.RNNBase):
            if not all(map(self._is_rest, tree_leaves((node.args[1:], node.kwargs)))):
                refuse(where, "an initial state", "start from rest: leave it out")
            self._see_time(where, m.batch_first, x)
            return recurrent(self.build, at, m, x)
        if is_graph_layer(m):
            edges = [a.meta.get("value") for a in node.args[1:] if isinstance(a, fx.Node)]
            return graph_conv(self.build, at, m, x, edges, len(kwargs))
        if type(m) not in LAYERS or more or kwargs:
            refuse(where, "not among what a circuit can say", KNOWN)
        return LAYERS[type(m)](self.build, at, m, x)

    def _is_rest(self, state: Any) -> bool:
        """Tell whether a state is none, or zeros whatever the input."""
        return state is None or (isinstance(state, fx.Node) and self.values[state] is None and state.meta["zero"])

    def _see_time(self, where: str, batch_first: bool, x: Signal) -> None:
        axis = int(batch_first != x.swapped)
        if self.time_axis not in (None, axis) or x.last:
            refuse(where, "time on another axis than in the layer before", "keep one order of axes")
        self.time_axis = axis

    def _call_function(self, node: fx.Node) -> Any:
        if node.target in ADDITIONS:
            return self._add(node)
        if node.target in CONCATENATIONS:
            return self._concatenate(node)
        if node.target is operator.getitem:
            return self._item(node)
        return self._named(node, getattr(node.target, "__name__", str(node.target)))

    def _call_method(self, node: fx.Node) -> Any:
        return self._add(node) if node.target in ("add", "add_") else self._named(node, str(node.target))

    def _named(self, node: fx.Node, name: str) -> Any:
        """Read a function or method by its name; what gives no activity (a size, a number) is nothing."""
        values = [self._value(a) for a in node.args]
        if not any(isinstance(v, Signal | Layers) for v in values) or name in ("size", "dim", "getattr"):
            return None
        name = name.rstrip("_")
        if name in MODULES:
            m = MODULES[name](*_known(node.args[1:]), **_plain(_known(node.kwargs)))
            return self._apply(node, self._at(node, name), m, values[0])
        if name in VIEWS:
            return VIEWS[name](self, node, values[0])
        refuse(self._at(node, name), f"the operation {name!r}", KNOWN)

    def _add(self, node: fx.Node) -> Signal:
        at, terms = self._at(node, "add"), [self._value(a) for a in node.args]
        if len(terms) != 2 or node.kwargs or not all(isinstance(t, Signal) for t in terms):
            refuse(at, "an addition of what is no activity", KNOWN)
        a, b = terms
        shapes = [self.build.populations[t.population].shape for t in terms]
        if shapes[0] != shapes[1] or (a.layout, a.flat, a.last, a.swapped) != (b.layout, b.flat, b.last, b.swapped):
            refuse(at, f"an addition of different shapes ({shapes[0]} and {shapes[1]})", "add activity of one shape")
        post = self.build.add(at, shapes[0])
        for term in terms:
            # The same population twice is wired twice.
            self.build.land(dataclasses.replace(term, open=term.open and a.population != b.population), post)
        return dataclasses.replace(a, population=post, open=True)

    def _concatenate(self, node: fx.Node) -> Signal:
        """Read a concatenation of units: axis 1, over time the last one."""
        at, given = self._at(node, "cat"), dict[str, Any](zip(("tensors", "dim"), node.args, strict=False))
        given |= node.kwargs
        terms, dim = self._value(given.get("tensors", ())), given.get("dim", given.get("axis", 0))
        if not terms or not all(isinstance(t, Signal) for t in terms):
            refuse(at, "a concatenation of what is no activity", KNOWN)
        rank, first = len(node.meta["shape"]), terms[0]
        if dim % rank != (rank - 1 if first.layout == "time" else 1):
            refuse(at, f"a concatenation along axis {dim}", "concatenate units: channels or features")
        views = {(t.layout, t.flat or len(self._shape(t)) == 1, t.last, t.swapped) for t in terms}
        if len(views) > 1 or len({self._shape(t)[1:] for t in terms if not t.flat}) > 1:
            refuse(at, f"a concatenation of {', '.join(str(self._shape(t)) for t in terms)}", "give all the same sites")
        terms = [dataclasses.replace(t, flat=t.flat or len(self._shape(t)) == 1) for t in terms]
        return dataclasses.replace(first, population=self.build.side_by_side(terms, at), flat=False, open=True)

    def _shape(self, x: Signal) -> Shape:
        return self.build.populations[x.population].shape

    def _item(self, node: fx.Node) -> Any:
        value, key = self._value(node.args[0]), node.args[1]
        if isinstance(value, tuple) and isinstance(key, int):
            return value[key]
        if isinstance(value, Layers) and isinstance(key, int):
            return value.signals[key]
        if not isinstance(value, Signal):
            return None
        keys = [key] if not isinstance(key, tuple) else [k for k in key if k is not Ellipsis]
        axis = None if self.time_axis is None else self.time_axis ^ value.swapped
        wanted = [slice(None)] * (axis or 0) + [-1]
        while keys and keys[-1] == slice(None) and len(keys) > len(wanted):
            keys.pop()
        if value.layout != "time" or value.last or axis is None or keys != wanted:
            refuse(self._at(node, "getitem"), f"the selection [{key}]", "only the last time step can be selected")
        return dataclasses.replace(value, last=True, swapped=False)

    def _output(self, node: fx.Node) -> None:
        given = self._value(node.args[0])
        found = dict.fromkeys(_signals(given))
        if not found:
            refuse("output", "no activity is returned", KNOWN)
        for k, x in enumerate(found):
            x = self.build.unfolded(x, "output")
            # What others hear too, and an input, is repeated: outputs are what projects to nobody else.
            pre = {p["pre"] for p in self.build.projections.values() if p["pre"] != p["post"]}
            heard = any(p["post"] == x.population for p in self.build.projections.values())
            if x.population in pre or not heard:
                self.build.relay(x.population, f"output{k or ''}")

    def _value(self, given: Any) -> Any:
        if isinstance(given, tuple | list):
            return tuple(self._value(g) for g in given)
        if isinstance(given, dict):
            return {key: self._value(g) for key, g in given.items()}
        return self.values[given] if isinstance(given, fx.Node) else given

    def _at(self, node: fx.Node, name: str) -> str:
        """Name an operation by the module that performs it."""
        stack = node.meta.get("nn_module_stack") or {}
        scope = [path for path, _ in stack.values() if path]
        return f"{scope[-1]}.{name}" if scope else name

    def _check(self, node: fx.Node, x: Signal) -> None:
        """Hold the population against the tensor that was seen."""
        seen, shape = node.meta.get("shape"), self.build.populations[x.population].shape
        if seen is None:
            return
        body = (n_neurons(shape),) if x.flat else shape
        expected = {"plain": seen[1:], "nodes": seen[:0:-1] + seen[:1], "time": seen[-1:]}[x.layout]
        if tuple(expected) != body:
            at = str(node.target) if node.op == "call_module" else self._at(node, node.name)
            refuse(at, f"gives {seen} for the example, a circuit {body} (ceil_mode?)", "use a size that windows divide")


def _signals(given: Any) -> list[Signal]:
    if isinstance(given, Signal):
        return [given]
    if isinstance(given, tuple | list):
        # Last states of recurrent layers are in the State.
        return [s for g in given for s in _signals(g)]
    return [s for g in given.values() for s in _signals(g)] if isinstance(given, dict) else []


def _known(given: Any) -> Any:
    """Put numbers that were computed on the way (sizes) in place of their nodes."""
    return fx.node.map_arg(given, lambda n: n.meta.get("value", n))


def _plain(kwargs: Any) -> dict[str, Any]:
    return {k: v for k, v in kwargs.items() if k not in ("inplace", "training", "p", "_stacklevel", "dtype")}


def _reshaped(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    """Read view and reshape by what they do to the example."""
    seen, given = node.meta["shape"], node.args[0].meta["shape"]  # type: ignore[union-attr]
    if seen == given:
        return x
    if len(seen) != 2 or seen[0] != given[0] or x.layout != "plain":
        refuse(reader._at(node, str(node.target)), f"a view of {given} as {seen}", "flatten all but the batch")
    return dataclasses.replace(x, flat=True)


def _flattened(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    # The function starts at the batch where nothing is said, the layer behind it.
    given: dict[str, Any] = {"start_dim": 0, **dict(zip(("start_dim", "end_dim"), node.args[1:], strict=False))}
    return flatten(reader.build, reader._at(node, "flatten"), nn.Flatten(**given | node.kwargs), x)


def _mean(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    """Read a mean over all sites as a pool of their size."""
    at, shape = reader._at(node, "mean"), reader.build.populations[x.population].shape
    axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    axes = [axes] if isinstance(axes, int) else list(axes or ())  # type: ignore[arg-type]
    keep = bool(node.args[2] if len(node.args) > 2 else node.kwargs.get("keepdim", False))
    wanted = list(range(2, len(shape) + 1))
    if x.layout != "plain" or x.flat or not wanted or sorted(a % (len(shape) + 1) for a in axes) != wanted:  # type: ignore[operator]
        refuse(at, f"a mean over axes {axes}", "take the mean over all sites")
    adaptive = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[len(wanted) - 1]
    return dataclasses.replace(pool(reader.build, at, adaptive(1), x), flat=not keep)


def _swapped(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    """Read an exchange of batch and time."""
    given, order = node.args[0].meta["shape"], list(node.args[1:])  # type: ignore[union-attr]
    order = list(order[0]) if len(order) == 1 and isinstance(order[0], tuple | list) else order
    if x.layout != "time" or x.last or order not in ([0, 1], [1, 0], [1, 0, 2]):
        refuse(reader._at(node, str(node.target)), f"an exchange of axes {order} of {given}", KNOWN)
    return dataclasses.replace(x, swapped=not x.swapped)


def _as_it_is(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    return x


def _dropped(reader: _Reader, node: fx.Node, x: Signal) -> Signal:
    if node.kwargs.get("training"):
        refuse(reader._at(node, "dropout"), "dropout that also acts in eval", "pass training=self.training")
    return x


def _squeezed(reader: _Reader, node: fx.Node, x: Any) -> Signal:
    if isinstance(x, Layers) and len(x.signals) == 1 and node.args[1:] == (0,):
        return x.signals[0]
    if isinstance(x, Signal) and node.meta["shape"] == (*node.args[0].meta["shape"][:2],):  # type: ignore[union-attr]
        return dataclasses.replace(x, flat=True)
    refuse(reader._at(node, "squeeze"), "an axis that is taken away", KNOWN)


ADDITIONS = (operator.add, operator.iadd, torch.add)
CONCATENATIONS = (torch.cat, torch.concat, torch.concatenate)
VIEWS: dict[str, Callable[[_Reader, fx.Node, Any], Signal]] = {
    "view": _reshaped, "reshape": _reshaped, "flatten": _flattened, "mean": _mean, "squeeze": _squeezed,
    "transpose": _swapped, "permute": _swapped, "swapaxes": _swapped,
    **dict.fromkeys(("contiguous", "clone"), _as_it_is),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"), _dropped),
}  # fmt: skip
MODULES: dict[str, Callable[..., nn.Module]] = {
    "relu": lambda *a, **k: nn.ReLU(), "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU,
    "silu": lambda *a, **k: nn.SiLU(), "selu": lambda *a, **k: nn.SELU(), "relu6": lambda *a, **k: nn.ReLU6(),
    "hardswish": lambda *a, **k: nn.Hardswish(), "hardsigmoid": lambda *a, **k: nn.Hardsigmoid(),
    "mish": lambda *a, **k: nn.Mish(), "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "softplus": nn.Softplus,
    "softmax": nn.Softmax, "max_pool1d": nn.MaxPool1d, "max_pool2d": nn.MaxPool2d, "max_pool3d": nn.MaxPool3d,
    "avg_pool1d": nn.AvgPool1d, "avg_pool2d": nn.AvgPool2d, "avg_pool3d": nn.AvgPool3d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d, "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_avg_pool3d": nn.AdaptiveAvgPool3d, "adaptive_max_pool1d": nn.AdaptiveMaxPool1d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d, "adaptive_max_pool3d": nn.AdaptiveMaxPool3d,
}  # fmt: skip
"""Functions by the layers that compute the same."""
