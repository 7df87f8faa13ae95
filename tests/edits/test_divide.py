"""Units that divide, and duplicates that become one."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.edits.grow import _grown_circuits
from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.ir import Remap

GROWN = _grown_circuits()
EACH = pytest.mark.parametrize(("name", "circuit"), GROWN, ids=[str(k) for k in range(len(GROWN))])


def drawn(circuit: cg.Circuit) -> cg.Circuit:
    """Give whatever learns new float64 weights, that no output is zero by chance."""
    rng = np.random.default_rng(3)
    for p in circuit.projections:
        if not p.fixed:
            circuit = circuit.replace_projection(p.name, weight=rng.standard_normal(p.n_slots))
    return circuit


def outputs(circuit: cg.Circuit, *, exact: bool = False) -> torch.Tensor:
    net = cg.compile(circuit, exact=exact, dtype=torch.float64)
    x = torch.randn(4, *circuit.population("x").shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = net.run([x, x])[0]
    assert isinstance(y, torch.Tensor)
    return y


def weights(circuit: cg.Circuit) -> dict[str, list[float]]:
    return {p.name: p.weight.tolist() for p in circuit.projections}


@EACH
@pytest.mark.parametrize("exact", [True, False])
def test_no_output_changes_when_units_divide(name: str, circuit: cg.Circuit, exact: bool) -> None:
    circuit = drawn(circuit)
    split, _ = cg.Split(name, [2, 1]).apply(circuit)
    assert split.population(name).n_units == circuit.population(name).n_units + 2
    before = outputs(circuit, exact=exact)
    assert before.abs().max() > 0.1
    assert (outputs(split, exact=exact) - before).abs().max() <= 1e-14 * before.abs().max()


@EACH
def test_a_child_does_what_its_parent_does(name: str, circuit: cg.Circuit) -> None:
    split, _ = cg.Split(name, [2, 1]).apply(drawn(circuit))
    net, n = cg.compile(split, exact=True, dtype=torch.float64), circuit.population(name).n_units
    x = torch.randn(3, *circuit.population("x").shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = net.step(x)[name]
    assert torch.equal(y[:, n:], y[:, [2, 1]])


@EACH
def test_merging_a_child_undoes_its_birth(name: str, circuit: cg.Circuit) -> None:
    circuit = drawn(circuit)
    split, there = cg.Split(name, [2, 1]).apply(circuit)
    n = circuit.population(name).n_units
    merged, back = cg.Merge(name, [2, 1], [n, n + 1]).apply(split)
    assert weights(merged) == weights(circuit)
    assert all(np.array_equal(a.slot_ids, b.slot_ids) for a, b in zip(merged.projections, circuit.projections))  # noqa: B905
    both = there.then(back)
    assert all((index == np.arange(len(index))).all() for index in (*both.slots.values(), *both.units.values()))
    assert set(both.rewritten) == set(there.rewritten)


@EACH
def test_no_output_changes_when_duplicates_merge_into_any_of_them(name: str, circuit: cg.Circuit) -> None:
    circuit = drawn(circuit)
    n = circuit.population(name).n_units
    split, _ = cg.Split(name, [1, 2]).apply(circuit)
    split, _ = cg.Split(name, [n]).apply(split)  # 1, n and n + 2 are the same unit
    merged, _ = cg.Merge.of_groups(name, [[n, 1, n + 2], [n + 1, 2]]).apply(split)
    before = outputs(circuit, exact=True)
    assert merged.population(name).n_units == n
    assert (outputs(merged, exact=True) - before).abs().max() <= 1e-14 * before.abs().max()


def test_a_kept_unit_takes_over_slots_that_it_lacked() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3, weight=[1.0, 2, 1, 2, 5, 6])
    for law in (cg.Pruned(cg.Dense(), [0, 4, 5]), cg.Explicit([0, 1, 2], [0, 1, 1])):
        merged, remap = cg.Merge("y", [0], [1]).apply(circuit.connect("y", "z", law, units=2, weight=[3.0, 7, 9]))
        p = merged.projection("y->z")
        slots = merged.slots(p)
        pairs = list(zip(slots.pre.tolist(), slots.post.tolist(), p.weight.tolist(), strict=True))
        assert sorted(pairs) == [(0, 0, 3.0), (0, 1, 7.0), (1, 1, 9.0)]
        assert (remap.slots["y->z"] < 0).sum() == 1
        assert not remap.rewritten


def test_the_inhibitor_hears_both_halves() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4).connect("y", "z", cg.Dense(), units=2)
    inhibited, _ = cg.Inhibit("y").apply(circuit)
    split, _ = cg.Split("y", [1, 3]).apply(inhibited)
    assert split.projection("y->y_inhibitor").weight.tolist() == [1, 0.5, 1, 0.5, 0.5, 0.5]
    assert (outputs(split) - outputs(inhibited)).abs().max() <= 1e-14


def test_children_inherit_memory_and_attributes() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3, neuron=cg.BatchNorm())
    circuit = circuit.connect("y", "z", cg.Dense(), units=1)
    net = cg.compile(circuit)
    for _ in range(3):
        net.learn(net.step(torch.randn(8, 2, generator=torch.Generator().manual_seed(0))))
    net.edit(cg.Split("y", [1]))
    memory = net.snapshot().population("y").memory
    assert all(column[3] == column[1] for column in memory.values())
    labelled = net.circuit.replace_population("y", attributes={"kind": ["a", "b", "c", "d"]})
    assert cg.Split("y", [3, 0]).apply(labelled)[0].population("y").attributes["kind"].tolist() == list("abcdda")


def test_noise_moves_children_and_nobody_else() -> None:
    circuit = cg.Circuit().add("x", 50).connect("x", "y", cg.Dense(), units=4, weight=2.0)
    split, _ = cg.Split("y", [1], noise=0.1, seed=4).apply(circuit.connect("y", "z", cg.Dense(), units=1))
    w = split.projection("x->y").weight.reshape(5, 50)
    assert (w[:4] == 2).all()
    assert 0.1 < np.std(w[4]) < 0.3
    assert split == cg.Split("y", [1], noise=0.1, seed=4).apply(circuit.connect("y", "z", cg.Dense(), units=1))[0]


def test_signs_hold_whatever_the_noise() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, neuron=cg.ReLU())
    dale, _ = cg.Dale("y", 0.5).apply(circuit.connect("y", "z", cg.Dense(), units=6))
    split, _ = cg.Split("z", [0, 3], noise=9.0).apply(dale)
    assert {p.sign for p in split.projections if p.post == "z"} == {1, -1}


OPTIMIZERS: list[Callable[..., torch.optim.Optimizer]] = [torch.optim.SGD, torch.optim.Adam]


def trained(circuit: cg.Circuit) -> tuple[cg.Network, torch.optim.Optimizer]:
    net = cg.compile(circuit)
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    step(net, optimizer)
    return net, optimizer


def step(net: cg.Network, optimizer: torch.optim.Optimizer) -> None:
    x = torch.randn(5, *net.circuit.population("x").shape, generator=torch.Generator().manual_seed(5))
    optimizer.zero_grad()
    y = net.run([x, x])[0]
    assert isinstance(y, torch.Tensor)
    (y - 1).square().mean().backward()
    optimizer.step()


@EACH
def test_moments_of_halved_slots_stay_and_those_of_new_ones_are_zero(name: str, circuit: cg.Circuit) -> None:
    net, optimizer = trained(circuit)
    moments = {n: optimizer.state[w]["exp_avg"].clone() for n, w in net.weights.items() if w in optimizer.state}
    remap = net.edit(cg.Split(name, [2, 1]))
    cg.carry(optimizer, remap)
    for n, old in moments.items():
        index = torch.tensor(remap.slots.get(n, np.arange(len(old))))
        now = optimizer.state[net.weights[n]]["exp_avg"]
        assert torch.equal(now, torch.where(index >= 0, old[index.clamp(min=0)], 0))
    assert any(len(remap.rewritten.get(n, ())) for n in moments)
    step(net, optimizer)


@EACH
@pytest.mark.parametrize("how", ["split", "merge"])
def test_undo_gives_rewritten_slots_their_weight_of_before(name: str, circuit: cg.Circuit, how: str) -> None:
    net, optimizer = trained(circuit)
    before = net.snapshot()
    edit: cg.Edit = cg.Split(name, [2, 1]) if how == "split" else cg.Merge(name, [1], [2])
    cg.carry(optimizer, net.edit(edit, reason="test"))
    assert net.snapshot() == edit.apply(before)[0]
    back = net.undo()
    cg.carry(optimizer, back)
    # Units that were removed and return are given back where they were, so that all is as before.
    assert weights(net.snapshot()) == weights(before)
    assert net.snapshot() == before
    step(net, optimizer)


def test_survivors_that_are_not_rewritten_keep_what_they_learned_after_an_undo() -> None:
    net, optimizer = trained(GROWN[0][1])
    before = net.snapshot()
    cg.carry(optimizer, net.edit(cg.Split("y", [1])))
    step(net, optimizer)
    learned = net.snapshot()
    cg.carry(optimizer, net.undo())
    now = net.snapshot()
    assert now.projection("x->y").weight.tolist() == learned.projection("x->y").weight[:12].tolist()
    old, new, mid = (c.projection("y->z").weight for c in (before, now, learned))
    assert new[[1, 5]].tolist() == old[[1, 5]].tolist()
    assert new[[0, 2, 3, 4]].tolist() == mid[[0, 2, 3, 5]].tolist()


def test_an_edit_that_only_rewrites_weights_carries_the_optimiser_too() -> None:
    net, optimizer = trained(GROWN[0][1])
    moment = optimizer.state[net.weights["y->z"]]["exp_avg"].clone()
    before = net.snapshot()

    class Halve(cg.Edit):
        def apply(self, circuit: cg.Circuit) -> tuple[cg.Circuit, Remap]:
            w = circuit.projection("y->z").weight.copy()
            w[3] /= 2
            return circuit.replace_projection("y->z", weight=w), Remap(rewritten={"y->z": [3]})

        @classmethod
        def examples(cls) -> list[tuple[cg.Edit, cg.Circuit]]:
            return []

    cg.carry(optimizer, net.edit(Halve()))
    w = before.projection("y->z").weight.copy()
    w[3] /= 2
    assert net.snapshot().projection("y->z").weight.tolist() == w.tolist()
    assert torch.equal(optimizer.state[net.weights["y->z"]]["exp_avg"], moment)
    net.undo()
    assert net.snapshot() == before


def test_rewritten_slots_follow_later_edits() -> None:
    first = Remap(slots={"p": [0, 2, -1, 3]}, rewritten={"p": [0, 1, 3]})
    later = Remap(slots={"p": [3, 1, 2, -1]}, rewritten={"p": [2]})
    both = first.then(later)
    assert both.slots["p"].tolist() == [3, 2, -1, -1]
    assert both.rewritten["p"].tolist() == [0, 1]  # slot 2 of the end was new in the middle, so it did not survive
    assert first.then(Remap(removed=frozenset({"p"}))).rewritten == {}
    assert Remap(rewritten={"p": [4]}).then(first.__class__()).rewritten["p"].tolist() == [4]
    assert not Remap(rewritten={"p": [4]}).is_identity


@pytest.mark.parametrize("at", [[2], [4], [0, 0], [-1]])
def test_only_survivors_are_rewritten(at: list[int]) -> None:
    with pytest.raises(ShapeError, match="rewritten"):
        Remap(slots={"p": [0, 2, -1, 3]}, rewritten={"p": at})


def test_what_cannot_divide_or_merge_is_refused() -> None:
    circuit = GROWN[0][1]
    for name in ("x", "p"):
        tied = cg.Circuit().add("x", 2).connect("x", "p", cg.OneToOne()).connect("p", "z", cg.Dense(), units=1)
        for edit in (cg.Split(name, [0]), cg.Merge(name, [0], [1])):
            with pytest.raises(StructureError, match="input population"):
                edit.apply(tied)
    with pytest.raises(ShapeError, match="out of range"):
        cg.Split("y", [4]).apply(circuit)
    with pytest.raises(ShapeError, match="out of range"):
        cg.Merge("y", [-1], [0]).apply(circuit)
    with pytest.raises(ShapeError, match="come twice"):
        cg.Split("y", [1, 1])
    with pytest.raises(ShapeError, match="choose one"):
        cg.Merge("y", [1, 2], [2, 3])
    with pytest.raises(ShapeError, match="differ in length"):
        cg.Merge("y", [1], [2, 3])
    with pytest.raises(NumericError, match="noise"):
        cg.Split("y", [1], noise=-1.0)
