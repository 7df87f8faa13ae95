"""What changed between two circuits: by id, completely, and nothing where nothing did."""

import numpy as np
import pandas as pd
import pytest

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.ir import ABSENT
from circuitgraph.views.diff import COLUMNS, diff


def circuit() -> cg.Circuit:
    x = cg.Population("x", 4, attributes={"type": ["a", "b", "a", "c"], "size": [1.0, 2.0, 3.0, 4.0]})
    c = cg.Circuit(attributes={"source": "made up"}).add(x)
    c = c.connect("x", "y", cg.Dense(), units=3, neuron=cg.BatchNorm(), weight=np.arange(12.0))
    return c.connect("y", "z", cg.Explicit([0, 1, 2], [0, 0, 1]), units=2, weight=[1.0, 2.0, 3.0])


def rows(a: cg.Circuit, b: cg.Circuit, *columns: str) -> list[list[object]]:
    return diff(a, b)[["what", "name", "change", *columns]].values.tolist()


def test_equal_circuits_differ_in_nothing() -> None:
    table = diff(circuit(), circuit())
    assert len(table) == 0
    assert table.columns.tolist() == COLUMNS


def test_weights_are_compared_slot_by_slot() -> None:
    w = circuit().projection("x->y").weight.copy()
    w[[2, 7]] += [0.5, -1.5]
    found = rows(circuit(), circuit().replace_projection("x->y", weight=w), "n", "max", "mean")
    assert found == [["projection", "x->y", "weights", 2, 1.5, 1.0]]


def test_what_an_edit_did_is_told_by_id() -> None:
    a = circuit()
    b = cg.RemoveUnits("x", [1]).apply(a)[0]
    assert rows(a, b, "n") == [
        ["population", "x", "units removed", 1],
        ["projection", "x->y", "slots removed", 3],
    ]
    assert rows(b, a, "n") == [["population", "x", "units added", 1], ["projection", "x->y", "slots added", 3]]
    c = cg.RemoveSlots("y->z", [1]).apply(b)[0]
    c = c.replace_projection("y->z", weight=[1.0, 3.25])
    found = diff(a, c)
    assert found[found["name"] == "y->z"][["change", "n", "max"]].fillna(0).values.tolist() == [
        ["topology", 0, 0], ["slots removed", 1, 0], ["weights", 1, 0.25],
    ]  # fmt: skip


def test_growing_is_told_with_what_the_newcomers_are() -> None:
    a = circuit()
    b = cg.Grow("y", 2).apply(a)[0] if "grow" in registry.edits else a
    found = {tuple(row[:3]): row[3] for row in rows(a, b, "n")}
    assert found["population", "y", "units added"] == 2
    assert found["projection", "x->y", "slots added"] == 8
    assert ("projection", "x->y", "weights") not in found


def test_slots_of_one_id_between_other_units_are_seen() -> None:
    a = circuit()
    b = a.replace_projection("y->z", topology=cg.Explicit([0, 2, 1], [0, 1, 0]))
    assert rows(a, b, "n")[1] == ["projection", "y->z", "ends", 2]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: c.replace_population("y", neuron=cg.ReLU()), "neuron"),
        (lambda c: c.replace_projection("x->y", rule=cg.Oja(0.1)), "rule"),
        (lambda c: c.replace_projection("x->y", fixed=True), "fixed"),
        (lambda c: c.replace_projection("x->y", delay=2), "delay"),
        (lambda c: c.replace_projection("x->y", sign=1), "sign"),
        (lambda c: c.replace_projection("x->y", topology=cg.Pruned(cg.Dense(), range(12))), "topology"),
    ],
)
def test_laws_are_shown_before_and_after(change, what) -> None:
    a = circuit()
    table = diff(a, change(a))
    assert table["change"].tolist() == [what]
    assert table.loc[0, "before"] != table.loc[0, "after"]
    back = diff(change(a), a)
    assert (back.loc[0, "before"], back.loc[0, "after"]) == (table.loc[0, "after"], table.loc[0, "before"])


def test_attributes_and_memory_are_compared_by_unit() -> None:
    given = {"type": np.array(["a", "b", "a", "c"], object), "size": [1.0, 2.0, 3.0, 4.0]}
    a = circuit().replace_population("x", attributes=given)
    assert rows(circuit(), a) == [["population", "x", "attribute 'type': type"]]
    b = a.replace_population("x", attributes={"type": ["a", "b", ABSENT, "d"], "size": [1.0, 2.0, 3.0, 6.0]})
    b = b.replace_population("y", memory={"mean": np.zeros(3, np.float32)})
    assert rows(a, b, "n") == [
        ["population", "x", "attribute 'type'", 2],
        ["population", "x", "attribute 'size'", 1],
        ["population", "y", "memory 'mean'", pytest.approx(np.nan, nan_ok=True)],
    ]
    c = b.replace_population("y", memory={"mean": np.array([0.0, 2.0, 4.0], np.float32)})
    assert rows(b, c, "n", "max", "mean") == [["population", "y", "memory 'mean'", 2, 4.0, 3.0]]


def test_whole_populations_and_projections_come_and_go() -> None:
    a = circuit()
    b = a.add("w", 5).connect("w", "y", cg.Dense(), name="extra")
    assert rows(a, b, "n") == [["population", "w", "added", 5], ["projection", "extra", "added", 15]]
    assert rows(b, a, "n") == [["population", "w", "removed", 5], ["projection", "extra", "removed", 15]]


def test_sources_order_and_types_count_too() -> None:
    a = circuit()
    other = cg.Circuit(a.populations, a.projections, {"source": "elsewhere"})
    assert rows(a, other) == [["circuit", "", "attribute 'source'"]]
    turned = cg.Circuit(a.populations[::-1], a.projections, a.attributes)
    assert rows(a, turned) == [["population", "", "order"]]
    wide = a.replace_projection("y->z", weight=np.array([1.0, 2.0, 3.0], np.float32))
    assert rows(a, wide) == [["projection", "y->z", "weights: type"]]
    swapped = a.replace_projection(
        "y->z", topology=cg.Explicit([1, 0, 2], [0, 0, 1]), ids=[1, 0, 2], weight=[2.0, 1, 3]
    )
    assert [row[2] for row in rows(a, swapped)] == ["topology", "order of slots"]


def edited() -> list[tuple[cg.Circuit, cg.Circuit]]:
    pairs = []
    for name in registry.edits:
        for edit, before in registry.edits[name].examples():
            pairs.append((before, edit.apply(before)[0]))
    return pairs


def test_no_change_that_any_edit_makes_goes_unseen() -> None:
    for before, after in edited():
        for a, b in ((before, after), (after, before), (after, after)):
            assert (len(diff(a, b)) == 0) == (a == b)


def test_it_agrees_with_the_log_of_a_network() -> None:
    net = cg.compile(circuit())
    before = net.snapshot()
    net.edit(cg.RemoveUnits("y", [0, 2]))
    net.edit(cg.AddSlots("y->z", [1]))
    removed = sum(len(ids) for e in net.log.entries for ids in e.removed_slots.values())
    table = diff(before, net.snapshot())
    assert table[table["change"] == "slots removed"]["n"].sum() == removed
    assert table[table["change"] == "slots added"]["n"].sum() == 1
    assert isinstance(table, pd.DataFrame)
