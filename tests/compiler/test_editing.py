"""Edits of live networks: the log, the way back, and optimisers."""

from pathlib import Path

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import FileError, StateError, StructureError


def live() -> cg.Network:
    circuit = cg.Circuit().add("x", 5).connect("x", "y", cg.Dense(), units=4, neuron=cg.ReLU())
    return cg.compile(circuit.connect("y", "z", cg.Pruned(cg.Dense(), [0, 2, 5, 7]), units=2))


def train(net: cg.Network, optimizer: torch.optim.Optimizer, steps: int = 3) -> None:
    rng = torch.Generator().manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(6, 5, generator=rng)).square().sum().backward()
        optimizer.step()


class Unheard(torch.optim.Optimizer):
    """Keeps a list and a mapping of things in the shape of a parameter, and a number for each."""

    def __init__(self, params: object) -> None:
        super().__init__(params, {"lr": 0.1})  # type: ignore[arg-type]

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            state.setdefault("pair", [torch.zeros_like(p), torch.ones_like(p)])[0].add_(p.grad)
            state.setdefault("named", {"a": torch.arange(float(len(p))), "text": "as it is"})
            state["outer"] = torch.outer(p.detach(), torch.ones(2))
            state["count"] = state.get("count", 0) + 1
            p.data.add_(p.grad, alpha=-0.1)


MAKERS = {
    "sgd": lambda ps: torch.optim.SGD(ps, 0.1, momentum=0.9),
    "adam": lambda ps: torch.optim.Adam(ps, 0.01, amsgrad=True),
    "adamw": lambda ps: torch.optim.AdamW(ps, 0.01),
    "rmsprop": lambda ps: torch.optim.RMSprop(ps, 0.01, centered=True, momentum=0.5),
    "adagrad": lambda ps: torch.optim.Adagrad(ps, 0.01),
    "never heard of": Unheard,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_moments_follow_the_slots_whatever_the_optimiser(make: object) -> None:
    net = live()
    optimizer = make(net.parameters())  # type: ignore[operator]
    train(net, optimizer)
    before = {n: dict(optimizer.state[w].items()) for n, w in net.weights.items()}
    remap = net.edit(cg.Grow("y", 1, seed=1))
    cg.carry(optimizer, remap)
    assert {id(p) for p in optimizer.param_groups[0]["params"]} == {id(p) for p in net.parameters()}
    for name, index in remap.slots.items():
        alive, at = index >= 0, torch.tensor(index)
        for key, old in before[name].items():
            new = optimizer.state[net.weights[name]][key]
            for a, b in zip(_flat(old), _flat(new), strict=True):
                if isinstance(a, torch.Tensor) and a.ndim:
                    assert torch.equal(b[alive], a[at[alive]])
                    assert not b[~torch.tensor(alive)].any()
                else:
                    assert a == b
    train(net, optimizer)


def _flat(value: object) -> list[object]:
    if isinstance(value, dict):
        return [v for k in value.values() for v in _flat(k)]
    return [v for k in value for v in _flat(k)] if isinstance(value, list | tuple) else [value]


def test_training_with_an_edit_of_nothing_equals_training_without_bit_for_bit() -> None:
    found = []
    for edit in (True, False):
        net = live()
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        train(net, optimizer)
        if edit:
            cg.carry(optimizer, net.edit(cg.RemoveSlots("x->y", [])))
            cg.carry(optimizer, net.edit(cg.Tidy()))
        train(net, optimizer)
        found.append([w.detach().clone() for w in net.weights.values()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_an_optimiser_that_was_not_carried_refuses_to_step() -> None:
    net = live()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    remap = net.edit(cg.RemoveSlots("x->y", [1]))
    before = [w.detach().clone() for w in net.weights.values()]
    with pytest.raises(StateError, match="stale optimiser"):
        optimizer.step()
    cg.carry(optimizer, remap)
    train(net, optimizer, 1)
    assert not all(torch.equal(a, b) for a, b in zip(before, net.weights.values(), strict=True))
    with pytest.raises(StateError, match="stale optimiser"):
        cg.carry(optimizer, remap)


def test_a_remap_of_a_circuit_does_not_carry_an_optimiser() -> None:
    net = live()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    _, remap = cg.RemoveSlots("x->y", [1]).apply(net.circuit)
    with pytest.raises(StateError, match="a circuit"):
        cg.carry(optimizer, remap)


def test_parameters_of_new_projections_join_and_of_removed_ones_leave() -> None:
    net = live()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    train(net, optimizer)
    cg.carry(optimizer, net.edit(cg.Inhibit("z")))
    train(net, optimizer)
    cg.carry(optimizer, net.undo())
    train(net, optimizer)
    trained = {id(p) for p in net.parameters() if p.requires_grad}
    assert trained <= {id(p) for p in optimizer.param_groups[0]["params"]}


@pytest.mark.parametrize(
    "edit",
    [
        cg.RemoveSlots("x->y", [1, 3]), cg.Grow("y", 2), cg.RemoveUnits("y", [0, 3]), cg.Inhibit("z"),
        cg.Rewire("y->z", [0], [1, 6], [0.5, 0.25]),
    ],
    ids=repr,
)  # fmt: skip
def test_undoing_returns_what_was_lost_and_keeps_what_was_learned(edit: cg.Edit) -> None:
    net = live()
    before = net.snapshot()
    remap = net.edit(edit)
    learned = {n: w.detach().clone() for n, w in net.weights.items()}
    with torch.no_grad():
        for n, w in net.weights.items():
            if n in {p.name for p in before.projections}:
                w.add_(1)
    net.undo()
    after = net.snapshot()
    assert after.fingerprint == before.fingerprint
    for p in before.projections:
        index = remap.slots.get(p.name, np.arange(len(learned[p.name])))
        expected = p.weight.copy()
        expected[index[index >= 0]] += 1
        np.testing.assert_array_equal(after.projection(p.name).weight, expected)
    assert not net.log.entries
    with pytest.raises(StructureError, match="nothing to undo"):
        net.undo()


def test_running_statistics_come_back_too() -> None:
    circuit = cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(1), units=3, neuron=cg.BatchNorm())
    net = cg.compile(circuit.connect("y", "z", cg.Dense(), units=1))
    net.learn(net.step(torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(0))))
    before = net.snapshot()
    net.edit(cg.RemoveUnits("y", [1]))
    assert len(net.snapshot().population("y").memory["mean"]) == 2
    net.undo()
    assert net.snapshot() == before


def test_the_log_names_everybody_that_came_and_went(tmp_path: Path) -> None:
    net = live()
    start, net.log.watch["edges"] = net.snapshot(), lambda circuit: circuit.n_synapses
    for step, edit in enumerate([cg.RemoveSlots("x->y", [1]), cg.Grow("y", 1), cg.RemoveUnits("y", [0]), cg.Tidy()]):
        net.log.step = 10 * step
        net.edit(edit, reason=f"number {step}")
    table = net.log.to_pandas()
    grown = table[(table.kind == "grow") & (table.name == "y")].iloc[0]
    assert (grown.step, grown.reason, grown.what, grown.born.tolist()) == (10, "number 1", "units", [4])
    assert table[table.kind == "remove-slots"].iloc[0].removed.tolist() == [1]
    assert table[(table.kind == "remove-units") & (table.what == "units")].iloc[0].removed.tolist() == [0]
    assert net.log.curves()["units y"].tolist()[:3] == [4, 5, 4]
    assert net.log.curves()["edges"].iloc[-1] == net.circuit.n_synapses
    assert net.log.replay(start).fingerprint == net.fingerprint
    net.log.save(tmp_path / "log.safetensors")
    cg.save(start, tmp_path / "start.safetensors")
    again = cg.replay(tmp_path / "log.safetensors", cg.load(tmp_path / "start.safetensors"))
    assert again == net.snapshot()  # nothing was learned in between
    with pytest.raises(FileError, match="history"):
        cg.replay(tmp_path / "start.safetensors", start)


def test_an_edit_that_changes_nothing_says_so() -> None:
    net = live()
    parts = dict(net.weights.items())
    remap = net.edit(cg.RemoveSlots("x->y", []))
    assert remap.is_identity
    assert all(net.weights[n] is w for n, w in parts.items())
    assert net.log.to_pandas().what.tolist() == ["nothing"]


def test_a_failing_edit_changes_nothing() -> None:
    net = live()
    before, entries = net.snapshot(), len(net.log.entries)
    for edit in (cg.RemoveUnits("y", [9]), cg.Grow("x", 1), cg.RemoveSlots("x->y", range(20))):
        with pytest.raises(ValueError, match="got"):
            net.edit(edit)
    assert net.snapshot() == before
    assert len(net.log.entries) == entries
