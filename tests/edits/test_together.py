"""Several edits as one."""

import pytest

import circuitgraph as cg
from circuitgraph import testing
from circuitgraph.edits import Edit
from circuitgraph.edits.together import Together
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit


@pytest.mark.parametrize(("edit", "circuit"), Together.examples(), ids=str)
def test_edits_together_keep_the_contract_of_an_edit(edit: Edit, circuit: Circuit) -> None:
    testing.check_edit(edit, circuit)


def test_edits_together_are_one_entry_and_one_way_back() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=2)
    net = cg.compile(circuit)
    net.edit(Together([cg.RemoveSlots("x->y", [0]), cg.RemoveSlots("y->z", [1])]))
    assert [p.n_slots for p in net.circuit.projections] == [5, 3]
    assert len(net.log.entries) == 1
    net.undo()
    assert net.snapshot() == circuit


def test_if_one_fails_none_was_applied() -> None:
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
    before = net.circuit
    with pytest.raises(ShapeError, match="out of range"):
        net.edit(Together([cg.RemoveSlots("x->y", [0]), cg.RemoveSlots("x->y", [5])]))
    assert net.circuit is before


def test_edits_together_read_weights_only_if_one_of_them_does() -> None:
    assert not Together([cg.RemoveSlots("x->y", [0])]).reads_weights
    assert not Together([]).reads_weights


@pytest.mark.parametrize("edits", [["prune"], cg.RemoveSlots("x->y", [0]), [cg.RemoveSlots]])
def test_what_is_no_list_of_edits_is_refused_at_once(edits: object) -> None:
    with pytest.raises(StructureError, match="Together: edits"):
        Together(edits)
