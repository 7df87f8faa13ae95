"""Circuits as graphs of NIR, the intermediate representation of spiking networks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitgraph.compiler.plan import make_plan, neuron_of
from circuitgraph.exchange.laws import whole
from circuitgraph.exchange.report import Report, Strict
from circuitgraph.exchange.responses import parts_of
from circuitgraph.ir import Circuit, Population, Projection, n_neurons
from circuitgraph.neurons import IF, LI, LIF, Bias, CubaLIF, Linear, Neuron
from circuitgraph.topologies import Conv, Dense, OneToOne, Pool

if TYPE_CHECKING:
    import nir

Nodes = list[tuple[str, Any]]
"""Nodes one after the other, each with what is added to its projection's name."""

MOST_PAIRS = 1 << 27
"""NIR has no sparse weights: larger matrices, mostly zeros, are refused."""
FIELDS: dict[type[Neuron], dict[str, str]] = {
    LI: {"tau": "tau_ms", "r": "r", "v_leak": "v_leak"},
    IF: {"r": "r", "v_threshold": "v_threshold", "v_reset": "v_reset"},
    LIF: {"tau": "tau_ms", "r": "r", "v_leak": "v_leak", "v_threshold": "v_threshold", "v_reset": "v_reset"},
    CubaLIF: {
        "tau_syn": "tau_syn_ms", "tau_mem": "tau_ms", "r": "r", "v_leak": "v_leak", "v_threshold": "v_threshold",
        "v_reset": "v_reset", "w_in": "w_in",
    },
}  # fmt: skip
"""NIR's name of each parameter of a neuron, and ours; NIR counts time in seconds."""


def to_nir(circuit: Circuit, *, report: Report | None = None) -> "nir.NIRGraph":
    """Write a circuit as a graph of NIR: neurons as LI, LIF, IF and CubaLIF, projections as Linear, Affine and Conv.

    A projection is a node between two populations, called by its name; loops of one step are edges that close a
    cycle, longer delays are nodes.  Pruned slots are zeros, and wiring that NIR has no node for is unrolled into a
    matrix.  Parameters are repeated for every site.  The length of a step, which a circuit knows and NIR
    does not, stays behind in `metadata["dt_ms"]`.

    Raises:
        StructureError: for what NIR cannot say (rates, rules, several ports), unless a `report` collects it; then a
            neuron is left out, its population adds up.
        ImportError: without the package nir (extra "nir").

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3, neuron=cg.neurons.LIF())
        >>> sorted(to_nir(c).nodes), len(to_nir(c).edges)
        (['output', 'x', 'x->y', 'y'], 3)
    """
    return _Writer(circuit, report if report is not None else Strict("to_nir")).graph()


class _Writer:
    def __init__(self, circuit: Circuit, report: Report) -> None:
        import nir

        self.nir, self.circuit, self.report = nir, circuit, report
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []

    def graph(self) -> "nir.NIRGraph":
        plan = make_plan(self.circuit)
        for p in self.circuit.populations:
            self._population(p, p.name in plan.inputs)
        for q in self.circuit.projections:
            self._projection(q)
        for k, name in enumerate(plan.outputs):
            out = self._free(f"output{k or ''}")
            self.nodes[out] = self.nir.Output({"output": np.array(self.circuit.population(name).shape)})
            self.edges.append((name, out))
        steps = self._steps()
        if len(steps) > 1:
            self.report.note("circuit", f"steps of different length {sorted(steps)}", "use one dt_ms")
        metadata = {"dt_ms": min(steps)} if steps else {}
        return self.nir.NIRGraph(self.nodes, self.edges, metadata=metadata)

    def _parts(self, p: Population) -> list[tuple[Neuron, dict[str, np.ndarray]]]:
        return parts_of(neuron_of(self.circuit, p.name), p.memory)

    def _population(self, p: Population, is_input: bool) -> None:
        dynamics = [(n, m) for n, m in self._parts(p) if not isinstance(n, Bias | Linear)]
        where = f"population {p.name!r}"
        for n, _ in dynamics:
            if type(n) not in FIELDS:
                self.report.note(where, f"no neuron of NIR for {n!r}", "use LI, LIF, IF or CubaLIF")
        if any(isinstance(n, Bias) for n, _ in self._parts(p)[1:]):
            self.report.note(where, "a bias behind the neuron", "put it before")
        known = [(n, m) for n, m in dynamics if type(n) in FIELDS]
        if len(known) > 1:
            self.report.note(where, "several neurons one after the other", "use several populations")
        node = self._neuron(*known[0], p) if known else self.nir.Scale(np.ones(p.shape, np.float32))
        if is_input and not known:
            node = self.nir.Input({"input": np.array(p.shape)})
        elif is_input:
            name = self._free(f"input {p.name}")
            self.nodes[name] = self.nir.Input({"input": np.array(p.shape)})
            self.edges.append((name, p.name))
        self.nodes[p.name] = node

    def _neuron(self, n: Neuron, memory: dict[str, np.ndarray], p: Population) -> Any:
        fresh = {k: v.numpy() for k, v in n.memory(p.shape).items()}
        values = {}
        for theirs, ours in FIELDS[type(n)].items():
            column = np.asarray(memory.get(ours, fresh[ours])).reshape(-1, *[1] * (len(p.shape) - 1))
            scale = 1e-3 if ours.endswith("_ms") else 1.0
            values[theirs] = np.broadcast_to(column * column.dtype.type(scale), p.shape).copy()
        return getattr(self.nir, type(n).__name__)(**values)

    def _projection(self, q: Projection) -> None:
        where = f"projection {q.name!r}"
        if q.rule is not None:
            self.report.note(where, f"no learning rule in NIR (got {q.rule!r})", "set rule=None")
        if q.port != neuron_of(self.circuit, q.post).ports[0]:
            self.report.note(where, f"no ports in NIR (got {q.port!r})", "use neurons with one port")
            return
        law, weight = whole(self.circuit, q)
        pre, _ = self.circuit.shapes(q)
        chain = self._delays(q, pre) + self._law(q, law, weight, self._bias(q))
        if not chain:
            return
        names = [q.pre]
        for suffix, node in chain:
            names.append(self._free(f"{q.name}{suffix}"))
            self.nodes[names[-1]] = node
        self.edges += list(zip(names, [*names[1:], q.post], strict=True))

    def _delays(self, q: Projection, pre: tuple[int, ...]) -> Nodes:
        """Say a delay, but for the one step that closing a cycle is."""
        steps = q.delay - self._closes_cycle(q)
        if steps <= 0:
            return []
        dt_ms = min(self._steps(), default=1.0)
        return [(" delay", self.nir.Delay(np.full(pre, steps * dt_ms * 1e-3)))]

    def _steps(self) -> set[float]:
        """Give the lengths of a step, in ms, that neurons were made for."""
        spiking: list[Any] = [n for p in self.circuit.populations for n, _ in self._parts(p) if type(n) in FIELDS]
        return {float(n.dt_ms) for n in spiking}

    def _closes_cycle(self, q: Projection) -> int:
        """Tell whether a way without this projection leads from its end back to its beginning."""
        found, new = {q.post}, {q.post}
        while new:
            new = {p.post for p in self.circuit.projections if p.pre in new and p is not q} - found
            found |= new
        return int(q.delay > 0 and q.pre in found)

    def _bias(self, q: Projection) -> np.ndarray | None:
        """Give the bias of the postsynaptic population to the first projection that can carry it."""
        first, memory = self._parts(self.circuit.population(q.post))[0]
        if not isinstance(first, Bias):
            return None
        arriving = [p for p in self.circuit.projections if p.post == q.post and not p.delay]
        able = [p for p in arriving if isinstance(whole(self.circuit, p)[0], Dense | Conv)]
        if not able:
            self.report.note(f"population {q.post!r}", "a bias that no layer brings along", "connect it all to all")
        if not able or able[0] is not q:
            return None
        return memory.get("bias", np.zeros(self.circuit.population(q.post).n_units, np.float32))

    def _law(self, q: Projection, law: Any, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
        pre, post = self.circuit.shapes(q)
        write: Callable[..., Nodes] | None = _WRITERS.get(type(law))
        if isinstance(law, Conv) and (law.mode != "zeros" or len(pre) == 4):
            what = f"no such convolution in NIR (got {law!r})"
            self.report.note(f"projection {q.name!r}", what, "use a border of zeros, in 1d or 2d")
            return []
        if write is None or (isinstance(law, Dense) and len(post) > 1) or (isinstance(law, Pool) and len(pre) != 3):
            write = _unrolled
        return write(self, q, law, weight, bias)

    def _free(self, name: str) -> str:
        name, k = name.replace("/", "_"), 2
        found = name
        while found in self.nodes:
            found, k = f"{name}_{k}", k + 1
        return found


def _matrix(w: _Writer, q: Projection, matrix: np.ndarray, bias: np.ndarray | None) -> Nodes:
    pre, _ = w.circuit.shapes(q)
    node = w.nir.Linear(matrix) if bias is None else w.nir.Affine(matrix, np.asarray(bias))
    flat = [(" flatten", w.nir.Flatten({"input": np.array(pre)}, 0, -1))] if len(pre) > 1 else []
    return [*flat, ("", node)]


def _dense(w: _Writer, q: Projection, law: Dense, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
    pre, post = w.circuit.shapes(q)
    return _matrix(w, q, weight.reshape(n_neurons(post), n_neurons(pre)), bias)


def _conv(w: _Writer, q: Projection, law: Conv, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
    pre, post = w.circuit.shapes(q)
    window, rank = law.window(len(pre) - 1), len(pre) - 1
    filters = np.moveaxis(weight.reshape(post[0], *window["kernel"], pre[0] // law.groups), -1, 1).copy()
    given = [window[name] if rank == 2 else window[name][0] for name in ("stride", "padding", "dilation")]
    bias = np.zeros(post[0], weight.dtype) if bias is None else np.asarray(bias)
    kind = w.nir.Conv2d if rank == 2 else w.nir.Conv1d
    return [("", kind(pre[1:] if rank == 2 else pre[1], filters, *given, law.groups, bias))]


def _pool(w: _Writer, q: Projection, law: Pool, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
    if law.how == "max" or not (weight == 1).all():
        w.report.note(f"projection {q.name!r}", f"no such pool in NIR (got {law!r})", "use Pool(how='mean')")
        return []
    window = law.window(2)
    return [("", w.nir.AvgPool2d(*(np.array(window[name]) for name in ("kernel", "stride", "padding"))))]


def _relay(w: _Writer, q: Projection, law: Any, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
    _, post = w.circuit.shapes(q)
    column = weight.reshape(-1, *[1] * (len(post) - 1))
    return [("", w.nir.Scale(np.broadcast_to(column, post).copy()))]


def _unrolled(w: _Writer, q: Projection, law: Any, weight: np.ndarray, bias: np.ndarray | None) -> Nodes:
    pre, post = w.circuit.shapes(q)
    n, m = n_neurons(pre), n_neurons(post)
    if law.reduce != "sum" or len(post) > 1 or n * m > MOST_PAIRS:
        what = f"no wiring of NIR for {law!r} between {pre} and {post}"
        w.report.note(f"projection {q.name!r}", what, "use Dense, Conv, or populations without sites")
        return []
    table, matrix = law.synapses(pre, post), np.zeros((m, n), weight.dtype)
    np.add.at(matrix, (table.post, table.pre), (table.coef * weight[table.slot]).astype(weight.dtype))
    return _matrix(w, q, matrix, bias)


_WRITERS: dict[type, Callable[..., Nodes]] = {
    Dense: _dense, Conv: _conv, Pool: _pool, OneToOne: _relay,
}  # fmt: skip
