"""The contracts, as functions that anyone can call on a topology, kernel, neuron, rule, edit or score of their own.

Each returns nothing and raises AssertionError with what was expected.  The library's own tests run them over
everything registered.

Example:
    >>> import circuitgraph as cg
    >>> check_topology(cg.Conv(3), (2, 5), (4, 3))
    >>> check_neuron(cg.Triangle(1.4))
    >>> check_edit(cg.Inhibit("x"), cg.Circuit().add("x", 3))
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph import registry
from circuitgraph.compiler import Network, compile
from circuitgraph.edits import Edit
from circuitgraph.errors import StructureError
from circuitgraph.ir import Circuit, Projection, Remap, Shape, Topology, Value, n_neurons
from circuitgraph.ir.value import decode, encode
from circuitgraph.kernels import Ends, Kernel, Reference, make_kernel
from circuitgraph.neurons import Neuron
from circuitgraph.rules import Moved, Rule, Signals, Winners, prepare_change, weight_change
from circuitgraph.rules.rule import Part
from circuitgraph.structural.look import look
from circuitgraph.structural.scores import Score

SIZES: tuple[int, ...] = (0, 1, 3)
"""Batch sizes that kernels are checked with."""
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 1.5e-2}
"""Allowed error for each type, relative to the largest value, times the root of the number of terms in a sum."""


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
    per_slot = np.bincount(synapses.slot, minlength=len(slots))
    _equal(per_slot, slots.count, f"{topology!r}: slots.count and synapses per slot")
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
    for column in ("pre", "post", "slot", "coef"):
        _equal(getattr(again, column), getattr(synapses, column), f"{topology!r}: {column} of a second call")
    _check_resized(topology, pre, post)


def _check_resized(topology: Topology, pre: Shape, post: Shape) -> None:
    """Check that a law follows units that go and come: each slot that is left has the ends that it had."""
    tied = topology.tied(pre, post)
    some = [np.append(np.arange(1, n), -1) for n in (pre[0], post[0])]
    wanted = [(np.arange(pre[0]), np.arange(post[0])), (some[0], some[0] if tied else some[1])]
    for pre_units, post_units in wanted:
        try:
            law, index = topology.resized(pre, post, pre_units, post_units)
        except StructureError:
            continue
        shapes = (len(pre_units), *pre[1:]), (len(post_units), *post[1:])
        law.check(*shapes)
        new, old, alive = law.slots(*shapes), topology.slots(pre, post), index >= 0
        assert len(index) == len(new), f"{topology!r}: resized lists {len(index)} slots, expected {len(new)}"
        assert (np.diff(index[alive]) > 0).all(), f"{topology!r}: resized changes the order of slots"
        for end, units, shape in (("pre", pre_units, pre), ("post", post_units, post)):
            kind, sites = getattr(old, f"{end}_end"), n_neurons(shape) // shape[0]
            was, now = getattr(old, end)[index[alive]], getattr(new, end)[alive]
            if kind == "neuron":
                now = units[now // sites] * sites + now % sites
            elif kind == "unit":
                now = units[now]
            _equal(now, was, f"{topology!r}: {end} ends of resized slots")


def check_score(score: Score) -> None:
    """Check a score: one real number for each slot and unit, higher to keep, without changing what it looks at."""
    check_value(score)
    rng = torch.Generator().manual_seed(0)
    start = Circuit().add("x", (3, 4)).connect("x", "y", registry.topologies["conv"](3, padding=1), units=2)
    net = compile(start.connect("y", "z", registry.topologies["erdos-renyi"](0.6), units=4))
    data = [(torch.randn(5, 3, 4, generator=rng), torch.randn(5, 4, generator=rng)) for _ in range(2)]
    before = net.snapshot()
    for _ in range(2):
        seen = look(net, ["x->y"], data, loss=lambda y, t: (y - t).square().mean(), reads=score.reads, rng=0)
        found = {name: (score.score(s), score.score_units([s])) for name, s in seen.items()}
    assert net.snapshot() == before, f"{score!r}: changed the network"
    for name, (slots, units) in found.items():
        p = before.projection(name)
        for what, got, size in (("slots", slots, p.n_slots), ("units", units, before.population(p.post).n_units)):
            assert got.shape == (size,), f"{score!r}: {what} of {name!r}, {tuple(got.shape)}, expected ({size},)"
            assert not got.isnan().any(), f"{score!r}: {what} of {name!r} hold NaN"
        again = score.score(seen[name])
        _close(again, slots, 0, f"{score!r}: a second look at {name!r}")


def check_kernel(kernel: type[Kernel], topology: Topology, pre: Shape, post: Shape) -> None:
    """Check a kernel: three methods against the reference, in three types and batches; adjoint identity; gradients."""
    assert kernel.supports(topology, pre, post), f"{kernel.name}: does not support {topology!r}"
    ours, reference = kernel(topology, pre, post), Reference(topology, pre, post)
    persistent = "indices are derived and must not be in state_dict (register with persistent=False)"
    assert not ours.state_dict(), f"{kernel.name}: {persistent}"
    for dtype in TOLERANCES:
        for batch in SIZES:
            _check_methods(ours, reference, *_operands(topology, pre, post, batch, dtype))
    x, w, g = _operands(topology, pre, post, 2, torch.float64, ties=False)
    if kernel.takes_unit_weights:
        _close(ours.push(x, None), ours.push(x, torch.ones_like(w)), 0, f"{kernel.name}.push with w=None")
    forms = torch.stack([(ours.push(x, w) * g).sum(), (ours.pull(g, w, x) * x).sum(), (ours.pair(x, g) * w).sum()])
    apart = (forms.max() - forms.min()).item()
    assert apart <= 1e-10 * (1 + forms.abs().max()), f"{kernel.name}: adjoint identity broken, {forms.tolist()}"
    if len(w):
        x.requires_grad_(), w.requires_grad_()
        right = torch.autograd.gradcheck(lambda x, w: ours(x, w), (x, w), raise_exception=False)
        assert right, f"{kernel.name}: gradients of {topology!r} differ from finite differences (gradcheck)"
        if topology.reduce == "sum" or not kernel.opaque:
            twice = torch.autograd.gradgradcheck(lambda x, w: ours(x, w), (x, w), raise_exception=False)
            assert twice, f"{kernel.name}: second derivatives of {topology!r} are wrong; if not torch code, set opaque"


def _check_methods(ours: Kernel, reference: Kernel, x: Tensor, w: Tensor, g: Tensor) -> None:
    topology, pre, post, given = ours.topology, ours.pre, ours.post, (x.clone(), w.clone(), g.clone())
    n = topology.n_synapses(pre, post)
    calls = {
        "push": ((x, w), n / n_neurons(post)),
        "pull": ((g, w, x), n / n_neurons(pre)),
        "pair": ((x, g), n * len(x) / max(1, len(w))),
    }
    for method, (args, terms) in calls.items():
        what = f"{ours.name}.{method} of {topology!r} in {x.dtype}, batch {len(x)}"
        allowed = TOLERANCES[x.dtype] * max(1.0, terms) ** 0.5
        with torch.no_grad():
            expected = getattr(reference, method)(*args)
            _close(getattr(ours, method)(*args), expected, allowed, what)
            strided = [a if a is w else _strided(a) for a in args]
            _close(getattr(ours, method)(*strided), expected, allowed, f"{what}, of non-contiguous activity")
    for name, now, before in zip("xwg", (x, w, g), given, strict=True):
        _close(now, before, 0, f"{ours.name}: {name} changed in place")


def check_neuron(neuron: Neuron, shape: Shape = (4, 3)) -> None:
    """Check a neuron: shapes, types, eval that changes nothing and minds no other sample, a monotone response."""
    check_value(neuron)
    neuron.check(shape)
    rng = torch.Generator().manual_seed(0)
    ports = {p: torch.randn(5, *shape, generator=rng, dtype=torch.float64) for p in neuron.ports}
    memory = {k: v.double() for k, v in neuron.memory(shape).items()}
    for name, column in memory.items():
        assert column.shape[:1] == shape[:1], f"{neuron!r}: memory {name!r} does not have units first"
    kept, given = _copies(memory), _copies(ports)
    _check_eval(neuron, ports, memory, shape)
    _, extra = neuron.drive(ports, memory, training=False)
    _, seen = neuron.drive(ports, memory, training=True)
    for name, column in (extra | seen).items():
        assert len(column) in (1, 5), f"{neuron!r}: column {name!r} does not have the batch first"
    _same(memory, kept, f"{neuron!r}: changed by drive, only learn may: memory")
    _same(ports, given, f"{neuron!r}: changed in place: port")
    neuron.learn(seen, memory)
    assert memory.keys() == kept.keys(), f"{neuron!r}: learn changed the names of memory, to {sorted(memory)}"
    for name, column in memory.items():
        assert column.shape == kept[name].shape, f"{neuron!r}: learn changed the shape of memory {name!r}"
    _check_response(neuron)
    _check_gradient(neuron, ports, memory)


def _check_eval(neuron: Neuron, ports: Mapping[str, Tensor], memory: Mapping[str, Tensor], shape: Shape) -> None:
    def output(ports: Mapping[str, Tensor], dtype: torch.dtype = torch.float64) -> Tensor:
        typed = {k: v.to(dtype) for k, v in ports.items()}, {k: v.to(dtype) for k, v in memory.items()}
        return neuron.respond(neuron.drive(*typed, training=False)[0])

    y = output(ports)
    assert y.shape == (5, *shape), f"{neuron!r}: output {tuple(y.shape)}, expected {(5, *shape)}"
    assert torch.isfinite(y).all(), f"{neuron!r}: output is not finite"
    for dtype in TOLERANCES:
        assert output(ports, dtype).dtype == dtype, f"{neuron!r}: output of {dtype} is {output(ports, dtype).dtype}"
    _close(output({k: v.flip(0) for k, v in ports.items()}).flip(0), y, 1e-12, f"{neuron!r}: output in another order")
    _close(output({k: v[:1] for k, v in ports.items()}), y[:1], 1e-12, f"{neuron!r}: output of one sample, in eval")
    _close(output({k: _strided(v) for k, v in ports.items()}), y, 1e-12, f"{neuron!r}: output of non-contiguous input")
    assert output({k: v[:0] for k, v in ports.items()}).shape == (0, *shape), f"{neuron!r}: output of an empty batch"


def _check_response(neuron: Neuron) -> None:
    ladder = torch.linspace(-3, 3, 50, dtype=torch.float64)
    y = neuron.respond(ladder)
    _close(ladder, torch.linspace(-3, 3, 50, dtype=torch.float64), 0, f"{neuron!r}: respond changed its argument")
    assert (y.diff() >= 0).all(), f"{neuron!r}: respond falls somewhere; put that part into drive"
    alone = f"{neuron!r}: respond is not elementwise; put that part into drive"
    _close(torch.cat([neuron.respond(z[None]) for z in ladder]), y, 1e-12, alone)


def _check_gradient(neuron: Neuron, ports: Mapping[str, Tensor], memory: Mapping[str, Tensor]) -> None:
    leaves = {k: v.clone().requires_grad_() for k, v in ports.items()}
    neuron.respond(neuron.drive(leaves, memory, training=True)[0]).sum().backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None, f"{neuron!r}: no gradient to port {name!r}"
        assert torch.isfinite(leaf.grad).all(), f"{neuron!r}: gradient to port {name!r} is not finite"


def check_rule(rule: Rule) -> None:
    """Check a rule on every kind of wiring: the same change by every kernel, summed over samples, in any order."""
    check_value(rule)
    for topology, pre, post in _wirings():
        _check_rule_on(rule, topology, pre, post)


def _check_rule_on(rule: Rule, topology: Topology, pre: Shape, post: Shape) -> None:
    rng = torch.Generator().manual_seed(1)
    x, w, _ = _operands(topology, pre, post, 4, torch.float64)
    u, y = (torch.rand(4, *post, generator=rng, dtype=torch.float64) for _ in range(2))
    ends, where = Ends(topology, pre, post), f"{rule!r} on {topology!r}"
    seen, memory = {"x": x, "u": u, "y": y}, {key: v.double() for key, v in rule.memory(post).items()}
    given, alone = _copies(seen | memory | {"w": w}), w.clone()
    # What a rule did not ask for may not be there when it runs.
    asked: dict[str, Any] = {name: column for name, column in seen.items() if name in ("x", *rule.reads)}

    def signals(at: Tensor) -> Signals:
        return Signals(**{n: column[at] for n, column in asked.items()}, memory=memory)

    def change(at: Tensor, kernel: Kernel) -> Tensor:
        return weight_change(rule, signals(at), w, kernel, ends).dw

    fast, every = make_kernel(topology, pre, post), torch.arange(4)
    try:
        terms = rule.terms(Signals(**asked, memory=memory))
    except (AssertionError, AttributeError, KeyError, TypeError) as error:
        raise AssertionError(f"{where}: terms fail with what reads={rule.reads} asks for; {error!r}") from error
    _same(seen | memory | {"w": w}, given, f"{where}: changed before apply")
    whole = change(every, Reference(topology, pre, post))
    _close(change(every, fast), whole, 1e-10, f"{where}: kernel {fast.name} against reference")
    _close(torch.stack([change(at, fast) for at in every.split(1)]).sum(0), whole, 1e-10, f"{where}: one by one")
    _close(change(every.flip(0), fast), whole, 1e-10, f"{where}: samples in another order")
    moved, turned = (_moved(where, t, memory, post[0]) for t in (terms, rule.terms(signals(every.flip(0)))))
    _same(turned, moved, f"{where}: samples in another order move memory", 1e-12)
    rule.apply(alone, weight_change(rule, signals(every), w, fast, ends), ends)
    assert torch.isfinite(alone).all(), f"{where}: weights are not finite"
    prepare_change(rule, signals(every), w, fast, ends)()
    _close(w, alone, 1e-10, f"{where}: kernel {fast.name}, all in one pass")
    kept = _copies({"w": w, **memory})
    prepare_change(rule, signals(every[:0]), w, fast, ends)()
    _same({"w": w, **memory}, kept, f"{where}: a batch of nothing changes")


def _moved(where: str, parts: Iterable[Part], memory: Mapping[str, Tensor], units: int) -> dict[str, Tensor]:
    """Find what memory becomes, after checking that it keeps its names and shapes, units first."""
    moved = {part.key: part.value for part in parts if isinstance(part, Moved)}
    assert all(column.shape[:1] == (units,) for column in memory.values()), f"{where}: memory not units first"
    assert moved.keys() <= memory.keys(), f"{where}: moves memory that it does not declare, {sorted(moved)}"
    for key, new in moved.items():
        got, expected = tuple(new.shape), tuple(memory[key].shape)
        assert got == expected, f"{where}: memory {key!r} becomes {got}, expected {expected}"
    return moved


def check_competition(winners: Winners, shape: Shape = (4, 3)) -> None:
    """Check a competition: 1 for winners and 0 for others, not too many, each sample by itself, nothing in place."""
    check_value(winners)
    u = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    memory = {key: v.double() for key, v in winners.memory(shape).items()}
    for _ in range(3):  # from what it starts with, and from what that becomes
        given = _copies(memory | {"u": u})
        won, parts = winners.judge(u, memory)
        turned, turned_parts = winners.judge(_strided(u.flip(0)), memory)
        _same(memory | {"u": u}, given, f"{winners!r}: changed in place, only learn may:")
        _close(won * (won - 1), u * 0, 0, f"{winners!r}: winners, of which each is 1 or 0")
        assert won.sum(1).max() <= winners.top_k, f"{winners!r}: more winners at a site than {winners.top_k}"
        _close(turned.flip(0), won, 0, f"{winners!r}: winners in another order of samples")
        single = torch.cat([winners.judge(one, memory)[0] for one in u.split(1)])
        _close(single, won, 0, f"{winners!r}: winners of one sample by itself")
        moved, again = (_moved(repr(winners), each, memory, shape[0]) for each in (parts, turned_parts))
        _same(again, moved, f"{winners!r}: samples in another order move memory", 1e-12)
        memory |= moved
    assert all(winners.judge(u.to(t), memory)[0].dtype == t for t in TOLERANCES), f"{winners!r}: not of the type of u"


def check_edit(edit: Edit, circuit: Circuit) -> None:
    """Check an edit: survivors bit for bit in order with their ids; the live network edited equals one built anew."""
    check_value(edit)
    before = circuit.fingerprint, [p.weight.tobytes() for p in circuit.projections]
    changed, remap = edit.apply(circuit)
    after = circuit.fingerprint, [p.weight.tobytes() for p in circuit.projections]
    assert before == after, f"{edit!r}: changed its argument"
    again, _ = edit.apply(circuit)
    assert again == changed, f"{edit!r}: a second application gives another circuit"
    old, mine = {q.name: q for q in circuit.projections}, {q.name: q for q in circuit.populations}
    for p in changed.projections:
        if p.name in old:
            _check_survivors(edit, remap, old[p.name], p)
    for pop in changed.populations:
        if pop.name in mine:
            index, ids = remap.units.get(pop.name, np.arange(mine[pop.name].n_units)), mine[pop.name].unit_ids
            got = f"{len(index)} units of {pop.name!r} in the remap, expected {pop.n_units}"
            assert len(index) == pop.n_units, f"{edit!r}: {got}"
            _equal(pop.unit_ids[index >= 0], ids[index[index >= 0]], f"{edit!r}: unit ids of {pop.name!r}")
    _check_live(edit, circuit)


def _check_survivors(edit: Edit, remap: Remap, old: Projection, new: Projection) -> None:
    index = remap.slots.get(new.name, np.arange(old.n_slots))
    got = f"{len(index)} slots of {new.name!r} in the remap, expected {new.n_slots}"
    assert len(index) == new.n_slots, f"{edit!r}: {got}"
    alive = index >= 0
    assert (np.diff(index[alive]) > 0).all(), f"{edit!r}: survivors of {new.name!r} changed their order"
    kept = alive.copy()
    kept[remap.rewritten.get(new.name, [])] = False
    _equal(new.weight[kept], old.weight[index[kept]], f"{edit!r}: weights of survivors of {new.name!r}")
    _equal(new.slot_ids[alive], old.slot_ids[index[alive]], f"{edit!r}: ids of survivors of {new.name!r}")


@torch.no_grad()
def _check_live(edit: Edit, circuit: Circuit) -> None:
    net = compile(circuit)
    for p in circuit.projections:
        if not p.fixed:  # as if it had learned since it was compiled
            net.weights[p.name].mul_(torch.linspace(0.5, 1.5, p.n_slots))
    built = compile(edit.apply(net.snapshot())[0])
    net.edit(edit)
    what = "edited network and one built from the edited circuit differ (if apply reads weights, set reads_weights)"
    assert net.snapshot() == built.snapshot(), f"{edit!r}: {what}"
    x = _input(built)
    for a, b in zip(_outputs(net, x), _outputs(built, x), strict=True):
        _close(a, b, 0, f"{edit!r}: outputs of edited and of rebuilt network")


def _input(net: Network) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(2)
    return {n: torch.rand(3, *net.circuit.population(n).shape, generator=rng) for n in net.plan.inputs}


def _outputs(net: Network, x: dict[str, Tensor]) -> list[Tensor]:
    state = net.step(x)
    return [state[name] for name in net.plan.outputs]


def _wirings() -> list[tuple[Topology, Shape, Shape]]:
    every = (example for name in registry.topologies for example in registry.topologies[name].examples())
    return [wiring for wiring in every if wiring[0].reduce == "sum"]


def _operands(
    topology: Topology, pre: Shape, post: Shape, batch: int, dtype: torch.dtype, *, ties: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    # Few whole numbers make ties, which is where pooling can go wrong.
    x = torch.randint(-1, 2, (batch, *pre), generator=rng).double()
    if topology.reduce == "sum" or not ties:
        x += torch.rand(batch, *pre, generator=rng, dtype=torch.float64)
    w = torch.randn(topology.n_slots(pre, post), generator=rng, dtype=torch.float64)
    g = torch.randn(batch, *post, generator=rng, dtype=torch.float64)
    return x.to(dtype), w if dtype == torch.float64 else w.float(), g.to(dtype)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.clone() for name, t in tensors.items()}


def _strided(x: Tensor) -> Tensor:
    return torch.stack([x, x], dim=-1)[..., 0]


def _same(got: Mapping[str, Tensor], expected: Mapping[str, Tensor], what: str, tolerance: float = 0) -> None:
    for name, tensor in expected.items():
        _close(got[name], tensor, tolerance, f"{what} {name!r}")


def _close(got: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    assert got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
    assert got.dtype == expected.dtype, f"{what}: type {got.dtype}, expected {expected.dtype}"
    if not expected.numel():
        return
    error = (got.double() - expected.double()).abs().max().item()
    allowed = tolerance * max(1.0, expected.double().abs().max().item())
    assert error <= allowed, f"{what}: off by {error:.3g}, allowed {allowed:.3g}"


def _equal(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    assert np.array_equal(got, expected), f"{what} differ (got {got[:8]}, expected {expected[:8]})"
