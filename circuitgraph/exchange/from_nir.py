"""Circuits from graphs of NIR."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.exchange.build import Build, Signal
from circuitgraph.exchange.report import Report, Strict
from circuitgraph.exchange.to_nir import FIELDS
from circuitgraph.ir import Circuit, Shape, n_neurons
from circuitgraph.neurons import Bias, Neuron
from circuitgraph.topologies import Conv, Dense, Explicit, OneToOne, Pool

if TYPE_CHECKING:
    import nir

NEURONS = {kind.__name__: kind for kind in FIELDS}


def from_nir(graph: "nir.NIRGraph", *, dt_ms: float = 1.0, report: Report | None = None) -> Circuit:
    """Read a graph of NIR as a circuit whose time steps last `dt_ms`.

    Neurons become populations; Linear, Affine, Scale, convolutions and pools become the projections between them, with
    a bias where there is one.  An edge that closes a cycle takes one step.  Zeros in weights are slots like others.

    Raises:
        StructureError: for nodes that a circuit cannot say (a threshold alone, parameters that differ between sites,
            nested graphs), unless a `report` collects them; then a node passes its input on.
        ImportError: without the package nir (extra "nir").

    Example:
        >>> import nir
        >>> ones = np.ones(2, np.float32)
        >>> nodes = {
        ...     "x": nir.Input({"input": np.array([3])}),
        ...     "w": nir.Linear(np.ones((2, 3), np.float32)),
        ...     "y": nir.LIF(tau=ones, r=ones, v_leak=0 * ones, v_threshold=ones),
        ...     "out": nir.Output({"output": np.array([2])}),
        ... }
        >>> circuit = from_nir(nir.NIRGraph(nodes, [("x", "w"), ("w", "y"), ("y", "out")]), dt_ms=0.5)
        >>> circuit.population("y").neuron, circuit.population("y").memory["tau_ms"].tolist()
        (LIF(dt_ms=0.5), [1000.0, 1000.0])
    """
    return _Reader(graph, dt_ms, report if report is not None else Strict("from_nir")).circuit()


class _Reader:
    def __init__(self, graph: Any, dt_ms: float, report: Report) -> None:
        self.graph, self.dt_ms, self.report, self.build = graph, dt_ms, report, Build()
        self.signals: dict[str, Signal] = {}
        self.before: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for pre, post in graph.edges:
            for name in (pre, post):
                if name not in self.before:
                    raise StructureError(f"from_nir: edge {pre!r} to {post!r}: no node {name!r}; add it to the nodes")
            self.before[post].append(pre)

    def circuit(self) -> Circuit:
        order, late = _forward(self.graph)
        for name in order:
            kind = type(self.graph.nodes[name]).__name__
            arriving = [self.signals[pre] for pre in self.before[name] if (pre, name) not in late]
            self.signals[name] = self._node(name, kind, arriving, any(post == name for _, post in late))
        for pre, post in sorted(late, key=lambda edge: (order.index(edge[0]), order.index(edge[1]))):
            self._arrive(self.signals[pre], self.signals[post].population, 1)
        return self.build.circuit()

    def _node(self, name: str, kind: str, arriving: list[Signal], loops: bool) -> Signal:
        node = self.graph.nodes[name]
        if kind == "Input":
            return Signal(self.build.add(name, _shape(node.input_type["input"])), open=False)
        if kind == "Output" and len(arriving) == 1 and self._is_free(arriving[0]):
            return arriving[0]
        if kind in NEURONS:
            return self._population(
                name, arriving, _shape(next(iter(node.input_type.values()))), self._neuron(name, kind)
            )
        if not arriving:
            raise StructureError(f"from_nir: node {name!r} ({kind}): nothing reaches it; connect an Input")
        shape = self.build.populations[arriving[0].population].shape
        if kind in READERS:
            x = arriving[0]
            if len(arriving) > 1 or loops:
                x = self._population(f"{name} input", arriving, shape, None)
            return self._opened(name, READERS[kind](self, name, node, x))
        if kind != "Output":
            self.report.note(
                f"node {name!r}", f"no {kind} in a circuit", "use neurons, Linear, Affine, Conv or AvgPool2d"
            )
        return self._population(name, arriving, shape, None)

    def _opened(self, name: str, x: Signal) -> Signal:
        return dataclasses.replace(x, open=x.open and sum(pre == name for pre, _ in self.graph.edges) == 1)

    def _is_free(self, x: Signal) -> bool:
        """Tell whether a population can be an output as it is: it hears something and tells nobody else."""
        others = [p for p in self.build.projections.values() if x.population == p["pre"] != p["post"]]
        return not others and any(p["post"] == x.population for p in self.build.projections.values()) and not x.flat

    def _population(self, name: str, arriving: list[Signal], shape: Shape, neuron: Any) -> Signal:
        post = self.build.add(name, shape)
        if neuron is not None:
            self.build.tell(post, *neuron)
        for x in arriving:
            self._arrive(x, post, 0)
        return Signal(post, open=False)

    def _arrive(self, x: Signal, post: str, delay: int) -> None:
        """Let a signal land on a population, and its bias, if that is all that it has, join the bias there."""
        x = self.build.unfolded(x, f"{x.population} flat") if x.flat else x
        draft, target = self.build.populations[x.population], self.build.populations[post]
        if x.open and x.population != post and [type(n) for n in draft.neurons] == [Bias]:
            bias = draft.memories[0]["bias"]
            draft.neurons, draft.memories = [], []
            if not target.neurons or not isinstance(target.neurons[0], Bias):
                target.neurons.insert(0, Bias())
                target.memories.insert(0, {"bias": np.zeros_like(bias)})
            target.memories[0] = {"bias": target.memories[0]["bias"] + bias}
        self.build.land(x, post, delay)

    def _neuron(self, name: str, kind: str) -> tuple[Neuron, dict[str, np.ndarray]]:
        node, cls = self.graph.nodes[name], NEURONS[kind]
        memory = {}
        for theirs, ours in FIELDS[cls].items():
            given = np.asarray(getattr(node, theirs))
            flat = given.reshape(len(given), -1) if given.ndim else given.reshape(1, 1)
            if (flat != flat[:, :1]).any():
                self.report.note(
                    f"node {name!r}", f"{theirs} differs between the sites of a unit", "use one for each unit"
                )
            column = flat[:, 0] * (1e3 if ours.endswith("_ms") else 1.0)
            memory[ours] = column.astype(given.dtype if given.dtype in (np.float32, np.float64) else np.float32)
        neuron: Any = cls
        return neuron(dt_ms=self.dt_ms), memory


def _forward(graph: Any) -> tuple[list[str], set[tuple[str, str]]]:
    """Order the nodes so that each comes after what it hears, and name the edges that close cycles.

    Nodes are visited depth first, from inputs on, in the order they were given; an edge to a node whose visit is not
    over closes a cycle.
    """
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for pre, post in graph.edges:
        after[pre].append(post)
    done: list[str] = []
    seen: set[str] = set()
    late: set[tuple[str, str]] = set()
    for start in sorted(graph.nodes, key=lambda name: type(graph.nodes[name]).__name__ != "Input"):
        if start not in seen:
            _visit(start, after, seen, done, late)
    return done[::-1], late


def _visit(
    start: str, after: dict[str, list[str]], seen: set[str], done: list[str], late: set[tuple[str, str]]
) -> None:
    stack = [(start, iter(after[start]))]
    seen.add(start)
    while stack:
        name, rest = stack[-1]
        post = next(rest, None)
        if post is None:
            stack.pop()
            done.append(name)
        elif post not in seen:
            seen.add(post)
            stack.append((post, iter(after[post])))
        elif any(post == waiting for waiting, _ in stack):
            late.add((name, post))


def _linear(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    build, w = reader.build, np.asarray(node.weight)
    shape = build.populations[x.population].shape
    if w.ndim != 2 or w.shape[1] != n_neurons(shape) or (len(shape) > 1 and not x.flat):
        got = f"got weights {w.shape}, input {shape}"
        raise StructureError(f"from_nir: node {name!r}: weights do not fit the input ({got}); flatten it first")
    post = build.layer(x.population, name, Dense(), w.ravel(), getattr(node, "bias", None), w.shape[0])
    return Signal(post)


def _conv(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    w, rank = np.asarray(node.weight), np.asarray(node.weight).ndim - 2
    padding: Any = node.padding
    if isinstance(padding, str):
        total = np.asarray(node.dilation) * (np.array(w.shape[2:]) - 1)
        if padding == "same" and (total % 2).any():
            raise StructureError(f"from_nir: node {name!r}: padding 'same' with an even kernel; use numbers")
        padding = tuple(total // 2) if padding == "same" else 0
    given = {"stride": node.stride, "padding": padding, "dilation": node.dilation}
    law = Conv(w.shape[2:], groups=int(node.groups), **{k: _ints(v, rank) for k, v in given.items()})  # type: ignore[arg-type]
    bias = np.asarray(node.bias)
    flat = np.moveaxis(w, 1, -1).reshape(-1)
    return Signal(reader.build.layer(x.population, name, law, flat, bias if bias.any() else None, w.shape[0]))


def _pool(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    kernel, stride, padding = (_ints(getattr(node, field), 2) for field in ("kernel_size", "stride", "padding"))
    law, build = Pool(kernel, stride, padding, "mean"), reader.build
    shape = build.populations[x.population].shape
    post = build.add(name, law.post_shape(shape))
    total = np.full(shape[0], np.prod(kernel), np.float32) if type(node).__name__ == "SumPool2d" else None
    build.connect(x.population, post, law, total, fixed=True)
    return Signal(post)


def _scale(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    build, scale = reader.build, np.asarray(node.scale)
    shape = build.populations[x.population].shape
    if (scale == 1).all():  # a population that only adds up
        return reader._population(name, [x], shape, None)
    post, columns = build.add(name, shape), scale.reshape(shape[0], -1)
    if (columns == columns[:, :1]).all():
        build.connect(x.population, post, OneToOne(), columns[:, 0])
    else:
        build.connect(x.population, post, Explicit(np.arange(scale.size), np.arange(scale.size)), scale.ravel())
    return Signal(post)


def _flatten(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    return dataclasses.replace(x, flat=True)


def _delay(reader: _Reader, name: str, node: Any, x: Signal) -> Signal:
    seconds = np.asarray(node.delay)
    steps = round(float(seconds.flat[0]) * 1e3 / reader.dt_ms)
    if not np.allclose(seconds * 1e3, steps * reader.dt_ms):
        reader.report.note(
            f"node {name!r}", f"delays that are no whole steps of {reader.dt_ms} ms", "choose another dt_ms"
        )
    post = reader.build.add(name, reader.build.populations[x.population].shape)
    reader.build.connect(x.population, post, OneToOne(), delay=steps)
    return Signal(post)


def _shape(given: Any) -> Shape:
    return tuple(int(n) for n in np.atleast_1d(np.asarray(given)))


def _ints(given: Any, rank: int) -> tuple[int, ...]:
    items = np.atleast_1d(np.asarray(given)).astype(int).tolist()
    return tuple(items * rank if len(items) == 1 else items)


READERS: dict[str, Callable[[_Reader, str, Any, Signal], Signal]] = {
    "Linear": _linear, "Affine": _linear, "Conv1d": _conv, "Conv2d": _conv, "AvgPool2d": _pool, "SumPool2d": _pool,
    "Scale": _scale, "Flatten": _flatten, "Delay": _delay,
}  # fmt: skip
