"""Lesions: what is silent sends nothing, competes with nobody, and leaves no trace."""

import dataclasses

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.communities import Partition
from circuitgraph.compiler.lesion import Silenced
from circuitgraph.errors import CircuitGraphError, RuleError, ShapeError, StructureError, UnknownNameError
from circuitgraph.kernels.winners import k_winners
from circuitgraph.neurons import Neuron


def inputs(n: int = 5, units: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, units, generator=torch.Generator().manual_seed(seed))


def trained(neuron: Neuron, units: int = 6) -> cg.Circuit:
    """Give x -> y -> z with a neuron in the middle whose memory is not that of its first day."""
    c = cg.Circuit().add("x", 4).add("y", units, neuron)
    for k, port in enumerate(neuron.ports):
        c = c.connect("x", "y", cg.Dense(), port=port, name=f"into {port}", rng=k)
    c = c.connect("y", "z", cg.Dense(), units=3, rng=7)
    memory = {k: v.numpy() for k, v in neuron.memory((units,)).items()}
    rng = np.random.default_rng(3)
    memory = {k: (abs(v) + rng.uniform(0.1, 1, v.shape)).astype(v.dtype) for k, v in memory.items()}
    return c.replace_population("y", memory=memory)


def steps(net: cg.Network, x: torch.Tensor, n: int = 3) -> list[dict[str, torch.Tensor]]:
    state, found = None, []
    for _ in range(n):
        state = net.step(x, state)
        found.append({name: state[name] for name in ("y", "z")})
    return found


def neurons() -> list[Neuron]:
    return [n for name in registry.neurons for n in registry.neurons[name].examples()]


@pytest.mark.parametrize("neuron", neurons(), ids=repr)
@pytest.mark.parametrize("training", [False, True])
def test_a_silent_unit_is_as_good_as_removed_whatever_the_neuron(neuron: Neuron, training: bool) -> None:
    circuit = trained(neuron)
    gone, left = [1, 4], [0, 2, 3, 5]
    without = cg.compile(cg.RemoveUnits("y", gone).apply(circuit)[0]).train(training)
    net = cg.compile(circuit).train(training)
    with net.lesioned({"y": gone}):
        found = steps(net, inputs())
    for mine, theirs in zip(found, steps(without, inputs()), strict=True):
        assert torch.allclose(mine["y"][:, left], theirs["y"], atol=1e-6)
        assert not mine["y"][:, gone].any()
        assert torch.allclose(mine["z"], theirs["z"], atol=1e-5)


def test_of_fewer_survivors_than_winners_all_win() -> None:
    net = cg.compile(trained(cg.KWinners(3)))
    with net.lesioned({"y": [0, 1, 2, 5]}):
        state = net.step(inputs())
        assert torch.equal(state["y"][:, [3, 4]], state["y", "in"][:, [3, 4]])
        assert not state["y"][:, [0, 1, 2, 5]].any()
    with net.lesioned("y"):
        assert not net.step(inputs())["y"].any()
    assert torch.equal(net.step(inputs())["y"], k_winners(net.step(inputs())["y", "in"], 3))


def competing(sites: tuple[int, ...] = ()) -> cg.Circuit:
    if sites:
        c = cg.Circuit().add("x", (2, *sites)).connect("x", "y", cg.Conv(3, padding=1), units=5)
        c = cg.Inhibit("y", 2.0).apply(c)[0]
        return c.connect("y_inhibited", "z", cg.Pool(2))
    c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=5)
    return cg.Inhibit("y", 2.0).apply(c)[0].connect("y_inhibited", "z", cg.Dense(), units=3)


@pytest.mark.parametrize("sites", [(), (4, 4)])
@pytest.mark.parametrize(
    "units",
    [{"y": [0, 3]}, {"y_inhibited": [1]}, {"y_inhibitor": [0]}, {"y": [2], "y_inhibited": [0, 2]}, {"y": range(5)}],
    ids=repr,
)
def test_a_fused_softmax_is_lesioned_as_its_three_populations_are(sites, units) -> None:
    circuit = competing(sites)
    fused, plain = cg.compile(circuit), cg.compile(circuit, exact=True)
    assert "softmax" in str(fused.plan)
    assert "softmax" not in str(plain.plan)
    x = inputs(3, 4) if not sites else torch.randn(3, 2, *sites, generator=torch.Generator().manual_seed(1))
    with fused.lesioned(units), plain.lesioned(units):
        assert "softmax" in str(fused.plan)
        a, b = fused.step(x), plain.step(x)
        assert torch.allclose(a["y_inhibited"], b["y_inhibited"], atol=1e-6)
        assert torch.allclose(fused(x), plain(x), atol=1e-6)
    if units == {"y": [0, 3]}:
        assert torch.allclose(a["y_inhibited"].sum(1), torch.ones(()), atol=1e-6)
        assert not a["y_inhibited"][:, [0, 3]].any()


def test_a_softmax_that_would_overflow_without_fusion_is_lesioned_safely() -> None:
    c = cg.Inhibit("y", 1.0).apply(cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=3, weight=200.0))[0]
    net = cg.compile(c)
    with net.lesioned({"y": [0]}):
        assert net(torch.ones(1, 1)).tolist() == [[0.0, 0.5, 0.5]]


def test_a_lesion_before_a_pool_that_was_moved_before_the_neuron_is_zero_behind_it() -> None:
    c = cg.Circuit().add("x", (3, 4, 4), registry.neurons["exponential"]()).connect("x", "y", cg.Pool(2))
    net, plain = cg.compile(c), cg.compile(c, exact=True)
    assert "responds behind" in str(net.plan)
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with net.lesioned({"x": [1]}), plain.lesioned({"x": [1]}):
        assert torch.equal(net(x), plain(x))
        assert not net(x)[:, 1].any()
        assert net(x)[:, [0, 2]].all()


def test_units_are_silent_at_all_sites_and_through_shared_weights() -> None:
    graph = cg.GraphEdges([0, 1, 2], [1, 2, 0])
    c = cg.Circuit().add("x", (3, 3)).connect("x", "y", graph, weight=1.0).connect("y", "z", cg.Conv(1), units=2)
    net, x = cg.compile(c), torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    with net.lesioned({"x": [2]}):
        y = net.step(x)["y"]
    assert torch.equal(y, net.step(torch.cat([x[:, :2], torch.zeros(2, 1, 3)], dim=1))["y"])


def test_inputs_and_outputs_can_be_silenced() -> None:
    net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=1.0))
    with net.lesioned({"x": 0, "y": [False, True]}):
        assert net(torch.tensor([[5.0, 2.0]])).tolist() == [[2.0, 0.0]]


def test_slots_carry_nothing_whatever_carries_them() -> None:
    c = cg.Circuit().add("x", (2, 4)).connect("x", "hidden", cg.Conv(3, padding=1), units=3, neuron=cg.ReLU())
    c = c.connect("hidden", "pooled", cg.Pool(2)).connect("pooled", "y", cg.Dense(), units=2)
    net, x = cg.compile(c), torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(2))
    slots = {"x->hidden": [0, 5], "hidden->pooled": [1], "pooled->y": [3]}
    by_hand = c
    for name, at in slots.items():
        weight = c.projection(name).weight.copy()
        weight[at] = 0
        by_hand = by_hand.replace_projection(name, weight=weight)
    with net.lesioned(slots=slots):
        assert torch.allclose(net(x), cg.compile(by_hand, exact=True)(x), atol=1e-6)
        assert not torch.equal(net(x), cg.compile(c)(x))
    assert torch.equal(net(x), cg.compile(c)(x))


def test_slots_of_a_fused_softmax_can_be_cut() -> None:
    circuit = competing()
    net, plain = cg.compile(circuit), cg.compile(circuit, exact=True)
    slots = {"y->y_inhibitor": [0, 1]}
    with net.lesioned(slots=slots), plain.lesioned(slots=slots):
        assert "softmax" not in str(net.plan)
        assert torch.allclose(net(inputs()), plain(inputs()), atol=1e-6)
    assert "softmax" in str(net.plan)


def everything(net: cg.Network) -> dict[str, object]:
    modules = {name: id(module) for name, module in net.named_modules()}
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    return modules | {f"{n} {k}": v for n, t in tensors.items() for k, v in (("id", id(t)), ("bits", t.tolist()))}


@pytest.mark.parametrize("slots", [None, {"into in": [0, 3]}])
def test_afterwards_all_is_bit_for_bit_the_same_even_after_an_exception(slots) -> None:
    net = cg.compile(trained(cg.BatchNorm()))
    before, plan, y = everything(net), net.plan, net.eval()(inputs())

    def fail() -> None:
        with net.lesioned({"y": [0]}, slots=slots):
            assert not torch.equal(net(inputs()), y)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert everything(net) == before
    assert net.plan is plan
    assert net.lesion is None
    assert torch.equal(net(inputs()), y)


def test_nested_lesions_add_up_and_end_one_by_one() -> None:
    net = cg.compile(trained(cg.ReLU()))
    x = inputs()
    with net.lesioned({"y": [0, 1]}):
        outer = net(x)
        with net.lesioned({"y": [3]}, slots={"y->z": [5]}):
            both = net(x)
            with net.lesioned({"y": [1, 2]}):
                assert not net.step(x)["y"][:, [0, 1, 2, 3]].any()
            assert torch.equal(net(x), both)
            assert net.weights["y->z"][5] == 0
        assert torch.equal(net(x), outer)
    with net.lesioned({"y": [0, 1, 3]}, slots={"y->z": [5]}):
        assert torch.equal(net(x), both)


def test_several_projections_in_one_operation_hear_the_lesion() -> None:
    c = cg.Circuit().add("x", 4)
    for k in range(6):
        c = c.connect("x", f"y{k}", cg.ErdosRenyi(0.6, seed=k), units=3, neuron=cg.ReLU())
        c = c.connect(f"y{k}", f"y{k}", cg.ErdosRenyi(0.5, seed=k), delay=1)
    net, plain = cg.compile(c), cg.compile(c, exact=True)
    assert "projections" in str(net.plan)
    units, slots = {"x": [1], "y0": [0], "y3": [2, 1]}, {"x->y2": [0, 1], "y1->y1": [0]}
    with net.lesioned(units, slots=slots), plain.lesioned(units, slots=slots):
        xs = torch.stack([inputs(seed=k) for k in range(3)])
        for name, y in net.run(xs)[0].items():
            assert torch.allclose(y, plain.run(xs)[0][name], atol=1e-5)


def test_what_was_sent_before_the_lesion_still_arrives() -> None:
    c = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, weight=1.0, delay=1)
    net, x = cg.compile(c), torch.ones(1, 1)
    state = net.step(x)
    with net.lesioned("x"):
        first = net.step(x, state)
        second = net.step(x, first)
    assert (first["y"].item(), second["y"].item(), net.step(x, second)["y"].item()) == (1.0, 0.0, 0.0)


def test_learning_and_editing_wait_for_the_end() -> None:
    c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, rule=cg.Oja(0.1))
    net = cg.compile(c)
    net.edit(cg.RemoveSlots("x->y", [0]))
    with net.lesioned({"x": [0]}):
        state = net.step(torch.ones(1, 2))
        with pytest.raises(RuleError, match="learn: the network is lesioned"):
            net.learn(state)
        with pytest.raises(StructureError, match="edit: the network is lesioned"):
            net.edit(cg.RemoveSlots("x->y", [0]))
        with pytest.raises(StructureError, match="undo: the network is lesioned"):
            net.undo()
    net.learn(net.step(torch.ones(1, 2)))
    net.undo()


def test_gradients_train_around_a_lesion_and_leave_lesioned_slots_alone() -> None:
    net = cg.compile(
        cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=1)
    )
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    before = {name: w.detach().clone() for name, w in net.weights.items()}
    with net.lesioned({"x": [0]}, slots={"y->z": [1]}):
        net(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        assert net.weights["y->z"][1] == 0
    assert torch.equal(net.weights["y->z"], before["y->z"])
    moved = (net.weights["x->y"] != before["x->y"]).view(2, 3)
    assert moved.tolist() == [[False, True, True], [False, False, False]]


def test_a_graph_of_gradients_from_before_survives() -> None:
    net = cg.compile(trained(cg.ReLU()))
    loss = net(inputs()).sum()
    with net.lesioned({"y": [0]}, slots={"y->z": [0]}):
        net(inputs())
    loss.backward()
    plain = cg.compile(trained(cg.ReLU()))
    plain(inputs()).sum().backward()
    assert torch.equal(net.weights["into in"].grad, plain.weights["into in"].grad)


def labelled() -> cg.Circuit:
    c = cg.Circuit().add(cg.Population("x", 3, attributes={"type": ["a", "b", "a"]}))
    return c.connect("x", "y", cg.Dense(), units=2, weight=1.0)


def test_communities_attributes_and_names_say_which_units() -> None:
    net, x = cg.compile(labelled()), torch.tensor([[1.0, 2.0, 4.0]])
    # Communities are numbered by size: 0 is that of labels 7.
    for given in (Partition([7, 4, 7, 4, 7]), np.array([0, 1, 0, 1, 0])):
        with net.lesioned(given, label=1):
            assert net(x).tolist() == [[0.0, 5.0]]
    with net.lesioned("type", label="a"):
        assert net(x).tolist() == [[2.0, 2.0]]
    with net.lesioned("x"):
        assert net(x).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"units": {"w": [0]}}, UnknownNameError, "no population 'w'"),
        ({"units": "w"}, UnknownNameError, "no population 'w'"),
        ({"units": {"x": [3]}}, ShapeError, r"units of 'x': index out of range \(got 3, expected 0 to 2\)"),
        ({"units": {"x": [-1]}}, ShapeError, "got -1, expected 0 to 2"),
        ({"units": {"x": [True]}}, ShapeError, "mask of another length"),
        ({"units": {"x": [0.5]}}, ShapeError, "not indices"),
        ({"units": {"x": [0]}, "label": 1}, ShapeError, "label without labels"),
        ({"units": [0, 1], "label": 0}, ShapeError, r"one label per unit of the circuit \(got shape \(2,\)"),
        ({"units": [0, 1, 0, 1, 0], "label": 2}, UnknownNameError, "no community 2"),
        ({"units": [0, 1, 0, 1, 0]}, UnknownNameError, "pass label="),
        ({"units": "kind", "label": "a"}, UnknownNameError, "no attribute 'kind'"),
        ({"units": "type", "label": "c"}, UnknownNameError, "'c'"),
        ({"slots": {"y->x": [0]}}, UnknownNameError, "no projection 'y->x'"),
        ({"slots": {"x->y": [6]}}, ShapeError, "slots of 'x->y': index out of range"),
    ],
)
def test_bad_lesions_are_refused_before_anything_changes(given, error, match) -> None:
    net = cg.compile(labelled())
    before = everything(net)
    with pytest.raises(error, match=match):
        net.lesioned(**given)
    assert everything(net) == before


def test_a_neuron_that_cannot_shrink_says_so_at_once() -> None:
    @dataclasses.dataclass(frozen=True, eq=False, repr=False)
    class Pairs(Neuron):
        def drive(self, ports, memory, *, training):
            return ports["in"], {}

        def check(self, shape):
            if shape[0] % 2:
                raise ShapeError("Pairs: an odd number of units")

    net = cg.compile(cg.Circuit().add("x", 4, Pairs()))
    with pytest.raises(CircuitGraphError, match="odd number"), net.lesioned({"x": [0]}):
        pass
    assert net.lesion is None
    with net.lesioned({"x": [0, 1]}):
        assert net(torch.ones(1, 4)).tolist() == [[0.0, 0.0, 1.0, 1.0]]


# What torch does while it traces warns, of itself (torch 2.13).
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_network_that_torch_has_compiled_hears_the_lesion() -> None:
    net = cg.compile(trained(cg.ReLU()))
    quick = torch.compile(net, backend="eager")
    whole = quick(inputs())
    with net.lesioned({"y": [0, 1, 2]}):
        assert torch.allclose(quick(inputs()), net(inputs()))
        assert not torch.allclose(quick(inputs()), whole)
    assert torch.equal(quick(inputs()), whole)


def test_what_is_not_lesioned_costs_nothing() -> None:
    net = cg.compile(trained(cg.ReLU()))
    with net.lesioned({"y": []}):
        assert not any(isinstance(op.neuron, Silenced) for op in net.plan.ops if hasattr(op, "neuron"))
