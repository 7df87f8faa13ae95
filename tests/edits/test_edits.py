"""Edits of circuits."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError, UnknownNameError


def chain(**y: object) -> cg.Circuit:
    return (
        cg.Circuit().add("x", 3).add("y", 2, **y).connect("x", "y", cg.Dense()).connect("y", "z", cg.Dense(), units=2)
    )


def test_inhibiting_hands_on_what_the_population_projected_to() -> None:
    circuit, remap = cg.Inhibit("y").apply(chain())
    assert circuit.projection("y->z").pre == "y_inhibited"
    assert circuit.population("y").neuron == cg.Exponential()
    assert [p.name for p in circuit.populations] == ["x", "y", "z", "y_inhibitor", "y_inhibited"]
    assert remap.is_identity


def test_inhibiting_hands_on_a_recurrent_projection_too() -> None:
    circuit, _ = cg.Inhibit("y").apply(chain().connect("y", "y", cg.Dense(), delay=1))
    assert circuit.projection("y->y").pre == "y_inhibited"
    net, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    assert "one softmax" in str(net.plan)
    xs = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net.run(xs)[0], exact.run(xs)[0], rtol=1e-12, atol=1e-12)


def test_an_input_population_can_be_inhibited() -> None:
    circuit, _ = cg.Inhibit("x").apply(cg.Circuit().add("x", 4))
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    for exact in (False, True):
        torch.testing.assert_close(cg.compile(circuit, exact=exact)(x), torch.softmax(x, 1))


def test_each_site_is_inhibited_by_itself() -> None:
    circuit, _ = cg.Inhibit("x", 2.0).apply(cg.Circuit().add("x", (3, 2, 2)))
    y = cg.compile(circuit)(torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(y.sum(1), torch.ones(2, 2, 2))


@pytest.mark.parametrize("neuron", [cg.ReLU(), cg.Exponential(3.0), cg.Softmax()])
def test_a_population_with_a_neuron_of_its_own_is_not_inhibited(neuron: cg.Neuron) -> None:
    with pytest.raises(StructureError, match="neuron of its own"):
        cg.Inhibit("y", 2.0).apply(chain(neuron=neuron))


@pytest.mark.parametrize("neuron", [None, cg.Linear(), cg.Exponential(2.0)])
def test_linear_and_equally_exponential_populations_are_inhibited(neuron: cg.Neuron | None) -> None:
    assert cg.Inhibit("y", 2.0).apply(chain(neuron=neuron))[0].population("y").neuron == cg.Exponential(2.0)


def test_inhibiting_twice_or_nobody_is_refused() -> None:
    once, _ = cg.Inhibit("y").apply(chain())
    with pytest.raises(StructureError, match=r"y_inhibited.*taken"):
        cg.Inhibit("y").apply(once)
    with pytest.raises(UnknownNameError, match="'w'"):
        cg.Inhibit("w").apply(chain())


@pytest.mark.parametrize("gain", [0, -1.0, float("nan"), True, "1"])
def test_a_bad_gain_is_refused_at_once(gain: object) -> None:
    with pytest.raises(ShapeError, match="gain"):
        cg.Inhibit("y", gain)  # type: ignore[arg-type]


def test_removed_slots_are_gone_and_survivors_keep_weight_attribute_and_id() -> None:
    circuit = chain()
    before = circuit.replace_projection("x->y", weight=np.arange(6.0), attributes={"age": np.arange(6)})
    after, remap = cg.RemoveSlots("x->y", [4, 1]).apply(before)
    p = after.projection("x->y")
    assert p.topology == cg.Pruned(cg.Dense(), [0, 2, 3, 5])
    assert p.weight.tolist() == [0, 2, 3, 5]
    assert p.weight.dtype == before.projection("x->y").weight.dtype
    assert p.attributes["age"].tolist() == p.slot_ids.tolist() == [0, 2, 3, 5]
    assert remap.slots["x->y"].tolist() == [0, 2, 3, 5]
    assert after.synapses("x->y").pre.tolist() == [0, 2, 0, 2]


def test_removing_twice_is_removing_once() -> None:
    circuit = chain()
    first, a = cg.RemoveSlots("x->y", [1]).apply(circuit)
    second, b = cg.RemoveSlots("x->y", [2]).apply(first)
    at_once, both = cg.RemoveSlots("x->y", [1, 3]).apply(circuit)
    assert second == at_once
    assert a.then(b) == both


def test_an_edit_that_would_disconnect_an_output_is_refused() -> None:
    with pytest.raises(StructureError, match=r"disconnect an output.*'z'"):
        cg.RemoveSlots("x->y", range(6)).apply(chain())
    both = chain().connect("x", "z", cg.Dense())
    assert cg.RemoveSlots("x->y", range(6)).apply(both)[0].projection("x->y").n_slots == 0


def test_removing_nothing_is_the_identity() -> None:
    circuit = chain()
    after, remap = cg.RemoveSlots("x->y", []).apply(circuit)
    assert after is circuit
    assert remap.is_identity


@pytest.mark.parametrize("slots", [[0, 0], [[0, 1]], [0.5], [True, False], "ab"])
def test_what_is_no_list_of_indices_is_refused_at_once(slots: object) -> None:
    with pytest.raises(ShapeError, match="RemoveSlots: slots"):
        cg.RemoveSlots("x->y", slots)


@pytest.mark.parametrize("slots", [[6], [-1]])
def test_slots_out_of_range_are_refused(slots: list[int]) -> None:
    with pytest.raises(ShapeError, match=r"out of range .*0 to 5"):
        cg.RemoveSlots("x->y", slots).apply(chain())


def test_slots_of_a_projection_that_does_not_exist_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="x->z"):
        cg.RemoveSlots("x->z", [0]).apply(chain())
