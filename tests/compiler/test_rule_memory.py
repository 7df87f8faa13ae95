"""What rules keep lives with the population that they land on: through learning, files, edits and shards."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.edits import Edit, Merge, Split
from circuitgraph.errors import NumericError, RuleError, ShapeError, StateError
from circuitgraph.exchange import Report, to_nir, to_torch
from circuitgraph.io import load, save
from circuitgraph.ir import Remap, value
from circuitgraph.neurons import Chain
from circuitgraph.rules import HomeostaticWinners, TemporalWinners
from circuitgraph.structural.look import look


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def thinker() -> cg.Circuit:
    """Normalised input, a convolution and a dense layer that keep things, and a reader with a bias of its own."""
    circuit = cg.Circuit().add("x", (2, 4), cg.BatchNorm())
    temporal = cg.HardWTA(0.1, winners=TemporalWinners(2))
    circuit = circuit.connect("x", "h", cg.Conv(3, padding=1), units=4, neuron=cg.BatchNorm(), rule=temporal)
    circuit = circuit.connect("x", "h", cg.Conv(1), rule=cg.BCM(0.1, winners=HomeostaticWinners(mu=0.2)), name="skip")
    return circuit.connect("h", "y", cg.Dense(), units=3, neuron=cg.Bias(), rule=cg.Covariance(0.01))


KEPT = {"x->h median": (4, 4), "skip theta": (4,), "skip threshold": (4,)}


def compiled(circuit: cg.Circuit | None = None) -> cg.Network:
    return cg.compile(circuit or thinker(), dtype=torch.float64)


def taught(circuit: cg.Circuit | None = None, steps: int = 3) -> cg.Network:
    net = compiled(circuit)
    for seed in range(steps):
        net.learn(net.step(noise(5, *net.circuit.populations[0].shape, seed=seed)))
    return net


def values(net: cg.Network, name: str = "h") -> dict[str, Tensor]:
    return {key: v.detach().clone() for key, v in net.memory[name].values.items()}


def copies(net: cg.Network) -> dict[str, Tensor]:
    return copy.deepcopy(dict(net.state_dict()))


def changed(net: cg.Network, before: dict[str, Tensor]) -> set[str]:
    return {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}


def test_it_starts_as_the_rule_says_beside_what_the_neuron_keeps() -> None:
    net = compiled()
    found = values(net)
    assert {key: tuple(v.shape) for key, v in found.items()} == {"mean": (4,), "variance": (4,)} | KEPT
    assert found["skip theta"].eq(1).all()
    assert not found["skip threshold"].any()
    assert not found["x->h median"].any()
    assert set(values(net, "y")) == {"bias", "h->y mean"}
    assert [n for n, p in net.named_parameters() if not n.startswith("weights")] == ["memory.y.bias"]


def test_only_learning_moves_it() -> None:
    net = compiled()
    before = copies(net)
    state = net.step(noise(5, 2, 4))
    net.run(noise(3, 5, 2, 4))
    assert not changed(net, before)
    with pytest.raises(RuleError, match="eval mode"):
        net.eval().learn(state)
    net(noise(5, 2, 4))
    assert not changed(net, before)
    net.train().learn(state)
    moved = {f"memory.h.{key}" for key in (*KEPT, "mean", "variance")} | {"memory.x.mean", "memory.x.variance"}
    assert changed(net, before) == moved | {"memory.y.h->y mean"} | {f"weights.{n}" for n in net.weights}


def test_the_activity_of_a_population_does_not_depend_on_what_rules_keep() -> None:
    net, x = taught(), noise(5, 2, 4, seed=9)
    net.eval()
    before = net(x)
    for key in KEPT:
        net.memory["h"].values[key].add_(100)
    assert torch.equal(net(x), before)


def test_naming_projections_moves_what_their_rules_keep_and_nothing_else() -> None:
    net, whole = compiled(), compiled()
    before, x = copies(net), noise(5, 2, 4)
    net.learn(net.step(x), only=["skip"])
    whole.learn(whole.step(x))
    assert changed(net, before) == {"weights.skip", "memory.h.skip theta", "memory.h.skip threshold"}
    assert torch.equal(values(net)["skip theta"], values(whole)["skip theta"])
    net.learn(net.step(x), only=[])
    assert changed(net, before) == {"weights.skip", "memory.h.skip theta", "memory.h.skip threshold"}


def test_a_scale_of_zero_moves_memory_and_no_weight() -> None:
    rule = cg.BCM(0.1, unit_norm=False, winners=HomeostaticWinners(mu=0.2))
    net = compiled(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=3, rule=rule))
    before = copies(net)
    net.learn(net.step(noise(5, 4)), scale=0.0)
    assert changed(net, before) == {"memory.y.x->y theta", "memory.y.x->y threshold"}


@pytest.mark.parametrize("where", [("y", "y"), ("h", "in"), ("x", "variance")])
def test_nothing_changes_if_any_change_is_not_finite(where: tuple[str, str]) -> None:
    net = taught()
    state, before = net.step(noise(5, 2, 4)), copies(net)
    column = state.columns[where]
    column[(-1,) * column.ndim] = float("nan")
    with pytest.raises(NumericError):
        net.learn(state)
    assert not changed(net, before)


def test_memory_alone_that_would_not_be_finite_names_its_place() -> None:
    rule = cg.HardWTA(0.1, binary=True, winners=TemporalWinners())
    net = compiled(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3, rule=rule))
    state, before = net.step(noise(5, 2)), copies(net)
    state.columns["y", "in"][0, 0] = float("inf")  # wins, and counts 1
    with pytest.raises(NumericError, match="projection 'x->y': memory 'median' would hold NaN or infinity"):
        net.learn(state)
    assert not changed(net, before)


def test_what_has_not_arrived_yet_moves_nothing() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, delay=1, rule=cg.BCM(0.1))
    net = compiled(circuit)
    before = copies(net)
    first = net.step(noise(4, 3))
    net.learn(first)
    assert not changed(net, before)
    net.learn(net.step(noise(4, 3), first))
    assert changed(net, before) == {"weights.x->y", "memory.y.x->y theta"}


def test_a_column_that_a_rule_with_memory_reads_must_be_there() -> None:
    net = compiled()
    state, before = net.step(noise(5, 2, 4)), copies(net)
    del state.columns["h", "in"]
    with pytest.raises(StateError, match="got no u"):
        net.learn(state)
    assert not changed(net, before)


def test_it_comes_home_and_goes_through_a_file(tmp_path: Path) -> None:
    net = taught()
    home = net.snapshot()
    save(home, tmp_path / "net.safetensors")
    back = load(tmp_path / "net.safetensors")
    assert back == home
    again = compiled(back)
    assert {k: v.tolist() for k, v in values(again).items()} == {k: v.tolist() for k, v in values(net).items()}
    x = noise(5, 2, 4, seed=8)
    for each in (net, again):
        each.learn(each.step(x))
    assert not changed(again, copies(net))


def test_a_network_loads_what_another_one_kept() -> None:
    net, other = taught(), compiled()
    other.load_state_dict(net.state_dict())
    assert not changed(other, copies(net))
    assert not changed(copy.deepcopy(net), copies(net))


def test_memory_of_another_shape_is_refused() -> None:
    circuit = thinker().replace_population("h", memory={"skip theta": np.ones(7, np.float32)})
    with pytest.raises(ShapeError, match=r"population 'h': memory 'skip theta' does not fit \(got \(7,\)"):
        compiled(circuit)


def test_another_rule_starts_anew_and_what_the_old_one_kept_is_dropped() -> None:
    circuit = taught().snapshot().replace_projection("skip", rule=cg.Covariance(0.1))
    found = values(compiled(circuit))
    assert set(found) == {"mean", "variance", "x->h median", "skip mean"}
    assert not found["skip mean"].any()
    assert found["x->h median"].any()
    assert set(compiled(circuit).snapshot().population("h").memory) == set(found)


def test_two_projections_with_the_same_rule_keep_their_own() -> None:
    circuit, rule = cg.Circuit().add("a", 3).add("b", 3).add("y", 2, cg.BatchNorm()), cg.BCM(0.1, unit_norm=False)
    circuit = circuit.connect("a", "y", cg.Dense(), rule=rule).connect("b", "y", cg.Dense(), rule=rule)
    net = compiled(circuit)
    inputs = {"a": noise(4, 3), "b": noise(4, 3, seed=1)}
    net.learn(net.step(inputs), only=["a->y"])
    found = values(net, "y")
    assert not found["a->y theta"].eq(1).any()
    assert found["b->y theta"].eq(1).all()
    net.learn(net.step(inputs), only=["b->y"])
    assert torch.equal(values(net, "y")["a->y theta"], found["a->y theta"])
    assert not values(net, "y")["b->y theta"].eq(1).any()


@pytest.mark.parametrize("live", [True, False], ids=["live", "by its circuit"])
def test_units_that_go_take_what_is_kept_for_them_along(live: bool) -> None:
    net = taught()
    before, left = values(net), [0, 2]
    edit = cg.RemoveUnits("h", [1, 3])
    if live:
        net.edit(edit)
    else:
        net = compiled(edit.apply(net.snapshot())[0])
    after = values(net)
    assert {key: v[left].tolist() for key, v in before.items()} == {key: v.tolist() for key, v in after.items()}
    net.learn(net.step(noise(5, 2, 4)))


@pytest.mark.parametrize("live", [True, False], ids=["live", "by its circuit"])
def test_units_that_come_start_as_the_rule_says(live: bool) -> None:
    net = taught()
    before, edit = values(net), cg.Grow("h", 2)
    if live:
        net.edit(edit)
    else:
        net = compiled(edit.apply(net.snapshot())[0])
    after = values(net)
    assert all(torch.equal(after[key][:4], v) for key, v in before.items())
    assert after["skip theta"][4:].tolist() == [1, 1]
    assert not after["skip threshold"][4:].any()
    assert after["x->h median"][4:].tolist() == [[0] * 4] * 2
    net.learn(net.step(noise(5, 2, 4)))


def test_a_child_has_what_is_kept_for_its_parent() -> None:
    net = taught()
    before = values(net)
    net.edit(Split("h", [2, 0]))
    for key, v in values(net).items():
        assert torch.equal(v, before[key][[0, 1, 2, 3, 2, 0]]), key


def test_of_merged_units_the_one_that_is_kept_keeps_its_own() -> None:
    net = taught()
    before = values(net)
    net.edit(Merge("h", [0], [3]))
    assert all(torch.equal(v, before[key][:3]) for key, v in values(net).items())


def removed(name: str) -> Edit:
    @value
    class RemoveProjection(Edit):
        def apply(self, circuit: cg.Circuit) -> tuple[cg.Circuit, Remap]:
            kept = tuple(p for p in circuit.projections if p.name != name)
            return dataclasses.replace(circuit, projections=kept), Remap(removed=frozenset([name]))

        @classmethod
        def examples(cls) -> list[tuple[Edit, cg.Circuit]]:
            return []

    return RemoveProjection()


EDITS: list[Callable[[], Edit]] = [
    lambda: cg.RemoveUnits("h", [1, 3]),
    lambda: cg.Grow("h", 2),
    lambda: Split("h", [2, 0]),
    lambda: Merge("h", [0], [3]),
    lambda: removed("skip"),
]


@pytest.mark.parametrize("make", EDITS, ids=["remove", "grow", "split", "merge", "projection"])
def test_undoing_an_edit_brings_back_what_was_kept(make: Callable[[], Edit]) -> None:
    net = taught()
    before = values(net)
    net.edit(make())
    net.undo()
    after = values(net)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], v) for key, v in before.items())
    net.learn(net.step(noise(5, 2, 4)))


def test_undoing_an_edit_leaves_survivors_what_they_learned_since() -> None:
    net = taught()
    before = values(net)
    net.edit(cg.RemoveUnits("h", [1]))
    for seed in range(3):
        net.learn(net.step(noise(5, 2, 4, seed=20 + seed)))
    learned = values(net)
    net.undo()
    for key, v in values(net).items():
        assert torch.equal(v[[0, 2, 3]], learned[key]), key
        assert torch.equal(v[1], before[key][1]), key


def test_a_lesion_leaves_it_as_it_was() -> None:
    net = taught()
    before, x = copies(net), noise(5, 2, 4)
    with net.lesioned({"h": [1]}):
        assert not net(x).isnan().any()
    assert not changed(net, before)
    net.learn(net.step(x))


def test_looking_at_a_network_reads_activity_and_leaves_what_rules_keep() -> None:
    net = taught()
    before = copies(net)
    seen = look(net, ["x->h", "skip"], [noise(6, 2, 4)], reads=["levels", "gram", "trace"])
    assert set(seen) == {"x->h", "skip"}
    assert not changed(net, before)


def chained() -> cg.Circuit:
    """Make a chain of neurons with memory, of which each has to find its own among what rules keep."""
    neuron = Chain((cg.Bias(), cg.ScaledBatchNorm(), cg.ReLU()))
    return cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=3, neuron=neuron, rule=cg.BCM(0.1))


def gated() -> cg.Circuit:
    circuit, rule = cg.Circuit().add("x", 4).add("h", 3, cg.GRU()), cg.Covariance(0.1)
    for port in cg.GRU().ports[:3]:
        circuit = circuit.connect("x", "h", cg.Dense(), port=port, name=f"to {port}", rule=rule)
    return circuit


@pytest.mark.parametrize("make", [thinker, chained], ids=lambda make: make.__name__)
def test_modules_of_torch_hear_nothing_of_it(make: Callable[[], cg.Circuit]) -> None:
    net = taught(make())
    module, x = to_torch(net.eval()), noise(5, *net.circuit.populations[0].shape)
    torch.testing.assert_close(module(x), net(x))
    assert not any("theta" in key or "median" in key for key in module.state_dict())


def test_neurons_with_several_ports_go_beside_it() -> None:
    net = taught(gated())
    assert {key for key in values(net) if " " in key} == {f"to {port} mean" for port in cg.GRU().ports[:3]}
    torch.testing.assert_close(to_torch(net.eval())(noise(2, 5, 4))[-1], net.run(noise(2, 5, 4))[0][-1])


def test_graphs_of_nir_hear_nothing_of_it() -> None:
    pytest.importorskip("nir")
    rule = cg.BCM(0.1, unit_norm=False)
    circuit = cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=3, neuron=cg.LIF(), rule=rule)
    net = compiled(circuit)
    net.learn(net.step(noise(5, 4)))
    report = Report()
    to_nir(net.snapshot(), report=report)
    assert "no learning rule" in str(report)
    assert "memory" not in str(report)
    assert "theta" not in str(report)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_activity_of_a_narrow_type_moves_memory_of_the_weights_type(kind: torch.dtype) -> None:
    net = cg.compile(thinker(), activity_dtype=kind)
    net.learn(net.step(noise(5, 2, 4).float()))
    assert {v.dtype for v in values(net).values()} == {torch.float32}
    assert all(torch.isfinite(v).all() for v in values(net).values())
