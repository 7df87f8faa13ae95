"""Many small projections as one operation: the same numbers, gradients and learning as one by one."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import circuitgraph as cg
from circuitgraph import testing
from circuitgraph.compiler import merge
from circuitgraph.compiler.bundle import Merged, join
from circuitgraph.compiler.plan import Fire, PushMany
from circuitgraph.errors import ShapeError, StateError
from circuitgraph.kernels import Reference, make_kernel

PLAN = """\
Plan of one step: inputs a; outputs c
  1  push  5 projections            kernel ?         18 slots, 18 synapses, gradient, fixed, Oja(0.01), delay 1, delay 2
     of: a->b, b->b, c->b, a->c, b->c
  2  fire  a.y                      2            Linear()
  3  fire  c.y                      2            ReLU()
  4  push  now                      kernel dense     4 slots, 4 synapses, gradient
  5  fire  b.y                      2            ReLU()"""


@pytest.fixture(autouse=True)
def _merge_even_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "FEW", 2)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def recurrent(n: int = 3, rule: cg.Rule | None = None) -> cg.Circuit:
    """All kinds of wiring between populations of one shape, at two delays, several onto one port, one pair twice."""
    body = cg.Circuit().add("x", (2, 4)).add("y", (2, 4), cg.ReLU()).add("z", (2, 4), cg.ReLU())
    edges = [0, 1, 2, 3], [1, 2, 3, 3]
    kinds: list[cg.Topology] = [
        cg.Dense(), cg.Conv(3, padding=1, mode="circular"), cg.GraphEdges(*edges), cg.GraphConv(*edges),
        cg.ErdosRenyi(0.3, seed=1), cg.Explicit([7, 0, 3], [1, 1, 6]), cg.Pruned(cg.Conv(3, padding=1), [0, 3, 7]),
        cg.OneToOne(), cg.Pool(1, how="mean"),
    ]  # fmt: skip
    pairs = [("x", "y"), ("y", "z"), ("z", "y"), ("y", "y"), ("x", "z")]
    for k, kind in enumerate(kinds):
        for delay in (1, 2):
            pre, post = pairs[(k + delay) % len(pairs)]
            body = body.connect(
                pre, post, kind, delay=delay, weight=cg.normal(0.3), fixed=k == 5, name=f"{k} {delay}",
                rule=rule if k in (0, 1, 4, 6) else None,
            )  # fmt: skip
    return body.connect("x", "y", cg.Dense(), name="now").connect("y", "z", cg.Dense(), name="then", weight=0.1)


def layers() -> cg.Circuit:
    """Four populations in a row, each connected to all later ones by several projections without delay."""
    body = cg.Circuit()
    for i in range(4):
        body = body.add(f"p{i}", 3, cg.ReLU())
    for i in range(4):
        for j in range(i + 1, 4):
            for k in range(2):
                body = body.connect(f"p{i}", f"p{j}", cg.ErdosRenyi(0.6, seed=k), name=f"{i}{j}{k}", rng=k)
    return body


def many(net: cg.Network) -> list[PushMany]:
    return [op for op in net.plan.ops if isinstance(op, PushMany)]


def grads(net: cg.Network, xs: Tensor, run: Callable[..., tuple[object, cg.State]] | None = None) -> tuple[Tensor, ...]:
    ys, _ = (run or net.run)(xs)
    assert isinstance(ys, Tensor)
    leaves = [xs, *(net.weights[p.name] for p in net.circuit.projections if net.weights[p.name].requires_grad)]
    scale = torch.linspace(1, 2, ys.numel(), dtype=ys.dtype).view_as(ys)
    found = torch.autograd.grad((ys * scale).square().sum(), leaves, allow_unused=True)
    return ys, *(torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, found, strict=True))


def series(circuit: cg.Circuit, steps: int = 5) -> Tensor:
    return noise(steps, 3, *circuit.populations[0].shape).requires_grad_()


@pytest.mark.parametrize("make", [recurrent, layers])
def test_outputs_and_all_gradients_over_time_are_those_of_the_referee(make: object) -> None:
    circuit: cg.Circuit = make()  # type: ignore[operator]
    merged, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    assert many(merged)
    assert not many(exact)
    xs = series(circuit)
    torch.testing.assert_close(grads(merged, xs), grads(exact, xs), rtol=1e-12, atol=1e-12)
    alone = cg.compile(circuit, dtype=torch.float64, kernels={p.name: "reference" for p in circuit.projections})
    assert not many(alone)
    torch.testing.assert_close(grads(merged, xs), grads(alone, xs), rtol=1e-12, atol=1e-12)


def test_stepping_by_hand_is_running() -> None:
    net, xs, state = cg.compile(recurrent(), dtype=torch.float64), series(recurrent()), None
    ys, last = net.run(xs)
    for x, y in zip(xs, ys, strict=True):
        state = net.step(x, state)
        torch.testing.assert_close(state["z"], y, rtol=0, atol=0)
    assert state is not None
    assert list(state.columns) == list(last.columns)


@pytest.mark.parametrize("rule", [cg.Oja(0.01), cg.Hebb(0.01), cg.SoftHebb(0.05)], ids=repr)
def test_rules_on_members_learn_the_same(rule: cg.Rule) -> None:
    circuit = recurrent(rule=rule)
    merged, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    assert set(merged.kernels) < {p.name for p in circuit.projections}
    xs = series(circuit).detach()
    torch.testing.assert_close(
        merged.run(xs, learn=True)[0], exact.run(xs, learn=True)[0], rtol=1e-12, atol=1e-12
    )  # fmt: skip
    for p in circuit.projections:
        torch.testing.assert_close(merged.weights[p.name], exact.weights[p.name], rtol=1e-12, atol=1e-12, msg=p.name)


def test_one_operation_for_what_is_late_and_one_for_each_depth() -> None:
    net = cg.compile(recurrent())
    (op,) = many(net)
    assert len(op.projections) == 18
    assert net.plan.ops[0] == op
    assert {delay for _, delay in op.columns} == {1, 2}
    assert [len(op.projections) for op in many(cg.compile(layers()))] == [6, 4, 2]
    assert len(cg.compile(layers()).plan.ops) == 7
    kept = [op.population for op in cg.compile(layers()).plan.ops if isinstance(op, Fire)]
    assert kept == ["p0", "p1", "p2", "p3"]


def test_a_plan_with_a_merged_operation_reads_like_this() -> None:
    body = cg.Circuit().add("a", 2).add("b", 2, cg.ReLU()).add("c", 2, cg.ReLU())
    body = body.connect("a", "b", cg.Dense(), delay=1).connect("a", "c", cg.Dense(), delay=1)
    body = body.connect("b", "b", cg.Dense(), delay=1, fixed=True).connect(
        "b", "c", cg.OneToOne(), delay=2, fixed=False
    )
    body = body.connect("c", "b", cg.Dense(), delay=2, rule=cg.Oja(0.01)).connect("a", "b", cg.Dense(), name="now")
    plan = cg.compile(body).plan
    kernel = f"{plan.kernels['a->b']:<9}"
    got = str(plan).replace(kernel, f"{'?':<9}", 1).replace("learning_rate=", "")
    assert got == PLAN
    assert {plan.kernels[name] for name in plan.ops[0].projections} == {plan.kernels["a->b"]}


def test_left_alone_are_the_large_the_forced_the_strongest_and_relays_of_one() -> None:
    body = cg.Circuit().add("x", (2, 4)).add("y", (2, 4))
    for k, kind in enumerate([cg.Dense(), cg.ErdosRenyi(0.5), cg.Pool(1), cg.OneToOne(), cg.Conv(1), cg.Conv(1)]):
        body = body.connect("x", "y", kind, delay=1, name=str(k))
    net = cg.compile(body, kernels={"4": "conv"})
    assert [op.projections for op in many(net)] == [("0", "1", "5")]
    assert net.plan.kernels["4"] == "conv"
    assert "3" in net._ones
    assert [op.projections for op in many(cg.compile(body, batch=1 << 20))] == []
    assert [len(op.projections) for op in many(cg.compile(body, batch=1))] == [4]


def test_few_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "FEW", 4)
    body = cg.Circuit().add("x", 3).add("y", 3)
    for k in range(3):
        body = body.connect("x", "y", cg.Dense(), delay=1, name=str(k))
    assert not many(cg.compile(body))
    assert many(cg.compile(body.connect("x", "y", cg.Dense(), delay=1)))


def test_what_has_not_arrived_yet_is_silent() -> None:
    body = cg.Circuit().add("x", 1).add("y", 1)
    for delay in (1, 3):
        body = body.connect("x", "y", cg.Dense(), delay=delay, weight=10.0**delay, name=str(delay))
    net = cg.compile(body)
    assert many(net)
    ys, state = net.run(torch.tensor([1.0, 2, 3, 4, 5]).view(5, 1, 1))
    assert ys.flatten().tolist() == [0, 10, 20, 1030, 2040]
    with pytest.raises(StateError, match="another batch"):
        net.step(torch.ones(2, 1), state)


def test_fixed_ones_that_are_merged_may_be_loaded_with_other_weights() -> None:
    body = cg.Circuit().add("x", 3).add("y", 3)
    for k in range(2):
        body = body.connect("x", "y", cg.ErdosRenyi(0.5), delay=1, weight=1.0, fixed=True, name=str(k))
    net = cg.compile(body)
    assert not net._ones
    net.load_state_dict({name: 2 * t for name, t in net.state_dict().items()})
    x = torch.ones(1, 3)
    single = cg.compile(net.snapshot(), exact=True)
    assert torch.equal(net.step(x, net.step(x))["y"], single.step(x, single.step(x))["y"])


def test_names_in_state_dict_snapshots_and_fingerprints_are_as_without() -> None:
    circuit = recurrent()
    merged, exact = cg.compile(circuit), cg.compile(circuit, exact=True)
    assert many(merged)
    assert list(merged.state_dict()) == list(exact.state_dict())
    assert [n for n, _ in merged.named_parameters()] == [n for n, _ in exact.named_parameters()]
    assert [n for n, _ in merged.named_buffers() if n in merged.state_dict()] == []
    assert merged.snapshot() == circuit
    assert merged.fingerprint == exact.fingerprint == circuit.fingerprint
    exact.load_state_dict(merged.state_dict())


def test_an_edited_network_equals_one_built_anew_and_keeps_what_it_left_alone() -> None:
    circuit = recurrent()
    net = cg.compile(circuit, dtype=torch.float64)
    before, weight = dict(net.bundles), net.weights["0 1"]
    net.edit(cg.RemoveSlots("now", [0, 1]))
    assert dict(net.bundles) == before
    net.edit(cg.RemoveSlots("1 1", [0, 4]))
    assert dict(net.bundles) != before
    assert net.weights["0 1"] is weight
    xs = series(circuit)
    again = cg.compile(net.snapshot(), dtype=torch.float64)
    torch.testing.assert_close(grads(net, xs), grads(again, xs), rtol=0, atol=0)
    exact = cg.compile(net.snapshot(), dtype=torch.float64, exact=True)
    torch.testing.assert_close(grads(net, xs), grads(exact, xs), rtol=1e-12, atol=1e-12)


def test_the_contract_of_edits_holds_where_projections_are_merged() -> None:
    testing.check_edit(cg.RemoveSlots("1 1", [0, 4]), recurrent())
    testing.check_edit(cg.Inhibit("x"), recurrent())


def test_copies_compute_on_their_own() -> None:
    net = cg.compile(recurrent(), dtype=torch.float64)
    twin, xs = copy.deepcopy(net), series(recurrent())
    with torch.no_grad():
        twin.weights["0 1"].zero_()
    alone = cg.compile(twin.snapshot(), dtype=torch.float64, exact=True)
    torch.testing.assert_close(grads(twin, xs), grads(alone, xs), rtol=1e-12, atol=1e-12)


def test_two_compilations_give_the_same_bits() -> None:
    circuit, results = recurrent(), []
    for _ in range(2):
        net = cg.compile(circuit)
        results.append((str(net.plan), *grads(net, series(circuit).detach().float().requires_grad_())))
    assert results[0][0] == results[1][0]
    torch.testing.assert_close(results[0][1:], results[1][1:], rtol=0, atol=0)


def test_types_and_functional_calls_work_as_without() -> None:
    circuit = recurrent()
    net, x = cg.compile(circuit, activity_dtype=torch.bfloat16), torch.ones(2, 2, 4)
    assert net.step(x, net.step(x))["z"].dtype == torch.bfloat16
    net = cg.compile(circuit, dtype=torch.float64)
    zero = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    assert not torch.func.functional_call(net, zero, (x,)).any()
    state = net.step(torch.ones(0, 2, 4))
    assert net.step(torch.ones(0, 2, 4), state)["z"].shape == (0, 2, 4)


# What torch does while it traces warns, of itself (torch 2.13).
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_graph_computes_the_same() -> None:
    torch._dynamo.reset()
    net = cg.compile(recurrent(), dtype=torch.float64)
    xs = series(net.circuit, 3)
    run = torch.compile(net.run, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(grads(net, xs, run), grads(net, xs), rtol=1e-12, atol=1e-12)


def test_the_merged_wiring_is_all_members_side_by_side() -> None:
    circuit = recurrent()
    (op,) = many(cg.compile(circuit))
    joined = join(op, circuit)
    slots, synapses = (f(joined.pre, joined.post) for f in (joined.topology.slots, joined.topology.synapses))
    slots.check(joined.pre, joined.post)
    synapses.check(joined.pre, joined.post, len(slots))
    assert (np.diff(joined.topology.post * joined.pre[0] + joined.topology.pre) > 0).all()
    members = [circuit.projection(name) for name in op.projections]
    assert len(joined.slot) == sum(p.topology.n_synapses(*circuit.shapes(p)) for p in members)
    assert set(joined.slot.tolist()) == set(range(sum(p.n_slots for p in members)))
    assert len(joined.topology.pre) < len(joined.slot)
    assert isinstance(make_kernel(joined.topology, joined.pre, joined.post, "reference"), Reference)
    assert repr(joined.topology).startswith("Merged(pre=")
    assert Merged([0], [0]) == Merged([0], [0])


KINDS: list[cg.Topology] = [
    cg.Dense(), cg.Conv(3, padding=1), cg.Conv(1, groups=1), cg.ErdosRenyi(0.4), cg.ErdosRenyi(0.0), cg.OneToOne(),
    cg.GraphEdges([0, 2], [1, 1]), cg.GraphConv([0, 1], [2, 0]), cg.Gather(), cg.Spread(), cg.Pool(1),
    cg.Explicit([0], [2]),
]  # fmt: skip


@st.composite
def circuits(draw: st.DrawFn) -> cg.Circuit:
    units = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    body = cg.Circuit()
    for i, n in enumerate(units):
        body = body.add(f"p{i}", (n, 3), draw(st.sampled_from([None, cg.ReLU(), cg.Divide()])))
    ends = st.integers(0, len(units) - 1)
    for k in range(draw(st.integers(2, 12))):
        i, j, delay = draw(ends), draw(ends), draw(st.integers(0, 2))
        delay = delay if i < j else max(1, delay)
        neuron = body.population(f"p{j}").neuron
        port = draw(st.sampled_from(neuron.ports if isinstance(neuron, cg.Divide) else ("in",)))
        fixed, rule = draw(st.sampled_from([(None, None), (True, None), (False, None), (False, cg.Oja(0.01))]))
        try:
            body = body.connect(
                f"p{i}", f"p{j}", draw(st.sampled_from(KINDS)), delay=delay, name=str(k), weight=cg.normal(0.3), rng=k,
                port=port, fixed=fixed, rule=rule,
            )  # fmt: skip
        except ShapeError:
            body = body.connect(f"p{i}", f"p{j}", cg.Dense(), delay=delay, name=str(k), rng=k, port=port)
    return body


@given(circuits(), st.integers(0, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_circuit_computes_and_learns_as_without(circuit: cg.Circuit, batch: int) -> None:
    results = []
    for exact in (False, True):
        net = cg.compile(circuit, dtype=torch.float64, exact=exact)
        xs = {n: noise(4, batch, *circuit.population(n).shape, seed=i) for i, n in enumerate(net.plan.inputs)}
        ys, state = net.run(xs)
        sums = [y.square().sum() for y in (ys.values() if isinstance(ys, dict) else [ys])]
        total = torch.stack(sums).sum()
        leaves = [p for p in net.parameters() if p.requires_grad]
        found = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
        found = [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]
        net.learn(state)
        results.append(
            [*sums, *found, *(state[n] for n in sorted(p.name for p in circuit.populations)), *net.parameters()]
        )
    assert len(results[0]) == len(results[1])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(
            a, b, rtol=1e-9, atol=1e-12 * max(1.0, b.detach().abs().max().item() if b.numel() else 0)
        )
