"""Editing a live network."""

import copy
import dataclasses
from typing import ClassVar

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StateError, StructureError
from circuitgraph.ir import Circuit, Remap, value


def net_of(**how: object) -> cg.Network:
    circuit = cg.Circuit().add("x", 4, cg.BatchNorm()).connect("x", "h", cg.Dense(), units=3, rule=cg.SoftHebb(0.1))
    circuit = circuit.connect("h", "y", cg.Dense(), units=2).connect("x", "y", cg.ErdosRenyi(0.5), name="skip")
    net = cg.compile(circuit, **how)
    net.learn(net.step(torch.randn(6, 4, generator=torch.Generator().manual_seed(0))))
    return net


@value
class Weakest(cg.Edit):
    """Remove the weakest slot: an edit that looks at weights."""

    projection: str

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        weakest = int(np.abs(circuit.projection(self.projection).weight).argmin())
        return cg.RemoveSlots(self.projection, [weakest]).apply(circuit)

    @classmethod
    def examples(cls) -> list[tuple[cg.Edit, Circuit]]:
        return []


@value
class KeepUnits(cg.Edit):
    """Keep some units of x, and give it one new one: an edit that carries memory."""

    reads_weights: ClassVar[bool] = False

    keep: tuple[int, ...]

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        units = np.array([*self.keep, -1])
        old = circuit.projection("x->h")
        slots = np.concatenate([np.where(units < 0, -1, units + 4 * o) for o in range(3)])
        weight = np.where(slots < 0, 9.0, old.weight[slots]).astype(np.float32)
        x = dataclasses.replace(circuit.population("x"), shape=(len(units),), memory={})
        h = dataclasses.replace(old, weight=weight)
        gone = frozenset({"h->y", "skip", "y"})
        return Circuit((x, circuit.population("h")), (h,)), Remap({"x": units}, {"x->h": slots}, gone)

    @classmethod
    def examples(cls) -> list[tuple[cg.Edit, Circuit]]:
        return []


def test_survivors_keep_their_learned_weights() -> None:
    net = net_of()
    before = net.weights["x->h"].detach().clone()
    remap = net.edit(cg.RemoveSlots("x->h", [0, 5]))
    assert torch.equal(net.weights["x->h"], before[torch.tensor(remap.slots["x->h"])])
    assert net.snapshot().projection("x->h").topology == cg.Pruned(cg.Dense(), [1, 2, 3, 4, 6, 7, 8, 9, 10, 11])
    assert net.plan.kernels["x->h"] != "dense"


def test_an_edit_sees_the_weights_as_they_are_now() -> None:
    net = net_of()
    with torch.no_grad():
        net.weights["x->h"][7] = 1e-9
    assert 7 not in net.edit(Weakest("x->h")).slots["x->h"]


def test_what_an_edit_leaves_alone_stays_the_same_object() -> None:
    net = net_of()
    before = {**dict(net.weights.items()), "kernel": net.kernels["skip"], "mean": net.memory["x"].values["mean"]}
    net.edit(cg.RemoveSlots("x->h", [0]))
    assert net.weights["h->y"] is before["h->y"]
    assert net.weights["skip"] is before["skip"]
    assert net.weights["x->h"] is not before["x->h"]
    assert net.kernels["skip"] is before["kernel"]
    assert net.memory["x"].values["mean"] is before["mean"]


def test_an_optimiser_goes_on_with_what_was_left_alone() -> None:
    net = net_of()
    optimizer = torch.optim.SGD([net.weights["h->y"]], lr=0.1)
    net.edit(cg.RemoveSlots("x->h", [0]))
    before = net.weights["h->y"].detach().clone()
    net(torch.randn(3, 4, generator=torch.Generator().manual_seed(1))).sum().backward()
    optimizer.step()
    assert not torch.equal(net.weights["h->y"], before)


def test_memory_and_weights_are_carried_by_unit_and_slot() -> None:
    net = net_of()
    mean, w = net.memory["x"].values["mean"].clone(), net.weights["x->h"].detach().clone().view(3, 4)
    net.edit(KeepUnits((3, 1)))
    assert net.memory["x"].values["mean"].tolist() == [mean[3], mean[1], 0]
    expected = torch.cat([w[:, [3, 1]], torch.full((3, 1), 9.0)], dim=1)
    assert torch.equal(net.weights["x->h"].view(3, 3), expected)
    assert set(net.weights) == {"x->h"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_an_edited_network_keeps_its_type(dtype: torch.dtype) -> None:
    net = net_of().to(dtype)
    net.edit(cg.RemoveSlots("x->h", [0]))
    net.edit(cg.Inhibit("h"))
    assert {t.dtype for t in net.state_dict().values()} == {dtype}
    assert net(torch.ones(2, 4)).dtype == dtype


def test_weights_of_different_types_keep_theirs() -> None:
    net = net_of()
    net.weights["skip"].data = net.weights["skip"].data.double()
    net.edit(cg.RemoveSlots("skip", [0]))
    assert net.weights["skip"].dtype == torch.float64
    assert net.weights["x->h"].dtype == torch.float32


def test_mode_freezing_and_options_outlive_an_edit() -> None:
    net = net_of(keep=["h"], kernels={"h->y": "reference"}, activity_dtype=torch.bfloat16)
    net.eval()
    net.weights["skip"].requires_grad_(False)
    net.edit(cg.RemoveSlots("skip", [0]))
    assert not net.training
    assert not any(m.training for m in net.modules())
    assert not net.weights["skip"].requires_grad
    assert net.plan.kernels["h->y"] == "reference"
    assert (net.keep, net.activity_dtype) == (frozenset({"h"}), torch.bfloat16)


def test_a_forced_kernel_gives_way_where_the_new_wiring_is_beyond_it() -> None:
    net = net_of(kernels={"x->h": "dense", "h->y": "embedding-bag"})
    net.edit(cg.RemoveSlots("x->h", [0]))
    assert net.plan.kernels["x->h"] != "dense"
    assert net.plan.kernels["h->y"] == "embedding-bag"
    net.edit(cg.RemoveSlots("h->y", [0]))
    assert net.plan.kernels["h->y"] == "embedding-bag"


def test_options_for_what_an_edit_removed_are_dropped() -> None:
    net = net_of(keep=["h", "y"], kernels={"skip": "reference"})
    net.edit(KeepUnits((0, 1)))
    assert (net.keep, net.forced) == (frozenset({"h"}), {})


def test_exact_networks_stay_exact() -> None:
    net = net_of(exact=True)
    net.edit(cg.Inhibit("h"))
    assert set(net.plan.kernels.values()) == {"reference"}
    assert not net.plan.notes


def test_states_from_before_are_refused() -> None:
    net = net_of()
    state = net.step(torch.ones(2, 4))
    net.edit(cg.RemoveSlots("x->h", [0]))
    with pytest.raises(StateError, match=r"step\(x\) and no state"):
        net.learn(state)


def test_an_edited_network_learns_as_one_built_anew() -> None:
    net = net_of()
    net.edit(cg.RemoveSlots("x->h", [2, 3]))
    net.edit(cg.Inhibit("h"))
    built, x = cg.compile(net.snapshot()), torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    for each in (net, built):
        each.learn(each.step(x))
    assert net.snapshot() == built.snapshot()


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (cg.RemoveSlots("x->h", [99]), ShapeError),
        (cg.Inhibit("x"), StructureError),
        (KeepUnits((0, 1, 77)), IndexError),
    ],
    ids=repr,
)
def test_an_edit_that_fails_has_changed_nothing(edit: cg.Edit, error: type[Exception]) -> None:
    net, x = net_of(), torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    before, plan, weights = copy.deepcopy(net.state_dict()), net.plan, dict(net.weights.items())
    state, y = net.step(x), net(x)
    with pytest.raises(error):
        net.edit(edit)
    assert net.plan is plan
    assert all(net.weights[k] is w for k, w in weights.items())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.equal(net(x), y)
    net.learn(state)


def test_an_edit_whose_circuit_does_not_compile_has_changed_nothing() -> None:
    @value
    class Break(KeepUnits):
        def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
            return circuit.replace_population("h", neuron=cg.KWinners(50)), Remap()

    net = net_of()
    plan, weights = net.plan, dict(net.weights.items())
    with pytest.raises(ShapeError, match="more winners"):
        net.edit(Break(()))
    assert net.plan is plan
    assert net.circuit.population("h").neuron is None
    assert all(net.weights[k] is w for k, w in weights.items())


def test_a_remap_that_does_not_fit_is_refused() -> None:
    @value
    class Forgetful(KeepUnits):
        def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
            return cg.RemoveSlots("x->h", [0]).apply(circuit)[0], Remap()

    net = net_of()
    with pytest.raises(StructureError, match=r"remap does not fit .*got 12 slots, expected 11"):
        net.edit(Forgetful(()))
    assert len(net.weights["x->h"]) == 12


def test_a_projection_that_becomes_fixed_is_not_trained_further() -> None:
    @value
    class Freeze(KeepUnits):
        def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
            return circuit.replace_projection("h->y", fixed=True), Remap()

    net = net_of()
    before = net.weights["h->y"].detach().clone()
    net.edit(Freeze(()))
    assert not net.weights["h->y"].requires_grad
    assert torch.equal(net.weights["h->y"], before)
