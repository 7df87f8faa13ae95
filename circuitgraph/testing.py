"""The five contracts, as functions that anyone can call on a topology, kernel, neuron, rule or edit of their own.

Each returns nothing and raises AssertionError with what was expected.  The library's own tests run them over
everything registered.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from circuitgraph import registry
from circuitgraph.compiler import Network, compile
from circuitgraph.edits import Edit
from circuitgraph.ir import Circuit, Shape, Topology, Value, n_neurons
from circuitgraph.ir.value import decode, encode
from circuitgraph.kernels import Ends, Kernel, Reference, make_kernel
from circuitgraph.neurons import Neuron
from circuitgraph.rules import Rule, Signals, weight_change

SIZES: tuple[int, ...] = (0, 1, 3)


def check_value(value: Value) -> None:
    """Check that a value is its constructor arguments: equal copies, equal hashes, and a round trip through data."""
    arrays: dict[str, np.ndarray] = {}
    again = decode(encode(value, arrays), arrays)
    assert again == value, f"{value!r}: changed by encode and decode, into {again!r}"
    assert hash(again) == hash(value), f"{value!r}: equal values hash differently"
    assert value != object(), f"{value!r}: equals anything"


def check_topology(topology: Topology, pre: Shape, post: Shape) -> None:
    """Check a topology: valid tables, slots that agree with the enumeration of synapses, counts, purity."""
    check_value(topology)
    topology.check(pre, post)
    slots, synapses = topology.slots(pre, post), topology.synapses(pre, post)
    slots.check(pre, post)
    synapses.check(pre, post, len(slots))
    _equal(np.bincount(synapses.slot, minlength=len(slots)), slots.count, f"{topology!r}: slots.count and synapses per slot")
    for end, index, shape in (("pre", synapses.pre, pre), ("post", synapses.post, post)):
        kind = getattr(slots, f"{end}_end")
        sites = n_neurons(shape) // shape[0]
        seen = {"unit": index // sites, "site": index % sites, "neuron": index}[kind]
        _equal(seen, getattr(slots, end)[synapses.slot], f"{topology!r}: {end} end of slots and of their synapses")
    assert topology.n_slots(pre, post) == len(slots), f"{topology!r}: n_slots differs from the table"
    assert topology.n_synapses(pre, post) == len(synapses), f"{topology!r}: n_synapses differs from the table"
    row = topology.row_length(pre, post)
    if row is not None and len(slots):
        groups = slots.post.reshape(-1, row)
        assert (groups == groups[:, :1]).all(), f"{topology!r}: row_length does not group slots by postsynaptic end"
        _equal(groups[:, 0], np.arange(len(groups)), f"{topology!r}: rows and postsynaptic ends")
    again = topology.synapses(pre, post)
    _equal(again.pre, synapses.pre, f"{topology!r}: synapses of a second call")


def check_kernel(kernel: type[Kernel], topology: Topology, pre: Shape, post: Shape) -> None:
    """Check a kernel against the reference, in three types and for batches of 0, 1 and 3; adjoint identity; gradients."""
    ours, reference = kernel(topology, pre, post), Reference(topology, pre, post)
    assert not ours.state_dict(), f"{kernel.name}: indices are derived and must not be in state_dict (register with persistent=False)"
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 4e-2)):
        for batch in SIZES:
            x, w, g = _operands(topology, pre, post, batch, dtype)
            with torch.no_grad():
                for method, args in (("push", (x, w)), ("pull", (g, w, x)), ("pair", (x, g))):
                    got, expected = getattr(ours, method)(*args), getattr(reference, method)(*args)
                    _close(got, expected, tolerance, f"{kernel.name}.{method} of {topology!r} in {dtype}, batch {batch}")
                _close(ours.push(_strided(x), w), ours.push(x, w), tolerance, f"{kernel.name}.push of non-contiguous activity")
    if kernel.takes_unit_weights:
        _close(ours.push(x, None), ours.push(x, torch.ones_like(w)), 0, f"{kernel.name}.push with w=None")
    x, w, g = _operands(topology, pre, post, 2, torch.float64)
    forms = torch.stack([(ours.push(x, w) * g).sum(), (ours.pull(g, w, x) * x).sum(), (ours.pair(x, g) * w).sum()])
    assert forms.max() - forms.min() <= 1e-10 * (1 + forms.abs().max()), f"{kernel.name}: adjoint identity broken, {forms.tolist()}"
    if len(w):
        x.requires_grad_(), w.requires_grad_()
        assert torch.autograd.gradcheck(lambda x, w: ours(x, w), (x, w)), f"{kernel.name}: gradcheck of {topology!r}"


def check_neuron(neuron: Neuron, shape: Shape = (4, 3)) -> None:
    """Check a neuron: shapes, types, eval that changes nothing and minds no other sample, a monotone response."""
    check_value(neuron)
    rng = torch.Generator().manual_seed(0)
    ports = {p: torch.rand(5, *shape, generator=rng, dtype=torch.float64) + 0.1 for p in neuron.ports}
    memory = {k: v.double() for k, v in neuron.memory(shape).items()}
    for name, column in memory.items():
        assert column.shape[:1] == shape[:1], f"{neuron!r}: memory {name!r} does not have units first"
    before = {k: v.clone() for k, v in memory.items()}
    given = {k: v.clone() for k, v in ports.items()}
    z, extra = neuron.drive(ports, memory, training=False)
    y = neuron.respond(z)
    assert y.shape == (5, *shape) and y.dtype == torch.float64, f"{neuron!r}: output {tuple(y.shape)} of {y.dtype}"
    assert torch.isfinite(y).all(), f"{neuron!r}: output is not finite"
    turned = neuron.respond(neuron.drive({k: v.flip(0) for k, v in ports.items()}, memory, training=False)[0])
    _close(turned.flip(0), y, 1e-12, f"{neuron!r}: output in another order of samples")
    single = neuron.respond(neuron.drive({k: v[:1] for k, v in ports.items()}, memory, training=False)[0])
    _close(single, y[:1], 1e-12, f"{neuron!r}: output of one sample by itself, in eval")
    trained, seen = neuron.drive(ports, memory, training=True)
    for name, column in (extra | seen).items():
        assert len(column) in (1, 5), f"{neuron!r}: column {name!r} does not have the batch first"
    for k in memory:
        _close(memory[k], before[k], 0, f"{neuron!r}: memory {k!r} changed by drive; only learn may")
    for k in ports:
        _close(ports[k], given[k], 0, f"{neuron!r}: port {k!r} changed in place")
    neuron.learn(seen, memory)
    ladder = torch.linspace(-3, 3, 50, dtype=torch.float64)
    assert (neuron.respond(ladder).diff() >= 0).all(), f"{neuron!r}: respond falls somewhere; put that part into drive"
    for port in neuron.ports:
        ports[port] = ports[port].clone().requires_grad_()
    neuron.respond(neuron.drive(ports, memory, training=True)[0]).sum().backward()


def check_rule(rule: Rule) -> None:
    """Check a rule on every kind of wiring: the same change by every kernel, summed over samples, in any order."""
    check_value(rule)
    for topology, pre, post in _wirings():
        generator = torch.Generator().manual_seed(1)
        x, w, _ = _operands(topology, pre, post, 4, torch.float64)
        u, y = (torch.rand(4, *post, generator=generator, dtype=torch.float64) for _ in range(2))
        ends, where = Ends(topology, pre, post), f"{rule!r} on {topology!r}"

        def change(at: Tensor, kernel: Kernel, x=x, u=u, y=y, w=w, ends=ends) -> Tensor:  # type: ignore[no-untyped-def]
            return weight_change(rule, Signals(x[at], u[at], y[at]), w, kernel, ends).dw

        reference, fast, every = Reference(topology, pre, post), make_kernel(topology, pre, post), torch.arange(4)
        whole = change(every, reference)
        _close(change(every, fast), whole, 1e-10, f"{where}: kernel {fast.name} against reference")
        _close(sum(change(every[i : i + 1], fast) for i in range(4)), whole, 1e-10, f"{where}: sum over single samples")
        _close(change(every.flip(0), fast), whole, 1e-10, f"{where}: samples in another order")
        before = w.clone()
        result = weight_change(rule, Signals(x, u, y), w, fast, ends)
        _close(w, before, 0, f"{where}: weights changed before apply")
        rule.apply(w, result, ends)
        assert torch.isfinite(w).all(), f"{where}: weights are not finite"
        _close(u.sum(), u.clone().sum(), 0, f"{where}: activity changed")


def check_edit(edit: Edit, circuit: Circuit) -> None:
    """Check an edit: survivors bit for bit in order with their ids; the live network edited equals one built anew."""
    check_value(edit)
    before = circuit.fingerprint, [p.weight.tobytes() for p in circuit.projections]
    changed, remap = edit.apply(circuit)
    assert before == (circuit.fingerprint, [p.weight.tobytes() for p in circuit.projections]), f"{edit!r}: changed its argument"
    again, _ = edit.apply(circuit)
    assert again == changed, f"{edit!r}: a second application gives another circuit"
    for p in changed.projections:
        old = next((q for q in circuit.projections if q.name == p.name), None)
        if old is None:
            continue
        index = remap.slots.get(p.name, np.arange(old.n_slots))
        alive = index >= 0
        assert (np.diff(index[alive]) > 0).all(), f"{edit!r}: survivors of {p.name!r} changed their order"
        _equal(p.weight[alive], old.weight[index[alive]], f"{edit!r}: weights of survivors of {p.name!r}")
        _equal(p.slot_ids[alive], old.slot_ids[index[alive]], f"{edit!r}: ids of survivors of {p.name!r}")
    for pop in changed.populations:
        mine = next((q for q in circuit.populations if q.name == pop.name), None)
        if mine is not None:
            index = remap.units.get(pop.name, np.arange(mine.n_units))
            _equal(pop.unit_ids[index >= 0], mine.unit_ids[index[index >= 0]], f"{edit!r}: unit ids of {pop.name!r}")
    _check_live(edit, circuit, changed)


def _check_live(edit: Edit, circuit: Circuit, changed: Circuit) -> None:
    net, built = compile(circuit), compile(changed)
    net.edit(edit)
    assert net.snapshot() == built.snapshot(), f"{edit!r}: edited network and network built from the edited circuit differ"
    x = _input(built)
    for a, b in zip(_outputs(net, x), _outputs(built, x), strict=True):
        _close(a, b, 0, f"{edit!r}: outputs of edited and of rebuilt network")


def _input(net: Network) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(2)
    return {n: torch.rand(3, *net.circuit.population(n).shape, generator=rng) for n in net.plan.inputs}


def _outputs(net: Network, x: dict[str, Tensor]) -> list[Tensor]:
    state = net.step(x)
    return [state[name] for name in net.plan.outputs]


def _wirings() -> Iterator[tuple[Topology, Shape, Shape]]:
    for name in registry.topologies:
        for topology, pre, post in registry.topologies[name].examples():
            if topology.reduce == "sum":
                yield topology, pre, post


def _operands(topology: Topology, pre: Shape, post: Shape, batch: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    weights = torch.float64 if dtype == torch.float64 else torch.float32
    # Small whole numbers make ties, which is where pooling can go wrong; noise breaks most of them.
    x = torch.randint(-3, 4, (batch, *pre), generator=rng).to(dtype) + 0.25 * torch.rand(batch, *pre, generator=rng).round().to(dtype)
    w = torch.randn(topology.n_slots(pre, post), generator=rng, dtype=weights)
    return x if topology.reduce == "max" and batch != 2 else x + torch.rand(x.shape, generator=rng).to(dtype), w, torch.randn(
        batch, *post, generator=rng
    ).to(dtype)


def _strided(x: Tensor) -> Tensor:
    return torch.stack([x, x], dim=-1)[..., 0]


def _close(got: Tensor | float, expected: Tensor, tolerance: float, what: str) -> None:
    got = torch.as_tensor(got)
    assert got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
    assert got.dtype == expected.dtype, f"{what}: type {got.dtype}, expected {expected.dtype}"
    if not expected.numel():
        return
    error = (got.double() - expected.double()).abs().max().item()
    allowed = tolerance * max(1.0, expected.double().abs().max().item()) * max(1.0, expected.numel() ** 0.5)
    assert error <= allowed, f"{what}: off by {error:.3g}, allowed {allowed:.3g}"


def _equal(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert np.array_equal(got, expected), f"{what} differ (got {got[:8]}, expected {expected[:8]})"
